"""What a connection costs and how it ends: handshakes, limits, hosts that come, go and take over."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from chat_client import ChatClient, Identity, Refused
from deployment import Relay, eventually, fetch
from scripted_host import FULL, HostRefused, ScriptedHost
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = pytest.mark.processes
StartRelay = Callable[..., Relay]

NOBODY = "00000000-0000-4000-8000-000000000000"
REJOINED, FAULT, TOO_LATE, TOO_MANY_ATTEMPTS, DISPLACED = 1001, 1011, 4001, 4002, 4003


async def close_code(socket: ClientConnection) -> int | None:
    """Reads until the relay has closed the socket."""
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code


def online(relay: Relay, host: ScriptedHost) -> Any:
    return fetch(f"{relay.url}/api/hosts_by_uuids", {"uuids": [host.uuid]})[1]["hosts"][0]["online"]


# --- hosts ---


async def test_a_displaced_host_is_told_and_may_come_back_when_the_newer_one_leaves(
    relay: Relay, host: ScriptedHost, alice: ChatClient
) -> None:
    """Q9."""
    async with ScriptedHost(relay.url, host.uuid, host.key, FULL) as newer:
        assert await host.closed() == DISPLACED
        await alice.dashboard()
        assert [type_ for type_, _ in newer.heard] == ["get_dash_data_request"]
        await alice.fence()
    assert (await alice.expect("host_status")).data["online"] is False
    async with await ChatClient.connect(relay.url) as late:
        with pytest.raises(Refused) as refused:
            await late.join(host.uuid)
    assert (refused.value.type, refused.value.data["code"]) == ("join_error", "host_offline")
    await host.connect()
    assert (await alice.expect("host_status")).data["online"] is True
    await alice.dashboard()


async def test_a_host_is_listed_online_only_while_it_is_connected(relay: Relay, host: ScriptedHost) -> None:
    """Q22."""
    assert online(relay, host) == 1
    await host.disconnect()
    await eventually(lambda: online(relay, host) == 0, "the host is listed offline", 5)
    await host.connect()
    assert online(relay, host) == 1


async def test_no_host_is_listed_online_after_the_relay_has_crashed(start_relay: StartRelay) -> None:
    """Q22."""
    relay = start_relay()
    async with await ScriptedHost.registered(relay.url) as host:
        assert online(relay, host) == 1
        relay.kill()
        relay.start()
        assert online(relay, host) == 0
        await host.connect()
        assert online(relay, host) == 1


async def test_a_host_that_never_answers_lets_nobody_wait(host: ScriptedHost, relay: Relay) -> None:
    host.silent.add("relay_health_check")
    async with await ChatClient.connect(relay.url) as client:
        with pytest.raises(Refused) as refused:
            await client.join(host.uuid)
        assert refused.value.data["code"] == "host_offline"
        host.silent.clear()
        await client.join(host.uuid)
        assert (await client.auth())["public_key"] == client.identity.public_key


async def test_a_host_with_another_key_is_not_let_in(relay: Relay, host: ScriptedHost) -> None:
    impostor = await ScriptedHost.registered(relay.url)
    impostor.uuid = host.uuid
    with pytest.raises(HostRefused, match="Invalid host auth signature"):
        await impostor.connect()
    assert host.close_code is None


async def test_a_host_that_has_registered_no_key_cannot_be_joined(start_relay: StartRelay, database_url: str) -> None:
    relay = start_relay()
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO hosts (uuid, name) VALUES ($1, 'Old')", NOBODY)
    await connection.close()
    async with await ChatClient.connect(relay.url) as client:
        with pytest.raises(Refused, match="not upgraded for capability auth") as refused:
            await client.join(NOBODY)
    assert refused.value.data["code"] == "host_without_key"


# --- proof of identity ---


@pytest.mark.parametrize("spelling", ["{}=", " {}", "{}\n"])
async def test_a_key_is_taken_in_one_spelling_only(relay: Relay, host: ScriptedHost, spelling: str) -> None:
    """Q23: otherwise one person is several."""
    async with await ChatClient.connect(relay.url) as client:
        await client.join(host.uuid)
        with pytest.raises(Refused) as refused:
            await client.auth(public_key=spelling.format(client.identity.public_key))
    assert (refused.value.type, refused.value.data["code"]) == ("authentication-error", "invalid_public_key")


async def test_a_key_with_unused_bits_set_is_refused(relay: Relay, host: ScriptedHost) -> None:
    """Q23."""
    async with await ChatClient.connect(relay.url) as client:
        await client.join(host.uuid)
        key = client.identity.public_key
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        with pytest.raises(Refused) as refused:
            await client.auth(public_key=key[:-1] + alphabet[alphabet.index(key[-1]) + 1])
    assert refused.value.data["code"] == "invalid_public_key"


async def test_an_encryption_key_nobody_could_encrypt_for_is_refused(relay: Relay, host: ScriptedHost) -> None:
    """Q24: it would mute the whole space."""
    identity = Identity.new()
    identity.enc_public_key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 86
    async with await ChatClient.connect(relay.url, identity) as client:
        await client.join(host.uuid)
        with pytest.raises(Refused) as refused:
            await client.auth()
    assert refused.value.data["code"] == "invalid_enc_key"


async def test_a_challenge_is_good_for_the_socket_it_was_sent_to(relay: Relay, host: ScriptedHost) -> None:
    """Q31."""
    async with await ChatClient.connect(relay.url) as first, await ChatClient.connect(relay.url) as second:
        await first.join(host.uuid)
        await second.join(host.uuid)
        stolen = (await first.expect("auth_challenge")).data["challenge"]
        signature = second.identity.auth_signature(host.uuid, stolen)
        with pytest.raises(Refused) as refused:
            await second.auth(challenge=stolen, signature=signature)
    assert refused.value.data["code"] == "invalid_challenge"


async def test_attempts_to_prove_an_identity_are_limited(relay: Relay, host: ScriptedHost) -> None:
    """Q31."""
    async with await ChatClient.connect(relay.url) as client:
        await client.join(host.uuid)
        codes = [await refusal(client, "auth_pubkey", {}) for _ in range(11)]
        assert codes == ["missing_key"] * 10 + ["too_many_attempts"]
        assert await close_code(client.socket) == TOO_MANY_ATTEMPTS


async def test_attempts_to_join_are_limited(relay: Relay) -> None:
    """Q15, Q31."""
    async with await ChatClient.connect(relay.url) as client:
        codes = [await refusal(client, "join_host", {"uuid": NOBODY}) for _ in range(11)]
        assert codes == ["unknown_host"] * 10 + ["too_many_attempts"]
        assert await close_code(client.socket) == TOO_MANY_ATTEMPTS


async def refusal(client: ChatClient, type_: str, data: Any) -> str:
    await client.say(type_, data)
    return str((await client.expect("authentication-error", "join_error")).data["code"])


async def test_a_socket_has_a_limited_time_to_join_and_then_to_prove_itself(start_relay: StartRelay) -> None:
    """Q31."""
    relay = start_relay(HANDSHAKE_SECONDS="0.5")
    async with await ScriptedHost.registered(relay.url) as host:
        silent, joined = await ChatClient.connect(relay.url), await ChatClient.connect(relay.url)
        await joined.join(host.uuid)
        assert await close_code(silent.socket) == TOO_LATE
        assert await close_code(joined.socket) == TOO_LATE
        async with await ChatClient.login(relay.url, host.uuid) as quick:
            await asyncio.sleep(0.6)  # the deadline must have passed to have no effect
            assert await quick.fence() == []


async def test_joining_again_ends_the_socket(relay: Relay, alice: ChatClient) -> None:
    """Q31."""
    await alice.say("join_host", {"uuid": alice.host_uuid})
    assert await close_code(alice.socket) == REJOINED


async def test_a_fault_of_the_relay_ends_the_session_it_happened_in_and_no_other(
    start_relay: StartRelay, database_url: str
) -> None:
    relay = start_relay()
    async with await ScriptedHost.registered(relay.url) as host, await ChatClient.login(relay.url, host.uuid) as calm:
        connection = await asyncpg.connect(database_url)
        await connection.execute("ALTER TABLE hosts RENAME TO lost")
        async with await ChatClient.connect(relay.url) as unlucky:
            await unlucky.say("join_host", {"uuid": host.uuid})
            assert await close_code(unlucky.socket) == FAULT
        assert relay.metric("parch_relay_session_faults_total") == 1
        await calm.dashboard()
        await connection.execute("ALTER TABLE lost RENAME TO hosts")
        await connection.close()


async def test_a_uuid_that_no_database_can_hold_is_an_unknown_host(relay: Relay) -> None:
    async with await ChatClient.connect(relay.url) as client:
        assert await refusal(client, "join_host", {"uuid": "\0"}) == "unknown_host"


@pytest.mark.parametrize("data", [7, {"uuid": 7}])
async def test_a_join_that_does_not_fit_is_refused(relay: Relay, data: Any) -> None:
    async with await ChatClient.connect(relay.url) as client:
        await client.say("join_host", data)
        assert (await client.expect("join_error")).data["code"] == "invalid_body"


async def test_what_is_not_a_frame_is_ignored(relay: Relay, alice: ChatClient) -> None:
    for noise in ("", "[]", "{", '{"type": 5}', b"\xff", '{"type": "of tomorrow", "data": {}}'):
        await alice.socket.send(noise)
    assert await alice.fence() == []


async def test_a_refused_message_without_an_id_is_refused_all_the_same(alice: ChatClient) -> None:
    for envelope in ({}, {"message_id": 7}, {"message_id": "x" * 65}, 7):
        with pytest.raises(Refused) as refused:
            await alice.ask("chat", {"envelope": envelope}, "chat")
        assert "message_id" not in refused.value.data or not refused.value.data["message_id"]


# --- limits ---


async def test_a_stranger_cannot_choose_the_address_it_is_counted_under(start_relay: StartRelay) -> None:
    """Q15."""
    relay = start_relay(TRUSTED_PROXIES="192.0.2.1", UNAUTHENTICATED_PER_ADDRESS="2")
    held = [await ChatClient.connect(relay.url, address=f"198.51.100.{number}") for number in range(2)]
    with pytest.raises(InvalidStatus) as refused:
        await ChatClient.connect(relay.url, address="198.51.100.9")
    assert refused.value.response.status_code == 429
    for client in held:
        await client.close()


async def test_a_trusted_proxy_says_whom_it_brings(start_relay: StartRelay) -> None:
    """Q15."""
    relay = start_relay(UNAUTHENTICATED_PER_ADDRESS="1", CONNECTIONS_PER_ADDRESS="2")
    async with await ScriptedHost.registered(relay.url) as host:
        person = await ChatClient.connect(relay.url, address="198.51.100.1")
        with pytest.raises(InvalidStatus):
            await ChatClient.connect(relay.url, address="198.51.100.1")
        async with await ChatClient.connect(relay.url, address="198.51.100.2"):
            pass
        await person.join(host.uuid)
        await person.auth()
        async with await ChatClient.connect(relay.url, address="198.51.100.1"):
            pass
        await person.close()


async def test_a_socket_that_says_too_much_is_held_back(alice: ChatClient) -> None:
    """Q15."""
    frame = json.dumps({"type": "leave_channel", "data": ""})
    for _ in range(420):
        await alice.socket.send(frame)
    refused = (await alice.expect("error")).data
    assert (refused["code"], refused["request"]) == ("rate_limited", "leave_channel")
    assert 0 < refused["retry_after"] <= 10


async def test_one_who_chats_too_much_is_told_how_long_to_wait(alice: ChatClient, bob: ChatClient) -> None:
    bodies = [alice.seal(str(number)) for number in range(41)]
    for body in bodies:
        await alice.say("chat", body)
    refused = (await alice.expect("error")).data
    assert (refused["code"], refused["message_id"]) == ("chat_rate", bodies[-1]["envelope"]["message_id"])
    assert 0 < refused["retry_after"] <= 10


async def test_a_ping_is_answered(relay: Relay) -> None:
    """Q19."""
    async with await ChatClient.connect(relay.url) as client, asyncio.timeout(5):
        await (await client.socket.ping())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://[::1"])
async def test_a_page_of_another_origin_is_refused(relay: Relay, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await ChatClient.connect(relay.url, origin=origin)
    assert refused.value.response.status_code == 403


async def test_one_without_origin_is_not_a_browser(relay: Relay, host: ScriptedHost) -> None:
    async with await ChatClient.connect(relay.url, origin=None) as client:
        with pytest.raises(Refused) as refused:
            await client.join(host.uuid)
        assert refused.value.data["code"] == "origin_required"
        await client.say("join_host", {"uuid": host.uuid, "role": "host"})
        await client.expect("join_ack")
        with pytest.raises(Refused) as refused:
            await client.auth()
        assert refused.value.data["code"] == "origin_required"


async def test_everybody_is_told_that_the_relay_restarts(start_relay: StartRelay) -> None:
    relay = start_relay()
    host = await ScriptedHost.registered(relay.url)
    await host.connect()
    client = await ChatClient.login(relay.url, host.uuid)
    relay.signal(15)
    assert await close_code(client.socket) == 1012
    assert await host.closed() == 1012
    assert relay.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        await connect(relay.url.replace("http", "ws") + "/ws", proxy=None)
