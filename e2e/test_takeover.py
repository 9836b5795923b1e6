"""One host, one voice: of two connections that prove the same key the newer speaks, and the older is told."""

import asyncio
from collections.abc import Callable

import pytest
from chat_client import ChatClient
from conftest import StartRelay
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import Relay, eventually
from scripted_host import FULL, HostRefused, ScriptedHost
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.processes

DISPLACED = 4003


async def test_the_newer_connection_takes_over_and_the_older_is_closed(relay: Relay) -> None:
    async with await ScriptedHost.registered(relay.url) as older:
        async with ScriptedHost(relay.url, older.uuid, older.key, FULL) as newer:
            assert await older.closed() == DISPLACED
            async with await ChatClient.login(relay.url, newer.uuid) as browser:
                assert browser.user["id"]
        assert not [request for request, _ in older.heard if request != "relay_health_check"]


async def test_a_second_connection_without_the_key_changes_nothing(relay: Relay) -> None:
    async with await ScriptedHost.registered(relay.url) as host:
        with pytest.raises(HostRefused, match="Invalid host auth signature"):
            await ScriptedHost(relay.url, host.uuid, Ed25519PrivateKey.generate(), FULL).connect()
        async with await ChatClient.login(relay.url, host.uuid) as browser:
            assert browser.user["id"]


async def test_in_every_race_exactly_one_connection_is_left(
    start_relay: StartRelay, figure: Callable[[str], None], deep: bool
) -> None:
    races, both, neither = 1000 if deep else 100, 0, 0
    relay = start_relay()
    first = await ScriptedHost.registered(relay.url)
    for _ in range(races):
        pair = [ScriptedHost(relay.url, first.uuid, first.key, FULL) for _ in range(2)]
        results = await asyncio.gather(*(host.connect() for host in pair), return_exceptions=True)
        assert all(result is None or is_displaced(result) for result in results), results
        connected = [host for host, result in zip(pair, results, strict=True) if result is None]
        left = await survivors(relay, connected)
        both += len(left) > 1
        neither += not left
        for host in connected:
            await host.disconnect()
    await eventually(lambda: relay.metric("parch_relay_hosts_online") == 0, "nobody is left")
    figure(f"W-13 same host twice: {races} races, {both} with two authors, {neither} with none")
    assert (both, neither) == (0, 0)
    assert relay.metric("parch_relay_sockets", state="author") == 0


def is_displaced(error: BaseException) -> bool:
    return isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == DISPLACED


async def survivors(relay: Relay, hosts: list[ScriptedHost]) -> list[ScriptedHost]:
    """Those the relay has not hung up on, once it has hung up on all but one."""
    await eventually(lambda: len([host for host in hosts if host.close_code is None]) <= 1, "one is left", 10)
    assert relay.metric("parch_relay_hosts_online") == 1
    return [host for host in hosts if host.close_code is None]
