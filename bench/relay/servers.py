"""The servers under load: a folder in; the relay on an embedded PostgreSQL, and the baseline, as processes out."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from parch_local.database import start as start_postgres
from parch_local.parts import Part, answers, program

BASELINE = Path(__file__).with_name("baseline.py")
RSS_UNIT = 1024.0


class Server(NamedTuple):
    """A running server. Its figures are of its whole process tree."""

    port: int
    pid: int

    def _tree(self) -> "list[psutil.Process]":
        root = psutil.Process(self.pid)
        return [root, *root.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of CPU used so far, user and system."""
        return float(sum(sum(process.cpu_times()[:2]) for process in self._tree()))

    def rss(self) -> float:
        """KiB of memory resident now."""
        return float(sum(process.memory_info().rss for process in self._tree()) / RSS_UNIT)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of an embedded PostgreSQL."""
    url, stop = start_postgres(folder / "postgres")
    try:
        yield url
    finally:
        stop()


@contextmanager
def relay(folder: Path, database_url: str) -> Iterator[Server]:
    """The relay with its default limits."""
    port = _free_port()
    environment = {
        "DATABASE_URL": database_url,
        "LISTEN_HOST": "127.0.0.1",
        "CHAT_RELAY_PORT": str(port),
        "METRICS_PORT": "0",
    }
    part = Part("relay", [program("parch-relay"), "serve"], environment, folder / "relay.log")
    yield from _serving(part, port, "/healthz")


@contextmanager
def baseline(folder: Path) -> Iterator[Server]:
    port = _free_port()
    part = Part("baseline", [sys.executable, "-P", str(BASELINE), str(port)], {}, folder / "baseline.log")
    yield from _serving(part, port, "/healthz")


def _serving(part: Part, port: int, path: str) -> Iterator[Server]:
    with ExitStack() as stack:
        stack.callback(part.stop)
        part.until(answers(f"http://127.0.0.1:{port}{path}"))
        yield Server(port, part.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
