"""A browser that does not read costs itself its connection, and nobody else anything."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import pytest
from conftest import StartHost, StartRelay
from crowd import Place, Reader, percentile, sealed, talk
from deployment import eventually

pytestmark = [pytest.mark.processes, pytest.mark.faults]

TOO_SLOW = 1013
MIB = 1 << 20
NARROW = 16_384
BIG = 120_000
NOISE_SECONDS = 0.05
"""Two cores shared with everything else: a smaller change of a p99 says nothing about the relay."""


async def test_a_stalled_reader_is_cut_and_the_others_notice_nothing(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None], deep: bool
) -> None:
    readers, rate, seconds = (200, 100, 60) if deep else (60, 100, 12)
    relay = start_relay()
    place = await Place.made(relay.url, start_host(relay.url).uuid)
    stalled = await place.enter(0, receive_buffer=NARROW)
    async with place.crowd(readers - 1) as crowd:
        frames = sealed(crowd, rate * seconds, 4096)
        watchers = [Reader(client) for client in crowd]
        rss = relay.rss()
        calm = len(frames) // 3
        sent = await talk(frames[:calm], rate)
        stalled.socket.transport.pause_reading()
        stalled_at = perf_counter()
        talking = asyncio.create_task(talk(frames[calm:], rate))
        # Seldom: reading metrics costs the relay milliseconds, and here they are what is measured.
        await eventually(
            lambda: relay.metric("parch_relay_slow_readers_total") == 1, "the stalled one is cut", every=0.5
        )
        cut_after = perf_counter() - stalled_at
        stalled.socket.transport.resume_reading()
        sent |= await talking
        for watcher in watchers:
            await watcher.until(lambda watcher=watcher: len(watcher.arrived) == len(sent))  # type: ignore[misc]
        growth = relay.rss() - rss
    await Reader(stalled).task

    calm_ids = {message for _, message, _ in frames[:calm]}
    late = [(m in calm_ids, at - sent[m]) for w in watchers for m, at in w.arrived.items()]
    before = percentile((seconds for was_calm, seconds in late if was_calm), 0.99)
    during = percentile((seconds for was_calm, seconds in late if not was_calm), 0.99)
    lost = len(sent) * len(watchers) - len(late)
    figure(
        f"W-01 slow reader: {readers} readers, {rate} msg/s of 4 KiB for {seconds} s; the stalled one cut after "
        f"{cut_after:.1f} s with {stalled.socket.close_code}; p99 of the others {during * 1000:.0f} ms (before "
        f"{before * 1000:.0f} ms), RSS {growth / MIB:+.1f} MiB, {lost} of {len(late)} lost"
    )
    assert stalled.socket.close_code == TOO_SLOW
    assert cut_after <= 15
    assert during <= max(1.25 * before, before + NOISE_SECONDS)
    assert growth <= 20 * MIB
    assert lost == 0
    assert not any(watcher.repeated for watcher in watchers)


async def test_many_slow_readers_at_once_cost_bounded_memory_and_are_all_gone_soon(
    start_relay: StartRelay, start_host: StartHost, figure: Callable[[str], None], deep: bool
) -> None:
    readers = 1000 if deep else 200
    relay = start_relay(CONNECTIONS_PER_ADDRESS="2000")
    place = await Place.made(relay.url, start_host(relay.url).uuid)
    speaker = await place.enter(0)
    async with place.crowd(readers, receive_buffer=NARROW) as crowd:
        for client in crowd:
            client.socket.transport.pause_reading()
        rss, started = relay.rss(), perf_counter()
        for sender, _, frame in sealed([speaker], 20, BIG):
            await sender.socket.send(frame)
            await sender.expect("chat_saved")
        peak = relay.rss() - rss
        await eventually(lambda: relay.metric("parch_relay_slow_readers_total") == readers, "all are cut")
        await eventually(lambda: relay.process.num_fds() < readers, "their sockets are gone")
        gone_after = perf_counter() - started
        for client in crowd:
            client.socket.transport.abort()
    await speaker.send("Still here?")
    await speaker.close()
    figure(
        f"W-02 {readers} slow readers at once: all cut and gone after {gone_after:.1f} s, "
        f"RSS {peak / MIB:+.1f} MiB at the end of the flood"
    )
    assert gone_after <= 30
    assert peak <= readers * 1.1 * MIB
