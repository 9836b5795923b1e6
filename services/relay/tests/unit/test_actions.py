"""What each browser action asks of the host or changes here, and what refuses it."""

import json
from typing import Any

import pytest
from msgspec import Raw

from parch_relay.actions import act
from parch_relay.effects import Effect
from parch_relay.hub import Room
from parch_relay.session import MAX_PENDING, Pending, Refused, Session
from parch_wire.capability import MEMBER_SCOPES

from .builders import (
    ANNA,
    BEN,
    CHANNEL,
    HOST,
    NOW,
    OTHER_CHANNEL,
    OTHER_SPACE,
    SPACE,
    TIMESTAMP,
    data,
    heard,
    moment,
    person,
    raw,
    refusal,
    room,
    subscriber,
    token,
    waits,
)

TOKEN = token(ANNA)


@pytest.fixture
def anna() -> Session:
    return person(ANNA, "anna")


@pytest.fixture
def here(anna: Session) -> Room:
    """Anna listens to a channel of a host that answers saves."""
    made = room(anna, features=frozenset({"save_ack"}))
    subscriber(made, anna, SPACE, CHANNEL)
    return made


def acts(session: Session, here: Room, type_: str, body: Any = "") -> list[Effect]:
    return act(session, here, type_, raw(body), moment())


def refused(session: Session, here: Room, type_: str, body: Any) -> Refused:
    return refusal(act, session, here, type_, raw(body), moment())


# --- questions to the host ---

USER_REQUESTS = [
    ("get_dash_data", "", {"username": "Anna"}, "get_dash_data_response"),
    ("update_username", {"username": " New "}, {"username": "New"}, "update_username_response"),
    ("create_space", {"name": "Den"}, {"name": "Den", "username": "Anna"}, "create_space_response"),
    ("accept_invite", {"space_user_id": 7}, {"space_user_id": 7}, "accept_invite_success"),
    ("decline_invite", {"space_user_id": 7}, {"space_user_id": 7}, "decline_invite_success"),
    ("leave_space", {"space_uuid": SPACE}, {"space_uuid": SPACE}, "leave_space_success"),
]
REQUESTER_REQUESTS = [
    ("delete_space", {"uuid": SPACE}, {"uuid": SPACE}, "delete_space_response"),
    (
        "create_channel",
        {"name": "hall", "space_uuid": SPACE},
        {"name": "hall", "space_uuid": SPACE},
        "create_channel_response",
    ),
    ("delete_channel", {"uuid": CHANNEL}, {"uuid": CHANNEL}, "delete_channel_response"),
    (
        "invite_user",
        {"public_key": BEN.public_key, "space_uuid": SPACE},
        {"public_key": BEN.public_key, "space_uuid": SPACE},
        "invite_user_success",
    ),
    (
        "remove_space_user",
        {"space_uuid": SPACE, "user_id": 5, "user_public_key": BEN.public_key},
        {"space_uuid": SPACE, "user_id": 5, "user_public_key": BEN.public_key},
        "remove_space_user_success",
    ),
]
UNAUTHORIZED = {
    "delete_space": "Unauthorized space access",
    "create_channel": "Unauthorized channel create",
    "delete_channel": "Unauthorized channel access",
    "invite_user": "Unauthorized invite access",
    "remove_space_user": "Unauthorized space access",
}


@pytest.mark.parametrize(("type_", "body", "asked", "answer"), USER_REQUESTS)
def test_the_host_is_asked_in_the_sessions_own_name(
    anna: Session, here: Room, type_: str, body: Any, asked: dict[str, Any], answer: str
) -> None:
    """Q1: identity comes from the session, whatever the browser writes."""
    (ask,) = acts(anna, here, type_, body)
    assert heard([ask]) == [({"host"}, f"{type_}_request")]
    assert data(ask) == asked | {
        "client_uuid": "anna",
        "request_id": "n1",
        "user_id": anna.user_id,
        "user_public_key": ANNA.public_key,
        "user_enc_public_key": ANNA.enc_public_key,
    }
    assert anna.pending == {"n1": Pending(f"{type_}_request", frozenset({answer}), asked_at=NOW)}


@pytest.mark.parametrize(("type_", "body", "asked", "answer"), REQUESTER_REQUESTS)
def test_with_its_token_a_change_of_a_space_is_asked_for(
    anna: Session, here: Room, type_: str, body: Any, asked: dict[str, Any], answer: str
) -> None:
    (ask,) = acts(anna, here, type_, body | {"capability_token": TOKEN})
    assert heard([ask]) == [({"host"}, f"{type_}_request")]
    assert data(ask) == asked | {
        "client_uuid": "anna",
        "request_id": "n1",
        "requester_user_id": anna.user_id,
        "requester_user_public_key": ANNA.public_key,
        "requester_user_enc_public_key": ANNA.enc_public_key,
        **({"user_id": 5} if type_ == "remove_space_user" else {}),
    }
    assert anna.pending["n1"].answers == {answer}


@pytest.mark.parametrize(("type_", "body", "asked", "answer"), REQUESTER_REQUESTS)
@pytest.mark.parametrize("text", ["", token(BEN), token(ANNA, scopes=MEMBER_SCOPES)])
def test_a_change_of_a_space_needs_its_token(
    anna: Session, here: Room, type_: str, body: Any, asked: Any, answer: str, text: str
) -> None:
    assert refused(anna, here, type_, body | {"capability_token": text}).text == UNAUTHORIZED[type_]
    assert anna.pending == {}


def test_a_change_of_a_space_needs_no_subscription(anna: Session) -> None:
    assert acts(anna, room(anna), "delete_space", {"uuid": SPACE, "capability_token": TOKEN})


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("leave_space", ["client_uuid", "request_id", "user_public_key", "user_enc_public_key"]),
        ("invite_user", ["client_uuid", "request_id", "requester_user_public_key", "requester_user_enc_public_key"]),
        ("get_messages", ["client_uuid", "request_id", "user_public_key"]),
    ],
)
def test_an_identity_the_browser_writes_is_not_the_one_asked_for(
    anna: Session, here: Room, type_: str, fields: list[str]
) -> None:
    """Q1: nobody speaks in another's name."""
    body = {"space_uuid": SPACE, "capability_token": TOKEN} | dict.fromkeys(fields, "forged")
    assert "forged" not in data(acts(anna, here, type_, body)[0]).values()


def test_fields_nobody_here_knows_pass_through(anna: Session, here: Room) -> None:
    (ask,) = acts(anna, here, "create_space", {"name": "Den", "colour": {"of": "walls"}})
    assert data(ask)["colour"] == {"of": "walls"}


def test_every_question_has_its_own_number(anna: Session, here: Room) -> None:
    at = moment()
    for _ in range(2):
        act(anna, here, "get_dash_data", raw(""), at)
    assert list(anna.pending) == ["n1", "n2"]


@pytest.mark.parametrize("type_", [type_ for type_, *_ in USER_REQUESTS])
def test_without_its_host_nothing_is_asked(anna: Session, here: Room, type_: str) -> None:
    here.online = False
    refusal_ = refused(anna, here, type_, {})
    assert (refusal_.kind, refusal_.code) == ("author_error", "host_offline")
    assert anna.pending == {}


def test_who_waits_for_too_much_must_wait(anna: Session, here: Room) -> None:
    """Q15"""
    for number in range(MAX_PENDING):
        waits(anna, "answer", number=str(number))
    assert refused(anna, here, "get_dash_data", "").code == "too_many_requests"


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("chat", "Invalid chat message data"),
        ("join_all_spaces", "Invalid join spaces data"),
        ("delete_space", "Invalid space data"),
        ("remove_space_user", "Invalid user data"),
        ("create_channel", "Invalid create channel data"),
        ("get_messages", "Invalid get messages data"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_in_the_words_old_clients_know(
    anna: Session, here: Room, type_: str, text: str
) -> None:
    refusal_ = refused(anna, here, type_, ["no", "object"])
    assert (refusal_.code, refusal_.text) == ("invalid_body", text)


@pytest.mark.parametrize("type_", ["get_dash_data", "leave_channel"])
@pytest.mark.parametrize("text", [b'""', b"null", b"[1]", b"7"])
def test_a_message_without_fields_is_taken_with_any_data(anna: Session, here: Room, type_: str, text: bytes) -> None:
    assert act(anna, here, type_, Raw(text), moment())


@pytest.mark.parametrize("type_", ["update_username", "create_space", "accept_invite", "leave_space"])
def test_null_reads_as_an_empty_body(anna: Session, here: Room, type_: str) -> None:
    assert heard(act(anna, here, type_, Raw(b"null"), moment())) == [({"host"}, f"{type_}_request")]


# --- delete_channel ---


def test_a_channel_is_not_deleted_in_a_space_it_is_not_in(anna: Session, here: Room) -> None:
    """Q1: a token for one space does not reach into another."""
    body = {"uuid": OTHER_CHANNEL, "space_uuid": SPACE, "capability_token": TOKEN}
    assert refused(anna, here, "delete_channel", body).code == "unknown_channel"


def test_an_unknown_channel_needs_its_space_named(anna: Session, here: Room) -> None:
    body = {"uuid": "channel-9", "capability_token": TOKEN}
    assert refused(anna, here, "delete_channel", body).code == "unknown_channel"
    assert acts(anna, here, "delete_channel", body | {"space_uuid": SPACE})


# --- spaces ---


def joins(*spaces: str) -> dict[str, Any]:
    tokens = {space: token(ANNA, space_uuid=space, scopes=MEMBER_SCOPES) for space in spaces}
    return {"space_uuids": list(spaces), "capability_tokens": tokens}


@pytest.fixture
def member(anna: Session) -> Session:
    anna.spaces = {SPACE, OTHER_SPACE}
    return anna


def test_a_member_joins_all_its_spaces(member: Session) -> None:
    here = room(member)
    assert heard(acts(member, here, "join_all_spaces", joins(SPACE, OTHER_SPACE))) == [
        ({"anna"}, "join_all_spaces_success")
    ]
    assert member.subscribed == {SPACE, OTHER_SPACE}
    assert here.spaces == {SPACE: {member}, OTHER_SPACE: {member}}


def test_one_bad_token_joins_none(member: Session) -> None:
    body = joins(SPACE, OTHER_SPACE)
    del body["capability_tokens"][OTHER_SPACE]
    assert refused(member, room(member), "join_all_spaces", body).text == "Unauthorized space access"
    assert member.subscribed == set()


def test_a_space_the_host_has_not_described_cannot_be_joined(member: Session) -> None:
    refusal_ = refused(member, room(member), "join_all_spaces", joins(SPACE, "space-9"))
    assert (refusal_.code, refusal_.text) == ("unknown_space", "One or more spaces are not accessible")
    assert member.subscribed == set()


def test_a_space_one_was_removed_from_cannot_be_joined(member: Session) -> None:
    """Q2: not even with a token that is still good."""
    here = room(member)
    here.expel(member, SPACE)
    assert refused(member, here, "join_all_spaces", joins(SPACE)).code == "not_a_member"


# --- channels ---


def test_joining_a_channel_leaves_the_one_before(anna: Session, here: Room) -> None:
    subscriber(here, anna, OTHER_SPACE)
    body = {"uuid": OTHER_CHANNEL, "capability_token": token(ANNA, space_uuid=OTHER_SPACE)}
    effects = acts(anna, here, "join_channel", body)
    assert heard(effects) == [({"anna"}, "left_channel"), ({"anna"}, "joined_channel")]
    assert (anna.channel_uuid, here.listeners) == (OTHER_CHANNEL, {OTHER_CHANNEL: {anna}})


def _no_channel(here: Room, anna: Session) -> dict[str, Any]:
    return {"uuid": "channel-9"}


def _no_space(here: Room, anna: Session) -> dict[str, Any]:
    here.channels["channel-9"] = "space-9"
    return {"uuid": "channel-9"}


def _no_token(here: Room, anna: Session) -> dict[str, Any]:
    return {"capability_token": ""}


def _other_channels_token(here: Room, anna: Session) -> dict[str, Any]:
    return {"capability_token": token(ANNA, channel_scope=OTHER_CHANNEL)}


def _no_subscription(here: Room, anna: Session) -> dict[str, Any]:
    here.unsubscribe(anna, SPACE)
    return {}


@pytest.mark.parametrize(
    ("without", "code", "text"),
    [
        (_no_channel, "unknown_channel", "Channel is not accessible"),
        (_no_space, "unknown_space", "Space is not accessible"),
        (_no_token, "token_malformed", "Unauthorized channel join"),
        (_other_channels_token, "token_channel", "Unauthorized channel join"),
        (_no_subscription, "not_subscribed", "Unauthorized channel join"),
    ],
)
def test_who_may_not_join_a_channel_has_left_the_one_before(
    anna: Session, here: Room, without: Any, code: str, text: str
) -> None:
    body = {"uuid": CHANNEL, "capability_token": TOKEN} | without(here, anna)
    effects = acts(anna, here, "join_channel", body)
    assert heard(effects) == [({"anna"}, "left_channel"), ({"anna"}, "error")]
    told = data(effects[1])
    assert (told["code"], told["error"], told["request"]) == (code, text, "join_channel")
    assert (anna.channel_uuid, here.listeners) == ("", {})


def test_leaving_the_channel_ends_listening(anna: Session, here: Room) -> None:
    assert heard(acts(anna, here, "leave_channel")) == [({"anna"}, "left_channel")]
    assert (anna.channel_uuid, here.listeners) == ("", {})


# --- chat ---


def message() -> dict[str, Any]:
    return {"envelope": ANNA.encrypt([BEN.recipient], SPACE, CHANNEL, "hello"), "capability_token": TOKEN}


def test_a_message_is_stored_before_anybody_sees_it(anna: Session, here: Room) -> None:
    """Q12: a host that answers saves decides whether it is shown."""
    said = message()
    (ask,) = acts(anna, here, "chat", said)
    assert heard([ask]) == [({"host"}, "save_chat_message_request")]
    asked = data(ask)
    assert (asked["channel_uuid"], asked["space_uuid"], asked["envelope"]) == (CHANNEL, SPACE, said["envelope"])
    assert (asked["client_uuid"], asked["request_id"], asked["username"]) == ("anna", "n1", "Anna")
    assert asked["user_public_key"] == ANNA.public_key


def test_what_is_being_stored_is_remembered_to_be_shown(anna: Session, here: Room) -> None:
    said = message()
    acts(anna, here, "chat", said)
    pending = anna.pending["n1"]
    assert pending == Pending(
        "chat",
        frozenset({"save_chat_message_response"}),
        said["envelope"]["message_id"],
        CHANNEL,
        pending.envelope,
        NOW,
    )
    assert json.loads(pending.envelope) == said["envelope"]


def test_an_old_host_stores_while_everybody_sees(anna: Session, here: Room) -> None:
    here.features = frozenset()
    said = message()
    effects = acts(anna, here, "chat", said)
    assert heard(effects) == [({"host"}, "save_chat_message_request"), ({f"channel {CHANNEL}"}, "chat")]
    expected = {"envelope": said["envelope"], "timestamp": TIMESTAMP, "channel_uuid": CHANNEL}
    assert data(effects[1]) == expected
    assert anna.pending == {}


def test_an_old_host_gets_a_message_once(anna: Session, here: Room) -> None:
    """Q7: live duplicates are stopped here when the host does not say what it stored."""
    here.features = frozenset()
    said = message()
    acts(anna, here, "chat", said)
    assert refused(anna, here, "chat", said).code == "replayed"


def test_a_host_that_answers_saves_gets_it_again_and_says_so(anna: Session, here: Room) -> None:
    said = message()
    acts(anna, here, "chat", said)
    assert acts(anna, here, "chat", said)


@pytest.mark.parametrize("features", [frozenset[str](), frozenset({"save_ack"})])
def test_without_the_host_nothing_is_shown(anna: Session, here: Room, features: frozenset[str]) -> None:
    """Q12: and the same message may be sent again when the host is back."""
    here.features, here.online = features, False
    said = message()
    assert refused(anna, here, "chat", said).code == "host_offline"
    here.online = True
    assert acts(anna, here, "chat", said)


def test_a_message_in_anothers_name_is_refused(anna: Session, here: Room) -> None:
    """Q13"""
    said = message() | {"envelope": BEN.encrypt([], SPACE, CHANNEL, "not Anna")}
    assert refused(anna, here, "chat", said).code == "sender_mismatch"


# --- get_messages ---


def test_history_is_asked_for_the_channel_joined_last(anna: Session, here: Room) -> None:
    """Q4: with the reader's key, so that the host can check membership; Q11: by sequence id."""
    body = {"before_id": 9, "limit": 20, "capability_token": TOKEN, "channel_uuid": OTHER_CHANNEL}
    (ask,) = acts(anna, here, "get_messages", body)
    assert heard([ask]) == [({"host"}, "get_messages_request")]
    assert data(ask) == {
        "channel_uuid": CHANNEL,
        "client_uuid": "anna",
        "request_id": "n1",
        "before_unix_time": "",
        "before_id": 9,
        "limit": 20,
        "user_public_key": ANNA.public_key,
    }
    assert anna.pending["n1"].answers == {"get_messages_response"}


def test_history_by_time_passes_the_time_on(anna: Session, here: Room) -> None:
    (ask,) = acts(anna, here, "get_messages", {"before_unix_time": TIMESTAMP, "capability_token": TOKEN})
    assert data(ask)["before_unix_time"] == TIMESTAMP


def test_history_needs_a_channel(anna: Session) -> None:
    assert refused(anna, room(anna), "get_messages", {"capability_token": TOKEN}).code == "no_channel"


def test_questions_go_to_the_rooms_host(anna: Session, here: Room) -> None:
    (ask,) = acts(anna, here, "get_dash_data")
    assert ask[0] == HOST
