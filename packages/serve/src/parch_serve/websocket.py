"""Prepared frames: a message is framed once and the same bytes go to every reader's transport.

In: uvicorn's websocket protocol and frames from `prepare`. Out: an ASGI extension `parch.frames` in the scope of every
websocket, through which a route writes frames, closes with a code and never waits: a reader that does not read is cut,
with 1013.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from .outbox import Outbox

EXTENSION = "parch.frames"
TOO_SLOW = 1013
CLOSE_GRACE_SECONDS = 5.0
_TEXT = 0x81


def prepare(text: bytes) -> bytes:
    """One unmasked, final websocket text frame (RFC 6455 §5.2)."""
    size = len(text)
    if size < 126:
        return bytes((_TEXT, size)) + text
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, size) + text
    return struct.pack("!BBQ", _TEXT, 127, size) + text


class Frames(Protocol):
    """What a route finds under `scope["extensions"]["parch.frames"]`."""

    on_cut: Callable[[], None] | None

    def write(self, frame: bytes) -> None:
        """Hands a prepared frame to the transport; returns at once."""

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame; the connection is gone a few seconds later whatever the peer does."""


class FramesProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, which also hands its transport to the route."""

    outbox: Outbox
    on_cut: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            self.outbox = Outbox()
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[EXTENSION] = self

    def write(self, frame: bytes) -> None:
        if self.close_sent or self.disconnected:
            return
        self.transport.write(frame)
        if not self.writable.is_set() and self.outbox.overflows(len(frame), self.transport.get_write_buffer_size()):
            if self.on_cut is not None:
                self.on_cut()
            self.close(TOO_SLOW, "This connection reads too slowly.")

    def resume_writing(self) -> None:
        super().resume_writing()
        self.outbox.clear()

    def close(self, code: int, reason: str) -> None:
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
