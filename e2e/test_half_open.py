"""A peer that vanishes without a word is noticed by the keepalive, with the intervals people get."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from urllib.parse import quote

import pytest
from chat_client import ChatClient
from conftest import StartHost, StartRelay
from deployment import eventually, fetch
from faults.tcpproxy import TcpProxy

pytestmark = [pytest.mark.processes, pytest.mark.faults]

NOTICED_SECONDS = 45


async def test_half_open_connections_are_noticed_on_both_sides(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None]
) -> None:
    relay = start_relay()
    async with TcpProxy(relay.port) as proxy:
        host = await asyncio.to_thread(start_host, proxy.url)
        watcher = await ChatClient.login(relay.url, host.uuid)
        vanishing = await ChatClient.login(proxy.url, host.uuid)
        watcher.patience = NOTICED_SECONDS
        lookup = f"{relay.url}/api/user_by_pubkey?host={host.uuid}&public_key="
        here, vanished = (lookup + quote(client.identity.public_key, safe="") for client in (watcher, vanishing))
        assert await online(vanished)

        proxy.blackhole()
        started = perf_counter()

        async def noticed(check: Callable[[], bool], what: str) -> float:
            await eventually(check, what, NOTICED_SECONDS)
            return perf_counter() - started

        async def host_noticed() -> float:
            status = await watcher.expect("host_status", where=lambda data: not data["online"])
            assert not status.data["online"]
            return perf_counter() - started

        seconds = await asyncio.gather(
            host_noticed(),
            noticed(lambda: not fetch(vanished)[1]["online"], "the relay notices that the browser vanished"),
            noticed(lambda: '"event":"disconnected"' in host.log.read_text(), "the host notices"),
        )
        shown = fetch(f"{relay.url}/api/hosts_by_uuids", {"uuids": [host.uuid]})[1]["hosts"][0]["online"]
        figure(
            "W-15 half-open TCP: the relay noticed the host after {:.0f} s and the browser after {:.0f} s, "
            "the host its relay after {:.0f} s".format(*seconds)
        )
        assert max(seconds) <= NOTICED_SECONDS
        assert shown == 0
        assert relay.metric("parch_relay_sockets") == 1
        assert await online(here)

        proxy.restore()
        assert (await watcher.expect("host_status", where=lambda data: data["online"])).data["online"]


async def online(url: str) -> bool:
    """What the identity lookup says."""
    return bool((await asyncio.to_thread(fetch, url))[1]["online"])
