"""The edge between the pure modules and the wire: applies what the bus brings, does what the effects say.

In: sessions that joined, proved themselves, spoke or left. Out: frames on outlets and events on the bus. It never waits
except for a host's health check, and it is the only place that changes the hub.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import structlog
from msgspec import Raw

from parch_serve.websocket import prepare
from parch_wire.errors import InvalidBody
from parch_wire.messages import HealthCheck, frame, parse

from . import metrics, pending, replies
from .bus import Asked, Bus, Down, Event, RollCall, Said, Shown, Unsubscribe, Up, from_host, to_host
from .effects import Ask, Effect, Show, Tell
from .hub import Hub, Room
from .session import Pending, Session, State

DISPLACED = 4003
SWEEP_SECONDS = 1.0
CLOSE_GAP_SECONDS = 0.01

log = structlog.get_logger()


def utc_text(unix_time: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Switchboard:
    def __init__(self, bus: Bus, clock: Callable[[], float], health_check_seconds: float) -> None:
        self.hub = Hub()
        self._bus = bus
        self._clock = clock
        self._health_check_seconds = health_check_seconds
        self._ears: dict[str, Unsubscribe] = {}
        self._host_ears: dict[str, Unsubscribe] = {}
        self._checks: dict[str, asyncio.Future[None]] = {}
        self._acks: dict[str, asyncio.Future[None]] = {}
        self._numbers = count(1)
        self._prefix = uuid4().hex[:8]

    def new_request_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    # --- rooms ---

    def room(self, host_uuid: str) -> Room:
        """The host's room; a new one starts to hear what happens at the host."""
        if host_uuid not in self._ears:
            room = self.hub.room(host_uuid)
            self._ears[host_uuid] = self._bus.subscribe(from_host(host_uuid), lambda event: self._hear(room, event))
            self._bus.publish(to_host(host_uuid), RollCall())
            metrics.ROOMS.inc()
        return self.hub.room(host_uuid)

    def _forget(self, host_uuid: str) -> None:
        if host_uuid in self._checks:
            return  # whoever waits for the answer forgets the room
        self.hub.forget(host_uuid)
        if host_uuid in self._ears and host_uuid not in self.hub.rooms:
            self._ears.pop(host_uuid)()
            metrics.ROOMS.dec()

    def enter(self, session: Session, signing_key: bytes) -> Room:
        """A browser has proved its identity."""
        room = self.room(session.host_uuid)
        room.signing_key = signing_key
        room.add(session)
        return room

    def leave(self, session: Session) -> None:
        """A socket is gone, however it went."""
        room = self.hub.rooms.get(session.host_uuid)
        if room is None:
            return
        if room.author is session:
            self._lose_author(room)
        room.remove(session)
        self._forget(room.uuid)

    # --- hosts ---

    def host_entered(self, session: Session, signing_key: bytes, features: frozenset[str]) -> None:
        """A host has proved its key: this connection speaks for it now, an older one is closed (spec Q9)."""
        room = self.room(session.host_uuid)
        room.signing_key = signing_key
        if room.author is not None:
            self._displace(room)
        room.author = session
        session.features = features
        self._host_ears[room.uuid] = self._bus.subscribe(
            to_host(room.uuid), lambda event: self._host_hears(room, event)
        )
        metrics.HOSTS_ONLINE.inc()
        self._announce(room, self._clock())

    def hosts_held(self) -> list[str]:
        return [uuid for uuid, room in self.hub.rooms.items() if room.author is not None]

    def _announce(self, room: Room, since: float) -> None:
        if room.author is not None:
            up = Up(room.author.client_uuid, tuple(sorted(room.author.features)), since)
            self._bus.publish(from_host(room.uuid), up)

    def _displace(self, room: Room) -> None:
        author = room.author
        self._drop_author(room)
        if author is not None:
            author.state = State.CLOSED
            author.outlet.close(DISPLACED, "Another connection of this host has taken over.")
            metrics.CLOSED.labels(DISPLACED).inc()

    def _lose_author(self, room: Room) -> None:
        self._drop_author(room)
        self._bus.publish(from_host(room.uuid), Down(self._clock()))

    def _drop_author(self, room: Room) -> None:
        room.author = None
        self._host_ears.pop(room.uuid)()
        metrics.HOSTS_ONLINE.dec()

    def _host_hears(self, room: Room, event: Event) -> None:
        if isinstance(event, Asked) and room.author is not None:
            room.author.outlet.write(prepare(event.frame))
            metrics.DELIVERIES.inc()
        elif isinstance(event, RollCall):
            self._announce(room, room.since)

    def host_said(self, session: Session, type_: str, data: Raw) -> None:
        """A frame of the author socket."""
        self._bus.publish(from_host(session.host_uuid), Said(type_, data))

    async def healthy(self, host_uuid: str) -> bool:
        """Does the host answer within the limit? Browsers that join together share one check."""
        room = self.room(host_uuid)
        started = self._clock()
        try:
            await asyncio.shield(self._checks.get(room.uuid) or self._start_check(room))
        except TimeoutError:
            return False
        finally:
            self._forget(host_uuid)
        metrics.HEALTH_CHECK_SECONDS.observe(self._clock() - started)
        return True

    def _start_check(self, room: Room) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        check = self._checks[room.uuid] = loop.create_future()
        nonce = str(uuid4())
        self._acks[nonce] = check
        question = Asked(frame("relay_health_check", HealthCheck(nonce=nonce)))
        if self._bus.publish(to_host(room.uuid), question):
            loop.call_later(self._health_check_seconds, self._end_check, room.uuid, nonce)
        else:
            self._end_check(room.uuid, nonce)
        return check

    def _end_check(self, host_uuid: str, nonce: str) -> None:
        check = self._acks.pop(nonce, None)
        if check is not None:
            self._checks.pop(host_uuid, None)
            check.set_exception(TimeoutError())
            check.exception()  # whoever waited has it; nobody need have waited

    def _acked(self, room: Room, data: Raw) -> None:
        try:
            check = self._acks.pop(parse(HealthCheck, data).nonce, None)
        except InvalidBody:
            check = None
        if check is not None:
            self._checks.pop(room.uuid, None)
            check.set_result(None)

    # --- what the bus brings ---

    def _hear(self, room: Room, event: Event) -> None:
        match event:
            case Said(type, data):
                self._heard_host(room, type, data)
            case Shown(channel_uuid, shown):
                self._write(room.listeners.get(channel_uuid, ()), shown)
            case Up(client_uuid, features, since):
                if room.author is not None and room.author.client_uuid != client_uuid:
                    self._displace(room)
                known = room.online and room.since == since
                room.online, room.features, room.since = True, frozenset(features), since
                if not known:
                    self.perform([pending.status(room, utc_text(since))])
            case Down(since):
                room.online, room.since = False, since
                self.perform([*pending.abandon(room), pending.status(room, utc_text(since))])
            case _:
                pass

    def _heard_host(self, room: Room, type_: str, data: Raw) -> None:
        room.online = True
        if type_ == "relay_health_check_ack":
            self._acked(room, data)
            return
        effects = replies.apply(room, type_, data, utc_text, self._settled)
        if effects is None:
            metrics.IGNORED.labels("invalid_host_reply").inc()
            log.warning("invalid_host_reply", host=room.uuid, type=type_)
            return
        self.perform(effects)

    def _settled(self, question: Pending) -> None:
        metrics.ANSWER_SECONDS.labels(question.request).observe(self._clock() - question.asked_at)

    # --- what the effects say ---

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Tell(to, text):
                    self._write(to, text)
                case Ask(host_uuid, text):
                    self._bus.publish(to_host(host_uuid), Asked(text))
                case Show(host_uuid, channel_uuid, text):
                    self._bus.publish(from_host(host_uuid), Shown(channel_uuid, text))

    def _write(self, to: Iterable[Session], text: bytes) -> None:
        """Framed once, written to each; nobody is waited for."""
        prepared = prepare(text)
        sessions = tuple(to)
        for session in sessions:
            session.outlet.write(prepared)
        metrics.DELIVERIES.inc(len(sessions))

    async def sweep(self) -> None:
        """For ever: browsers whose host does not answer are told so."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._clock()
            for room in tuple(self.hub.rooms.values()):
                self.perform(pending.expire(room, now))

    async def close_all(self, code: int, reason: str, seconds: float) -> None:
        """Closes every socket, over at most `seconds`, so that peers do not all come back at once; hosts last."""
        rooms = self.hub.rooms.values()
        sessions = [s for room in rooms for s in room.sessions.values()] + [r.author for r in rooms if r.author]
        loop = asyncio.get_running_loop()
        started = loop.time()
        gap = min(seconds / max(1, len(sessions)), CLOSE_GAP_SECONDS)
        for position, session in enumerate(sessions):
            await asyncio.sleep(started + position * gap - loop.time())
            session.outlet.close(code, reason)
            metrics.CLOSED.labels(code).inc()
