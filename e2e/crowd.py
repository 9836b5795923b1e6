"""Many people in one channel: how many in, their sockets out; and what it takes to talk through them at a steady rate.

Sockets are spread over a few identities, because inviting is not what is measured here.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, Self, TypeVar

from chat_client import ChatClient, Identity
from websockets.exceptions import ConnectionClosed

IDENTITIES = 8
AT_ONCE = 32
SECONDS = 60.0

T = TypeVar("T")
Data = dict[str, Any]


class Place(NamedTuple):
    """A space and a channel that several identities are members of; the first is its author."""

    relay_url: str
    host_uuid: str
    space_uuid: str
    channel_uuid: str
    identities: list[Identity]

    @classmethod
    async def made(cls, relay_url: str, host_uuid: str, identities: int = IDENTITIES) -> Self:
        """A new space; everybody invited and in, nobody connected."""
        people = [await ChatClient.login(relay_url, host_uuid) for _ in range(identities)]
        author, *others = people
        space = await author.create_space("Crowd")
        for other in others:
            await author.invite(other.identity.public_key, space["uuid"])
            await other.accept((await other.invited())["id"])
        for person in people:
            await person.close()
        channel = space["channels"][0]["uuid"]
        return cls(relay_url, host_uuid, space["uuid"], channel, [person.identity for person in people])

    async def enter(self, number: int = 0, **options: Any) -> ChatClient:
        """One more socket in the channel, of the `number`-th identity (they are used in turn)."""
        identity = self.identities[number % len(self.identities)]
        client = await ChatClient.login(self.relay_url, self.host_uuid, identity, **options)
        await client.join_channel(self.channel_uuid)
        return client

    @asynccontextmanager
    async def crowd(self, size: int, **options: Any) -> AsyncIterator[list[ChatClient]]:
        """`size` sockets in the channel, closed at the end."""
        clients = await gather(partial(self.enter, number, **options) for number in range(size))
        try:
            yield clients
        finally:
            await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)


async def gather(work: Iterable[Callable[[], Awaitable[T]]], at_once: int = AT_ONCE) -> list[T]:
    """The results of all, `at_once` at a time: an address may hold 64 sockets that have not proved an identity."""
    gate = asyncio.Semaphore(at_once)

    async def one(make: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await make()

    return await asyncio.gather(*(one(make) for make in work))


class Reader:
    """Reads a client's socket for good; `arrived` says when (perf_counter) which chat message was here first."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.arrived: dict[str, float] = {}
        self.repeated: list[str] = []
        self.saved: dict[str, Data] = {}
        self.refused: list[Data] = []
        self.close_code: int | None = None
        self.closed_at: float | None = None
        self.changed = asyncio.Event()
        self.task = asyncio.create_task(self._read())
        self.task.add_done_callback(lambda _: self.changed.set())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                self._take(await self.client.socket.recv(decode=False), time.perf_counter())
                self.changed.set()
        self.close_code = self.client.socket.close_code
        self.closed_at = time.perf_counter()
        self.changed.set()

    def _take(self, frame: bytes, now: float) -> None:
        if frame.startswith(b'{"type":"chat",'):
            found = message_id(frame)
            if found in self.arrived:
                self.repeated.append(found)
            self.arrived.setdefault(found, now)
            return
        message = json.loads(frame)
        if message["type"] == "chat_saved":
            self.saved[message["data"]["message_id"]] = message["data"]
        elif message["type"] in ("error", "author_error"):
            self.refused.append(message["data"])

    async def until(self, check: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Waits until `check` holds; asked again whenever a frame came or the socket closed."""
        async with asyncio.timeout(seconds):
            while not check():
                if self.task.done() and (error := self.task.exception()):
                    raise error
                self.changed.clear()
                await self.changed.wait()

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def message_id(frame: bytes) -> str:
    """The id in an encoded chat message, without decoding it."""
    start = frame.index(b'"', frame.index(b'"message_id":') + 13) + 1
    return frame[start : start + 22].decode()


def sealed(clients: Sequence[ChatClient], count: int, size: int) -> list[tuple[ChatClient, str, str]]:
    """`count` ready frames of about `size` bytes, senders in turn: (sender, message id, frame)."""
    frames = []
    for number in range(count):
        sender = clients[number % len(clients)]
        bare = sender.seal("")
        body = sender.seal("x" * max(1, (size - len(json.dumps(bare))) * 3 // 4))
        frames.append((sender, body["envelope"]["message_id"], json.dumps({"type": "chat", "data": body})))
    return frames


async def talk(frames: Iterable[tuple[ChatClient, str, str]], per_second: float) -> dict[str, float]:
    """Sends the frames at an even rate; when (perf_counter) each message was due, by id."""
    sent: dict[str, float] = {}
    due = time.perf_counter()
    for sender, message, text in frames:
        await asyncio.sleep(due - time.perf_counter())
        sent[message] = due
        await sender.socket.send(text)
        due += 1 / per_second
    return sent


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
