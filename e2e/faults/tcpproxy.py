"""A TCP proxy on loopback that breaks the network on command: a target port in, a port with faults out.

`blackhole` holds every byte and every end of file in both directions, as a cable that is pulled does: nobody is told,
and what was on its way arrives after `restore`. `cut` resets all connections and refuses new ones. `delay` is seconds
each piece of data waits on its way.
"""

import asyncio
import socket
import struct
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


class TcpProxy:
    """Use with `async with`. `dials` has the time.monotonic() of every connection that was tried."""

    def __init__(self, target_port: int, port: int = 0) -> None:
        self.target_port = target_port
        self.port = port
        self.delay = 0.0
        self.dials: list[float] = []
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        self._reset_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def blackhole(self) -> None:
        """From now on nothing passes and nobody is told."""
        self._passing.clear()

    def cut(self) -> None:
        """Resets every connection and refuses new ones."""
        self._refusing = True
        self._reset_all()

    def restore(self) -> None:
        """All is well again."""
        self._refusing = False
        self._passing.set()

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._writers) // 2

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dials.append(time.monotonic())
        if self._refusing:
            _reset(writer)
            return
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            _reset(writer)
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(PIECE_BYTES):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        await self._passing.wait()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
