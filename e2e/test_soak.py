"""People come and go all day; afterwards the relay is as it was before."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

import pytest
from chat_client import ChatClient
from conftest import StartHost, StartRelay
from crowd import Place, sealed
from deployment import Relay, eventually
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.processes, pytest.mark.faults]

MIB = 1 << 20
SETTLING_MIB = 8.0
"""The allocator levels off after some thousand visits; a session kept for each of them would be twice this."""


async def test_after_much_coming_and_going_nothing_is_left(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None], deep: bool
) -> None:
    sockets, seconds = (500, 3600) if deep else (60, 20)
    relay = start_relay()
    place = await Place.made(relay.url, start_host(relay.url).uuid)
    visits = await churn(place, sockets, seconds / 4)
    await quiet(relay)
    before, warm = held(relay), relay.rss()
    started = perf_counter()
    visits += await churn(place, sockets, seconds * 3 / 4)
    hours = (perf_counter() - started) / 3600
    await quiet(relay)
    after, growth = held(relay), (relay.rss() - warm) / MIB
    figure(
        f"W-17 soak: {visits} visits in {seconds} s, {sockets} at a time; rooms, hosts and descriptors {before} → "
        f"{after}, RSS {growth:+.1f} MiB after the first quarter"
    )
    assert after <= before
    assert growth <= max(SETTLING_MIB, hours)
    assert relay.metric("parch_relay_session_faults_total") == 0


async def churn(place: Place, sockets: int, seconds: float) -> int:
    """`sockets` people who enter, speak, and leave politely or by vanishing, over and over; how many visits."""
    ends = perf_counter() + seconds
    dice = random.Random(17)  # the same visits in every run

    async def person(number: int) -> int:
        visits = 0
        while perf_counter() < ends:
            client = await place.enter(number)
            with suppress(ConnectionClosed):
                await visit(client, dice)
            visits += 1
        return visits

    return sum(await asyncio.gather(*(person(number) for number in range(sockets))))


async def visit(client: ChatClient, dice: random.Random) -> None:
    ((_, message, frame),) = sealed([client], 1, 1024)
    await client.socket.send(frame)
    await client.expect("chat_saved", where=lambda data: data["message_id"] == message)
    if dice.random() < 0.5:
        client.socket.transport.abort()
    else:
        await client.close()


async def quiet(relay: Relay) -> None:
    """Waits until the relay has only its host."""
    await eventually(lambda: relay.metric("parch_relay_sockets") == 1, "everybody has left")


def held(relay: Relay) -> tuple[int, int, int]:
    """(rooms, hosts, file descriptors) of the relay."""
    rooms, hosts = (int(relay.metric(f"parch_relay_{name}")) for name in ("rooms", "hosts_online"))
    return rooms, hosts, relay.process.num_fds()
