"""Sessions, rooms, tokens and frames for the tests of the pure modules, with real keys and real signatures."""

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
from chat_client.crypto import Identity
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw

from parch_relay.actions import Moment
from parch_relay.effects import Ask, Effect, Show, Tell
from parch_relay.hub import Room
from parch_relay.session import Pending, Refused, Session, State
from parch_wire.capability import AUTHOR_SCOPES, TTL_SECONDS, Claims, issue
from parch_wire.identity import session_user_id
from parch_wire.messages import Channel, Space

HOST = "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0"
HOST_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SPACE, OTHER_SPACE = "space-1", "space-2"
CHANNEL, OTHER_CHANNEL = "channel-1", "channel-2"
NOW = 1_800_000_000.0
TIMESTAMP = "2027-01-15T08:00:00.000Z"

ANNA = Identity.from_hex("11" * 32, "12" * 32)
BEN = Identity.from_hex("21" * 32, "22" * 32)
CARL = Identity.from_hex("31" * 32, "32" * 32)


class Outbox:
    """An outlet that keeps nothing: pure modules never write."""

    def write(self, prepared: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


def person(who: Identity, client: str, **fields: Any) -> Session:
    """An authenticated browser session."""
    proved: dict[str, Any] = {
        "outlet": Outbox(),
        "state": State.AUTHED,
        "host_uuid": HOST,
        "public_key": who.public_key,
        "enc_public_key": who.enc_public_key,
        "user_id": session_user_id(who.public_key),
        "username": client.title(),
        "device_id": f"device-of-{client}",
    }
    return Session(client, **(proved | fields))


def space(uuid: str = SPACE, *channels: str) -> Space:
    return Space(uuid=uuid, channels=[Channel(uuid=channel, space_uuid=uuid) for channel in channels])


def room(*sessions: Session, **fields: Any) -> Room:
    """An online host with two spaces of one channel each, and these sessions in its tables."""
    made = Room(HOST, HOST_KEY.public_key().public_bytes_raw(), online=True, **fields)
    made.learn([space(SPACE, CHANNEL), space(OTHER_SPACE, OTHER_CHANNEL)])
    for session in sessions:
        made.add(session)
    return made


def subscriber(made: Room, session: Session, space_uuid: str = SPACE, channel: str = "") -> Session:
    """Makes the session a member who has joined the space, and the channel if one is named."""
    session.spaces.add(space_uuid)
    made.subscribe(session, space_uuid)
    if channel:
        made.join_channel(session, channel)
    return session


def token(who: Identity, *, key: Ed25519PrivateKey = HOST_KEY, **claims: Any) -> str:
    """A token for `who` with every scope in SPACE, good at NOW; `claims` replaces what is said otherwise."""
    usual: dict[str, Any] = {
        "host_uuid": HOST,
        "space_uuid": SPACE,
        "sub": who.public_key,
        "scopes": AUTHOR_SCOPES,
        "iat": int(NOW),
        "exp": int(NOW) + TTL_SECONDS,
        "jti": "jti",
        "channel_scope": "*",
    }
    return issue(key, Claims(**(usual | claims)))


def waits(session: Session, *answers: str, number: str = "q1", request: str = "some_request", **more: Any) -> Pending:
    """The session waits for one of `answers` under `number`."""
    pending = session.pending[number] = Pending(request, frozenset(answers), **more)
    return pending


def moment(now: float = NOW) -> Moment:
    """NOW, and questions numbered n1, n2, …"""
    numbers = count(1)
    return Moment(now, TIMESTAMP, lambda: f"n{next(numbers)}")


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def opened(frame: bytes) -> tuple[str, Any]:
    """(type, data) of a frame."""
    parsed = json.loads(frame)
    return parsed["type"], parsed["data"]


def data(effect: Effect) -> Any:
    """The data of the effect's frame."""
    assert isinstance(effect, Tell | Ask | Show)
    return opened(effect.frame)[1]


def heard(effects: Iterable[Effect] | None) -> list[tuple[set[str], str]]:
    """Who is told what: (client uuids, or "host", or "channel <uuid>"; message type) of each effect, in order."""
    return [_line(effect) for effect in effects or ()]


def _line(effect: Effect) -> tuple[set[str], str]:
    assert isinstance(effect, Tell | Ask | Show)
    type_ = opened(effect.frame)[0]
    if isinstance(effect, Tell):
        return {session.client_uuid for session in effect.to}, type_
    return {"host" if isinstance(effect, Ask) else f"channel {effect.channel_uuid}"}, type_


def refusal(call: Callable[..., object], *arguments: Any, **named: Any) -> Refused:
    """The refusal the call ends with."""
    with pytest.raises(Refused) as caught:
        call(*arguments, **named)
    return caught.value
