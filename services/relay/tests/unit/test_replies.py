"""What a host's messages change here, and who hears of it."""

from typing import Any

import pytest
from msgspec import Raw

from parch_relay.effects import Effect
from parch_relay.hub import Room
from parch_relay.replies import apply
from parch_relay.session import Pending, Session
from parch_wire.messages import HOST_REPLIES

from .builders import (
    ANNA,
    BEN,
    CARL,
    CHANNEL,
    OTHER_CHANNEL,
    OTHER_SPACE,
    SPACE,
    TIMESTAMP,
    data,
    heard,
    person,
    raw,
    subscriber,
    waits,
)

EVERYBODY = {"anna", "ben"}
REPLIES = [type_ for type_ in HOST_REPLIES if type_ != "relay_health_check_ack"]


def _time(time: float) -> str:
    return f"{time:g} s"


def says(here: Room, type_: str, body: dict[str, Any], asker: str = "") -> list[Effect]:
    """The host says `body`, to `asker` in answer to question q1 if there is one."""
    numbered = body | ({"client_uuid": asker, "request_id": "q1"} if asker else {})
    effects = apply(here, type_, raw(numbered), _time)
    assert effects is not None
    return effects


def tables(here: Room) -> Any:
    """A copy of everything a reply may change."""
    sessions = [
        (s.spaces.copy(), s.subscribed.copy(), s.channel_uuid, s.username, s.user_id) for s in here.sessions.values()
    ]
    members = [{key: found.copy() for key, found in table.items()} for table in (here.spaces, here.listeners)]
    return sessions, members, here.channels.copy()


# --- every reply ---


@pytest.mark.parametrize("type_", REPLIES)
@pytest.mark.parametrize("text", [b"[1]", b'"text"', b'{"client_uuid": 7, "ClientUUID": 7}', b"{", b""])
def test_a_body_that_does_not_fit_is_ignored(here: Room, type_: str, text: bytes) -> None:
    before = tables(here)
    assert apply(here, type_, Raw(text), _time) is None
    assert tables(here) == before


@pytest.mark.parametrize("type_", REPLIES)
def test_a_reply_that_nobody_waits_for_answers_nobody(here: Room, anna: Session, type_: str) -> None:
    """Q1: nothing is pushed at a session that did not ask."""
    effects = says(here, type_, {}, asker="anna")
    assert [line for line in heard(effects) if line[0] and not line[1].endswith("_update")] == []


@pytest.mark.parametrize("type_", REPLIES)
def test_no_reply_changes_who_a_session_is(here: Room, anna: Session, type_: str) -> None:
    """Q1: identity comes from the proof on the socket alone."""
    waits(anna, type_)
    keys = {"public_key": BEN.public_key, "enc_public_key": BEN.enc_public_key}
    says(here, type_, {f"user_{key}": text for key, text in keys.items()} | {"user": {"id": 1} | keys}, "anna")
    assert (anna.public_key, anna.enc_public_key) == (ANNA.public_key, ANNA.enc_public_key)


def test_who_listens_is_told_which_question_is_settled(here: Room, anna: Session) -> None:
    settled = list[Pending]()
    question = waits(anna, "get_messages_response")
    apply(here, "get_messages_response", raw({"client_uuid": "anna", "request_id": "q1"}), _time, settled.append)
    assert settled == [question]


def test_what_settles_no_question_is_not_told(here: Room) -> None:
    settled = list[Pending]()
    apply(here, "get_messages_response", raw({"client_uuid": "anna"}), _time, settled.append)
    assert settled == []


# --- get_dash_data_response ---


def dashboard(*spaces: str) -> dict[str, Any]:
    return {"user": {"id": 42, "username": "Anna B."}, "spaces": [{"uuid": space} for space in spaces]}


def test_a_dashboard_goes_to_who_asked(here: Room, anna: Session) -> None:
    waits(anna, "get_dash_data_response")
    effects = says(here, "get_dash_data_response", dashboard(SPACE) | {"news": 1}, "anna")
    assert heard(effects) == [({"anna"}, "dash_data_payload")]
    told = data(effects[0])
    assert (told["user"]["id"], told["spaces"][0]["uuid"], told["news"]) == (42, SPACE, 1)
    assert "client_uuid" not in told


def test_empty_lists_are_lists(here: Room, anna: Session) -> None:
    """Q17, Q18: an old host's null never reaches a browser."""
    waits(anna, "get_dash_data_response")
    body = {"spaces": [{"uuid": SPACE, "channels": None, "users": None}], "invites": None}
    told = data(says(here, "get_dash_data_response", body, "anna")[0])
    assert (told["invites"], told["spaces"][0]["channels"], told["spaces"][0]["users"]) == ([], [], [])


def test_a_dashboard_lists_the_own_devices(here: Room, anna: Session) -> None:
    waits(anna, "get_dash_data_response")
    told = data(says(here, "get_dash_data_response", dashboard(SPACE), "anna")[0])
    assert [device["device_id"] for device in told["active_devices"]] == ["device-of-anna"]


def test_a_dashboard_says_where_one_is_a_member(here: Room, anna: Session) -> None:
    waits(anna, "get_dash_data_response")
    says(here, "get_dash_data_response", dashboard(SPACE, "space-3"), "anna")
    assert anna.spaces == {SPACE, "space-3"}
    assert "space-3" in here.spaces
    assert (anna.subscribed, anna.channel_uuid) == ({SPACE}, CHANNEL)


def test_a_dashboard_gives_the_hosts_name_and_number(here: Room, anna: Session) -> None:
    waits(anna, "get_dash_data_response")
    says(here, "get_dash_data_response", dashboard(), "anna")
    assert (anna.user_id, anna.username) == (42, "Anna B.")


def test_what_a_dashboard_no_longer_lists_is_left(here: Room, anna: Session, ben: Session) -> None:
    """Q2: with its channel."""
    waits(anna, "get_dash_data_response")
    says(here, "get_dash_data_response", dashboard(OTHER_SPACE), "anna")
    assert (anna.spaces, anna.subscribed, anna.channel_uuid) == ({OTHER_SPACE}, set(), "")
    assert here.listeners == {CHANNEL: {ben}}


def test_a_dashboard_nobody_asked_for_changes_nothing(here: Room) -> None:
    before = tables(here)
    says(here, "get_dash_data_response", dashboard("space-3"), "anna")
    assert tables(here) == before


# --- update_username_response ---


def test_a_new_name_is_the_sessions_name(here: Room, anna: Session) -> None:
    waits(anna, "update_username_response")
    body = {"user_id": 42, "user_public_key": ANNA.public_key, "username": "New"}
    effects = says(here, "update_username_response", body, "anna")
    assert heard(effects) == [({"anna"}, "update_username_success")]
    assert data(effects[0]) == body | {"user_enc_public_key": ""}
    assert anna.username == "New"


def test_a_name_nobody_asked_for_renames_nobody(here: Room, anna: Session) -> None:
    says(here, "update_username_response", {"username": "New"}, "anna")
    assert anna.username == "Anna"


# --- spaces come and go ---


def test_who_creates_a_space_is_in_it_at_once(here: Room, anna: Session) -> None:
    waits(anna, "create_space_response")
    body = {
        "space": {"uuid": "space-3", "channels": [{"uuid": "channel-3"}]},
        "capability": {"space_uuid": "space-3", "token": "t"},
    }
    effects = says(here, "create_space_response", body, "anna")
    assert heard(effects) == [({"anna"}, "create_space_success")]
    assert data(effects[0])["capability"]["token"] == "t"
    assert (here.spaces["space-3"], here.channels["channel-3"]) == ({anna}, "space-3")
    assert "space-3" in anna.spaces


def test_a_space_nobody_asked_for_is_not_learnt(here: Room) -> None:
    before = tables(here)
    says(here, "create_space_response", {"space": {"uuid": "space-3"}}, "anna")
    assert tables(here) == before


def test_a_deleted_space_is_gone_for_everybody(here: Room, anna: Session, ben: Session) -> None:
    """Q16: the asker and the others hear which space it was."""
    waits(anna, "delete_space_response")
    body = {"ClientUUID": "anna", "SpaceUUID": SPACE, "request_id": "q1"}
    effects = says(here, "delete_space_response", body)
    assert heard(effects) == [({"anna"}, "delete_space_success"), ({"ben"}, "delete_space_update")]
    assert [data(effect) for effect in effects] == [{"space_uuid": SPACE}, {"space_uuid": SPACE}]
    assert SPACE not in here.spaces
    assert [(s.spaces, s.subscribed, s.channel_uuid) for s in (anna, ben)] == [(set(), set(), "")] * 2


def test_a_space_the_host_deletes_by_itself_is_announced_to_all(here: Room) -> None:
    effects = says(here, "delete_space_response", {"SpaceUUID": SPACE})
    assert heard(effects) == [(EVERYBODY, "delete_space_update")]


def test_a_space_nobody_joined_goes_quietly(here: Room) -> None:
    assert says(here, "delete_space_response", {"SpaceUUID": OTHER_SPACE}) == []


# --- channels come and go ---


def test_a_new_channel_is_announced_to_its_space(here: Room, anna: Session) -> None:
    waits(anna, "create_channel_response")
    body = {"space_uuid": SPACE, "channel": {"id": 3, "uuid": "channel-3", "name": "hall"}}
    effects = says(here, "create_channel_response", body, "anna")
    assert heard(effects) == [({"anna"}, "create_channel_success"), (EVERYBODY, "create_channel_update")]
    assert data(effects[0]) == data(effects[1])
    assert data(effects[1])["channel"]["name"] == "hall"
    assert here.channels["channel-3"] == SPACE


def test_a_channel_the_host_makes_by_itself_congratulates_nobody(here: Room) -> None:
    effects = says(here, "create_channel_response", {"space_uuid": SPACE, "channel": {"uuid": "channel-3"}})
    assert heard(effects) == [(EVERYBODY, "create_channel_update")]


def test_a_channel_that_moves_loses_who_listened_in_its_old_space(here: Room, anna: Session) -> None:
    says(here, "create_channel_response", {"space_uuid": OTHER_SPACE, "channel": {"uuid": CHANNEL}})
    assert (anna.channel_uuid, here.listeners, here.channels[CHANNEL]) == ("", {}, OTHER_SPACE)


@pytest.mark.parametrize("space", [{"space_uuid": SPACE}, {}])
def test_a_deleted_channel_is_gone_for_its_space(here: Room, anna: Session, space: dict[str, str]) -> None:
    waits(anna, "delete_channel_response")
    effects = says(here, "delete_channel_response", {"id": 1, "uuid": CHANNEL} | space, "anna")
    assert heard(effects) == [({"anna"}, "delete_channel_success"), (EVERYBODY, "delete_channel_update")]
    assert data(effects[0]) == {"id": 1, "uuid": CHANNEL, "space_uuid": SPACE, "client_uuid": ""}
    assert data(effects[1]) == {"uuid": CHANNEL, "space_uuid": SPACE}
    assert (anna.channel_uuid, here.listeners, here.channels) == ("", {}, {OTHER_CHANNEL: OTHER_SPACE})


# --- invites ---


def test_the_invited_hears_on_every_device(here: Room, anna: Session, ben: Session) -> None:
    """Q29: and who did not ask is not told that an invite was sent."""
    here.add(person(BEN, "ben's phone"))
    body = {"public_key": BEN.public_key, "user_public_key": BEN.public_key, "invite": {"id": 5, "name": "Den"}}
    effects = says(here, "invite_user_success", body)
    assert heard(effects) == [({"ben", "ben's phone"}, "invite_user_update")]
    assert (data(effects[0])["invite"]["id"], data(effects[0])["invite"]["name"]) == (5, "Den")


def test_who_invited_is_told_first(here: Room, anna: Session) -> None:
    waits(anna, "invite_user_success")
    body = {"public_key": BEN.public_key, "user_public_key": BEN.public_key}
    effects = says(here, "invite_user_success", body, "anna")
    assert heard(effects) == [({"anna"}, "invite_user_success"), ({"ben"}, "invite_user_update")]
    assert data(effects[0]) == {"public_key": BEN.public_key}


def accepted(who: str = CARL.public_key) -> dict[str, Any]:
    return {
        "space_user_id": 5,
        "user": {"id": 9, "username": "Carl", "public_key": who},
        "space": {"uuid": SPACE},
        "capability": {"token": "t"},
    }


def test_who_accepts_joins_the_space_and_everybody_hears(here: Room) -> None:
    carl = person(CARL, "carl")
    here.add(carl)
    waits(carl, "accept_invite_success")
    effects = says(here, "accept_invite_success", accepted(), "carl")
    assert heard(effects) == [({"carl"}, "accept_invite_success"), (EVERYBODY | {"carl"}, "accept_invite_update")]
    assert data(effects[0])["capability"] == {"space_uuid": "", "token": "t", "scopes": [], "expires_at": 0}
    assert "capability" not in data(effects[1])
    assert (carl.spaces, carl.subscribed) == ({SPACE}, {SPACE})


def test_the_other_devices_of_a_new_member_may_join_but_have_not(here: Room) -> None:
    tablet = person(CARL, "tablet")
    here.add(tablet)
    effects = says(here, "accept_invite_success", accepted())
    assert heard(effects) == [(EVERYBODY, "accept_invite_update")]
    assert (tablet.spaces, tablet.subscribed) == ({SPACE}, set())


def test_an_accepted_space_is_learnt_with_its_channels(here: Room, anna: Session) -> None:
    """The first here to join it; an old host may leave out whose invite it was."""
    waits(anna, "accept_invite_success")
    body = accepted("") | {"space": {"uuid": "space-3", "channels": [{"uuid": "channel-3"}]}}
    says(here, "accept_invite_success", body, "anna")
    assert (here.spaces["space-3"], here.channels["channel-3"]) == ({anna}, "space-3")
    assert "space-3" in anna.spaces


def test_a_declined_invite_is_told_to_who_declined(here: Room, anna: Session) -> None:
    waits(anna, "decline_invite_success")
    effects = says(here, "decline_invite_success", {"space_user_id": 5, "user_id": 9}, "anna")
    assert heard(effects) == [({"anna"}, "decline_invite_success")]
    assert data(effects[0]) == {"space_user_id": 5, "user_id": 9}


# --- members go ---


def test_who_leaves_hears_and_sees_no_more(here: Room, anna: Session, ben: Session) -> None:
    """Q2: channel and space end together; Q16: the space is named."""
    waits(anna, "leave_space_success")
    body = {"space_uuid": SPACE, "user_id": 9, "user_public_key": ANNA.public_key}
    effects = says(here, "leave_space_success", body, "anna")
    assert heard(effects) == [({"anna"}, "leave_space_success"), (EVERYBODY, "leave_space_update")]
    assert data(effects[0]) == {"space_uuid": SPACE}
    assert data(effects[1]) == body
    assert (anna.spaces, anna.subscribed, anna.channel_uuid) == (set(), set(), "")
    assert here.listeners == {CHANNEL: {ben}}


def test_who_leaves_leaves_on_every_device(here: Room) -> None:
    phone = person(ANNA, "phone")
    here.add(phone)
    subscriber(here, phone, SPACE, CHANNEL)
    says(here, "leave_space_success", {"space_uuid": SPACE, "user_public_key": ANNA.public_key})
    assert (phone.spaces, phone.channel_uuid) == (set(), "")


def test_who_is_removed_is_told_and_hears_no_more(here: Room, anna: Session, ben: Session) -> None:
    """Q2: a removed member is out of the channel at once."""
    waits(anna, "remove_space_user_success")
    body = {"space_uuid": SPACE, "user_id": 9, "user_public_key": BEN.public_key}
    effects = says(here, "remove_space_user_success", body, "anna")
    assert heard(effects) == [(EVERYBODY, "leave_space_update"), ({"ben"}, "leave_space_success")]
    assert (ben.spaces, ben.subscribed, ben.channel_uuid) == (set(), set(), "")
    assert here.listeners == {CHANNEL: {anna}}


def test_a_removal_of_the_hosts_own_needs_no_question(here: Room, ben: Session) -> None:
    """Q2: the host may take somebody out by itself."""
    says(here, "remove_space_user_success", {"space_uuid": SPACE, "user_public_key": BEN.public_key})
    assert ben.spaces == set()


def test_an_old_host_names_the_removed_by_number(here: Room, anna: Session, ben: Session) -> None:
    effects = says(here, "remove_space_user_success", {"space_uuid": SPACE, "user_id": ben.user_id})
    assert heard(effects)[1] == ({"ben"}, "leave_space_success")
    assert (anna.spaces, ben.spaces) == ({SPACE}, set())


def test_number_zero_names_nobody(here: Room, anna: Session) -> None:
    anna.user_id = 0
    effects = says(here, "remove_space_user_success", {"space_uuid": SPACE})
    assert heard(effects) == [(EVERYBODY, "leave_space_update")]
    assert anna.spaces == {SPACE}


def test_a_removed_member_who_is_not_here_is_not_told(here: Room) -> None:
    body = {"space_uuid": SPACE, "user_public_key": CARL.public_key}
    assert heard(says(here, "remove_space_user_success", body)) == [(EVERYBODY, "leave_space_update")]


# --- messages ---


def test_history_goes_to_who_asked_as_the_host_stored_it(here: Room, anna: Session) -> None:
    waits(anna, "get_messages_response")
    body = {"messages": [{"id": 1, "envelope": {"v": 1}}], "has_more_messages": True, "channel_uuid": CHANNEL}
    effects = says(here, "get_messages_response", body, "anna")
    assert heard(effects) == [({"anna"}, "get_messages_success")]
    assert data(effects[0]) == body


def test_no_history_is_an_empty_list(here: Room, anna: Session) -> None:
    """Q18"""
    waits(anna, "get_messages_response")
    assert data(says(here, "get_messages_response", {"messages": None}, "anna")[0])["messages"] == []


def saving(anna: Session) -> None:
    answers = "save_chat_message_response"
    waits(anna, answers, request="chat", message_id="m1", channel_uuid=CHANNEL, envelope=b'{"v":1}')


def test_a_stored_message_is_shown_then_confirmed(here: Room, anna: Session) -> None:
    """Q12"""
    saving(anna)
    body = {"id": 7, "timestamp": TIMESTAMP, "channel_uuid": "forged", "message_id": "forged"}
    effects = says(here, "save_chat_message_response", body, "anna")
    assert heard(effects) == [({f"channel {CHANNEL}"}, "chat"), ({"anna"}, "chat_saved")]
    saved = {"id": 7, "timestamp": TIMESTAMP, "channel_uuid": CHANNEL}
    assert data(effects[0]) == saved | {"envelope": {"v": 1}}
    assert data(effects[1]) == saved | {"message_id": "m1", "duplicate": False}


def test_a_duplicate_is_confirmed_but_not_shown_again(here: Room, anna: Session) -> None:
    """Q7"""
    saving(anna)
    effects = says(here, "save_chat_message_response", {"id": 7, "duplicate": True}, "anna")
    assert heard(effects) == [({"anna"}, "chat_saved")]
    assert data(effects[0])["duplicate"] is True


def test_a_message_is_confirmed_where_it_was_sent_after_its_sender_left_the_channel(here: Room, anna: Session) -> None:
    saving(anna)
    here.leave_channel(anna)
    effects = says(here, "save_chat_message_response", {"id": 7}, "anna")
    assert [data(effect)["channel_uuid"] for effect in effects] == [CHANNEL, CHANNEL]


# --- errors ---


def test_a_hosts_refusal_reaches_who_asked(here: Room, anna: Session) -> None:
    waits(anna, "save_chat_message_response", request="save_chat_message_request", message_id="m1")
    effects = says(here, "error", {"error": "No", "code": "not_a_member", "hint": "Ask"}, "anna")
    assert heard(effects) == [({"anna"}, "error")]
    assert data(effects[0]) == {
        "error": "No",
        "client_uuid": "",
        "code": "not_a_member",
        "hint": "Ask",
        "request": "save_chat_message",
        "message_id": "m1",
    }


def test_an_old_hosts_refusal_gets_a_code(here: Room, anna: Session) -> None:
    waits(anna, "create_space_response")
    effects = apply(here, "error", raw({"error": "No", "client_uuid": "anna"}), _time)
    assert effects is not None
    assert data(effects[0])["code"] == "host_refused"
