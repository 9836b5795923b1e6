"""Random conversations through the pure parts of the relay. Catalogue W-10: only documented outcomes, tables whole.

Comes in: messages, valid, half valid and garbage, from sockets in every state. After each one the tables of the room
must agree with each other. `RELAY_EXAMPLES` sets how many conversations are held.
"""

import os
from collections import Counter
from functools import cache
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from parch_relay import replies
from parch_relay.actions import Moment, act
from parch_relay.effects import Ask, Effect, Show, Tell
from parch_relay.handshake import prove_browser, prove_host
from parch_relay.hub import Room
from parch_relay.pending import abandon, expire
from parch_relay.session import Refused, Session, State, admit
from parch_wire.challenge import host_auth_message
from parch_wire.encoding import b64raw
from parch_wire.messages import BROWSER_ACTIONS, HOST_REPLIES, Body

from .builders import ANNA, BEN, CARL, HOST, HOST_KEY, NOW, TIMESTAMP, Outbox, opened, person, raw, token
from .builders import space as space_with

EXAMPLES = int(os.environ.get("RELAY_EXAMPLES", "200"))
FEWEST, MOST = 12, 30
PEOPLE = {"anna": ANNA, "phone": ANNA, "ben": BEN, "fresh": CARL}
SPACES = ("s1", "s2")
CHANNELS = ("c1", "c2", "c3")
RIGHT = "<right>"
HOST_TYPES = tuple(type_ for type_ in HOST_REPLIES if type_ != "relay_health_check_ack")
KINDS: dict[str, type[Body]] = {**BROWSER_ACTIONS, **{type_: HOST_REPLIES[type_] for type_ in HOST_TYPES}}
OUTCOMES = {"effects", "nothing to do", "ignored"} | {
    f"refused with {kind}" for kind in ("error", "authentication-error", "author_error")
}
NEXT = {
    State.NEW: {State.CLOSED},
    State.JOINED: {State.AUTHED, State.AUTHOR, State.CLOSED},
    State.AUTHED: {State.CLOSED},
    State.AUTHOR: {State.CLOSED},
    State.CLOSED: set[State](),
}
HANDSHAKE = ("join_host", "auth_pubkey", "host_auth")
EVENTS = ("host goes", "host returns", "host returns", "host upgrades", "host downgrades", "time passes", "socket goes")

spaces = st.sampled_from(SPACES)
channels = st.sampled_from((*CHANNELS, *CHANNELS, ""))
keys = st.sampled_from([who.public_key for who in (ANNA, BEN, CARL)] + [""])
channel = st.fixed_dictionaries({"uuid": channels, "name": st.just("hall")})
space = st.fixed_dictionaries({"uuid": spaces, "channels": st.lists(channel, max_size=3)})
user = st.fixed_dictionaries({"id": st.integers(-1, 5), "username": st.text(max_size=5), "public_key": keys})
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.sampled_from((*CHANNELS, *CHANNELS, *SPACES, "")),
    "space_uuid": spaces,
    "SpaceUUID": spaces,
    "channel_uuid": channels,
    "space_uuids": st.lists(spaces, max_size=3),
    "capability_token": st.sampled_from((*[RIGHT] * 6, "", "a.b", token(ANNA, space_uuid="s1"))),
    "capability_tokens": st.just(RIGHT),
    "envelope": st.one_of(*[st.just(RIGHT)] * 4, junk),
    "client_uuid": st.sampled_from((*PEOPLE, "nobody", "")),
    "ClientUUID": st.sampled_from((*PEOPLE, "nobody", "")),
    "request_id": st.sampled_from((RIGHT, RIGHT, RIGHT, "", "n1", "n9")),
    "public_key": keys,
    "user_public_key": keys,
    "user_id": st.integers(-1, 5),
    "user": user,
    "space": space,
    "spaces": st.lists(space, max_size=3),
    "channel": channel,
    "invite": st.fixed_dictionaries({"id": st.integers(0, 5)}),
    "messages": st.lists(st.fixed_dictionaries({"id": st.integers(0, 5)}), max_size=2),
    "duplicate": st.booleans(),
    "timestamp": st.just(TIMESTAMP),
}


@st.composite
def bodies(draw: st.DrawFn, kind: type[Body]) -> Any:
    """A body of this kind: whole, with some fields missing or of another type, or anything at all."""
    known = [name for name in kind.__struct_encode_fields__ if name in FIELDS]
    body = {name: draw(FIELDS[name]) for name in known}
    damage = draw(st.sampled_from((*["none"] * 6, "missing", "other type", "garbage")))
    if damage == "missing":
        return {name: value for name, value in body.items() if draw(st.booleans())}
    if damage == "other type" and known:
        return body | {draw(st.sampled_from(known)): draw(junk)}
    return draw(junk | st.binary(max_size=8)) if damage == "garbage" else body


people = st.sampled_from(("anna", "anna", "phone", "ben", "ben", "fresh"))
fitting = st.sampled_from((*KINDS, "chat", "join_channel", "join_all_spaces")).flatmap(
    lambda type_: st.tuples(
        st.just("host" if type_ in HOST_REPLIES else "browser"), people, st.just(type_), bodies(KINDS[type_])
    )
)
anything = st.tuples(
    st.just("anybody"),
    st.sampled_from((*PEOPLE, "fresh", "new", "host")),
    st.sampled_from((*KINDS, *HANDSHAKE, *HANDSHAKE, "nonsense")),
    junk | st.just(RIGHT),
)
event = st.tuples(st.sampled_from(EVENTS), people, st.just(""), st.none())
step = st.one_of(*[fitting] * 8, anything, event)


@cache
def right_token(who: str, space_uuid: str) -> str:
    return token(PEOPLE[who], space_uuid=space_uuid)


@cache
def right_envelope(who: str, space_uuid: str, channel_uuid: str) -> dict[str, Any]:
    return PEOPLE[who].encrypt([], space_uuid, channel_uuid, "hello")


class Conversation:
    """A host, people in every state, and what came of what they said."""

    def __init__(self) -> None:
        self.now = NOW
        self.outcomes: Counter[str] = Counter()
        self.numbers = count(1)
        self.room = Room(HOST, HOST_KEY.public_key().public_bytes_raw(), online=True)
        self.sessions = {name: person(who, name) for name, who in PEOPLE.items()}
        fresh = Session("fresh", Outbox(), host_uuid=HOST, state=State.JOINED, challenge="challenge")
        new = Session("new", Outbox())
        author = Session("host", Outbox(), host_uuid=HOST, state=State.JOINED, candidate=True, host_challenge="host")
        self.sessions |= {"fresh": fresh, "new": new, "host": author}
        self.room.learn([space_with("s1", "c1"), space_with("s2", "c2", "c3")])
        for name in ("anna", "phone", "ben"):
            session = self.sessions[name]
            self.room.add(session)
            session.spaces = set(SPACES)
            for space_uuid in session.spaces:
                self.room.subscribe(session, space_uuid)
            self.room.join_channel(session, "c1")
        self.states = {name: session.state for name, session in self.sessions.items()}

    def take(self, way: str, name: str, type_: str, body: Any) -> None:
        """One step, as the edge would take it; anything but a documented outcome is raised."""
        session = self.sessions[name]
        if way in EVENTS:
            return self.happen(way, session)
        if way == "host":
            return self.host_says(session, type_, body)
        filled = self.fill(session, body)
        try:
            admitted = admit(session, type_)
            effects = self.heard(session, type_, filled) if admitted else None
        except Refused as refused:
            self.outcomes[f"refused with {opened(refused.frame(type_))[0]}"] += 1
            return None
        return self.note(effects)

    def heard(self, session: Session, type_: str, body: Any) -> list[Effect] | None:
        if type_ == "join_host":
            return []
        if type_ == "auth_pubkey":
            prove_browser(session, encoded(proof() if body == RIGHT else body))
            self.room.add(session)
            return []
        if type_ == "host_auth":
            prove_host(session, encoded(host_proof() if body == RIGHT else body), self.room.signing_key)
            return []
        if session.state is State.AUTHOR:
            return replies.apply(self.room, type_, encoded(body), str)
        return act(session, self.room, type_, encoded(body), Moment(self.now, TIMESTAMP, self.number))

    def number(self) -> str:
        return f"n{next(self.numbers)}"

    def host_says(self, asker: Session, type_: str, body: Any) -> None:
        """The host speaks; where the number is to be right, it answers somebody who waits for that, if anybody."""
        if isinstance(body, dict) and body.get("request_id") == RIGHT:
            waiting = [(s, n) for s in self.sessions.values() for n, p in s.pending.items() if type_ in p.answers]
            asker, number = next(iter(waiting), (asker, ""))
            body = body | {"request_id": number}
            body["ClientUUID" if type_ == "delete_space_response" else "client_uuid"] = asker.client_uuid
        self.note(replies.apply(self.room, type_, encoded(body), str))

    def fill(self, session: Session, body: Any) -> Any:
        """RIGHT becomes the token or the envelope that fits this session and what it speaks of."""
        if not isinstance(body, dict) or session.client_uuid not in PEOPLE:
            return body
        name, mapped = session.client_uuid, self.room.channels
        of = body.get("space_uuid") or mapped.get(str(body.get("uuid") or session.channel_uuid), body.get("uuid"))
        where = str(of)
        if body.get("capability_token") == RIGHT:
            body = body | {"capability_token": right_token(name, where)}
        if body.get("capability_tokens") == RIGHT:
            body = body | {"capability_tokens": {space_uuid: right_token(name, space_uuid) for space_uuid in SPACES}}
        if body.get("envelope") == RIGHT:
            body = body | {"envelope": right_envelope(name, where, session.channel_uuid or "c1")}
        return body

    def happen(self, event: str, session: Session) -> None:
        room = self.room
        if event == "host goes":
            room.online = False
            self.note(abandon(room))
        elif event == "time passes":
            self.now += 9
            self.note(expire(room, self.now))
        elif event == "socket goes":
            session.state = State.CLOSED
            room.remove(session)
            assert all(session not in found for table in room_sets(room) for found in table.values())
        else:
            room.online = True
            room.features = frozenset({"save_ack"}) if event == "host upgrades" else frozenset()

    def note(self, effects: list[Effect] | None) -> None:
        for effect in effects or ():
            assert isinstance(effect, Tell | Ask | Show)
            opened(effect.frame)
            if isinstance(effect, Tell):
                assert all(told.state is not State.CLOSED for told in effect.to)
        self.outcomes["ignored" if effects is None else "effects" if effects else "nothing to do"] += 1

    def check(self) -> None:
        """The tables of the room agree with each other and with the sessions."""
        room = self.room
        for name, session in self.sessions.items():
            assert session.state is self.states[name] or session.state in NEXT[self.states[name]]
            self.states[name] = session.state
        for table in (room.listeners, room.identities):
            assert all(table.values()), "an empty set was left behind"
        for channel_uuid, listeners in room.listeners.items():
            for session in listeners:
                assert session.channel_uuid == channel_uuid
                assert room.sessions[session.client_uuid] is session
                assert room.channels[channel_uuid] in session.subscribed
        for space_uuid, members in room.spaces.items():
            assert all(space_uuid in session.subscribed for session in members)
        assert set(room.channels.values()) <= set(room.spaces)
        for session in room.sessions.values():
            assert session.state is State.AUTHED
            assert session in room.identities[session.public_key]
            assert all(session in room.spaces[space_uuid] for space_uuid in session.subscribed)
            assert not session.channel_uuid or session in room.listeners[session.channel_uuid]
        assert sum(map(len, room.identities.values())) == len(room.sessions)


def room_sets(room: Room) -> tuple[dict[str, set[Session]], ...]:
    return room.spaces, room.identities, room.listeners


def encoded(body: Any) -> Raw:
    return Raw(body) if isinstance(body, bytes) else raw(body)


@cache
def proof() -> dict[str, str]:
    keys_of = {"public_key": CARL.public_key, "enc_public_key": CARL.enc_public_key}
    return {**keys_of, "challenge": "challenge", "signature": CARL.auth_signature(HOST, "challenge")}


@cache
def host_proof() -> dict[str, str]:
    return {"challenge": "host", "signature": b64raw(HOST_KEY.sign(host_auth_message(HOST, "host")))}


tally: Counter[str] = Counter()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(step, min_size=FEWEST, max_size=MOST))
def converse(steps: list[tuple[str, str, str, Any]]) -> None:
    conversation = Conversation()
    for way, name, type_, body in steps:
        conversation.take(way, name, type_, body)
        conversation.check()
    tally.update(conversation.outcomes)


def test_whatever_is_said_is_answered_refused_or_ignored_and_the_tables_stay_whole() -> None:
    """Q1, Q2, Q3: no order of messages leaves a listener where it may not be, or a table that disagrees."""
    tally.clear()
    converse()
    print(f"W-10: {tally.total()} messages in {EXAMPLES} conversations, tables whole after each: {dict(tally)}")
    assert set(tally) <= OUTCOMES
    assert tally["effects"]
