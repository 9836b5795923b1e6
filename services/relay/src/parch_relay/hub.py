"""Who is where: hosts, their spaces and channels as the host last described them, and the sessions that listen. Pure.

In: sessions coming, going, subscribing. Out: sets of sessions to write to. One `Hub` per process; nothing in it
outlives the process, and another replica builds its own from the same host answers.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field

from parch_wire.messages import Device, Space

from .session import Session

REPLAY_WINDOW = 10_000
MAX_PLACES = 100_000
MAX_UUID = 128


@dataclass(slots=True, eq=False)
class Room:
    """One host and everybody connected to it through this process."""

    uuid: str
    signing_key: bytes = b""
    author: Session | None = None
    online: bool = False
    since: float = 0.0
    features: frozenset[str] = frozenset()
    sessions: dict[str, Session] = field(default_factory=dict)
    identities: dict[str, set[Session]] = field(default_factory=dict)
    spaces: dict[str, set[Session]] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    listeners: dict[str, set[Session]] = field(default_factory=dict)
    seen: dict[str, OrderedDict[tuple[str, str], None]] = field(default_factory=dict)

    def learn(self, spaces: Iterable[Space]) -> None:
        """The host says these spaces exist, with these channels."""
        for space in spaces:
            if self._takes(space.uuid, self.spaces):
                self.spaces.setdefault(space.uuid, set())
            for channel in space.channels:
                self.place(channel.uuid, space.uuid)

    def place(self, channel_uuid: str, space_uuid: str) -> None:
        """The host says this channel is in that space; who listened to it in another space no longer does."""
        if self.channels.get(channel_uuid, space_uuid) != space_uuid:
            self.drop_channel(channel_uuid)
        if space_uuid in self.spaces and self._takes(channel_uuid, self.channels):
            self.channels[channel_uuid] = space_uuid

    def _takes(self, uuid: str, known: Container[str]) -> bool:
        """A host may name so many spaces and channels; what it names beyond that stays unknown here."""
        places = len(self.spaces) + len(self.channels)
        return uuid in known or (0 < len(uuid) <= MAX_UUID and places < MAX_PLACES)

    def add(self, session: Session) -> None:
        """A session has proved its identity."""
        self.sessions[session.client_uuid] = session
        self.identities.setdefault(session.public_key, set()).add(session)

    def remove(self, session: Session) -> None:
        """A socket is gone: no table keeps it."""
        self.sessions.pop(session.client_uuid, None)
        _discard(self.identities, session.public_key, session)
        self.leave_channel(session)
        for space in tuple(session.subscribed):
            self.unsubscribe(session, space)

    def subscribe(self, session: Session, space_uuid: str) -> None:
        if space_uuid in self.spaces:
            session.subscribed.add(space_uuid)
            self.spaces[space_uuid].add(session)

    def unsubscribe(self, session: Session, space_uuid: str) -> None:
        """Ends space and channel subscription together (spec Q2)."""
        session.subscribed.discard(space_uuid)
        self.spaces.get(space_uuid, set()).discard(session)
        if self.channels.get(session.channel_uuid) == space_uuid:
            self.leave_channel(session)

    def expel(self, session: Session, space_uuid: str) -> None:
        """The host no longer counts this identity among the members."""
        session.spaces.discard(space_uuid)
        self.unsubscribe(session, space_uuid)

    def join_channel(self, session: Session, channel_uuid: str) -> None:
        session.channel_uuid = channel_uuid
        self.listeners.setdefault(channel_uuid, set()).add(session)

    def leave_channel(self, session: Session) -> None:
        _discard(self.listeners, session.channel_uuid, session)
        session.channel_uuid = ""

    def drop_channel(self, channel_uuid: str) -> None:
        for session in self.listeners.pop(channel_uuid, set()):
            session.channel_uuid = ""
        self.channels.pop(channel_uuid, None)
        self.seen.pop(channel_uuid, None)

    def drop_space(self, space_uuid: str) -> None:
        for channel in [c for c, space in self.channels.items() if space == space_uuid]:
            self.drop_channel(channel)
        for session in self.sessions.values():
            self.expel(session, space_uuid)
        self.spaces.pop(space_uuid, None)

    def replayed(self, channel_uuid: str, sender: str, message_id: str) -> bool:
        """Has this message passed already? Remembers the newest 10,000 of a channel."""
        window = self.seen.setdefault(channel_uuid, OrderedDict())
        key = (sender, message_id)
        if key in window:
            return True
        window[key] = None
        if len(window) > REPLAY_WINDOW:
            window.popitem(last=False)
        return False

    def devices(self, session: Session, format_time: Callable[[float], str]) -> list[Device]:
        """The session identity's own devices, newest first (spec §3.8)."""
        newest: dict[str, tuple[float, Device]] = {}
        for other in self.identities.get(session.public_key, {session}):
            last, device = newest.get(other.device_id, (0.0, Device(device_id=other.device_id)))
            if other.last_seen >= last:
                last, device.device_name = other.last_seen, other.device_name
            device.is_current = device.is_current or other is session
            device.last_seen = format_time(last)
            newest[other.device_id] = (last, device)
        return [device for _, device in sorted(newest.values(), key=lambda item: -item[0])]


class Hub:
    """All rooms of this process."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}

    def room(self, host_uuid: str) -> Room:
        room = self.rooms.get(host_uuid)
        if room is None:
            room = self.rooms[host_uuid] = Room(host_uuid)
        return room

    def forget(self, host_uuid: str) -> None:
        """An empty room is not kept."""
        room = self.rooms.get(host_uuid)
        if room is not None and not room.sessions and room.author is None:
            del self.rooms[host_uuid]


def _discard(table: dict[str, set[Session]], key: str, session: Session) -> None:
    members = table.get(key)
    if members is not None:
        members.discard(session)
        if not members:
            del table[key]
