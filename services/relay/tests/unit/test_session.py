"""What a connection may say in which state, what a refusal looks like, and how events are counted."""

import pytest

from parch_relay.session import Refused, State, admit, take
from parch_wire.messages import BROWSER_ACTIONS, HOST_REPLIES

from .builders import ANNA, opened, person, refusal

HANDSHAKE = ("join_host", "auth_pubkey", "host_auth")
PROVED = (State.AUTHED, State.AUTHOR)


@pytest.mark.parametrize("type_", ["auth_pubkey", "host_auth", "chat", "error", "no such type"])
def test_a_new_socket_may_only_join(type_: str) -> None:
    refused = refusal(admit, person(ANNA, "anna", state=State.NEW), type_)
    assert (refused.kind, refused.code, refused.text) == ("error", "not_joined", "Client not initialized")


def test_a_new_socket_may_join() -> None:
    assert admit(person(ANNA, "anna", state=State.NEW), "join_host")


@pytest.mark.parametrize("type_", ["chat", "get_dash_data", "error", "no such type"])
def test_a_joined_socket_must_prove_itself_first(type_: str) -> None:
    refused = refusal(admit, person(ANNA, "anna", state=State.JOINED), type_)
    assert (refused.kind, refused.code) == ("authentication-error", "not_authenticated")
    assert refused.text == "Authentication required"


@pytest.mark.parametrize("type_", HANDSHAKE)
@pytest.mark.parametrize("state", [State.JOINED, *PROVED])
def test_the_handshake_is_heard_in_every_open_state(state: State, type_: str) -> None:
    assert admit(person(ANNA, "anna", state=state), type_)


@pytest.mark.parametrize("type_", BROWSER_ACTIONS)
def test_a_browser_may_say_every_browser_action(type_: str) -> None:
    assert admit(person(ANNA, "anna"), type_)


@pytest.mark.parametrize("type_", HOST_REPLIES)
def test_a_browser_that_speaks_as_a_host_is_ignored(type_: str) -> None:
    """Q1: what only a host may say is taken from the author socket alone."""
    assert not admit(person(ANNA, "anna"), type_)


@pytest.mark.parametrize("type_", HOST_REPLIES)
def test_the_author_may_say_every_host_reply(type_: str) -> None:
    assert admit(person(ANNA, "host", state=State.AUTHOR), type_)


@pytest.mark.parametrize("type_", BROWSER_ACTIONS)
def test_the_author_that_speaks_as_a_browser_is_ignored(type_: str) -> None:
    assert not admit(person(ANNA, "host", state=State.AUTHOR), type_)


@pytest.mark.parametrize("state", PROVED)
def test_a_type_nobody_knows_is_ignored(state: State) -> None:
    assert not admit(person(ANNA, "anna", state=state), "no such type")


@pytest.mark.parametrize("type_", [*HANDSHAKE, "chat", "error"])
def test_a_closed_socket_is_not_heard_any_longer(type_: str) -> None:
    """Q9: a displaced host may not go on speaking."""
    assert not admit(person(ANNA, "anna", state=State.CLOSED), type_)


def test_a_refusal_says_what_to_do_and_what_it_refuses() -> None:
    frame = Refused("some_code", "A sentence", "A hint", retry_after=1.26).frame("chat", "message-1")
    assert opened(frame) == (
        "error",
        {
            "error": "A sentence",
            "client_uuid": "",
            "code": "some_code",
            "hint": "A hint",
            "request": "chat",
            "message_id": "message-1",
            "retry_after": 1.3,
        },
    )


def test_a_refusal_leaves_out_what_it_has_not() -> None:
    frame = Refused("some_code", "A sentence", kind="join_error").frame()
    assert opened(frame) == ("join_error", {"error": "A sentence", "client_uuid": "", "code": "some_code"})


def test_a_window_takes_as_many_events_as_it_is_long() -> None:
    window: list[float] = []
    assert [take(window, 3, now, 10) for now in (0.0, 1.0, 2.0)] == [0, 0, 0]


def test_a_full_window_says_how_long_to_wait() -> None:
    assert take([0.0, 1.0, 2.0], 3, 4.0, 10) == 6


def test_a_window_that_was_filled_in_an_instant_is_full() -> None:
    assert take([5.0, 5.0, 5.0], 3, 5.0, 10) == 10


def test_what_is_refused_is_not_counted() -> None:
    window = [0.0, 1.0, 2.0]
    take(window, 3, 4.0, 10)
    assert window == [0.0, 1.0, 2.0]


def test_a_window_slides() -> None:
    window = [0.0, 1.0, 2.0]
    assert take(window, 3, 10.0, 10) == 0
    assert window == [1.0, 2.0, 10.0]


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    """Else a full window would hold a sender back for as long as the clock was wrong."""
    assert take([3600.0, 3601.0, 3602.0], 3, 4.0, 10) == 0
