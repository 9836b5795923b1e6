"""The real parts as processes on loopback: settings in, running parts with their probes, logs and memory out.

A part is ready when its own probe says so. Ports lie below the range the kernel gives to outgoing connections, so that
a restarted part finds its port free.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
POLL_SECONDS = 0.02
PORTS = range(20_000, 32_000)

RELAY_SETTINGS = {
    "LISTEN_HOST": "127.0.0.1",
    "METRICS_HOST": "127.0.0.1",
    "HTTP_REQUESTS_PER_SECOND": "100000",  # everybody here comes from one address
    "DRAIN_SECONDS": "1",
    "EXIT_SECONDS": "10",
}
HOST_SETTINGS = {"HOSTCTL_RECONNECT_FIRST_SECONDS": "1", "HOSTCTL_RECONNECT_CAP_SECONDS": "2"}
INHERITED = ("PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")


class NotReady(Exception):
    """Something did not become true in time, or its process ended."""


def free_port() -> int:
    """A loopback port nobody listens on."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise NotReady("No port is free.")


def fetch(url: str, body: Any = None, *, timeout: float = 5.0) -> tuple[int, Any]:
    """(status, JSON or text) of a GET, or of a POST when there is a `body`. Raises OSError when nobody answers."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


class Part:
    """One program that is started, stopped, killed and started again; its output is added to one log."""

    def __init__(self, name: str, argv: list[str], environment: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder / f"{name}.log"
        self.environment = {"HOME": str(folder), **_inherited(), **environment}
        self._argv = [self.program(argv[0]), *argv[1:]]
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def program(name: str) -> str:
        """Absolute path of a console script of this environment."""
        return str(Path(sys.executable).parent / name)

    def spawn(self) -> None:
        """Starts the program; does not wait until it is ready."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None, f"{self.name} was never started"
        return psutil.Process(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else 0

    def rss(self) -> int:
        """Resident memory in bytes."""
        return int(self.process.memory_info().rss)

    def until(self, check: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
        """Polls `check`. Raises NotReady when it stays false or the program ends."""
        ends = time.monotonic() + seconds
        while not check():
            if self.exit_code is not None:
                raise NotReady(f"{self.name} ended with exit code {self.exit_code} before {what}.\n{self.last_words()}")
            if time.monotonic() > ends:
                raise NotReady(f"{self.name}: not {what} within {seconds:g} s.\n{self.last_words()}")
            time.sleep(POLL_SECONDS)

    def signal(self, number: int) -> None:
        if self._process is not None and self.exit_code is None:
            self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """As a power cut: SIGKILL."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """SIGTERM; SIGKILL when that is not heeded."""
        if self._process is None or self.exit_code is not None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self, lines: int = 30) -> str:
        """The end of the log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Relay(Part):
    """`parch-relay serve` on ports of its own."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        ports = {"CHAT_RELAY_PORT": str(self.port), "METRICS_PORT": str(self.metrics_port)}
        environment = {**RELAY_SETTINGS, **ports, "DATABASE_URL": database_url, **settings}
        super().__init__("relay", ["parch-relay", "serve"], environment, folder)
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when /readyz says ready."""
        self.spawn()
        self.until(self.ready, "ready")

    def ready(self) -> bool:
        with suppress(OSError):
            return self.monitoring("readyz")[0] == 200
        return False

    def monitoring(self, path: str) -> tuple[int, Any]:
        return fetch(f"http://127.0.0.1:{self.metrics_port}/{path}")

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples called `name` that carry `labels`; 0 when there is none."""
        _, text = self.monitoring("metrics")
        matching = (s for s in _samples(text) if s.name == name and labels.items() <= s.labels.items())
        return float(sum(sample.value for sample in matching))


class Host(Part):
    """`hostctl run` of a host made by `hostctl init`. `relay_url` may be a proxy's."""

    def __init__(self, folder: Path, relay_url: str, **settings: str) -> None:
        self.relay_url = relay_url
        self.directory = folder / "host"
        environment = {
            **HOST_SETTINGS,
            "HOSTCTL_CONFIG_DIR": str(self.directory),
            "HOSTCTL_RELAY": relay_url,
            **settings,
        }
        super().__init__("host", ["hostctl", "run", "--json"], environment, folder)
        self.uuid = ""

    def init(self, *flags: str) -> None:
        """Makes keys and registers at the relay."""
        self.uuid = self.hostctl("init", "--no-input", "--name", "Test host", *flags)["uuid"]

    def start(self) -> None:
        """Returns when the relay has let the host in."""
        known = self.connects()
        self.spawn()
        self.until(lambda: self.connects() > known, "connected")

    def connects(self) -> int:
        """How often the host has reached its relay so far."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text.count('"event":"connected"')

    def hostctl(self, *arguments: str) -> Any:
        """What a command of `hostctl … --json` prints."""
        argv = [self.program("hostctl"), *arguments, "--json"]
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"hostctl {arguments[0]}: {done.stderr or done.stdout}"
        return json.loads(done.stdout)

    @property
    def database(self) -> Path:
        return self.directory / "host_chat_v2.db"


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k in INHERITED or k.startswith("COVERAGE_")}


def _samples(text: str) -> Iterator[Any]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


async def eventually(check: Callable[[], bool], what: str, seconds: float = 30.0, every: float = POLL_SECONDS) -> None:
    """Polls `check`, which may ask a part's probe, without holding up the event loop. Raises NotReady."""
    ends = time.monotonic() + seconds
    while not await asyncio.to_thread(check):
        if time.monotonic() > ends:
            raise NotReady(f"Not within {seconds:g} s: {what}.")
        await asyncio.sleep(every)
