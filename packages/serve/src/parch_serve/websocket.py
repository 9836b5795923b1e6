"""Prepared frames: a message is framed once and the same bytes go to every reader's transport.

In: uvicorn's websocket protocol and frames from `prepare`. Out: an ASGI extension `parch.frames` in the scope of every
websocket, through which a route writes frames, closes with a code and never waits: a reader that does not read is cut,
with 1013.
"""

import struct
from collections.abc import Callable
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from .outbox import Outbox

EXTENSION = "parch.frames"
TOO_SLOW = 1013
CLOSE_GRACE_SECONDS = 5.0
TURN_FRAMES = 16
_TEXT = 0x81


def prepare(text: bytes) -> bytes:
    """One unmasked, final websocket text frame (RFC 6455 §5.2)."""
    size = len(text)
    if size < 126:
        return bytes((_TEXT, size)) + text
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, size) + text
    return struct.pack("!BBQ", _TEXT, 127, size) + text


class FramesProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, which also hands its transport to the route."""

    outbox: Outbox
    on_cut: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            self.outbox = Outbox()
            self._turn: list[bytes] = []
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[EXTENSION] = self

    def write(self, frame: bytes) -> None:
        """Takes a prepared frame; returns at once. Frames of one turn of the event loop go out in one system call."""
        if not self._turn:
            self.loop.call_soon(self._flush)
        self._turn.append(frame)
        if len(self._turn) == TURN_FRAMES:
            self._flush()

    def _flush(self) -> None:
        frames, self._turn = self._turn, []
        if not frames or self.close_sent or self.disconnected:
            return
        self.transport.writelines(frames)
        if not self.writable.is_set():
            self._cut_if_too_slow(frames)

    def _cut_if_too_slow(self, written: list[bytes]) -> None:
        unsent = self.transport.get_write_buffer_size()
        *_, too_slow = [self.outbox.overflows(len(frame), unsent) for frame in written]
        if too_slow:
            if self.on_cut is not None:
                self.on_cut()
            self.close(TOO_SLOW, "This connection reads too slowly.")

    def resume_writing(self) -> None:
        super().resume_writing()
        self.outbox.clear()

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame; the connection is gone a few seconds later whatever the peer does."""
        self._flush()
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_GRACE_SECONDS, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # close() waits until a dead peer has taken everything; it never will.
        self.transport.abort()

    def handle_parser_exception(self) -> None:
        """Reads on until the peer has seen why: to close on unread bytes would reset it before it learns the code."""
        if self.close_sent:
            return
        self.stop_keepalive()
        closing = self.conn.close_sent
        assert closing is not None
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason})
        self.close_timer = self.loop.call_later(CLOSE_GRACE_SECONDS, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.request.headers.clear()  # nobody reads them again; they are a fifth of an idle connection's memory
            self.response.headers.clear()
        elif message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # else uvicorn logs every refused handshake as a fault of ours
