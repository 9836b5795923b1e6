"""Wires the relay: settings in, a running service out. Nothing else knows all parts."""

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from parch_serve import migrations, process
from parch_serve.limits import ConnectionGate
from parch_serve.middleware import RateLimit, SecurityHeaders
from parch_serve.postgres import Database, DatabaseUnavailable
from parch_serve.probes import Health
from parch_serve.rates import Rate
from parch_serve.websocket import FramesProtocol

from .api import BUILT_IN_PAGES, Api
from .bus import LocalBus
from .connection import SocketLimits, Sockets
from .registry import ONLINE_SECONDS, Registry
from .settings import RelaySettings
from .switchboard import Switchboard

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATIONS_TABLE = "parch_relay_migrations"
RESTARTING = 1012
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

log = structlog.get_logger()


class RelayService:
    """One relay process: its parts, and their start and end."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url)
        self._registry = Registry(self._database, settings.replica or socket.gethostname())
        self._switchboard = Switchboard(LocalBus(), time.time, settings.health_check_seconds)
        gate = ConnectionGate(settings.connections_per_address, settings.unauthenticated_per_address)
        limits = SocketLimits(settings.handshake_seconds, frozenset(settings.allowed_origins))
        self._sockets = Sockets(self._switchboard, self._registry, gate, limits, time.time)
        self._background: list[asyncio.Task[None]] = []

    def app(self) -> ASGIApp:
        static = Path(self._settings.static_dir) if self._settings.static_dir else BUILT_IN_PAGES
        api = Api(self._registry, self._switchboard, static)
        return Starlette(
            routes=[WebSocketRoute("/ws", self._sockets), *api.routes()],
            middleware=[
                Middleware(
                    CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["Content-Type"]
                ),
                Middleware(SecurityHeaders, content_security_policy=CONTENT_SECURITY_POLICY),
                Middleware(RateLimit, rate=Rate(self._settings.requests_per_second, 1.0)),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    async def start(self) -> None:
        applied = await migrations.apply(self._settings.database_url, MIGRATIONS, MIGRATIONS_TABLE)
        log.info("database_ready", applied=applied)
        await self._database.connect()
        await self._registry.keep_online([])
        self._background = [
            asyncio.create_task(self._switchboard.sweep()),
            asyncio.create_task(self._keep_hosts_online()),
        ]

    async def drain(self, seconds: float) -> None:
        self._sockets.draining = True
        await self._switchboard.close_all(RESTARTING, "This relay is restarting. Connect again.", seconds)

    async def stop(self) -> None:
        for task in self._background:
            task.cancel()
        with suppress(DatabaseUnavailable):
            await self._registry.keep_online([])
        await self._database.close()

    async def _keep_hosts_online(self) -> None:
        while True:
            await asyncio.sleep(ONLINE_SECONDS / 3)
            try:
                await self._registry.keep_online(self._switchboard.hosts_held())
            except Exception:  # whatever it is, the next round may succeed
                log.warning("online_not_recorded", exc_info=True)

    def run(self) -> None:
        """Until a signal ends it."""
        process.run(
            self.app(),
            service="parch-relay",
            settings=self._settings,
            health=Health(checks={"database": self._database.ready}),
            startup=self.start,
            drain=self.drain,
            shutdown=self.stop,
            ws_protocol=FramesProtocol,
        )


async def _not_found(request: object, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("404 page not found", 404)
