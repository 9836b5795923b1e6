"""What a stranger may send before anybody knows who it is, and what it costs the relay."""

import asyncio
import os
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from time import perf_counter

import pytest
from chat_client import ChatClient, Refused
from conftest import StartHost, StartRelay
from crowd import Place, Reader, gather, percentile, sealed, talk
from deployment import Host, Relay
from scripted_host import ScriptedHost
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

pytestmark = pytest.mark.processes

FRAME_BYTES = 262_144
TOO_LARGE = 1009
TOO_LATE = 4001
UNAUTHENTICATED = 64
HANDSHAKE_SECONDS = 10
MIB = 1 << 20
NOISE_SECONDS = 0.1


# --- W-04: joined, but never authenticated ---


@pytest.mark.faults
async def test_sockets_that_never_authenticate_are_closed_in_time_and_few_fit_one_address(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None]
) -> None:
    relay = start_relay()
    host = start_host(relay.url)
    addresses = [f"198.51.100.{number}" for number in range(8)]

    async def lurk(address: str) -> ChatClient:
        client = await ChatClient.connect(relay.url, address=address)
        await client.join(host.uuid)
        return client

    started = perf_counter()
    lurkers = await gather(partial(lurk, address) for address in addresses * UNAUTHENTICATED)
    with pytest.raises(InvalidStatus) as refused:
        await ChatClient.connect(relay.url, address=addresses[0])
    async with await ChatClient.login(relay.url, host.uuid, address="203.0.113.1") as neighbour:
        assert neighbour.user["id"]
    joined = perf_counter()
    codes = await asyncio.gather(*(close_code(client.socket) for client in lurkers))
    closed_after = perf_counter() - started
    figure(
        f"W-04 never authenticates: {len(lurkers)} sockets from {len(addresses)} addresses, the 65th of an address "
        f"refused with {refused.value.response.status_code}, all closed {closed_after:.1f} s after the first came"
    )
    assert refused.value.response.status_code == 429
    assert set(codes) == {TOO_LATE}
    assert perf_counter() - joined <= HANDSHAKE_SECONDS + 1
    async with await ChatClient.connect(relay.url, address=addresses[0]):
        pass


async def test_a_socket_that_never_joins_is_closed_in_time(start_relay: StartRelay) -> None:
    relay = start_relay(HANDSHAKE_SECONDS="0.2")
    client = await ChatClient.connect(relay.url)
    assert await close_code(client.socket) == TOO_LATE


# --- W-05, W-06: frames ---


async def a_byte_too_many(socket: ClientConnection) -> None:
    await socket.send(b"x" * (FRAME_BYTES + 1))


async def a_header_that_promises_four_gigabytes(socket: ClientConnection) -> None:
    socket.transport.write(struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 32) + os.urandom(4))


async def a_thousand_fragments(socket: ClientConnection) -> None:
    await socket.send("y" * 300 for _ in range(1000))


Attack = Callable[[ClientConnection], Awaitable[None]]
ATTACKS = [a_byte_too_many, a_header_that_promises_four_gigabytes, a_thousand_fragments]


@pytest.mark.faults
async def test_frames_beyond_the_limit_end_the_socket_and_cost_no_memory(
    start_relay: StartRelay, figure: Callable[[str], None]
) -> None:
    relay = start_relay()

    async def attack(send: Attack) -> int | None:
        client = await ChatClient.connect(relay.url)
        return await attacked(client.socket, send)

    async def wave() -> set[int | None]:
        return set(await gather([partial(attack, send) for send in ATTACKS * 20], 8))

    assert await wave() == {TOO_LARGE}
    rss = relay.rss()
    assert await wave() == {TOO_LARGE}
    growth = relay.rss() - rss
    figure(f"W-05 oversized frames: {20 * len(ATTACKS)} sockets, each closed with 1009, RSS {growth / MIB:+.1f} MiB")
    assert growth <= 4 * MIB  # the allocator levels off a few MiB higher; one frame kept each would be 15


async def attacked(socket: ClientConnection, send: Attack) -> int | None:
    with suppress(ConnectionClosed):
        await send(socket)
    return await close_code(socket)


async def test_a_frame_of_exactly_the_limit_is_read(relay: Relay) -> None:
    async with await ChatClient.connect(relay.url) as client:
        await client.socket.send(b"x" * FRAME_BYTES)
        with pytest.raises(Refused, match="Client not initialized"):
            await client.ask("get_dash_data", "", "dash_data_payload")


async def test_compression_is_not_negotiated(relay: Relay, figure: Callable[[str], None]) -> None:
    async with connect(ws(relay), origin=Origin(relay.url), compression="deflate", proxy=None) as socket:
        offered = socket.request.headers.get("Sec-WebSocket-Extensions", "") if socket.request else ""
        accepted = socket.response.headers.get("Sec-WebSocket-Extensions") if socket.response else ""
        assert "permessage-deflate" in offered
        assert accepted is None
        assert not socket.protocol.extensions
    figure("W-06 compression bomb: deflate offered, not negotiated")


# --- W-07: Origin ---


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_is_refused_before_the_socket_is_accepted(relay: Relay, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await ChatClient.connect(relay.url, origin=origin)
    assert refused.value.response.status_code == 403
    assert '"level": "error"' not in relay.log.read_text()


async def test_a_client_without_origin_may_be_a_host(relay: Relay) -> None:
    async with await ScriptedHost.registered(relay.url) as host:
        assert host.close_code is None


async def test_a_client_without_origin_may_not_be_a_browser(relay: Relay, host: Host) -> None:
    async with await ChatClient.connect(relay.url, origin=None) as client:
        with pytest.raises(Refused) as refused:
            await client.join(host.uuid)
        assert refused.value.data["code"] == "origin_required"


async def test_a_page_that_is_allowed_in_the_settings_may_connect(start_relay: StartRelay, host: Host) -> None:
    relay = start_relay(ALLOWED_ORIGINS="https://chat.example")
    async with await ChatClient.connect(relay.url, origin="https://chat.example") as client:
        await client.say("join_host", {"uuid": host.uuid})
        assert (await client.expect("join_error")).data["code"] == "unknown_host"


# --- W-12: one who talks too much ---


@pytest.mark.faults
async def test_one_who_floods_a_channel_is_held_back_and_the_neighbours_do_not_notice(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None], deep: bool
) -> None:
    relay = start_relay()
    place = await Place.made(relay.url, start_host(relay.url).uuid)
    calm, flood, rate = (10, 60, 20) if deep else (3, 12, 20)
    async with place.crowd(8) as neighbours, place.crowd(1) as (flooder,):
        frames = sealed(neighbours, rate * (calm + flood), 1024)
        noise = sealed([flooder], 50 * flood, 1024)
        watchers = [Reader(client) for client in neighbours]
        flooded = Reader(flooder)
        before = await talk(frames[: rate * calm], rate)
        during, sent = await asyncio.gather(talk(frames[rate * calm :], rate), talk(noise, 50))
        await flooded.until(lambda: len(flooded.saved) + len(flooded.refused) == len(noise))
        expected = len(frames) + len(flooded.saved)
        for watcher in watchers:
            await watcher.until(lambda w=watcher: len(w.arrived) == expected)  # type: ignore[misc]

    def p99(due: dict[str, float]) -> float:
        return percentile((w.arrived[m] - at for w in watchers for m, at in due.items()), 0.99)

    passed = sorted(flooded.arrived[message] for message in flooded.saved)
    most = max(sum(first <= at < first + 9.9 for at in passed) for first in passed)
    figure(
        f"W-12 flood: {len(sent)} messages at 50/s, {len(passed)} passed, at most {most} in 10 s; "
        f"neighbours' p99 {p99(during) * 1000:.0f} ms (before {p99(before) * 1000:.0f} ms)"
    )
    assert most <= 40
    assert {refusal["code"] for refusal in flooded.refused} <= {"chat_rate", "rate_limited"}
    assert all(refusal["message_id"] in sent for refusal in flooded.refused)
    assert p99(during) <= max(1.1 * p99(before), p99(before) + NOISE_SECONDS)


# --- small things ---


def ws(relay: Relay) -> str:
    return relay.url.replace("http", "ws", 1) + "/ws"


async def close_code(socket: ClientConnection) -> int | None:
    """Waits until the relay has closed the socket, whatever it says before."""
    async with asyncio.timeout(HANDSHAKE_SECONDS + 5):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code
