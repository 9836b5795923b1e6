"""uvicorn with Parch's limits: the public server, and the monitoring server beside it.

Comes in: an ASGI application, settings, bound sockets. Goes out: servers that leave signals to `parch_serve.process`.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from parch_serve.http_protocol import with_request_limit
from parch_serve.listener import BACKLOG
from parch_serve.probes import Health, monitoring_app, watch_loop
from parch_serve.server_settings import ServerSettings

WEBSOCKET_MESSAGE_BYTES = 262_144
WEBSOCKET_PING_SECONDS = 20.0
REQUEST_HEAD_BYTES = 16_384
_OPEN_REQUESTS_SECONDS = 3


class Server(uvicorn.Server):
    """uvicorn, which leaves signals alone and tells when it listens."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()


def public_server(app: ASGIApp, settings: ServerSettings, ws_protocol: type[asyncio.Protocol] | None) -> Server:
    """Return the server of `app`, websockets by `ws_protocol` (uvicorn's own when None)."""
    config = uvicorn.Config(
        cast("Any", app),
        log_config=None,
        log_level="warning",  # below it, the websocket library logs what people say
        access_log=False,
        server_header=False,
        http=with_request_limit(settings.request_seconds),
        h11_max_incomplete_event_size=REQUEST_HEAD_BYTES,
        ws=ws_protocol or "websockets-sansio",
        ws_max_size=WEBSOCKET_MESSAGE_BYTES,
        ws_ping_interval=WEBSOCKET_PING_SECONDS,
        ws_ping_timeout=WEBSOCKET_PING_SECONDS,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=_OPEN_REQUESTS_SECONDS,
    )
    return Server(config)


@asynccontextmanager
async def monitored(health: Health, listener: socket.socket | None) -> AsyncIterator[None]:
    """Serve the probes and watch the event loop during the block."""
    watching = asyncio.create_task(watch_loop(health))
    try:
        if listener is None:
            yield
        else:
            async with _monitoring_server(health, listener):
                yield
    finally:
        watching.cancel()


@asynccontextmanager
async def _monitoring_server(health: Health, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        monitoring_app(health),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        http=with_request_limit(10),
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
