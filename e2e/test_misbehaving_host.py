"""A host that is slow, silent or lies costs its own members something, never a relay or a neighbour (spec Q1, Q12)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from chat_client import ChatClient
from deployment import Host, Relay, eventually, fetch
from scripted_host import LEGACY, ScriptedHost

pytestmark = pytest.mark.processes

ANSWER_SECONDS = 15


@pytest.fixture
async def host_(relay: Relay) -> AsyncIterator[ScriptedHost]:
    """A host that acknowledges saves and does as it is told."""
    async with await ScriptedHost.registered(relay.url) as host:
        yield host


async def in_channel(host: ScriptedHost) -> ChatClient:
    """The author of a space there, in its first channel."""
    client = await ChatClient.login(host.relay_url, host.uuid)
    space = await client.create_space("Home")
    await client.join_channel(space["channels"][0]["uuid"])
    return client


async def test_nobody_sees_a_message_before_the_host_has_stored_it(host_: ScriptedHost) -> None:
    host_.silent.add("save_chat_message_request")
    async with await in_channel(host_) as ann:
        await ann.say("chat", ann.seal("hello"))
        asked = await host_.asked("save_chat_message_request")
        assert not [frame for frame in await ann.fence() if frame.type == "chat"]
        await host_.answer("save_chat_message_request", asked)
        assert await ann.heard() == "hello"


async def test_a_message_the_host_refuses_is_shown_to_nobody_and_its_sender_is_told(host_: ScriptedHost) -> None:
    host_.silent.add("save_chat_message_request")
    async with await in_channel(host_) as ann:
        body = ann.seal("hello")
        await ann.say("chat", body)
        asked = await host_.asked("save_chat_message_request")
        refusal = {"error": "The disk is full", "code": "database_error", "client_uuid": asked["client_uuid"]}
        await host_.say("error", {**refusal, "request_id": asked["request_id"]})
        refused = (await ann.expect("error")).data
        assert (refused["code"], refused["message_id"]) == ("database_error", body["envelope"]["message_id"])
        assert not [frame for frame in await ann.fence() if frame.type == "chat"]


async def test_a_host_that_does_not_answer_is_given_up_and_the_message_may_be_sent_again(host_: ScriptedHost) -> None:
    host_.silent.add("save_chat_message_request")
    async with await in_channel(host_) as ann:
        ann.patience = ANSWER_SECONDS + 5
        body = ann.seal("hello")
        await ann.say("chat", body)
        refused = (await ann.expect("error")).data
        assert (refused["code"], refused["message_id"]) == ("host_timeout", body["envelope"]["message_id"])
        host_.silent.clear()
        assert ann.identity.decrypt((await ann.send_body(body))["envelope"]) == "hello"


async def test_an_answer_nobody_waits_for_changes_nobody(host_: ScriptedHost) -> None:
    """The original took a dashboard at any time and with it another identity (spec Q1)."""
    async with await in_channel(host_) as ann:
        session = (await host_.asked("get_dash_data_request"))["client_uuid"]
        stranger = {"id": 1, "username": "Mallory", "public_key": "x", "enc_public_key": "y"}
        dashboard = {"user": stranger, "spaces": [], "invites": [], "client_uuid": session}
        await host_.say("get_dash_data_response", dashboard)
        await host_.say("update_username_response", {"user_id": 1, "username": "Mallory", "client_uuid": session})
        await ann.send("still Ann")
        saved = await host_.asked("save_chat_message_request")
        assert saved["user_public_key"] == ann.identity.public_key
        assert saved["username"] != "Mallory"


async def test_answers_that_make_no_sense_are_ignored(host_: ScriptedHost) -> None:
    async with await in_channel(host_) as ann:
        for type_, data in (
            ("get_dash_data_response", "x"),
            ("create_space_response", {"space": 7}),
            ("delete_space_response", {"ClientUUID": 1, "SpaceUUID": []}),
            ("get_messages_response", None),
            ("of_the_future_response", {}),
        ):
            await host_.say(type_, data)  # type: ignore[arg-type]
        await ann.send("still here")


@pytest.mark.parametrize("features", [LEGACY, ("save_ack",)])
async def test_a_host_that_leaves_is_shown_offline_at_once(relay: Relay, features: tuple[str, ...]) -> None:
    host = await ScriptedHost.registered(relay.url, features)
    async with host:
        assert (await asyncio.to_thread(listed, relay, host)) == 1
    await eventually(lambda: listed(relay, host) == 0, "the list of hosts says so", 3)


def listed(relay: Relay, host: ScriptedHost | Host) -> int:
    """What the list of hosts says: 1 online, 0 not."""
    hosts = fetch(f"{relay.url}/api/hosts_by_uuids", {"uuids": [host.uuid]})[1]["hosts"]
    return int(hosts[0]["online"])


async def test_a_host_without_features_gets_its_answers_matched_oldest_first(relay: Relay) -> None:
    async with await ScriptedHost.registered(relay.url, LEGACY) as host, await in_channel(host) as ann:
        host.silent.add("create_space_request")
        await ann.say("create_space", {"name": "One"})
        await ann.say("create_space", {"name": "Two"})
        for count in (2, 3):
            await host.answer("create_space_request", await host.asked("create_space_request", count))
        names = [(await ann.expect("create_space_success")).data["space"]["name"] for _ in range(2)]
        assert names == ["One", "Two"]
