"""Where the parts of a running host report to: kinds and texts in, events to the owner and the status file out."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import status
from .status import Event, Status

OnEvent = Callable[[Event], None]


class Reporter:
    """`on_event` is called on the event loop's thread, in order, and must not block."""

    def __init__(self, directory: Path, state: Status, on_event: OnEvent) -> None:
        self._directory = directory
        self._status = state
        self._on_event = on_event

    def say(self, kind: str, text: str) -> None:
        event = Event(kind, text, time.time())
        self._status.note(event)
        with suppress(OSError):  # a full disk must not stop the host that reports it
            status.save(self._directory, self._status)
        self._on_event(event)

    def remember(self, error: str) -> None:
        """Keeps why the host ends for the status; whoever started the host hears it as an exception."""
        self._status.last_error, self._status.last_error_at = error, time.time()

    def count(self, name: str, amount: int = 1) -> None:
        self._status.counters[name] = self._status.counters.get(name, 0) + amount
