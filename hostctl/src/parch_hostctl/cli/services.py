"""`hostctl service`: the host as a systemd service of the user or of the system."""

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import backup, config, service
from ..failures import Failure, not_found, usage
from ..service import Service
from ..views import Cell, Facts, Verbatim, View
from .command import DryRun, Result, Yes, command, group
from .init import PANEL
from .invocation import Invocation

group("service", "Run the host as a systemd service.", PANEL)

SYSTEMD_RUNS = Path("/run/systemd/system")
System = Annotated[bool, typer.Option("--system/--user", help="A service of the machine, or of this user.")]
Name = Annotated[str, typer.Option(help="Name of the unit; choose one for each host of this machine.", metavar="NAME")]


class ServiceInstalled(Result):
    """`installed` is false in a dry run; `unit` is the text of the unit file at `path`."""

    path: str
    unit: str
    config_dir: str
    user: str
    installed: bool
    started: bool

    def views(self) -> tuple[View, ...]:
        if not self.installed:
            return (Verbatim(self.unit),)
        return (
            Facts(
                [
                    ("Unit", self.path),
                    ("Runs as", self.user),
                    ("Host files", self.config_dir),
                    ("Started", _yes(self.started)),
                ]
            ),
        )


class ServiceRemoved(Result):
    path: str
    removed: bool

    def views(self) -> tuple[View, ...]:
        return (f"{'Removed' if self.removed else 'Would remove'} {self.path}.",)


class ServiceState(Result):
    """`active` and `enabled` are systemctl's words, "unknown" where systemd does not run."""

    path: str
    installed: bool
    active: str
    enabled: str

    def views(self) -> tuple[View, ...]:
        state = Cell(self.active, "bold green" if self.active == "active" else "yellow")
        return (
            Facts(
                [("Unit", self.path), ("Installed", _yes(self.installed)), ("State", state), ("At boot", self.enabled)]
            ),
        )


@command(
    "service install", "hostctl service install --user\nsudo hostctl service install --system --config-dir /srv/parch"
)
def install(
    call: Invocation,
    system: System = False,
    name: Name = "hostctl",
    run_as: Annotated[
        str, typer.Option(help="User of a system service; by default who owns the files.", metavar="USER")
    ] = "",
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it now and at boot.")] = True,
    skip_checks: Annotated[bool, typer.Option("--skip-checks", help="Install even if the checks fail.")] = False,
    dry_run: DryRun = False,
) -> ServiceInstalled:
    """Install, enable and start a unit with absolute paths, after checking that the host can run with them.

    --dry-run prints the unit and where it would go.
    """
    planned, path = _plan(call, system, name, run_as)
    call.out.note(f"Unit file: {path}")
    if not dry_run:
        _require_systemd(planned)
        _require_root(system)
    if not skip_checks:
        from .doctor import preflight

        preflight(call)
    if not dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        with backup.replacing(path) as sink:
            sink.write(service.unit_text(planned).encode())
        path.chmod(0o644)
        _systemctl(system, "daemon-reload")
        if start:
            _systemctl(system, "enable", "--now", planned.file_name)
            _hint_linger(call, system)
    return ServiceInstalled(
        path=str(path),
        unit=service.unit_text(planned),
        config_dir=str(call.directory),
        user=planned.user or getpass.getuser(),
        installed=not dry_run,
        started=start and not dry_run,
    )


@command("service uninstall", "hostctl service uninstall --user --yes")
def uninstall(
    call: Invocation, system: System = False, name: Name = "hostctl", yes: Yes = False, dry_run: DryRun = False
) -> ServiceRemoved:
    """Stop the service and remove its unit. The host's files stay."""
    path = _path(system, name)
    if not path.exists():
        raise not_found("service_missing", f"There is no unit {path}.", "hostctl service status")
    if not dry_run:
        call.questions().confirm(f"Stop the service and remove {path}?", yes)
        if SYSTEMD_RUNS.exists():
            _systemctl(system, "disable", "--now", path.name)
        path.unlink()
        if SYSTEMD_RUNS.exists():
            _systemctl(system, "daemon-reload")
    return ServiceRemoved(str(path), removed=not dry_run)


@command("service status", "hostctl service status --user")
def state(call: Invocation, system: System = False, name: Name = "hostctl") -> ServiceState:
    """Show whether the unit is installed, runs, and starts at boot. The host itself: hostctl status."""
    path = _path(system, name)
    asked = SYSTEMD_RUNS.exists() and path.exists()
    return ServiceState(
        path=str(path),
        installed=path.exists(),
        active=_word(system, "is-active", path.name) if asked else "unknown",
        enabled=_word(system, "is-enabled", path.name) if asked else "unknown",
    )


def _plan(call: Invocation, system: bool, name: str, run_as: str) -> tuple[Service, Path]:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise usage(f"{name!r} is no name for a unit.", "Use letters, digits, - and _.", "invalid_name")
    if run_as and not system:
        raise usage("--run-as needs --system.", "A user service runs as its user.")
    command_line = (sys.executable, "-P", "-m", "parch_hostctl")
    flags = {"HOSTCTL_RELAY": call.flags.relay} if call.flags.relay else {}
    user = (run_as or _owner(call.directory)) if system else ""
    planned = Service(name, command_line, call.directory, service.kept_settings(os.environ, flags), user)
    if "/.cache/" in sys.executable or "/uv/archive" in sys.executable:
        call.out.note(
            "This hostctl lives in a cache that may be emptied: `uv tool install parch-hostctl` first.", "yellow"
        )
    return planned, _path(system, name)


def _path(system: bool, name: str) -> Path:
    return service.unit_folder(system, config.default_directory().parent) / f"{name}.service"


def _owner(directory: Path) -> str:
    """Who owns the host's files: the natural user of a system service."""
    return directory.owner() if directory.exists() else getpass.getuser()


def _require_systemd(planned: Service) -> None:
    if SYSTEMD_RUNS.exists() and shutil.which("systemctl"):
        return
    line = shlex.join((*planned.command, "--config-dir", str(planned.config_dir), "run"))
    raise Failure(
        "systemd_missing", "systemd does not run on this machine.", f"Let your own supervisor keep this running: {line}"
    )


def _require_root(system: bool) -> None:
    if system and os.geteuid():
        raise Failure(
            "root_needed", "A system service is installed by root.", "Run it with sudo, or install one of yours: --user"
        )


def _systemctl(system: bool, *words: str) -> None:
    done = subprocess.run(service.manager(system, *words), capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        detail = done.stderr.strip() or done.returncode
        raise Failure("systemctl_failed", f"systemctl {words[0]}: {detail}", "journalctl -xe")


def _word(system: bool, *words: str) -> str:
    done = subprocess.run(service.manager(system, *words), capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip() or "unknown"


def _hint_linger(call: Invocation, system: bool) -> None:
    user = getpass.getuser()
    if not system and not Path(f"/var/lib/systemd/linger/{user}").exists():
        call.out.hint(f"It stops when you log out. To keep it running:  loginctl enable-linger {user}", "yellow")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
