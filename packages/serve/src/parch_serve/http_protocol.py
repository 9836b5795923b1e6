"""HTTP/1.1 that does not wait for ever: a connection has a limited time to finish sending each request.

Comes in: bytes of a client, at whatever pace. Goes out: uvicorn's h11 protocol, with the connection closed when a
request (head and body) is not complete in time. A websocket counts as complete when its upgrade request is.
"""

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_LIMIT = 10.0


class TimedH11Protocol(H11Protocol):
    """h11 with a deadline of `request_limit` seconds for each request, from the first moment it could have come."""

    request_limit = REQUEST_LIMIT
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._awaits_client():
            self._arm()
        else:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _awaits_client(self) -> bool:
        upgraded = self.transport.get_protocol() is not self
        return not upgraded and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_limit, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self.flow.read_paused:  # the application is slow to read, not the client to send
            self._arm()
        else:
            self.transport.close()


def with_request_limit(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol class with another limit, in seconds."""
    return cast("type[asyncio.Protocol]", type("TimedH11Protocol", (TimedH11Protocol,), {"request_limit": seconds}))
