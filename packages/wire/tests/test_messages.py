"""Every recorded message passes through its type unchanged, and every type has the fields of the wire."""

import json
from pathlib import Path
from typing import Any

import pytest

from parch_wire.body import Body, frame, parse, plain
from parch_wire.browser import AuthPubkey, JoinHost
from parch_wire.errors import InvalidBody
from parch_wire.host import HealthCheck, HostAuth
from parch_wire.messages import BROWSER_ACTIONS, FEATURES, HOST_REPLIES, HOST_REQUESTS, RELAY_EVENTS
from parch_wire.objects import Capability, Channel, Device, Invite, Message, Space, User

VECTORS = Path(__file__).parent / "vectors"
EVENTS = [
    event
    for event in json.loads((VECTORS / "chat-wire-transcript.json").read_text())["expected"]["events"]
    if isinstance(event.get("json"), dict) and "type" in event["json"]
]
HANDSHAKE: dict[str, type[Body]] = {"join_host": JoinHost, "auth_pubkey": AuthPubkey, "host_auth": HostAuth}
TO_RELAY: dict[str, type[Body]] = HOST_REPLIES | BROWSER_ACTIONS | HANDSHAKE
NO_TYPE = {"chat", "unknown_type"}  # `chat` to browsers is written whole by the relay, never read
NEW: dict[str, Any] = {"new_field": {"deep": [1, 2.5, "é", {"a": True}]}}


def types_of(direction: str) -> dict[str, type[Body]]:
    return RELAY_EVENTS if direction == "relay->client" else TO_RELAY


def bodies() -> list[Any]:
    """Every recorded body that is an object: (its type, the object)."""
    found = []
    for event in EVENTS:
        word, data = event["json"]["type"], event["json"].get("data")
        if isinstance(data, dict) and (cls := types_of(event["dir"]).get(word)):
            found.append(pytest.param(cls, data, id=f"{event['i']}-{event['peer']}-{word}"))
    return found


def without_null(value: Any) -> Any:
    """What is expected of a recorded body: `null` where a list belongs reads as an empty list."""
    if isinstance(value, dict):
        return {k: [] if v is None else v if k == "envelope" else without_null(v) for k, v in value.items()}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def with_new_fields(value: Any) -> Any:
    """`value` as a newer peer might say it: one more field in every object; a map has none."""
    if isinstance(value, dict):
        grown = {key: item if key == "capability_tokens" else with_new_fields(item) for key, item in value.items()}
        return grown | NEW
    return [with_new_fields(item) for item in value] if isinstance(value, list) else value


def passed_through(cls: type[Body], data: Any) -> Any:
    return json.loads(frame("x", parse(cls, json.dumps(data).encode())))["data"]


@pytest.mark.parametrize(("cls", "data"), bodies())
def test_recorded_bodies_pass_through_their_types(cls: type[Body], data: Any) -> None:
    """Fields a sender left out come out empty; nothing else changes."""
    out = passed_through(cls, data)
    added = {key: value for key, value in out.items() if key not in data}
    assert {key: out[key] for key in data} == without_null(data)
    assert not any(value for value in added.values() if not isinstance(value, dict))


@pytest.mark.parametrize(("cls", "data"), bodies())
def test_unknown_fields_survive_at_every_level(cls: type[Body], data: Any) -> None:
    newer = with_new_fields(data)
    out = passed_through(cls, newer)
    assert {key: out[key] for key in newer} == without_null(newer)


@pytest.mark.parametrize("event", [e for e in EVENTS if e["dir"] == "relay->client"], ids=lambda event: event["i"])
def test_every_recorded_event_is_known(event: dict[str, Any]) -> None:
    """One that carries an object has a type; the others carry a text."""
    word, data = event["json"]["type"], event["json"]["data"]
    assert isinstance(data, str) or word in RELAY_EVENTS or word in NO_TYPE


@pytest.mark.parametrize("event", [e for e in EVENTS if e["dir"] == "client->relay"], ids=lambda event: event["i"])
def test_every_recorded_action_is_known(event: dict[str, Any]) -> None:
    assert event["json"]["type"] in TO_RELAY.keys() | NO_TYPE


@pytest.mark.parametrize("cls", [JoinHost, AuthPubkey])
def test_a_text_where_an_object_belongs_is_refused(cls: type[Body]) -> None:
    with pytest.raises(InvalidBody):
        parse(cls, b'"x"')


ID = "user_id client_uuid ?user_public_key ?user_enc_public_key ?request_id"
RQ = "requester_user_id client_uuid ?requester_user_public_key ?requester_user_enc_public_key ?request_id"
REFUSAL = "error client_uuid ?code ?hint ?request ?request_id ?message_id ?retry_after"
TARGET = "space_uuid user_id ?user_public_key ?user_enc_public_key"
FIELDS: dict[type[Body], str] = {
    User: "id username ?public_key ?enc_public_key",
    Channel: "id uuid name space_uuid allow_voice",
    Space: "id uuid name author_id channels users",
    Invite: "id space_uuid user_id ?user_public_key joined name",
    Capability: "space_uuid token scopes expires_at",
    Device: "device_id device_name last_seen is_current",
    Message: "id channel_uuid username envelope user_id ?user_public_key ?user_enc_public_key timestamp",
    HostAuth: "challenge signature ?features",
    HealthCheck: "nonce",
    HOST_REQUESTS["get_dash_data_request"]: f"{ID} username",
    HOST_REQUESTS["update_username_request"]: f"{ID} username",
    HOST_REQUESTS["create_space_request"]: f"{ID} name ?username",
    HOST_REQUESTS["delete_space_request"]: f"{RQ} uuid",
    HOST_REQUESTS["create_channel_request"]: f"{RQ} name space_uuid",
    HOST_REQUESTS["delete_channel_request"]: f"{RQ} uuid",
    HOST_REQUESTS["invite_user_request"]: f"{RQ} public_key space_uuid",
    HOST_REQUESTS["accept_invite_request"]: f"{ID} space_user_id",
    HOST_REQUESTS["leave_space_request"]: f"{ID} space_uuid",
    HOST_REQUESTS["remove_space_user_request"]: f"{RQ} {TARGET}",
    HOST_REQUESTS["save_chat_message_request"]: (
        f"{ID} ?username channel_uuid envelope ?space_uuid".replace(" client_uuid", " ?client_uuid")
    ),
    HOST_REQUESTS["get_messages_request"]: (
        "channel_uuid client_uuid before_unix_time ?before_id ?after_id ?limit ?user_public_key ?request_id"
    ),
    HOST_REQUESTS["channel_allow_voice_request"]: "uuid allow client_uuid ?request_id",
    HOST_REPLIES["get_dash_data_response"]: (
        "user spaces invites ?capabilities ?active_devices client_uuid ?request_id"
    ),
    HOST_REPLIES["create_space_response"]: "space capability client_uuid ?request_id",
    HOST_REPLIES["delete_space_response"]: "ClientUUID SpaceUUID ?request_id",
    HOST_REPLIES["create_channel_response"]: "channel space_uuid client_uuid ?request_id",
    HOST_REPLIES["delete_channel_response"]: "id uuid space_uuid client_uuid ?request_id",
    HOST_REPLIES["invite_user_success"]: (
        "public_key user_id ?user_public_key space_uuid invite client_uuid ?request_id"
    ),
    HOST_REPLIES["accept_invite_success"]: "space_user_id user space capability client_uuid ?request_id",
    HOST_REPLIES["get_messages_response"]: "messages has_more_messages channel_uuid client_uuid ?request_id",
    HOST_REPLIES["save_chat_message_response"]: (
        "channel_uuid message_id id timestamp duplicate client_uuid ?request_id"
    ),
    HOST_REPLIES["error"]: REFUSAL,
}


@pytest.mark.parametrize(("cls", "fields"), FIELDS.items(), ids=lambda part: getattr(part, "__name__", ""))
def test_a_type_has_the_fields_of_the_wire(cls: type[Body], fields: str) -> None:
    """`?` marks what is left out when empty; everything else is always written."""
    listed = fields.split()
    assert plain(cls()).keys() == {field for field in listed if not field.startswith("?")}
    assert set(cls.__struct_encode_fields__) - {"(extra)"} == {field.lstrip("?") for field in listed}


def test_every_message_of_the_host_link_is_listed() -> None:
    assert not (set(HOST_REQUESTS.values()) | set(HOST_REPLIES.values())) - FIELDS.keys()


def test_features_are_plain_words() -> None:
    assert FEATURES == ("save_ack", "push", "cursor", "host_status")
