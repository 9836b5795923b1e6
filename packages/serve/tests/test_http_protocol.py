"""Clients that send slowly, too much, or nothing: real sockets against uvicorn with the timed protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from parch_serve.http_protocol import with_request_limit

LIMIT = 0.2
WHOLE = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers `ok` after it has read the body, once `may_read` and `may_answer` are set; echoes websockets."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_read.set()
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
            return
        await self.may_read.wait()
        while (await receive()).get("more_body"):
            pass
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def port(app: App) -> AsyncIterator[int]:
    """The port of a server whose requests have `LIMIT` seconds."""
    config = uvicorn.Config(
        app, port=0, log_config=None, lifespan="off", http=with_request_limit(LIMIT), ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


@asynccontextmanager
async def dial(port: int, sent: bytes = b"") -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(10 * LIMIT):
            yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: h\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
async def test_a_request_that_is_not_complete_in_time_is_cut_off(port: int, sent: bytes) -> None:
    async with dial(port, sent) as (reader, _):
        assert await reader.read() == b""


async def test_trickling_bytes_do_not_buy_time(port: int) -> None:
    async with dial(port) as (reader, writer):
        while not reader.at_eof():
            writer.write(b"G")
            await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=LIMIT / 10)


async def test_half_of_a_second_request_on_a_kept_connection_is_cut_off(port: int) -> None:
    async with dial(port, WHOLE) as (reader, writer):
        await reader.readuntil(b"ok")
        writer.write(WHOLE[:20])
        assert await reader.read() == b""


async def test_an_answer_may_take_longer_than_the_request(port: int, app: App) -> None:
    app.may_answer.clear()
    async with dial(port, WHOLE) as (reader, _):
        await _a_limit_passes(port)
        app.may_answer.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_body_the_application_is_slow_to_read_is_not_the_clients_fault(port: int, app: App) -> None:
    app.may_read.clear()
    async with dial(port, UPLOAD + bytes(1_000_000)) as (reader, _):
        await _a_limit_passes(port)
        app.may_read.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_websocket_lives_on(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/", compression=None) as websocket:
        await _a_limit_passes(port)
        await websocket.send("still here")
        assert await websocket.recv() == "still here"


async def test_pipelined_requests_are_all_answered(port: int) -> None:
    async with dial(port, WHOLE * 3) as (reader, _):
        for _ in range(3):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"\0" * 100, b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000]
)
async def test_junk_is_refused_and_changes_nothing(port: int, junk: bytes) -> None:
    async with dial(port, junk) as (reader, _):
        assert (await _read_all(reader))[:12] in (b"HTTP/1.1 400", b"")
    async with dial(port, WHOLE) as (reader, _):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def _a_limit_passes(port: int) -> None:
    async with dial(port) as (reader, _):
        assert await reader.read() == b""


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
