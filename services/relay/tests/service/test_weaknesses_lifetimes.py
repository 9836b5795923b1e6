"""What outlives what: proofs, sockets, rooms and rows, when one of them ends while another is under way."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
import structlog
from chat_client import ChatClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import Relay, eventually, fetch
from scripted_host import FULL, ScriptedHost
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parch_relay import app
from parch_relay.settings import RelaySettings
from parch_serve.settings import read
from parch_wire.challenge import registration_message
from parch_wire.encoding import b64raw

pytestmark = pytest.mark.processes

REJOINED, KEY_CHANGED, TOO_MANY_ATTEMPTS = 1001, 1008, 4002


async def close_code(socket: ClientConnection) -> int | None:
    """Reads until the relay has closed the socket."""
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code


@asynccontextmanager
async def joined_as_host(host: ScriptedHost) -> AsyncIterator[tuple[ClientConnection, str]]:
    """A connection that is about to prove the host's key, and the frame that proves it."""
    async with connect(f"{host.relay_url.replace('http', 'ws', 1)}/ws", proxy=None) as socket:
        await socket.send(json.dumps({"type": "join_host", "data": {"uuid": host.uuid, "role": "host"}}))
        while (message := json.loads(await socket.recv()))["type"] != "host_auth_challenge":
            pass
        challenge = message["data"]["challenge"]
        proof = {"challenge": challenge, "signature": host.sign(f"parch-host-auth:{host.uuid}:{challenge}")}
        yield socket, json.dumps({"type": "host_auth", "data": proof})


# --- proofs ---


async def test_a_host_is_asked_nothing_before_it_hears_that_it_is_let_in(
    host: ScriptedHost, alice: ChatClient, postgres_url: str
) -> None:
    """Hosts wait for that word and pass over everything else: a question too early would never be answered."""
    await host.disconnect()
    assert (await alice.expect("host_status")).data["online"] is False
    async with asyncpg.create_pool(postgres_url) as pool, joined_as_host(host) as (socket, proof):
        async with pool.acquire() as database, database.transaction():
            await database.execute("SELECT FROM hosts WHERE uuid = $1 FOR UPDATE", host.uuid)
            await socket.send(proof)
            while not await pool.fetchval("SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                pass
            await alice.say("get_dash_data")
            assert (await alice.expect("author_error")).data["code"] == "host_offline"
        assert (await alice.expect("host_status")).data["online"] is True
        await alice.say("get_dash_data")
        heard = [json.loads(await socket.recv())["type"] for _ in range(2)]
    assert heard == ["host_auth_success", "get_dash_data_request"]


async def test_a_proof_of_a_key_that_is_the_hosts_no_more_lets_nobody_in(relay: Relay) -> None:
    """Q14: a squatter who had joined before the owner came does not displace the owner."""
    squatter = await ScriptedHost.registered(relay.url)
    async with joined_as_host(squatter) as (socket, proof):
        owner = ScriptedHost(relay.url, squatter.uuid, Ed25519PrivateKey.generate(), FULL)
        await asyncio.to_thread(take_over, owner)
        async with owner, await ChatClient.login(relay.url, owner.uuid) as browser:
            await socket.send(proof)
            assert await close_code(socket) == KEY_CHANGED
            await browser.dashboard()
            assert owner.close_code is None
            assert await browser.fence() == []


def take_over(host: ScriptedHost) -> None:
    """Registers the host's key with a proof."""
    now = int(time.time())
    signature = host.key.sign(registration_message(host.uuid, host.public_key, "Ours", now))
    body = {"uuid": host.uuid, "name": "Ours", "signing_public_key": host.public_key}
    proof = {"issued_at": now, "signature": b64raw(signature)}
    assert fetch(f"{host.relay_url}/api/register_host", {**body, "proof": proof})[0] == 200


async def test_proving_oneself_again_and_again_ends_the_socket(alice: ChatClient) -> None:
    """Q31: a proof is good once, and those who have proved themselves may not go on trying either."""
    for _ in range(11):
        await alice.say("auth_pubkey", {})
    codes = [(await alice.expect("authentication-error")).data["code"] for _ in range(11)]
    assert codes == ["missing_key"] * 10 + ["too_many_attempts"]
    assert await close_code(alice.socket) == TOO_MANY_ATTEMPTS


# --- sockets ---


async def test_what_was_sent_behind_a_second_join_is_not_heeded(host: ScriptedHost, alice: ChatClient) -> None:
    """Q31: a socket that is being closed does nothing more; its sender cannot learn what came of it."""
    wire = alice.socket.protocol
    for type_, body in (("join_host", {"uuid": host.uuid}), ("chat", alice.seal("Too late"))):
        wire.send_text(json.dumps({"type": type_, "data": body}).encode())
    alice.socket.transport.write(b"".join(wire.data_to_send()))
    assert await close_code(alice.socket) == REJOINED
    async with await ChatClient.login(host.relay_url, host.uuid):
        assert "save_chat_message_request" not in [type_ for type_, _ in host.heard]


async def test_one_who_goes_while_joining_leaves_nothing_behind(relay: Relay, host: ScriptedHost) -> None:
    host.silent.add("relay_health_check")
    client = await ChatClient.connect(relay.url)
    await client.say("join_host", {"uuid": host.uuid})
    await host.asked("relay_health_check")
    client.socket.transport.abort()
    await eventually(lambda: relay.metric("parch_relay_sockets") == 1, "only the host's socket is left", 10)
    host.silent.clear()
    async with await ChatClient.login(relay.url, host.uuid) as next_one:
        assert await next_one.fence() == []


async def test_when_all_have_left_the_relay_keeps_nothing_of_them(relay: Relay, host: ScriptedHost) -> None:
    """Q3."""
    clients = [await ChatClient.login(relay.url, host.uuid) for _ in range(3)]
    assert relay.metric("parch_relay_rooms") == 1
    await host.disconnect()
    for client in clients:
        client.socket.transport.abort()
    names = ("parch_relay_rooms", "parch_relay_sockets", "parch_relay_hosts_online")
    await eventually(lambda: [relay.metric(name) for name in names] == [0, 0, 0], "nothing is left", 10)


# --- names and rows ---


async def test_the_name_of_a_login_is_a_proposal_and_the_hosts_word_counts(relay: Relay, host: ScriptedHost) -> None:
    """Q10: from the first dashboard on the session carries the name the host keeps."""
    async with await ChatClient.login(relay.url, host.uuid, username="Elsewhere") as client:
        assert (await host.asked("get_dash_data_request"))["username"] == "Elsewhere"
        await client.dashboard()
        kept = client.user["username"]
        assert kept != "Elsewhere"
        assert (await host.asked("get_dash_data_request", 2))["username"] == kept
        await client.say("create_space", {"name": "Garden"})
        assert (await host.asked("create_space_request"))["username"] == kept


async def test_an_error_of_the_database_does_not_end_the_watch_over_who_is_online(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q22: as after a failover to a server that only reads; the next round may succeed."""
    monkeypatch.setattr(app, "ONLINE_SECONDS", 0.03)
    async with running(database_url) as logged, asyncpg.create_pool(database_url) as database, asyncio.timeout(10):
        await database.execute("ALTER TABLE hosts RENAME TO lost")
        while "online_not_recorded" not in [line["event"] for line in logged]:
            await database.execute("SELECT")
        await database.execute("ALTER TABLE lost RENAME TO hosts")
        await database.execute(
            "INSERT INTO hosts (uuid, name, held_by, online_until) VALUES ('u', 'Gone', 'this', 'infinity')"
        )
        while await database.fetchval("SELECT online_until IS NOT NULL FROM hosts"):
            pass


@asynccontextmanager
async def running(database_url: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """A relay's service in this process, without its sockets; gives what it logs."""
    service = app.RelayService(read(RelaySettings, {"DATABASE_URL": database_url, "REPLICA_NAME": "this"}))
    with structlog.testing.capture_logs() as logged:
        await service.start()
        try:
            yield logged
        finally:
            await service.stop()
