"""A real service in a process of its own, for tests of how a process lives."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx2
import pytest

SERVICE = Path(__file__).parent / "service" / "demo.py"


@dataclass
class Service:
    """A running demo service: its ports, its process, and the lines it prints."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Ask the public port."""
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", **options)

    def probe(self, path: str, **options: Any) -> httpx2.Response:
        """Ask the monitoring port."""
        return httpx2.get(f"http://127.0.0.1:{self.metrics_port}{path}", **options)

    def says(self, expected: str) -> str:
        """Read lines from its standard output until one starts with `expected`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(expected):
                return line.strip()
        raise AssertionError(f"the service ended without saying {expected!r}: {self.errors()}")

    def errors(self) -> str:
        """Everything it wrote to standard error; waits for its end."""
        stream: IO[str] | None = self.process.stderr
        assert stream is not None
        return stream.read()

    def go_on(self) -> None:
        """Let it continue where it waits for the test: in its drain, or in its start."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)


Start = Callable[..., Service]


async def until(condition: Callable[[], Awaitable[object]], limit: float = 20) -> None:
    """Wait until `condition` is true; raise `TimeoutError` after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the demo service with these environment variables; `until` is a line to wait for."""
    with ExitStack() as running:

        def run(until: str = "started", **environ: str) -> Service:
            ports = {"DEMO_PORT": str(free_port()), "METRICS_PORT": str(free_port()), "LISTEN_HOST": "127.0.0.1"}
            service = running.enter_context(_running(ports | environ))
            if until:
                service.says(until)
            return service

        yield run


@contextmanager
def _running(environ: dict[str, str]) -> Iterator[Service]:
    process = subprocess.Popen(
        [sys.executable, SERVICE],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Service(process, int(environ["DEMO_PORT"]), int(environ["METRICS_PORT"]))
        finally:
            process.kill()


def free_port() -> int:
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
