"""Parts are killed, stopped and cut off while people talk: what was acknowledged stays, and everything comes back.

The history checker: a message is acknowledged when its sender has heard `chat_saved`; each acknowledged message is in
the channel's history exactly once, and what any reader saw live is there too.
"""

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from conftest import StartHost, StartRelay
from crowd import Place, Reader, sealed, talk
from deployment import Host, Relay, eventually
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.faults

MESSAGES = 120
PER_SECOND = 40
Figure = Callable[[str], None]


async def speak(place: Place, count: int, per_second: float, meanwhile: Callable[[], Any]) -> list[Reader]:
    """Three people talk; halfway `meanwhile` happens. Returns what each of them heard until their sockets closed."""
    clients = [await place.enter(number) for number in range(3)]
    readers = [Reader(client) for client in clients]
    frames = sealed(clients, count, 1_000)

    async def talking() -> None:
        with suppress(ConnectionClosed):
            await talk(frames, per_second)

    speaking = asyncio.create_task(talking())
    await readers[0].until(lambda: len(readers[0].arrived) >= count // 3)
    await asyncio.to_thread(meanwhile)
    await speaking
    return readers


async def history(place: Place) -> list[str]:
    """The ids of all messages of the channel, oldest first, read page by page."""
    reader = await place.enter()
    ids: list[str] = []
    cursor: dict[str, Any] = {"limit": 50}
    while True:
        page = await reader.history(**cursor)
        ids = [message["envelope"]["message_id"] for message in page["messages"]] + ids
        if not page["has_more_messages"]:
            await reader.close()
            return ids
        cursor = {"limit": 50, "before_id": page["messages"][0]["id"]}


async def check_history(place: Place, readers: list[Reader]) -> tuple[int, int]:
    """(acknowledged, stored); fails when an acknowledged or shown message is missing or stands there twice."""
    stored = await history(place)
    acknowledged = {message for reader in readers for message in reader.saved}
    shown = {message for reader in readers for message in reader.arrived}
    assert len(set(stored)) == len(stored), "a message is stored twice"
    assert acknowledged <= set(stored), "an acknowledged message is lost"
    assert shown <= set(stored), "a reader saw what history does not show"
    assert not any(reader.repeated for reader in readers), "a reader saw a message twice"
    return len(acknowledged), len(stored)


async def settled(readers: list[Reader]) -> None:
    for reader in readers:
        await reader.until(reader.task.done, 30)


async def test_a_relay_that_is_killed_loses_nothing_and_everybody_comes_back(
    start_relay: StartRelay, start_host: StartHost, figure: Figure
) -> None:
    relay = start_relay()
    host = start_host(relay.url)
    place = await Place.made(relay.url, host.uuid, 3)
    connects = host.connects()
    readers = await speak(place, MESSAGES, PER_SECOND, relay.kill)
    await settled(readers)
    started = time.monotonic()
    await asyncio.to_thread(relay.start)
    await eventually(lambda: host.connects() > connects, "the host is back")
    back = time.monotonic() - started
    acknowledged, stored = await check_history(place, readers)
    assert 0 < acknowledged < MESSAGES
    figure(f"W-09 relay kill -9: {acknowledged} acknowledged, {stored} stored, 0 lost; host back in {back:.1f} s")


async def test_a_message_sent_again_after_a_crash_is_shown_and_stored_once(
    start_relay: StartRelay, start_host: StartHost
) -> None:
    relay = start_relay()
    host = start_host(relay.url)
    place = await Place.made(relay.url, host.uuid, 2)
    ann = await place.enter()
    body = ann.seal("once")
    await ann.send_body(body)
    connects = host.connects()
    relay.kill()
    await asyncio.to_thread(relay.start)
    await eventually(lambda: host.connects() > connects, "the host is back")
    bob, ann = await place.enter(1), await place.enter()
    body["capability_token"] = ann.tokens[place.space_uuid]
    await ann.say("chat", body)
    assert (await ann.expect("chat_saved")).data["duplicate"] is True
    assert "chat" not in [frame.type for frame in await bob.fence()]
    assert len(await history(place)) == 1


async def test_a_relay_that_is_stopped_tells_everybody_and_loses_nothing(
    start_relay: StartRelay, start_host: StartHost, figure: Figure
) -> None:
    """W-08 without Kubernetes: SIGTERM under load."""
    relay = start_relay()
    host = start_host(relay.url)
    place = await Place.made(relay.url, host.uuid, 3)
    connects = host.connects()
    readers = await speak(place, MESSAGES, PER_SECOND, lambda: relay.signal(signal.SIGTERM))
    await settled(readers)
    assert await asyncio.to_thread(relay.wait) == 0
    assert {reader.close_code for reader in readers} == {1012}
    await asyncio.to_thread(relay.start)
    await eventually(lambda: host.connects() > connects, "the host is back")
    acknowledged, stored = await check_history(place, readers)
    figure(f"W-08 drain: exit 0, all closed 1012; {acknowledged} acknowledged, {stored} stored, 0 lost")


async def test_a_host_that_is_killed_has_every_acknowledged_message_on_disk(
    relay: Relay, start_host: StartHost, figure: Figure
) -> None:
    """H-01 from end to end."""
    host = start_host(relay.url)
    place = await Place.made(relay.url, host.uuid, 3)
    readers = await speak(place, MESSAGES, PER_SECOND, host.kill)
    for reader in readers:
        await reader.until(lambda reader=reader: bool(reader.refused))  # type: ignore[misc]
        await reader.stop()
    connection = sqlite3.connect(f"file:{host.database}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    await asyncio.to_thread(host.start)
    acknowledged, stored = await check_history(place, readers)
    assert 0 < acknowledged < MESSAGES
    figure(f"H-01 host kill -9: {acknowledged} acknowledged, {stored} stored, 0 lost, integrity ok")


async def test_browsers_hear_that_their_host_went_and_came_back(relay: Relay, start_host: StartHost) -> None:
    host = start_host(relay.url)
    place = await Place.made(relay.url, host.uuid, 1)
    ann = await place.enter()
    host.stop()
    assert (await ann.expect("host_status")).data["online"] is False
    await ann.say("chat", ann.seal("nobody there"))
    refused = await ann.expect("author_error")
    assert refused.data["code"] == "host_offline"
    assert refused.data["message_id"]
    await asyncio.to_thread(host.start)
    assert (await ann.expect("host_status")).data["online"] is True
    await ann.send("back on the same socket")
    await ann.close()


async def test_no_log_and_no_database_holds_a_text_or_a_private_key(relay: Relay, host: Host) -> None:
    """E-09 in small."""
    canary = "canary-5f1d6e-plaintext"
    place = await Place.made(relay.url, host.uuid, 2)
    ann = await place.enter()
    await ann.send(canary)
    await ann.close()
    config = host.directory / "host_config.json"
    secrets = (canary.encode(), json.loads(config.read_text())["signing_private_key"].encode())
    for path in (relay.log, host.log, *(path for path in host.directory.iterdir() if path != config)):
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), f"{path.name} holds a secret"
