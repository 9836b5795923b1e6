"""Spec §12, a host of the original behind the relay under test: it must find everything as it always was."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat_client import ChatClient, Refused
from deployment import fetch
from scripted_host import LEGACY, ScriptedHost
from websockets.asyncio.client import ClientConnection, connect

pytestmark = pytest.mark.processes

ID = {"user_id": int, "user_public_key": str, "user_enc_public_key": str, "client_uuid": str}
RQ = {f"requester_{name}": kind for name, kind in ID.items() if name != "client_uuid"} | {"client_uuid": str}
REQUESTS: dict[str, dict[str, type]] = {
    "get_dash_data_request": {**ID, "username": str},
    "update_username_request": {**ID, "username": str},
    "create_space_request": {**ID, "name": str, "username": str},
    "delete_space_request": {**RQ, "uuid": str},
    "create_channel_request": {**RQ, "name": str, "space_uuid": str},
    "delete_channel_request": {**RQ, "uuid": str},
    "invite_user_request": {**RQ, "public_key": str, "space_uuid": str},
    "accept_invite_request": {**ID, "space_user_id": int},
    "decline_invite_request": {**ID, "space_user_id": int},
    "leave_space_request": {**ID, "space_uuid": str},
    "remove_space_user_request": {**RQ, "space_uuid": str, "user_id": int, "user_public_key": str},
    "save_chat_message_request": {
        **{name: kind for name, kind in ID.items() if name != "client_uuid"},
        "username": str,
        "channel_uuid": str,
        "envelope": dict,
    },
    "get_messages_request": {"channel_uuid": str, "client_uuid": str, "before_unix_time": str},
}
"""Fields and JSON types a host of the original reads (spec §3.6); whatever comes beside them it ignores."""

UNANSWERED = "00000000-0000-4000-8000-00000000beef"


@pytest.fixture
async def host(relay_url: str) -> AsyncIterator[ScriptedHost]:
    """A host that speaks as the original did."""
    async with await ScriptedHost.registered(relay_url, LEGACY) as host:
        yield host


@pytest.fixture
async def browser(host: ScriptedHost) -> AsyncIterator[ChatClient]:
    """Somebody with a space of her own there, in its first channel."""
    async with await ChatClient.login(host.relay_url, host.uuid, username="Ann") as browser:
        space = await browser.create_space("Home")
        await browser.join_channel(space["channels"][0]["uuid"])
        yield browser


# --- registration and entry ---


async def test_registration_answers_201_for_a_new_host_and_200_for_a_known_one_with_its_uuid(relay_url: str) -> None:
    host = await ScriptedHost.registered(relay_url)
    again = {"uuid": host.uuid, "name": "Again", "signing_public_key": host.public_key}
    status, answer = await asyncio.to_thread(fetch, f"{relay_url}/api/register_host", again)
    assert (status, answer["uuid"]) == (200, host.uuid)
    fresh = {**again, "uuid": ""}
    status, answer = await asyncio.to_thread(fetch, f"{relay_url}/api/register_host", fresh)
    assert (status, bool(answer["uuid"])) == (201, True)


async def test_a_host_enters_without_origin_and_hears_the_words_it_knows(relay_url: str) -> None:
    host = await ScriptedHost.registered(relay_url, LEGACY)
    async with connect(f"{relay_url.replace('http', 'ws', 1)}/ws", proxy=None) as socket:
        await socket.send(json.dumps({"type": "join_host", "data": {"uuid": host.uuid, "role": "host"}}))
        heard = {message["type"]: message["data"] for message in [await received(socket) for _ in range(3)]}
        assert heard["join_ack"] == "Joined host successfully"
        assert heard["auth_challenge"]["challenge"]
        challenge = heard["host_auth_challenge"]["challenge"]
        signature = host.sign(f"parch-host-auth:{host.uuid}:{challenge}")
        assert not signature.endswith("=")
        await socket.send(json.dumps({"type": "host_auth", "data": {"challenge": challenge, "signature": signature}}))
        assert await received(socket) == {"type": "host_auth_success", "data": "Host authenticated"}


async def test_a_browser_is_let_in_when_the_host_has_acknowledged_the_nonce(host: ScriptedHost) -> None:
    async with await ChatClient.connect(host.relay_url) as browser:
        await browser.join(host.uuid)
        assert (await host.asked("relay_health_check"))["nonce"]


async def test_a_browser_is_kept_out_when_the_host_acknowledges_another_nonce(host: ScriptedHost) -> None:
    host.silent.add("relay_health_check")
    async with await ChatClient.connect(host.relay_url) as browser:
        await browser.say("join_host", {"uuid": host.uuid})
        await host.asked("relay_health_check")
        await host.say("relay_health_check_ack", {"nonce": UNANSWERED})
        assert "offline" in (await browser.expect("join_error")).data["error"]


# --- what it is asked ---


async def test_every_request_has_the_fields_and_types_the_original_reads(
    host: ScriptedHost, browser: ChatClient
) -> None:
    space, channel = next(iter(browser.spaces)), browser.channel_uuid
    proof = {"capability_token": browser.tokens[space]}
    host.silent = set(REQUESTS) - {"save_chat_message_request"}
    other = {"user_id": 7, "user_public_key": "somebody"}
    for type_, body in {
        "get_dash_data": "",
        "update_username": {"username": "Anna"},
        "create_space": {"name": "Two"},
        "create_channel": {"name": "general", "space_uuid": space, **proof},
        "invite_user": {"public_key": "somebody", "space_uuid": space, **proof},
        "accept_invite": {"space_user_id": 3},
        "decline_invite": {"space_user_id": 3},
        "leave_space": {"space_uuid": space},
        "remove_space_user": {"space_uuid": space, **other, **proof},
        "chat": browser.seal("hello"),
        "get_messages": {"before_unix_time": "2999-01-01T00:00:00.000Z", **proof},
        "delete_channel": {"uuid": channel, "space_uuid": space, **proof},
        "delete_space": {"uuid": space, **proof},
    }.items():
        await browser.say(type_, body)
    for request, fields in REQUESTS.items():
        count = 2 if request == "create_space_request" else 1
        asked = await host.asked(request, count)
        assert {name: type(asked.get(name)) for name in fields} == fields, request


async def test_the_session_of_the_relay_speaks_not_the_body_of_the_browser(
    host: ScriptedHost, browser: ChatClient
) -> None:
    forged = {"user_id": 99, "user_public_key": "evil", "client_uuid": "evil"}
    host.silent.add("update_username_request")
    await browser.say("update_username", {"username": "Anna", **forged})
    asked = await host.asked("update_username_request")
    assert asked["user_public_key"] == browser.identity.public_key
    assert asked["user_id"] == browser.user["id"]
    assert asked["client_uuid"] != "evil"


async def test_a_host_is_asked_nothing_it_has_never_heard_of(host: ScriptedHost, browser: ChatClient) -> None:
    await browser.send("hello")
    await browser.history()
    await browser.dashboard()
    assert {type_ for type_, _ in host.heard} <= {*REQUESTS, "relay_health_check"}


# --- what it answers ---


async def test_null_for_an_empty_list_reaches_browsers_as_an_empty_list(host: ScriptedHost) -> None:
    async with await ChatClient.login(host.relay_url, host.uuid) as newcomer:
        payload = await newcomer.dashboard()
        assert (payload["spaces"], payload["invites"]) == ([], [])
        space = await newcomer.create_space("Home")
        await newcomer.join_channel(space["channels"][0]["uuid"])
        assert (await newcomer.history())["messages"] == []


async def test_the_answer_to_delete_space_is_read_with_its_capitals(host: ScriptedHost, browser: ChatClient) -> None:
    space = next(iter(browser.spaces))
    await browser.say("delete_space", {"uuid": space, "capability_token": browser.tokens[space]})
    await browser.expect("delete_space_success")
    with pytest.raises(Refused):
        await browser.join_channel(browser.channel_uuid)


async def test_an_error_reaches_the_browser_its_client_uuid_names(host: ScriptedHost, browser: ChatClient) -> None:
    host.silent.add("create_space_request")
    await browser.say("create_space", {"name": "Two"})
    asked = await host.asked("create_space_request", 2)
    await host.say("error", {"error": "The disk is full", "client_uuid": asked["client_uuid"]})
    refused = (await browser.expect("error")).data
    assert (refused["error"], refused["client_uuid"]) == ("The disk is full", "")


async def test_an_invite_before_the_dashboard_is_passed_on_at_once(host: ScriptedHost, browser: ChatClient) -> None:
    """The original's public host invites a newcomer while it answers her first dashboard (spec §7.9)."""
    host.silent.add("get_dash_data_request")
    invite = {"id": 1, "space_uuid": "parch-community", "user_id": 9, "joined": 0, "name": "Parch Community"}
    async with await ChatClient.connect(host.relay_url) as newcomer:
        await newcomer.join(host.uuid)
        await newcomer.auth()
        await newcomer.say("get_dash_data")
        asked = await host.asked("get_dash_data_request", 2)
        key, session = newcomer.identity.public_key, asked["client_uuid"]
        invited = {**invite, "user_public_key": key}
        answer = {"public_key": "", "user_id": 9, "user_public_key": key, "space_uuid": "parch-community"}
        await host.say("invite_user_success", {**answer, "invite": invited, "client_uuid": session})
        await host.answer("get_dash_data_request", asked)
        assert (await newcomer.invited())["name"] == "Parch Community"
        await newcomer.expect("dash_data_payload")


async def test_a_message_is_saved_and_shown_though_the_host_acknowledges_nothing(
    host: ScriptedHost, browser: ChatClient
) -> None:
    shown = await browser.send("hello")
    saved = await host.asked("save_chat_message_request")
    assert saved["envelope"] == shown["envelope"]
    assert browser.texts(await browser.history()) == ["hello"]


async def received(socket: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())
