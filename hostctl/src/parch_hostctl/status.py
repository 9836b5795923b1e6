"""What a running host says of itself: events in, `host_status.json` (0600) out; and the lock that keeps it single.

The lock, not the file, says whether a host runs: the system drops it when the process ends, however it ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .config import write_private
from .errors import ConfigError

STATUS_FILE = "host_status.json"
LOCK_FILE = "host.lock"


class Event(msgspec.Struct, frozen=True):
    """Something the owner may want to know. `at` is unix seconds; kinds:

    `notice` a file mode was tightened or an old database archived · `started` ready, dialling · `registered` ·
    `connected` · `disconnected` with the reason and the wait · `announced` changes of the command line were told to
    the relay · `failed` a request hit a mistake in this program · `alive` every ALIVE_SECONDS, after the database
    answered · `stopped`.
    """

    kind: str
    text: str
    at: float


class Status(msgspec.Struct):
    """The content of `host_status.json`; times are unix seconds, 0 = never. `counters` counts requests by type and
    `refused`."""

    pid: int
    host_uuid: str
    relay: str
    started_at: float
    updated_at: float = 0
    state: str = "starting"
    connected_since: float = 0
    last_error: str = ""
    last_error_at: float = 0
    connects: int = 0
    counters: dict[str, int] = msgspec.field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Takes an event over into the status."""
        self.updated_at = event.at
        match event.kind:
            case "connected":
                self.state, self.connected_since = "connected", event.at
                self.connects += 1
            case "disconnected" | "failed":
                self.last_error, self.last_error_at = event.text, event.at
                if event.kind == "disconnected":
                    self.state, self.connected_since = "waiting", 0
            case "stopped":
                self.state, self.connected_since = "stopped", 0


def save(directory: Path, status: Status) -> None:
    write_private(directory / STATUS_FILE, msgspec.json.encode(status), durable=False)


def load(directory: Path) -> Status | None:
    """The last status written, None when there is none that can be read; see `is_running` for whether it still
    holds."""
    try:
        return msgspec.json.decode((directory / STATUS_FILE).read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


@contextmanager
def sole(directory: Path) -> Iterator[None]:
    """Holds the directory for one running host. Raises ConfigError already_running."""
    descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            "already_running", f"A host runs in {directory} already.", "See `hostctl status`; stop it first."
        ) from None
    else:
        yield
    finally:
        os.close(descriptor)


def is_running(directory: Path) -> bool:
    if not (directory / LOCK_FILE).exists():
        return False
    try:
        with sole(directory):
            return False
    except ConfigError:
        return True
