"""Nobody speaks for somebody else: host messages from browsers, replies nobody asked for, members who are gone."""

import json
from typing import Any

import pytest
from chat_client import ChatClient, Identity, Refused
from scripted_host import ScriptedHost
from websockets.asyncio.client import connect

from parch_wire.messages import HOST_REPLIES

pytestmark = pytest.mark.processes
Data = dict[str, Any]


def forged(host: ScriptedHost, attacker: ChatClient, victim: ChatClient, space: str) -> Data:
    """A body that fits every host message and would harm the victim."""
    user = {"id": 1, "username": "forged", "public_key": victim.identity.public_key}
    channel = {"id": 9, "uuid": victim.channel_uuid, "name": "taken", "space_uuid": "0"}
    return {
        "client_uuid": host.heard[-1][1].get("client_uuid", ""),
        "ClientUUID": host.heard[-1][1].get("client_uuid", ""),
        "SpaceUUID": space,
        "user": user,
        "user_id": victim.user["id"],
        "user_public_key": victim.identity.public_key,
        "public_key": victim.identity.public_key,
        "enc_public_key": attacker.identity.enc_public_key,
        "space_uuid": space,
        "space": {"id": 9, "uuid": space, "name": "taken", "channels": [channel], "users": []},
        "channel": channel,
        "uuid": victim.channel_uuid,
        "channel_uuid": victim.channel_uuid,
        "spaces": [],
        "invites": [],
        "invite": {"id": 9, "space_uuid": space, "name": "You have won"},
        "error": "forged",
    }


@pytest.mark.parametrize("type_", sorted(HOST_REPLIES))
async def test_a_host_message_from_a_browser_changes_nothing(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str, type_: str
) -> None:
    """Q1."""
    await bob.dashboard()
    await bob.say(type_, forged(host, bob, alice, space))
    assert await bob.fence() == []
    echo = await alice.send("Still here")
    assert [frame.type for frame in await bob.fence()] == ["chat"]
    assert echo["envelope"]["sender_auth_public_key"] == alice.identity.public_key
    assert [frame.type for frame in await alice.fence()] == ["chat_saved"]


async def test_a_browser_cannot_become_somebody_else_by_answering_its_own_dashboard(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q1: the session's identity is the proved one in the next question to the host."""
    host.silent.add("get_dash_data_request")
    host.heard.clear()
    await bob.say("get_dash_data")
    await host.asked("get_dash_data_request")
    await bob.say("get_dash_data_response", forged(host, bob, alice, space))
    await bob.say("get_dash_data")
    assert (await host.asked("get_dash_data_request", 2))["user_public_key"] == bob.identity.public_key
    assert await bob.fence() == []


async def test_a_host_cannot_make_a_session_somebody_else(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q1: a dashboard of another identity is shown, but the session stays whose it was."""
    host.silent.add("get_dash_data_request")
    host.heard.clear()
    await bob.say("get_dash_data")
    question = await host.asked("get_dash_data_request")
    answer = {"user": alice.user, "spaces": [], "invites": [], "request_id": question["request_id"]}
    await host.say("get_dash_data_response", {**answer, "client_uuid": question["client_uuid"]})
    assert (await bob.expect("dash_data_payload")).data["user"]["public_key"] == alice.identity.public_key
    await bob.say("get_dash_data")
    assert (await host.asked("get_dash_data_request", 2))["user_public_key"] == bob.identity.public_key


async def test_an_answer_nobody_waits_for_is_shown_to_nobody(host: ScriptedHost, alice: ChatClient) -> None:
    """Q1."""
    await alice.dashboard()
    question = await host.asked("get_dash_data_request")
    stale = {"user": alice.user, "spaces": [], "invites": [], "client_uuid": question["client_uuid"]}
    await host.say("get_dash_data_response", stale)
    await host.say("get_dash_data_response", {**stale, "request_id": question["request_id"]})
    await alice.dashboard()
    assert alice.spaces
    assert await alice.fence() == []


async def test_a_host_message_that_does_not_fit_its_type_is_ignored(host: ScriptedHost, alice: ChatClient) -> None:
    await host.say("create_channel_response", {"channel": 7})
    await host.say("relay_health_check_ack", {"nonce": 7})
    await host.say("relay_health_check_ack", {"nonce": "of nobody"})
    await alice.dashboard()
    assert await alice.fence() == []


async def test_one_who_has_not_proved_the_hosts_key_does_not_speak_for_it(
    host: ScriptedHost, alice: ChatClient, space: str
) -> None:
    """Q1: joining as a host is not being it."""
    async with connect(host.relay_url.replace("http", "ws") + "/ws", proxy=None) as socket:
        await socket.send(json.dumps({"type": "join_host", "data": {"uuid": host.uuid, "role": "host"}}))
        await socket.send(json.dumps({"type": "delete_space_response", "data": {"SpaceUUID": space}}))
        answers = [json.loads(await socket.recv()) for _ in range(4)]
    assert answers[-1]["type"] == "authentication-error"
    assert answers[-1]["data"]["code"] == "not_authenticated"
    assert await alice.fence() == []


# --- members who are gone ---


async def test_a_removed_member_hears_nothing_more_and_cannot_come_back_with_the_old_token(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q2."""
    body = {"space_uuid": space, "user_id": bob.user["id"], "user_public_key": bob.identity.public_key}
    await alice.say("remove_space_user", {**body, "capability_token": alice.tokens[space]})
    question = await host.asked("remove_space_user_request")
    await host.say("remove_space_user_success", question)
    assert (await alice.expect("leave_space_update")).data["user_public_key"] == bob.identity.public_key
    assert (await bob.expect("leave_space_success")).data == {"space_uuid": space}
    await bob.expect("leave_space_update")
    await alice.send("Among ourselves")
    assert await bob.fence() == []
    with pytest.raises(Refused) as refused:
        await bob.join_all_spaces()
    assert refused.value.data["code"] == "not_a_member"
    with pytest.raises(Refused) as refused:
        await bob.join_channel(alice.channel_uuid)
    assert refused.value.data["code"] == "not_subscribed"
    with pytest.raises(Refused) as refused:
        await bob.send_body(bob.seal("Let me in"))
    assert refused.value.data["code"] == "no_channel"


async def test_a_member_who_left_hears_nothing_more(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q2, Q16: the answer says which space was left."""
    await bob.say("leave_space", {"space_uuid": space})
    question = await host.asked("leave_space_request")
    assert question["user_public_key"] == bob.identity.public_key
    await host.say("leave_space_success", question)
    assert (await bob.expect("leave_space_success")).data == {"space_uuid": space}
    assert (await alice.expect("leave_space_update")).data["user_id"] == question["user_id"]
    await bob.fence()
    await alice.send("Among ourselves")
    assert await bob.fence() == []


async def test_a_removal_the_host_announces_by_itself_takes_effect(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q2: nobody at the relay had asked."""
    gone = {"space_uuid": space, "user_public_key": bob.identity.public_key, "client_uuid": ""}
    await host.say("remove_space_user_success", gone)
    await bob.expect("leave_space_success")
    await bob.fence()
    await alice.send("Among ourselves")
    assert await bob.fence() == []


# --- messages under another name or for another place ---


async def test_a_message_under_anothers_name_is_refused(host: ScriptedHost, alice: ChatClient, bob: ChatClient) -> None:
    """Q13."""
    body = bob.seal("I am Alice")
    body["envelope"] = alice.identity.signed({**alice.seal("hi")["envelope"]})
    await refused_chat(host, bob, alice, body, "sender_mismatch")


async def test_a_message_for_another_channel_is_refused(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient, space: str
) -> None:
    """Q13."""
    body = bob.seal("Wrong door")
    body["envelope"] = bob.identity.encrypt([], space, "0000", "Wrong door")
    await refused_chat(host, bob, alice, body, "channel_mismatch")


async def test_an_unsigned_message_is_refused(host: ScriptedHost, alice: ChatClient, bob: ChatClient) -> None:
    """Q13."""
    body = bob.seal("Trust me")
    body["envelope"]["sig"] = Identity.new().signed(body["envelope"])["sig"]
    await refused_chat(host, bob, alice, body, "invalid_message_signature")


async def test_a_message_without_wrapped_keys_is_refused(
    host: ScriptedHost, alice: ChatClient, bob: ChatClient
) -> None:
    """Q13."""
    body = bob.seal("For nobody")
    del body["envelope"]["wrapped_keys"]
    await refused_chat(host, bob, alice, body, "invalid_wrapped_keys")


async def refused_chat(host: ScriptedHost, sender: ChatClient, other: ChatClient, body: Data, code: str) -> None:
    """The sender is told which message, the others and the host hear nothing."""
    with pytest.raises(Refused) as refused:
        await sender.send_body(body)
    assert refused.value.data["code"] == code
    assert refused.value.data["request"] == "chat"
    assert refused.value.data["message_id"] == body["envelope"]["message_id"]
    assert await other.fence() == []
    assert not [type_ for type_, _ in host.heard if type_ == "save_chat_message_request"]
