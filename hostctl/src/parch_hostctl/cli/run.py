"""`hostctl run`: the host at work. Events of the engine in; lines for a person, a log or a program out, and
word to systemd."""

import msgspec

from ..output import Output
from ..sd_notify import notify
from ..status import Event
from ..views import Cell
from .command import command
from .init import PANEL
from .invocation import Invocation
from .moments import moment

_MARKS = {
    "notice": ("!", "yellow"),
    "started": ("▸", "bold"),
    "registered": ("✓", "green"),
    "connected": ("●", "bold green"),
    "disconnected": ("○", "yellow"),
    "announced": ("↗", "cyan"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "bold"),
}


class RunEvent(msgspec.Struct):
    """One line of `hostctl run --json`. `event` is notice, started, registered, connected, disconnected,
    announced, failed or stopped; `at` is RFC 3339."""

    event: str
    text: str
    at: str


@command("run", "hostctl run\nhostctl run --json | jq -r .text", PANEL, prints=RunEvent)
def run(call: Invocation) -> None:
    """Run the host until Ctrl-C or SIGTERM.

    It stays connected to its relay, dials again when the connection breaks, and serves its members.

    With --json every event is one JSON document on a line of its own.
    """
    import asyncio

    from .. import host

    asyncio.run(host.run(call.directory, call.settings(), lambda event: _hear(event, call.out)))


def _hear(event: Event, out: Output) -> None:
    if state := _state(event):
        notify(state)
    if event.kind == "alive":
        return
    at = moment(event.at)
    mark, style = _MARKS.get(event.kind, ("·", ""))
    painted = (Cell(at[11:19], "dim"), Cell(mark, style), event.text)
    out.event(RunEvent(event.kind, event.text, at), painted, f"{at} {event.kind}: {event.text}")


def _state(event: Event) -> str:
    """What systemd should hear, "" for nothing."""
    match event.kind:
        case "started":
            return f"READY=1\nSTATUS={event.text}"
        case "alive":
            return "WATCHDOG=1"
        case "stopped":
            return "STOPPING=1"
        case "connected" | "disconnected":
            return f"STATUS={event.text}"
        case _:
            return ""
