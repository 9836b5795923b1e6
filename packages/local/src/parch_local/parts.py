"""The parts of the platform as processes: argv and environment in, a started and ready part out. Edge."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 35.0
MAX_STARTS = 5
STARTS_SECONDS = 60.0
_POLL_SECONDS = 0.05


class PartFailed(Exception):
    """A part did not start; the text is for the person who started the platform."""


class Part:
    """One child process with its log file."""

    def __init__(self, name: str, argv: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.starts: list[float] = []
        self._argv = argv
        self._environment = {**os.environ, **environment}
        self._log = log
        self.start()

    def start(self) -> None:
        """Also starts it again, once it has ended."""
        self.starts.append(time.monotonic())
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603  our own programs, by absolute path
                self._argv,
                env=self._environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def fails_too_often(self) -> bool:
        """Has it been started 5 times within the last minute?"""
        return len(self.starts) >= MAX_STARTS and time.monotonic() - self.starts[-MAX_STARTS] < STARTS_SECONDS

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        return self._process.poll()

    def until(self, ready: Callable[[], bool]) -> None:
        """Waits until `ready`. Raises PartFailed with the end of the log when the process ends or 60 s pass."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if self.exit_code() is not None:
                raise PartFailed(f"The {self.name} ended with exit code {self.exit_code()}.\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise PartFailed(f"The {self.name} was not ready within {READY_SECONDS:g} s.\n{self.last_words()}")
            time.sleep(_POLL_SECONDS)

    def last_words(self, lines: int = 8) -> str:
        text = self._log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(f"  {line}" for line in text) + f"\n  (whole log: {self._log})"

    def stop(self) -> None:
        """SIGTERM; SIGKILL when that is not heeded."""
        if self.exit_code() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def program(name: str) -> str:
    """Absolute path of a console script of this environment."""
    return str(Path(sys.executable).parent / name)


def answers(url: str) -> Callable[[], bool]:
    """A check: does `url` answer 200?"""

    def check() -> bool:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310
            return bool(answer.status == 200)
        return False

    return check


def require_free(port: int, setting: str) -> None:
    """Raises PartFailed, in one sentence, when another program listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104  the relay will listen there
        except OSError:
            text = f"Port {port} is taken by another program. Stop it, or choose another: {setting}={port + 1} make up"
            raise PartFailed(text) from None
