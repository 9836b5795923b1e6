"""Starts the parts in order, watches them, stops them in reverse. Edge: the environment in, a running platform out."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from . import database
from .folder import RunFolder
from .parts import Part, PartFailed, answers, program, require_free

DEMO_NAME = "Demo host"
DEMO_SPACE = "Welcome"
DEMO_CHANNELS = ("general", "random")


class Running(NamedTuple):
    """What a person needs to use the platform."""

    url: str
    host_uuid: str
    invite: str
    metrics_url: str
    env_file: str


class Supervisor:
    def __init__(self, folder: RunFolder, environ: Mapping[str, str], progress: Callable[[str], None]) -> None:
        self._folder = folder
        self._environ = environ
        self._progress = progress
        self._stack = ExitStack()
        self._parts: list[Part] = []
        self._stop = threading.Event()

    def start(self) -> Running:
        """Everything, in order; then signals end `watch`. Raises PartFailed; then what had started is stopped."""
        try:
            now = self._start()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: self._stop.set())
            return now
        except BaseException:
            self.stop()
            raise

    def _start(self) -> Running:
        port, metrics_port = self._port("CHAT_RELAY_PORT", 8001), self._port("METRICS_PORT", 9090)
        require_free(port, "CHAT_RELAY_PORT")
        require_free(metrics_port, "METRICS_PORT")
        self._progress("PostgreSQL")
        env = {
            "DATABASE_URL": self._database(),
            "CHAT_RELAY_PORT": str(port),
            "METRICS_PORT": str(metrics_port),
            "CHAT_RELAY_HOST": f"127.0.0.1:{port}",
            "CHAT_RELAY_SCHEME": "http",
            "CHAT_RELAY_WS_SCHEME": "ws",
            "HOSTCTL_CONFIG_DIR": str(self._folder.host),
            "HOSTCTL_RECONNECT_FIRST_SECONDS": "1",
        }
        self._folder.write_env(env)
        self._progress("Relay")
        relay_env = {"DRAIN_SECONDS": "1", "EXIT_SECONDS": "10", **env}
        relay = self._part("relay", [program("parch-relay"), "serve"], relay_env)
        relay.until(answers(f"http://127.0.0.1:{metrics_port}/readyz"))
        self._progress("Demo host")
        uuid = self._demo_host(env)
        self._part("host", [program("hostctl"), "run"], env).until(lambda: self._host_online(port, uuid))
        invite = str(self._hostctl(env, "invite")["link"])
        env |= {"PARCH_URL": f"http://127.0.0.1:{port}", "PARCH_HOST_UUID": uuid, "PARCH_INVITE": invite}
        self._folder.write_env(env)
        return Running(
            f"http://127.0.0.1:{port}/client",
            uuid,
            invite,
            f"http://127.0.0.1:{metrics_port}/metrics",
            str(self._folder.env),
        )

    def watch(self, say: Callable[[str], None]) -> str | None:
        """Until a signal (None), or until a part will not stay up (why). A part that ends is started again."""
        while not self._stop.wait(0.2):
            for part in self._parts:
                code = part.exit_code()
                if code is None:
                    continue
                if part.fails_too_often():
                    return f"The {part.name} keeps ending, with exit code {code}.\n{part.last_words()}"
                say(f"The {part.name} ended with exit code {code}; it is started again.")
                part.start()
        return None

    def stop(self) -> None:
        """Stops what runs, last started first."""
        self._stack.close()
        self._folder.write_state({})

    # --- parts ---

    def _database(self) -> str:
        given = self._environ.get("DATABASE_URL")
        if given:
            return given
        url, stop = database.start(self._folder.postgres)
        self._stack.callback(stop)
        return url

    def _part(self, name: str, argv: list[str], env: Mapping[str, str]) -> Part:
        part = Part(name, argv, env, self._folder.logs / f"{name}.log")
        self._stack.callback(part.stop)
        self._parts.append(part)
        return part

    def _demo_host(self, env: Mapping[str, str]) -> str:
        """The demo host's uuid; made at the first start, found at later ones."""
        if not (self._folder.host / "host_config.json").exists():
            first, *more = DEMO_CHANNELS
            self._hostctl(env, "init", "--name", DEMO_NAME, "--space", DEMO_SPACE, "--channel", first, "--yes")
            (space,) = self._hostctl(env, "spaces", "list")["spaces"]
            for channel in more:
                self._hostctl(env, "channels", "add", space["uuid"], channel)
        config: dict[str, str] = json.loads((self._folder.host / "host_config.json").read_text())
        return config["uuid"]

    def _hostctl(self, env: Mapping[str, str], *arguments: str) -> dict[str, list[dict[str, str]]]:
        argv = [program("hostctl"), *arguments, "--json"]
        done = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise PartFailed(f"hostctl {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        answer: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
        return answer

    def _host_online(self, port: int, uuid: str) -> bool:
        import urllib.request

        body = json.dumps({"uuids": [uuid]}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/hosts_by_uuids", body)
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
                hosts = json.load(answer)["hosts"]
        except OSError:
            return False
        return bool(hosts and hosts[0]["online"])

    def _port(self, name: str, default: int) -> int:
        text = self._environ.get(name, "") or str(default)
        if not text.isdigit() or not 1 <= int(text) <= 65535:
            raise PartFailed(f"{name} must be a port number from 1 to 65535, not {text!r}.")
        return int(text)


@contextmanager
def running(folder: RunFolder, environ: Mapping[str, str], progress: Callable[[str], None]) -> Iterator[Supervisor]:
    """A supervisor that is stopped at the end of the block."""
    supervisor = Supervisor(folder, environ, progress)
    try:
        yield supervisor
    finally:
        supervisor.stop()
