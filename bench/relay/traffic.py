"""The load: open sockets and messages in; deliveries, their latencies and the server's CPU time out.

The latency of a delivery is the time from handing a message to its sender's socket until one subscriber has it whole.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from .envelopes import Message

LOST_SECONDS = 60.0
_ID_CHARACTERS = 22
_CHAT = b'"chat"'


class Socket(WSListener):
    """One websocket: answers are waited for by type; `chat` frames go to whoever counts them."""

    def __init__(self) -> None:
        self.delivered: Callable[[bytes], None] = lambda payload: None
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if payload.find(_CHAT, 0, 16) > 0:
            self.delivered(payload)
        else:
            self.heard(msgspec.json.decode(payload))

    def heard(self, message: dict[str, Any]) -> None:
        self._answers.put_nowait(message)

    def send(self, frame: bytes) -> None:
        self._transport.send(WSMsgType.TEXT, frame)

    def say(self, type_: str, data: object) -> None:
        self.send(msgspec.json.encode({"type": type_, "data": data}))

    async def expect(self, type_: str) -> Any:
        """The data of the next answer of this type; what comes before it is passed over, but a refusal raises."""
        while (answer := await asyncio.wait_for(self._answers.get(), LOST_SECONDS))["type"] != type_:
            if "error" in answer["type"]:
                raise RuntimeError(f"refused while waiting for {type_}: {answer['data']}")
        return answer["data"]

    async def close(self) -> None:
        self._transport.disconnect()
        await self._transport.wait_disconnected()


async def connect(url: str, listener: Callable[[], Socket] = Socket, **headers: str) -> Socket:
    _, socket = await ws_connect(listener, url, extra_headers=headers)
    assert isinstance(socket, Socket)
    return socket


class Measured(NamedTuple):
    """Of one run of traffic: wall and CPU time in seconds, latencies in seconds in ascending order."""

    deliveries: int
    wall: float
    server_cpu: float
    generator_cpu: float
    latencies: Sequence[float]


Cpu = Callable[[], float]
Sending = tuple[Socket, Message]


class Traffic:
    """One channel's subscribers; every message must reach each of them once."""

    def __init__(self, sockets: Sequence[Socket], server_cpu: Cpu) -> None:
        self._sockets = sockets
        self._server_cpu = server_cpu
        self._sent: dict[bytes, float] = {}
        self._missing: dict[bytes, int] = {}
        self._latencies: list[float] = []
        self._id_at = -1
        self._landed: Callable[[], None] = lambda: None
        for socket in sockets:
            socket.delivered = self._delivered

    async def windowed(self, sendings: Sequence[Sending], window: int) -> Measured:
        """As fast as the server goes with `window` messages in flight: sent, and not yet with every subscriber."""

        async def send_all() -> None:
            gate = asyncio.Semaphore(window)
            self._landed = gate.release
            for sending in sendings:
                await gate.acquire()
                self._send(sending, time.perf_counter())

        return await self._measure(send_all, len(sendings))

    async def steady(self, sendings: Sequence[Sending], per_second: float) -> Measured:
        """At a fixed rate, whatever the server does; latency counts from the moment a message was due."""

        async def send_all() -> None:
            self._landed = lambda: None
            started = time.perf_counter()
            for number, sending in enumerate(sendings):
                due = started + number / per_second
                await asyncio.sleep(due - time.perf_counter())
                self._send(sending, due)

        return await self._measure(send_all, len(sendings))

    async def _measure(self, send_all: Callable[[], Any], messages: int) -> Measured:
        self._latencies = []
        self._all_landed = asyncio.Event()
        self._to_land = messages
        gc.collect()
        gc.disable()
        wall, server, generator = time.perf_counter(), self._server_cpu(), time.process_time()
        try:
            async with asyncio.timeout(LOST_SECONDS):
                await send_all()
                await self._all_landed.wait()
        except TimeoutError:
            raise RuntimeError(f"{sum(self._missing.values())} deliveries are missing") from None
        finally:
            gc.enable()
        generator, wall = time.process_time() - generator, time.perf_counter() - wall
        server = self._server_cpu() - server
        return Measured(len(self._latencies), wall, server, generator, sorted(self._latencies))

    def _send(self, sending: Sending, at: float) -> None:
        socket, message = sending
        self._sent[message.message_id] = at
        self._missing[message.message_id] = len(self._sockets)
        socket.send(message.frame)

    def _delivered(self, payload: bytes) -> None:
        if self._id_at < 0:
            self._id_at = payload.index(next(iter(self._sent)))
        message_id = payload[self._id_at : self._id_at + _ID_CHARACTERS]
        self._latencies.append(time.perf_counter() - self._sent[message_id])
        self._missing[message_id] -= 1
        if not self._missing[message_id]:
            del self._missing[message_id]
            self._to_land -= 1
            self._landed()
            if not self._to_land:
                self._all_landed.set()
