"""A relay that comes back is not run down by its hosts: they dial spread out, and all are in again soon."""

import asyncio
import time
from collections.abc import Callable

import pytest
from conftest import StartRelay
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import eventually
from faults.tcpproxy import TcpProxy

from parch_hostctl.link import Line, Link, Waits
from parch_hostctl.registration import register
from parch_wire.messages import Frame

pytestmark = [pytest.mark.processes, pytest.mark.faults]

BACK_SECONDS = 90


async def test_hosts_come_back_to_a_restarted_relay_a_few_at_a_time(
    start_relay: StartRelay, figure: Callable[[str], None], deep: bool
) -> None:
    """The hosts' own connection code with its own waits; only the database behind it is left out."""
    hosts, absent, most_allowed = (100, 60.0, 20) if deep else (20, 0.0, 10)
    relay = start_relay()
    async with TcpProxy(relay.port) as proxy, asyncio.TaskGroup() as group:
        links = [await dialler(proxy.url) for _ in range(hosts)]
        running = [group.create_task(link.run()) for link in links]
        await eventually(lambda: relay.metric("parch_relay_hosts_online") == hosts, "all hosts are in")

        proxy.cut()
        await asyncio.to_thread(relay.kill)
        await eventually(lambda: not any(link.line for link in links), "all have lost it")
        await asyncio.sleep(absent)
        proxy.dials.clear()
        await asyncio.to_thread(relay.start)
        proxy.restore()
        restored = time.monotonic()
        await eventually(lambda: relay.metric("parch_relay_hosts_online") == hosts, "all hosts are back", BACK_SECONDS)
        back = time.monotonic() - restored
        for task in running:
            task.cancel()
    most = most_in_a_second(proxy.dials)
    figure(f"H-03 return of {hosts} hosts: all back after {back:.0f} s, at most {most} dials in any second")
    assert back <= BACK_SECONDS
    assert most <= most_allowed


def most_in_a_second(times: list[float]) -> int:
    return max(sum(first <= at < first + 1 for at in times) for first in times)


async def dialler(url: str) -> Link:
    """The link of a new host with the waits people get; it answers health checks and nothing else."""
    key = Ed25519PrivateKey.generate()
    known = await asyncio.to_thread(register, f"{url}/api/register_host", "", "Host", key, time.time())

    async def take(asked: Frame, size: int, line: Line) -> None: ...

    return Link(
        f"{url.replace('http', 'ws', 1)}/ws",
        known.uuid,
        key,
        register=lambda: None,
        take=take,
        say=lambda kind, text: None,
        waits=Waits(),
    )
