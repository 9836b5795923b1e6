"""`parch-local up`, `status`, `down`: the command line over the supervisor. Edge."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .folder import AlreadyRunning, RunFolder
from .parts import PartFailed
from .supervisor import Running, running

START_SECONDS = 120.0
STOP_SECONDS = 60.0

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The whole platform on this machine.")
err = Console(stderr=True, highlight=False)

Folder = Annotated[Path, typer.Option("--folder", help="Where state lives.")]
RUN = Path(".run")


def main() -> None:
    """The console script."""
    cli()


@cli.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when ready and leave it running.")] = False,
    folder: Folder = RUN,
) -> None:
    """Start the platform. Data and settings of an earlier start are found again."""
    place = RunFolder(folder)
    place.prepare()
    if place.is_held():
        _already_running(place)
    elif detach:
        _detach(place)
    else:
        _foreground(place)


@cli.command()
def down(folder: Folder = RUN) -> None:
    """Stop a platform that was left running; its data stay."""
    place = RunFolder(folder)
    state = place.read_state()
    if not place.is_held() or "pid" not in state:
        err.print("Nothing runs here.")
        return
    os.kill(state["pid"], signal.SIGTERM)
    if not _until(lambda: not place.is_held(), STOP_SECONDS):
        err.print(f"[red]It did not stop within {STOP_SECONDS:g} s (pid {state['pid']}).")
        raise typer.Exit(1)
    err.print("Stopped. The data stay in", str(place.path))


@cli.command()
def status(folder: Folder = RUN) -> None:
    """Show where the running platform is."""
    place = RunFolder(folder)
    if not place.is_held():
        err.print("Nothing runs here. Start it with: make up")
        raise typer.Exit(1)
    _show(place.read_state())


def _foreground(place: RunFolder) -> None:
    try:
        place.hold()
    except AlreadyRunning:
        _already_running(place)
        return
    progress = _Progress()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(place, os.environ, progress.step) as supervisor:
            place.write_state({"pid": os.getpid(), "ready": False})
            now = supervisor.start()
            progress.done()
            place.write_state({"pid": os.getpid(), "ready": True, **now._asdict()})
            _show(now._asdict())
            ended = supervisor.watch(lambda text: err.print(f"[yellow]{text}"))
            err.print("\nStopping …")
        if ended:
            err.print(f"[red]{ended}")
            raise typer.Exit(1)
        err.print("Stopped. The data stay in", str(place.path))
    except PartFailed as error:
        progress.failed()
        err.print(f"[red]{error}", markup=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        progress.failed()
        err.print("Interrupted; everything is stopped.")
        raise typer.Exit(130) from None


def _detach(place: RunFolder) -> None:
    log = place.logs / "up.log"
    argv = [sys.executable, "-P", "-m", "parch_local", "up", "--folder", str(place.path)]
    with log.open("wb") as out:
        child = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    with err.status("Starting the platform …"):
        ready = _until(lambda: child.poll() is not None or bool(place.read_state().get("ready")), START_SECONDS)
    if not ready or child.poll() is not None:
        err.print(log.read_text(errors="replace").strip(), markup=False)
        raise typer.Exit(1)
    _show(place.read_state())
    err.print("Left running. Stop it with: make down")


def _already_running(place: RunFolder) -> None:
    err.print("It runs already; nothing was started. Stop it with Ctrl-C where it runs, or with: make down")
    _show(place.read_state())


def _until(holds: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class _Progress:
    """One line a part, with the time it took."""

    def __init__(self) -> None:
        self._name = ""
        self._since = 0.0

    def step(self, name: str) -> None:
        self.done()
        self._name, self._since = name, time.monotonic()
        err.print(f"  [dim]…[/] {name}", end="\r")

    def done(self) -> None:
        if self._name:
            err.print(f"  [green]✓[/] {self._name:<12} [dim]{time.monotonic() - self._since:4.1f} s")
        self._name = ""

    def failed(self) -> None:
        if self._name:
            err.print(f"  [red]✗[/] {self._name}")
        self._name = ""


def _show(state: dict[str, Any]) -> None:
    if "url" not in state:
        return
    now = Running(*(state[name] for name in Running._fields))
    out = Console(highlight=False, soft_wrap=True)
    out.print("\n[bold green]Parch is running[/]")
    for name, value in (
        ("Chat", now.url),
        ("Host id", now.host_uuid),
        ("Invite", now.invite),
        ("Metrics", now.metrics_url),
        ("Settings", now.env_file),
    ):
        out.print(f"  [bold]{name:<9}[/] {value}")
    out.print(
        "\nTry next, in another terminal:\n"
        f"  set -a; . {now.env_file}; set +a\n"
        "  .venv/bin/hostctl status              is the host connected, and what does it hold?\n"
        "  .venv/bin/hostctl doctor              everything from files to relay, with fixes\n"
        "  .venv/bin/hostctl invite              a link to the host, and a QR code\n"
        "  .venv/bin/hostctl invites add --help  bring somebody into the space\n"
    )
