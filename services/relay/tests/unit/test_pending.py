"""Questions to a host: which reply settles which, and what browsers hear when none comes."""

import pytest

from parch_relay.pending import ANSWER_SECONDS, abandon, expire, settle, status
from parch_relay.session import Session

from .builders import ANNA, BEN, NOW, TIMESTAMP, data, heard, person, room, waits


@pytest.fixture
def anna() -> Session:
    return person(ANNA, "anna")


def test_a_reply_settles_the_question_whose_number_it_names(anna: Session) -> None:
    waits(anna, "answer", number="q1")
    second = waits(anna, "answer", number="q2")
    assert settle(anna, "answer", "q2") is second
    assert list(anna.pending) == ["q1"]


def test_a_question_is_settled_once(anna: Session) -> None:
    waits(anna, "answer", number="q1")
    settle(anna, "answer", "q1")
    assert settle(anna, "answer", "q1") is None


def test_a_reply_without_a_number_settles_the_oldest_question_it_fits(anna: Session) -> None:
    waits(anna, "something else", number="q1")
    second = waits(anna, "answer", number="q2")
    waits(anna, "answer", number="q3")
    assert settle(anna, "answer", "") is second
    assert list(anna.pending) == ["q1", "q3"]


@pytest.mark.parametrize("number", ["q1", "q9", ""])
def test_a_reply_nobody_waits_for_settles_nothing(anna: Session, number: str) -> None:
    """Q1: a host cannot push an answer to a question of another kind, or to none."""
    waits(anna, "answer", number="q1")
    assert settle(anna, "another answer", number) is None
    assert list(anna.pending) == ["q1"]


@pytest.mark.parametrize("number", ["q1", ""])
def test_an_error_settles_any_question(anna: Session, number: str) -> None:
    question = waits(anna, "answer", number="q1")
    assert settle(anna, "error", number) is question


def test_an_error_with_an_unknown_number_settles_nothing(anna: Session) -> None:
    waits(anna, "answer", number="q1")
    assert settle(anna, "error", "q9") is None


def test_a_question_too_old_is_given_up(anna: Session) -> None:
    waits(anna, "answer", request="chat", message_id="m1", asked_at=NOW)
    effects = expire(room(anna), NOW + ANSWER_SECONDS)
    assert heard(effects) == [({"anna"}, "error")]
    assert anna.pending == {}


def test_a_question_given_up_names_the_request_and_the_message(anna: Session) -> None:
    waits(anna, "answer", request="chat", message_id="m1", asked_at=NOW)
    told = data(expire(room(anna), NOW + ANSWER_SECONDS)[0])
    assert (told["code"], told["request"], told["message_id"]) == ("host_timeout", "chat", "m1")


def test_a_request_is_named_as_the_browser_said_it(anna: Session) -> None:
    waits(anna, "answer", request="create_space_request", asked_at=NOW)
    assert data(expire(room(anna), NOW + ANSWER_SECONDS)[0])["request"] == "create_space"


def test_younger_questions_go_on_waiting(anna: Session) -> None:
    waits(anna, "answer", number="old", asked_at=NOW)
    waits(anna, "answer", number="young", asked_at=NOW + 1)
    waits(anna, "answer", number="new", asked_at=NOW + ANSWER_SECONDS)
    expire(room(anna), NOW + ANSWER_SECONDS)
    assert list(anna.pending) == ["young", "new"]


def test_a_question_of_this_very_moment_waits(anna: Session) -> None:
    waits(anna, "answer", asked_at=NOW)
    assert expire(room(anna), NOW) == []


def test_a_clock_that_is_set_back_lets_nobody_wait_for_hours(anna: Session) -> None:
    waits(anna, "answer", asked_at=NOW)
    assert heard(expire(room(anna), NOW - 3600)) == [({"anna"}, "error")]


def test_while_nothing_is_too_old_nobody_is_told() -> None:
    assert expire(room(person(ANNA, "anna")), NOW) == []


def test_when_the_host_goes_everybody_who_waits_is_told(anna: Session) -> None:
    """Q12: a sender learns that the message may not have been stored."""
    ben = person(BEN, "ben")
    waits(anna, "answer", number="q1", request="chat", message_id="m1")
    waits(anna, "answer", number="q2")
    effects = abandon(room(anna, ben))
    assert heard(effects) == [({"anna"}, "author_error"), ({"anna"}, "author_error")]
    assert (data(effects[0])["message_id"], data(effects[0])["code"]) == ("m1", "host_offline")
    assert anna.pending == {}


@pytest.mark.parametrize("online", [True, False])
def test_every_browser_is_told_whether_the_host_is_there(anna: Session, online: bool) -> None:
    here = room(anna, person(BEN, "ben"))
    here.online = online
    told = status(here, TIMESTAMP)
    assert heard([told]) == [({"anna", "ben"}, "host_status")]
    assert data(told) == {"online": online, "since": TIMESTAMP}
