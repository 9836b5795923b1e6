"""The proxy that other tests break the network with does what it says, or their figures mean nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from faults.tcpproxy import TcpProxy


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """A proxy before a server that echoes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, TcpProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def test_bytes_pass_both_ways_and_so_does_the_end(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


async def test_a_black_hole_holds_what_it_is_given_until_it_is_restored(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.blackhole()
    writer.write(b"hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    proxy.restore()
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_a_cut_connection_is_reset_and_new_ones_are_refused_until_it_is_restored(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    await reader.readexactly(1)
    proxy.cut()
    with pytest.raises(ConnectionError):
        await reader.read(1)
    writer.close()
    refused, closed = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionError):
        await refused.read(1)
    closed.close()
    proxy.restore()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"back")
    assert await reader.readexactly(4) == b"back"
    writer.close()


async def test_data_is_late_by_the_delay_each_way(proxy: TcpProxy) -> None:
    proxy.delay = 0.1
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    started = time.monotonic()
    writer.write(b"hello")
    await reader.readexactly(5)
    assert time.monotonic() - started >= 0.2
    writer.close()


async def test_every_dial_is_counted(proxy: TcpProxy) -> None:
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        await reader.readexactly(1)
        writer.close()
    assert len(proxy.dials) == 3
