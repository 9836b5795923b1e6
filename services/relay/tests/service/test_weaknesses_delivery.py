"""What is said reaches those it is meant for once, when it is stored, in the shape the wire promises."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chat_client import ChatClient, Refused
from deployment import Relay, eventually
from scripted_host import ScriptedHost

pytestmark = pytest.mark.processes
Data = dict[str, Any]
Enter = Callable[..., Awaitable[ChatClient]]

SAVE = "save_chat_message_request"


async def says(client: ChatClient, host: ScriptedHost, text: str) -> tuple[str, Data]:
    """Sends a message and waits until the host is asked to keep it: (message id, the question)."""
    body = client.seal(text)
    await client.say("chat", body)
    return body["envelope"]["message_id"], await host.asked(SAVE)


def answering(question: Data, **fields: Any) -> Data:
    return {"client_uuid": question["client_uuid"], "request_id": question["request_id"], **fields}


# --- store, then show ---


async def test_a_message_is_shown_only_when_the_host_has_stored_it(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q12."""
    host.silent.add(SAVE)
    message_id, question = await says(alice, host, "Hello")
    assert await bob.fence() == []
    assert question["space_uuid"] == space
    assert question["user_public_key"] == alice.identity.public_key
    stored = {"channel_uuid": alice.channel_uuid, "message_id": message_id, "id": 41}
    at = "2026-01-02T03:04:05Z"
    await host.say("save_chat_message_response", answering(question, timestamp=at, duplicate=False, **stored))
    shown = (await bob.expect("chat")).data
    assert (shown["id"], shown["timestamp"], shown["channel_uuid"]) == (41, at, alice.channel_uuid)
    assert shown["envelope"] == question["envelope"]
    assert (await alice.expect("chat_saved")).data == {**stored, "timestamp": at, "duplicate": False}


async def test_a_message_the_host_refuses_is_seen_by_nobody_and_its_sender_is_told(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q12."""
    host.silent.add(SAVE)
    message_id, question = await says(alice, host, "Too much")
    await host.say("error", answering(question, error="The disk is full.", code="database_error", hint="Make room."))
    refusal = (await alice.expect("error")).data
    expected = {"error": "The disk is full.", "code": "database_error", "hint": "Make room.", "message_id": message_id}
    assert expected.items() <= refusal.items()
    assert await bob.fence() == []
    assert await alice.fence() == []


async def test_a_refusal_of_an_old_host_gets_a_code(host: ScriptedHost, alice: ChatClient) -> None:
    """Without a number it settles the oldest question of that browser."""
    host.silent.add(SAVE)
    message_id, question = await says(alice, host, "Too much")
    await host.say("error", {"error": "Failed", "client_uuid": question["client_uuid"]})
    refusal = (await alice.expect("error")).data
    assert (refusal["code"], refusal["message_id"]) == ("host_refused", message_id)
    await host.say("error", {"error": "Failed", "client_uuid": question["client_uuid"]})
    await alice.dashboard()
    assert await alice.fence() == []


async def test_a_duplicate_is_confirmed_and_not_shown_again(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q7."""
    host.silent.add(SAVE)
    message_id, question = await says(alice, host, "Hello")
    saved = {"message_id": message_id, "id": 41, "timestamp": "2026-01-02T03:04:05Z", "duplicate": True}
    await host.say("save_chat_message_response", answering(question, channel_uuid=alice.channel_uuid, **saved))
    assert (await alice.expect("chat_saved")).data["duplicate"] is True
    assert await alice.fence() == []
    assert await bob.fence() == []


async def test_when_the_host_goes_away_before_it_has_stored_the_sender_is_told(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q12."""
    host.silent.add(SAVE)
    message_id, _ = await says(alice, host, "Hello")
    await host.disconnect()
    lost = (await alice.expect("author_error")).data
    assert (lost["code"], lost["request"], lost["message_id"]) == ("host_offline", "chat", message_id)
    assert (await alice.expect("host_status")).data["online"] is False
    with pytest.raises(Refused) as refused:
        await alice.send("Anybody?")
    assert (refused.value.type, refused.value.data["code"]) == ("author_error", "host_offline")
    assert refused.value.data["message_id"]
    assert [frame.type for frame in await bob.fence()] == ["host_status"]
    await host.connect()
    assert (await alice.expect("host_status")).data["online"] is True
    host.silent.clear()
    await alice.send("Back again")


async def test_a_message_to_an_old_host_is_forwarded_and_shown(legacy_host: ScriptedHost, enter: Enter) -> None:
    """Q12: such a host never answers, so it is trusted to store."""
    alice = await enter(legacy_host)
    bob = await enter(legacy_host, alice)
    shown = await alice.send("Hello")
    assert "id" not in shown
    assert (await bob.expect("chat")).data == shown
    assert (await legacy_host.asked(SAVE))["envelope"] == shown["envelope"]
    assert await alice.fence() == []


async def test_a_message_sent_again_to_an_old_host_is_refused(legacy_host: ScriptedHost, enter: Enter) -> None:
    """Q7."""
    alice = await enter(legacy_host)
    bob = await enter(legacy_host, alice)
    body = alice.seal("Hello")
    await alice.send_body(body)
    await bob.expect("chat")
    with pytest.raises(Refused) as refused:
        await alice.send_body(body)
    assert refused.value.data["code"] == "replayed"
    assert await bob.fence() == []
    assert len([type_ for type_, _ in legacy_host.heard if type_ == SAVE]) == 1


# --- readers ---


async def test_a_reader_that_stops_reading_is_cut_and_nobody_else_is_harmed(
    relay: Relay, host: ScriptedHost, alice: ChatClient, bob: ChatClient, enter: Enter
) -> None:
    """Q3."""
    stalled = await enter(host, alice, buffer=16_384)
    cut_before = relay.metric("parch_relay_slow_readers_total")
    stalled.socket.transport.pause_reading()
    for _ in range(30):
        await alice.send("x" * 90_000)
        await bob.expect("chat")
        if relay.metric("parch_relay_slow_readers_total") > cut_before:
            break
    await eventually(lambda: relay.metric("parch_relay_slow_readers_total") == cut_before + 1, "the reader is cut", 5)
    stalled.socket.transport.abort()
    await alice.send("Is everybody well?")
    assert (await bob.expect("chat")).data["id"]
    assert host.close_code is None


async def test_the_cursor_of_a_page_and_its_reader_reach_the_host(host: ScriptedHost, bob: ChatClient) -> None:
    """Q11."""
    await bob.history(before_id=17, limit=3)
    question = await host.asked("get_messages_request")
    assert (question["before_id"], question["limit"]) == (17, 3)
    assert question["user_public_key"] == bob.identity.public_key
    await bob.history(after_id=9)
    question = await host.asked("get_messages_request", 2)
    assert question["after_id"] == 9
    assert "before_id" not in question


async def test_empty_lists_are_lists_even_when_the_host_says_null(legacy_host: ScriptedHost, enter: Enter) -> None:
    """Q17, Q18."""
    alice = await enter(legacy_host)
    legacy_host.spaces[alice.channels[alice.channel_uuid]]["channels"] = None
    dashboard = await alice.dashboard()
    assert dashboard["spaces"][0]["channels"] == []
    assert dashboard["invites"] == []
    alice.channels[alice.channel_uuid] = dashboard["spaces"][0]["uuid"]
    assert (await alice.history())["messages"] == []


async def test_a_dashboard_without_spaces_is_a_list(legacy_host: ScriptedHost) -> None:
    """Q17."""
    async with await ChatClient.login(legacy_host.relay_url, legacy_host.uuid) as newcomer:
        assert (await newcomer.dashboard())["spaces"] == []


# --- spaces ---


async def test_those_who_are_left_hear_which_space_was_deleted(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q16."""
    deleted = {"uuid": space, "capability_token": alice.tokens[space]}
    assert await alice.ask("delete_space", deleted, "delete_space_success") == {"space_uuid": space}
    assert (await bob.expect("delete_space_update")).data == {"space_uuid": space}
    assert await alice.fence() == []


async def test_an_invite_from_the_host_itself_congratulates_nobody(host: ScriptedHost, alice: ChatClient) -> None:
    """Q29: old hosts put the newcomer's own session into it."""
    await alice.dashboard()
    newcomer = (await host.asked("get_dash_data_request"))["client_uuid"]
    invite = {"id": 5, "space_uuid": "official", "user_id": alice.user["id"], "joined": 0, "name": "Welcome"}
    for session in ("", newcomer):
        body = {"public_key": "", "user_public_key": alice.identity.public_key, "invite": invite}
        await host.say("invite_user_success", {**body, "client_uuid": session})
        assert (await alice.invited())["name"] == "Welcome"
    await alice.dashboard()
    assert await alice.fence() == []


async def test_requests_pass_with_the_sessions_identity_and_their_answers_come_back(
    host: ScriptedHost, alice: ChatClient, space: str
) -> None:
    """What a browser says of itself in a request does not count."""
    claims = {"user_public_key": "somebody else", "requester_user_public_key": "somebody else", "client_uuid": "x"}
    body = {"name": "Tools", "space_uuid": space, "capability_token": alice.tokens[space], **claims}
    await alice.say("create_channel", body)
    question = await host.asked("create_channel_request")
    assert question["requester_user_public_key"] == alice.identity.public_key
    assert question["client_uuid"] != "x"
    channel = {"id": 8, "uuid": "c-2", "name": "Tools", "space_uuid": space, "allow_voice": 0}
    await host.say("create_channel_response", answering(question, channel=channel, space_uuid=space))
    assert (await alice.expect("create_channel_success")).data["channel"] == channel
    assert (await alice.expect("create_channel_update")).data["channel"] == channel
    await alice.join_channel("c-2")


async def test_nobody_waits_for_a_host_that_does_not_answer(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q12: a question has its limit of time."""
    host.silent |= {SAVE, "get_dash_data_request"}
    message_id, _ = await says(alice, host, "Hello")
    await bob.say("get_dash_data")
    alice.patience = bob.patience = 20
    late, no_page = await asyncio.gather(alice.expect("error"), bob.expect("error"))
    assert (late.data["code"], late.data["message_id"]) == ("host_timeout", message_id)
    assert (no_page.data["code"], no_page.data["request"]) == ("host_timeout", "get_dash_data")
