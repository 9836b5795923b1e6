"""Spec §12, a browser of the original before the relay under test: it must find everything as it always was."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

import pytest
from chat_client import ChatClient
from conformance.subject import Subject
from deployment import fetch

pytestmark = pytest.mark.processes

NO_TOKEN = "not.a-token"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def ann(subject: Subject) -> AsyncIterator[ChatClient]:
    """Somebody with a space of her own, in its first channel."""
    async with await ChatClient.login(*subject, username="Ann") as ann:
        space = await ann.create_space("Home")
        await ann.join_channel(space["channels"][0]["uuid"])
        yield ann


@pytest.fixture
async def newcomer(subject: Subject) -> AsyncIterator[ChatClient]:
    async with await ChatClient.login(*subject) as newcomer:
        yield newcomer


# --- the dashboard ---


async def test_lists_are_arrays_even_when_they_are_empty(newcomer: ChatClient) -> None:
    payload = await newcomer.dashboard()
    assert isinstance(payload["spaces"], list)
    assert isinstance(payload["invites"], list)


async def test_a_space_without_channels_has_an_empty_array_of_them(ann: ChatClient) -> None:
    (space,) = ann.spaces
    token = {"capability_token": ann.tokens[space]}
    await ann.ask("delete_channel", {"uuid": ann.channel_uuid, "space_uuid": space, **token}, "delete_channel_success")
    (shown,) = (await ann.dashboard())["spaces"]
    assert shown["channels"] == []
    assert [user["id"] for user in shown["users"]] == [ann.user["id"]]


async def test_history_of_an_empty_channel_is_an_empty_array(ann: ChatClient) -> None:
    assert (await ann.history())["messages"] == []


async def test_tokens_name_their_space_and_say_in_seconds_until_when(ann: ChatClient) -> None:
    (capability,) = (await ann.dashboard())["capabilities"]
    (space,) = ann.spaces
    assert capability["space_uuid"] == space
    assert isinstance(capability["token"], str)
    assert 0 < capability["expires_at"] - time.time() <= 301


async def test_own_devices_are_listed_with_the_current_one_marked(ann: ChatClient) -> None:
    devices = (await ann.dashboard())["active_devices"]
    assert [device["is_current"] for device in devices] == [True]
    assert devices[0].keys() == {"device_id", "device_name", "last_seen", "is_current"}


# --- entry ---


async def test_the_challenge_is_a_text(subject: Subject) -> None:
    async with await ChatClient.connect(subject.relay_url) as browser:
        await browser.join(subject.host_uuid)
        challenge = (await browser.expect("auth_challenge")).data["challenge"]
        assert isinstance(challenge, str)
        assert challenge


async def test_joining_is_refused_for_a_host_nobody_knows_and_may_be_tried_again(subject: Subject) -> None:
    async with await ChatClient.connect(subject.relay_url) as browser:
        await browser.say("join_host", {"uuid": UNKNOWN})
        assert (await browser.expect("join_error")).data["client_uuid"] == ""
        assert (await browser.join(subject.host_uuid)).data == "Joined host successfully"


async def test_text_and_binary_frames_are_read_alike(subject: Subject) -> None:
    async with await ChatClient.connect(subject.relay_url) as browser:
        await browser.socket.send(b'{"type":"get_dash_data","data":""}')
        assert (await browser.expect("error")).data["error"] == "Client not initialized"


# --- talking ---


async def test_join_channel_and_get_messages_may_be_sent_back_to_back(ann: ChatClient) -> None:
    await ann.send("first")
    (space,) = ann.spaces
    token = {"capability_token": ann.tokens[space]}
    await ann.say("join_channel", {"uuid": ann.channel_uuid, **token})
    await ann.say("get_messages", {"before_unix_time": "2999-01-01T00:00:00.000Z", **token})
    expected = ["left_channel", "joined_channel", "get_messages_success"]
    heard = [(await ann.expect(*expected)).type for _ in expected]
    assert heard == expected


async def test_a_message_carries_its_envelope_and_a_time(ann: ChatClient) -> None:
    body = ann.seal("hello")
    shown = await ann.send_body(body)
    assert shown["envelope"] == body["envelope"]
    assert shown["timestamp"].endswith("Z")


async def test_unknown_types_and_unknown_fields_are_ignored(ann: ChatClient) -> None:
    await ann.say("of_the_future", {"x": 1})
    shown = await ann.send_body({**ann.seal("hello"), "of_the_future": {"deep": [1, None, True]}})
    assert ann.identity.decrypt(shown["envelope"]) == "hello"


async def test_an_integer_may_be_written_with_a_fraction_of_zero(newcomer: ChatClient) -> None:
    await newcomer.socket.send('{"type":"accept_invite","data":{"space_user_id":987654321.0}}')
    refusal = (await newcomer.expect("error")).data
    assert not refusal["error"].startswith("Invalid")


REFUSED_TOKENS: dict[str, dict[str, Any]] = {
    "join_channel": {"uuid": "CHANNEL"},
    "chat": {"envelope": "ENVELOPE"},
    "get_messages": {"before_unix_time": "2999-01-01T00:00:00.000Z"},
    "join_all_spaces": {"space_uuids": ["SPACE"], "capability_tokens": {"SPACE": NO_TOKEN}},
    "create_channel": {"name": "x", "space_uuid": "SPACE"},
    "delete_channel": {"uuid": "CHANNEL", "space_uuid": "SPACE"},
    "invite_user": {"public_key": "x", "space_uuid": "SPACE"},
    "remove_space_user": {"space_uuid": "SPACE", "user_id": 1},
    "delete_space": {"uuid": "SPACE"},
}


@pytest.mark.parametrize("action", REFUSED_TOKENS)
async def test_a_refused_token_says_unauthorized(ann: ChatClient, action: str) -> None:
    """Old browsers look for the word, fetch a fresh token and try once more."""
    (space,) = ann.spaces
    ours = {"SPACE": space, "CHANNEL": ann.channel_uuid, "ENVELOPE": ann.seal("hello")["envelope"]}
    await ann.say(action, {**substituted(REFUSED_TOKENS[action], ours), "capability_token": NO_TOKEN})
    assert "unauthorized" in (await ann.expect("error")).data["error"].lower()


def substituted(value: Any, ours: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {ours.get(key, key): substituted(item, ours) for key, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, ours) for item in value]
    return ours.get(value, value) if isinstance(value, str) else value


# --- the three HTTP routes ---


async def test_the_list_of_hosts_says_online_in_a_number_and_leaves_out_who_is_unknown(subject: Subject) -> None:
    status, answer = await asyncio.to_thread(
        fetch, f"{subject.relay_url}/api/hosts_by_uuids", {"uuids": [subject.host_uuid, UNKNOWN]}
    )
    (host,) = answer["hosts"]
    assert (status, host["uuid"], host["online"]) == (200, subject.host_uuid, 1)
    assert type(host["online"]) is int
    assert isinstance(host["name"], str)


async def test_a_host_is_found_by_its_uuid(subject: Subject) -> None:
    status, answer = await asyncio.to_thread(fetch, f"{subject.relay_url}/api/host/{subject.host_uuid}")
    assert (status, answer["uuid"]) == (200, subject.host_uuid)
    status, answer = await asyncio.to_thread(fetch, f"{subject.relay_url}/api/host/{UNKNOWN}")
    assert (status, answer["error"]) == (404, "Host not found by uuid")


@pytest.mark.parametrize("route", ["/api/hosts_by_uuids", "/api/host/HOST", "/api/register_host"])
async def test_pages_from_elsewhere_may_use_the_three_routes(subject: Subject, route: str) -> None:
    """The web client's bundle may come from another origin."""
    url = subject.relay_url + route.replace("HOST", subject.host_uuid)
    method = "GET" if "HOST" in route else "POST"
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": method}
    asked["Access-Control-Request-Headers"] = "content-type"
    request = urllib.request.Request(url, headers=asked, method="OPTIONS")
    headers = await asyncio.to_thread(headers_of, request)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert method in headers["Access-Control-Allow-Methods"]


def headers_of(request: urllib.request.Request) -> Message:
    with urllib.request.urlopen(request, timeout=5) as answer:
        headers: Message = answer.headers
        return headers
