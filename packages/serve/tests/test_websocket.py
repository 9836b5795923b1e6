"""Prepared frames over real sockets: what readers get, and what becomes of those that do not read."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from parch_serve import websocket
from parch_serve.websocket import EXTENSION, FramesProtocol, prepare

Script = Callable[[FramesProtocol], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """A server whose only route runs `script` with the connection's frames; the URL of it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await script(scope["extensions"][EXTENSION])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        ws=FramesProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        ws_ping_interval=0.2,
        ws_ping_timeout=0.2,
    )
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await task


class _no_signals:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_a_prepared_frame_is_what_rfc_6455_says(size: int) -> None:
    text = b"x" * size
    assert prepare(text) == Frame(Opcode.TEXT, text).serialize(mask=False)


async def test_frames_arrive_whole_and_in_order() -> None:
    async def script(frames: FramesProtocol) -> None:
        for number in range(500):
            frames.write(prepare(b"%d" % number))

    async with serving(script) as url, connect(url) as client:
        assert [await client.recv() for _ in range(500)] == [str(number) for number in range(500)]


async def test_a_close_carries_its_code_and_reason() -> None:
    async def script(frames: FramesProtocol) -> None:
        frames.close(4001, "Join a host within the time limit.")
        frames.close(1000, "never sent")
        frames.write(prepare(b"never sent"))

    async with serving(script) as url, connect(url) as client:
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "Join a host within the time limit.")


async def test_a_close_comes_after_the_frames_written_before_it() -> None:
    async def script(frames: FramesProtocol) -> None:
        frames.write(prepare(b"goodbye"))
        frames.close(1012, "restarting")

    async with serving(script) as url, connect(url) as client:
        assert await client.recv() == "goodbye"
        with pytest.raises(ConnectionClosed):
            await client.recv()


async def test_frames_of_one_turn_of_the_event_loop_go_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    flush = FramesProtocol._flush

    def counting(self: FramesProtocol) -> None:
        together.append(len(self._turn))
        flush(self)

    monkeypatch.setattr(FramesProtocol, "_flush", counting)

    async def script(frames: FramesProtocol) -> None:
        for _ in range(3):
            frames.write(prepare(b"one of three"))

    async with serving(script) as url, connect(url) as client:
        for _ in range(3):
            await client.recv()
    assert together[0] == 3


async def test_a_reader_that_does_not_read_is_cut_and_counted() -> None:
    cut = asyncio.Event()
    frame = prepare(b"x" * 60_000)

    async def script(frames: FramesProtocol) -> None:
        frames.on_cut = cut.set
        while not cut.is_set():
            frames.write(frame)
            await asyncio.sleep(0)

    async with serving(script) as url, connect(url, max_queue=1, ping_interval=None) as client:
        client.transport.pause_reading()
        await asyncio.wait_for(cut.wait(), 10)
        client.transport.resume_reading()
        with suppress(ConnectionClosed):
            async for _ in client:
                pass
        assert client.close_code == 1013


async def test_a_reader_that_keeps_up_is_never_cut() -> None:
    frame = prepare(b"x" * 2_000)

    async def script(frames: FramesProtocol) -> None:
        for _ in range(100):
            for _ in range(20):
                frames.write(frame)
            await asyncio.sleep(0)

    async with serving(script) as url, connect(url) as client:
        for _ in range(2_000):
            assert len(await client.recv()) == 2_000


async def test_a_connection_whose_peer_vanished_is_dropped_even_with_frames_unsent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The peer takes nothing and answers no ping: nothing may wait for it."""
    gone = asyncio.Event()

    async def script(frames: FramesProtocol) -> None:
        lost = FramesProtocol.connection_lost

        def connection_lost(self: FramesProtocol, error: Exception | None) -> None:
            gone.set()
            lost(self, error)

        monkeypatch.setattr(FramesProtocol, "connection_lost", connection_lost)
        for _ in range(10):
            frames.write(prepare(b"x" * 60_000))

    async with serving(script) as url:
        client = await connect(url, max_queue=1, ping_interval=None)
        client.transport.pause_reading()
        await asyncio.wait_for(gone.wait(), 10)
        client.transport.abort()


async def test_a_closed_connection_is_gone_after_the_grace_whatever_its_peer_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_GRACE_SECONDS", 0.05)
    gone = asyncio.Event()

    async def script(frames: FramesProtocol) -> None:
        monkeypatch.setattr(FramesProtocol, "connection_lost", _telling(gone))
        for _ in range(200):
            frames.write(prepare(b"x" * 60_000))
        frames.close(1012, "restarting")

    async with serving(script) as url:
        client = await connect(url, max_queue=1, ping_interval=None)
        client.transport.pause_reading()
        await asyncio.wait_for(gone.wait(), 10)
        client.transport.abort()


def _telling(gone: asyncio.Event) -> Callable[[FramesProtocol, Exception | None], None]:
    lost = FramesProtocol.connection_lost

    def connection_lost(self: FramesProtocol, error: Exception | None) -> None:
        gone.set()
        lost(self, error)

    return connection_lost
