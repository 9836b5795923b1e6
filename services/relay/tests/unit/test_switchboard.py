"""The switchboard: rooms live as long as somebody needs them, one host has one voice, one check serves all who wait.

Two switchboards on one bus are two processes of one relay.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from chat_client.crypto import Identity

from parch_relay import switchboard as switchboards
from parch_relay.actions import act
from parch_relay.bus import LocalBus, RollCall, from_host, to_host
from parch_relay.effects import Show
from parch_relay.pending import ANSWER_SECONDS
from parch_relay.session import Session, State
from parch_relay.switchboard import DISPLACED, Switchboard

from .builders import ANNA, BEN, CHANNEL, HOST, HOST_KEY, NOW, SPACE, moment, person, raw, space, subscriber, waits

KEY = HOST_KEY.public_key().public_bytes_raw()
MakeBoard = Callable[..., Switchboard]


class Wire:
    """An outlet that keeps what was written to it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.closed = 0
        self.news = asyncio.Event()

    def write(self, prepared: bytes) -> None:
        frame = json.loads(prepared[prepared.index(b"{") :])
        self.heard.append((frame["type"], frame["data"]))
        self.news.set()

    def close(self, code: int, reason: str) -> None:
        self.closed = code


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def make_board(bus: LocalBus, clock: Clock) -> MakeBoard:
    return lambda check_seconds=5.0: Switchboard(bus, clock, check_seconds)


@pytest.fixture
def board(make_board: MakeBoard) -> Switchboard:
    return make_board()


@pytest.fixture
def other(make_board: MakeBoard) -> Switchboard:
    """Another process of the same relay."""
    return make_board()


def browser(board: Switchboard, who: Identity, client: str) -> tuple[Session, Wire]:
    wire = Wire()
    session = person(who, client, outlet=wire)
    board.enter(session, KEY)
    return session, wire


def host(board: Switchboard, client: str = "host", features: frozenset[str] = frozenset()) -> tuple[Session, Wire]:
    wire = Wire()
    session = Session(client, wire, host_uuid=HOST, state=State.AUTHOR)
    board.host_entered(session, KEY, features)
    return session, wire


def types(wire: Wire) -> list[str]:
    return [type_ for type_, _ in wire.heard]


def nobody_listens(bus: LocalBus) -> bool:
    return not bus.publish(from_host(HOST), RollCall()) and not bus.publish(to_host(HOST), RollCall())


async def question(wire: Wire) -> str:
    """The nonce of the health check this host was sent."""
    await wire.news.wait()
    return str(dict(wire.heard)["relay_health_check"]["nonce"])


# --- rooms ---


def test_when_the_last_one_leaves_nothing_of_the_room_is_left(board: Switchboard, bus: LocalBus) -> None:
    """Q3: neither tables nor ears on the bus."""
    author, _ = host(board)
    anna, _ = browser(board, ANNA, "anna")
    for session in (author, anna):
        board.leave(session)
    assert board.hub.rooms == {}
    assert nobody_listens(bus)


def test_a_room_stays_while_anybody_is_in_it(board: Switchboard) -> None:
    anna, _ = browser(board, ANNA, "anna")
    author, _ = host(board)
    board.leave(author)
    assert board.hub.rooms[HOST].sessions == {"anna": anna}
    back, _ = host(board)
    board.leave(anna)
    assert board.hub.rooms[HOST].author is back


def test_a_socket_that_never_proved_itself_leaves_without_a_trace(board: Switchboard) -> None:
    anna, _ = browser(board, ANNA, "anna")
    board.leave(Session("stranger", Wire(), host_uuid=HOST, state=State.CLOSED))
    board.leave(Session("nowhere", Wire()))
    assert board.hub.rooms[HOST].sessions == {"anna": anna}


# --- health checks ---


async def test_all_who_join_together_wait_for_one_check(board: Switchboard) -> None:
    """Q15: joining makes no more traffic for the host than one question."""
    author, wire = host(board)
    joins = [asyncio.create_task(board.healthy(HOST)) for _ in range(5)]
    board.host_said(author, "relay_health_check_ack", raw({"nonce": await question(wire)}))
    assert await asyncio.gather(*joins) == [True] * 5
    assert types(wire) == ["relay_health_check"]


async def test_a_later_join_asks_again(board: Switchboard) -> None:
    author, wire = host(board)
    for _ in range(2):
        wire.heard.clear()
        wire.news.clear()
        join = asyncio.create_task(board.healthy(HOST))
        board.host_said(author, "relay_health_check_ack", raw({"nonce": await question(wire)}))
        assert await join


async def test_one_who_gives_up_waiting_leaves_the_others_their_answer(board: Switchboard) -> None:
    author, wire = host(board)
    gone, stays = (asyncio.create_task(board.healthy(HOST)) for _ in range(2))
    nonce = await question(wire)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    board.host_said(author, "relay_health_check_ack", raw({"nonce": nonce}))
    assert await stays


async def test_nobody_waits_for_a_host_that_is_not_there(board: Switchboard, bus: LocalBus) -> None:
    assert not await board.healthy(HOST)
    assert board.hub.rooms == {}
    assert nobody_listens(bus)


async def test_a_host_that_does_not_answer_in_time_is_not_healthy(make_board: MakeBoard) -> None:
    board = make_board(0.01)
    author, wire = host(board)
    assert not await board.healthy(HOST)
    board.host_said(author, "relay_health_check_ack", raw({"nonce": await question(wire)}))
    assert not await board.healthy(HOST), "a late answer is no answer to the next question"


async def test_an_answer_to_nothing_is_ignored(board: Switchboard) -> None:
    author, wire = host(board)
    board.host_said(author, "relay_health_check_ack", raw({"nonce": "never asked"}))
    board.host_said(author, "relay_health_check_ack", raw({"nonce": 7}))
    assert wire.heard == []


async def test_a_room_is_not_forgotten_while_somebody_waits_to_join(board: Switchboard, other: Switchboard) -> None:
    """The last browser here leaves while the next one's check is under way; the host is at another process."""
    author, wire = host(other)
    anna, _ = browser(board, ANNA, "anna")
    join = asyncio.create_task(board.healthy(HOST))
    nonce = await question(wire)
    board.leave(anna)
    other.host_said(author, "relay_health_check_ack", raw({"nonce": nonce}))
    assert await join
    assert board.hub.rooms == {}, "and forgotten when it is answered"


# --- hosts ---


def test_the_newer_connection_of_a_host_displaces_the_older(board: Switchboard) -> None:
    """Q9."""
    older, older_wire = host(board, "older")
    newer, _ = host(board, "newer")
    assert (older.state, older_wire.closed) == (State.CLOSED, DISPLACED)
    board.leave(older)
    assert board.hub.rooms[HOST].author is newer
    assert board.hub.rooms[HOST].online


def test_a_host_is_displaced_by_its_connection_to_another_process(board: Switchboard, other: Switchboard) -> None:
    """Q9: or two processes would both speak for it."""
    older, wire = host(board, "older")
    newer, _ = host(other, "newer")
    assert (older.state, wire.closed, board.hosts_held()) == (State.CLOSED, DISPLACED, [])
    board.leave(older)
    assert board.hub.rooms == {}
    assert other.hub.rooms[HOST].author is newer


def test_browsers_everywhere_hear_when_the_host_comes_and_goes(board: Switchboard, other: Switchboard) -> None:
    _, here = browser(board, ANNA, "anna")
    _, there = browser(other, BEN, "ben")
    author, _ = host(board)
    board.leave(author)
    for wire in (here, there):
        assert [data["online"] for type_, data in wire.heard if type_ == "host_status"] == [True, False]


def test_who_comes_later_to_another_process_finds_the_host_online(board: Switchboard, other: Switchboard) -> None:
    host(board, features=frozenset({"save_ack"}))
    _, wire = browser(other, ANNA, "anna")
    room = other.hub.rooms[HOST]
    assert (room.online, room.features) == (True, frozenset({"save_ack"}))
    _, first = browser(board, BEN, "ben")
    browser(other, ANNA, "phone")
    assert first.heard == [], "those who knew are not told again"
    assert types(wire) == []


# --- messages ---


def test_a_question_and_its_answer_cross_processes(board: Switchboard, other: Switchboard) -> None:
    author, wire = host(board)
    anna, here = browser(other, ANNA, "anna")
    other.perform(act(anna, other.hub.rooms[HOST], "get_dash_data", raw(""), moment()))
    type_, asked = wire.heard[-1]
    assert (type_, asked["user_public_key"]) == ("get_dash_data_request", ANNA.public_key)
    answer = {"client_uuid": "anna", "request_id": asked["request_id"], "user": {"id": 1}}
    board.host_said(author, "get_dash_data_response", raw(answer))
    assert types(here) == ["dash_data_payload"]


def test_a_message_is_shown_to_the_listeners_of_every_process(board: Switchboard, other: Switchboard) -> None:
    host(board)
    wires = []
    for process, who, client in ((board, ANNA, "anna"), (other, BEN, "ben")):
        session, wire = browser(process, who, client)
        process.hub.rooms[HOST].learn([space(SPACE, CHANNEL)])
        subscriber(process.hub.rooms[HOST], session, SPACE, CHANNEL)
        wires.append(wire)
    board.perform([Show(HOST, CHANNEL, b'{"type":"chat","data":{}}\n')])
    assert [types(wire) for wire in wires] == [["chat"], ["chat"]]


async def test_those_whose_question_is_too_old_are_told(
    board: Switchboard, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switchboards, "SWEEP_SECONDS", 0)
    host(board)
    anna, wire = browser(board, ANNA, "anna")
    waits(anna, "answer", asked_at=NOW)
    clock.now = NOW + ANSWER_SECONDS
    sweep = asyncio.create_task(board.sweep())
    await wire.news.wait()
    sweep.cancel()
    with suppress(asyncio.CancelledError):
        await sweep
    assert [(type_, data["code"]) for type_, data in wire.heard] == [("error", "host_timeout")]


async def test_when_the_relay_stops_hosts_are_closed_after_their_browsers(board: Switchboard) -> None:
    order: list[str] = []

    class Closing(Wire):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def close(self, code: int, reason: str) -> None:
            order.append(self.name)

    board.host_entered(Session("host", Closing("host"), host_uuid=HOST), KEY, frozenset())
    for who, client in ((ANNA, "anna"), (BEN, "ben")):
        board.enter(person(who, client, outlet=Closing(client)), KEY)
    await board.close_all(1012, "Restarting.", 0.0)
    assert order == ["anna", "ben", "host"]
