"""How the processes of one relay talk: events on a host's subject in, the same events at every subscriber out.

A process publishes what its own sockets said and applies what it hears, its own events included, so that one process
and many run the same code. `LocalBus` serves one process; a bus between processes offers the same two methods.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec


class Asked(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """To the process that holds the host's connection: a frame for the host."""

    frame: bytes


class RollCall(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """To the process that holds the host's connection, if any: announce it again."""


class Up(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """A host has proved its key on the connection `client_uuid`; any other connection of it is displaced."""

    client_uuid: str
    features: tuple[str, ...]
    since: float


class Down(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """The host's connection is gone."""

    since: float


class Said(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """The host said this."""

    type: str
    data: msgspec.Raw


class Shown(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """A frame for everybody who listens to a channel."""

    channel_uuid: str
    frame: bytes


Event: TypeAlias = Asked | RollCall | Up | Down | Said | Shown
Receive: TypeAlias = Callable[[Event], None]
Unsubscribe: TypeAlias = Callable[[], None]


def to_host(host_uuid: str) -> str:
    """The subject of questions to a host."""
    return f"to-host.{host_uuid}"


def from_host(host_uuid: str) -> str:
    """The subject of what happens at a host."""
    return f"from-host.{host_uuid}"


class Bus(Protocol):
    """Events of one subject arrive in the order one publisher sent them; nothing is kept for late subscribers."""

    def publish(self, subject: str, event: Event) -> bool:
        """False when it is certain that nobody hears it."""

    def subscribe(self, subject: str, receive: Receive) -> Unsubscribe: ...


class LocalBus:
    """The bus of a relay that is one process: delivers at once, by calling."""

    def __init__(self) -> None:
        self._receivers: dict[str, list[Receive]] = {}

    def publish(self, subject: str, event: Event) -> bool:
        receivers = tuple(self._receivers.get(subject, ()))
        for receive in receivers:
            receive(event)
        return bool(receivers)

    def subscribe(self, subject: str, receive: Receive) -> Unsubscribe:
        self._receivers.setdefault(subject, []).append(receive)

        def unsubscribe() -> None:
            self._receivers[subject].remove(receive)
            if not self._receivers[subject]:
                del self._receivers[subject]

        return unsubscribe
