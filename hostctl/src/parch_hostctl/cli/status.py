"""`hostctl status`: what the host is and does now, from its files alone; the network is `hostctl doctor`'s affair."""

import time

import msgspec

from .. import status as host_status
from ..views import Cell, Facts, View, amount, duration, size
from .command import Result, command
from .init import PANEL
from .invocation import Invocation
from .moments import moment


class Contents(msgspec.Struct):
    """Rows of each kind, and the size of the database with its journal in bytes."""

    users: int
    spaces: int
    channels: int
    members: int
    invites: int
    messages: int
    bytes: int


class HostStatus(Result):
    """`state` is stopped, starting, connected or waiting (for the next attempt). Times are RFC 3339, "" for never."""

    uuid: str
    name: str
    relay: str
    config_dir: str
    running: bool
    pid: int | None
    state: str
    started_at: str
    connected_since: str
    last_error: str
    last_error_at: str
    requests: dict[str, int]
    contents: Contents

    def views(self) -> tuple[View, ...]:
        contents = self.contents
        pairs: list[tuple[str, str | Cell]] = [
            ("Host", self.name),
            ("Id", self.uuid),
            ("Relay", self.relay),
            ("State", Cell(self._state(), {"connected": "bold green", "stopped": "dim"}.get(self.state, "yellow"))),
            (
                "Holds",
                ", ".join(amount(getattr(contents, f"{noun}s"), noun) for noun in ("space", "channel", "member")),
            ),
            ("Messages", f"{contents.messages} ({size(contents.bytes)} on disk)"),
            ("Files", self.config_dir),
        ]
        if self.last_error:
            pairs.append(("Last trouble", f"{self.last_error_at}  {self.last_error}"))
        return (Facts(pairs),)

    def _state(self) -> str:
        if not self.running:
            return "stopped"
        since = self.connected_since or self.started_at
        return f"{self.state} since {since} (process {self.pid})"


@command("status", "hostctl status --json | jq .state", PANEL)
def status(call: Invocation) -> HostStatus:
    """Show what the host is, whether it runs, and how much it holds."""
    identity, chosen = call.identity(), call.settings()
    running = host_status.is_running(call.directory)
    last = host_status.load(call.directory) or host_status.Status(0, identity.uuid, chosen.relay_url, 0)
    result = HostStatus(
        uuid=identity.uuid,
        name=identity.name,
        relay=last.relay if running else chosen.relay_url,
        config_dir=str(call.directory),
        running=running,
        pid=last.pid if running else None,
        state=last.state if running else "stopped",
        started_at=moment(last.started_at) if running else "",
        connected_since=moment(last.connected_since) if running else "",
        last_error=last.last_error,
        last_error_at=moment(last.last_error_at),
        requests=last.counters,
        contents=_contents(call),
    )
    if running:
        call.out.hint(f"Up for {duration(time.time() - last.started_at)}.")
    else:
        call.out.hint("Start it:  hostctl run    or install it as a service:  hostctl service install")
    return result


def _contents(call: Invocation) -> Contents:
    files = (call.database, call.database.with_name(call.database.name + "-wal"))
    with call.store() as store:
        counts = msgspec.structs.asdict(store.counts())
    return Contents(**counts, bytes=sum(path.stat().st_size for path in files if path.exists()))
