"""The life of a process: bind, start, serve, drain, exit.

Comes in: an ASGI application, `ServerSettings`, hooks. Goes out: a served port until SIGTERM or SIGINT, then a graceful
drain and exit code 0. A start that cannot succeed is one sentence on stderr and exit code 1.

On the first signal: `/readyz` turns 503 → wait PRESTOP_SECONDS → stop listening → `drain(DRAIN_SECONDS)`, in which the
service closes its websockets → finish open requests → `shutdown()` → exit. After EXIT_SECONDS, or at a second signal,
the process ends wherever it is.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from parch_serve import logs, metrics, tracing
from parch_serve.errors import StartupError, startup_errors_exit
from parch_serve.http_protocol import with_request_limit
from parch_serve.probes import Health, monitoring_app, watch_loop
from parch_serve.server_settings import ServerSettings
from parch_serve.settings import variable

Hook = Callable[[], Awaitable[None]]
Drain = Callable[[float], Awaitable[None]]

WEBSOCKET_MESSAGE_BYTES = 262_144
WEBSOCKET_PING_SECONDS = 20.0
REQUEST_HEAD_BYTES = 16_384
_OPEN_REQUESTS_SECONDS = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


def run(
    app: ASGIApp,
    *,
    service: str,
    settings: ServerSettings,
    health: Health,
    startup: Hook | None = None,
    drain: Drain | None = None,
    shutdown: Hook | None = None,
    ws_protocol: type[asyncio.Protocol] | None = None,
) -> None:
    """Serve `app` on `settings.port` until a signal; return after a graceful drain, raise `SystemExit(1)` otherwise.

    `service` is the distribution's name, such as `parch-relay`. `startup` runs before the port listens, while the
    probes already answer; it may raise `StartupError`. `shutdown` runs last, also when `startup` failed half-way.
    """
    logs.configure(settings.log_level, settings.log_format)
    tracing.configure(service)
    metrics.describe_build(service)
    hooks = (startup or _nothing, drain or _no_drain, shutdown or _nothing)
    with startup_errors_exit():
        public = _bind(settings.host, settings.port, variable(settings, "port"))
        monitoring = _bind_monitoring(settings)
        process = _Process(settings, health, *hooks)
        server = _server(app, settings, ws_protocol)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process.live(server, public, monitoring))


class _Server(uvicorn.Server):
    """uvicorn, which leaves the signals to us and tells when it listens."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:  # two processes may bind one port at the same moment; the second to listen fails
            raise StartupError(f"Cannot listen: {error.strerror}. Stop the program that uses the port.") from None
        self.on_started()


class _Process:
    def __init__(self, settings: ServerSettings, health: Health, startup: Hook, drain: Drain, shutdown: Hook) -> None:
        self._settings = settings
        self._health = health
        self._startup = startup
        self._drain = drain
        self._shutdown = shutdown
        self._stop = asyncio.Event()

    async def live(self, server: _Server, public: socket.socket, monitoring: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        for signal_number in _SIGNALS:
            loop.add_signal_handler(signal_number, self._on_signal, signal_number)
        server.on_started = lambda: self._on_started(public)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, tracing.flush)
            await stack.enter_async_context(_monitored(self._health, monitoring))
            stack.push_async_callback(self._shutdown)
            if await self._until_stopped(self._run_startup()):
                await self._serve(server, public)

    async def _run_startup(self) -> None:
        await self._startup()

    async def _serve(self, server: _Server, public: socket.socket) -> None:
        serving = asyncio.create_task(server.serve(sockets=[public]))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            await self._run_drain(server, public)
        server.should_exit = True
        await serving

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Await `work`; return False, with `work` cancelled, when a signal comes first."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
            return True
        working.cancel()
        await asyncio.wait({working})
        return False

    async def _run_drain(self, server: _Server, public: socket.socket) -> None:
        await asyncio.sleep(self._settings.prestop_seconds)
        for listener in server.servers:
            listener.close()
        public.close()
        log.info("draining", seconds=self._settings.drain_seconds)
        try:
            async with asyncio.timeout(self._settings.drain_seconds + 1):
                await self._drain(self._settings.drain_seconds)
        except Exception:
            log.exception("drain_failed")

    def _on_started(self, public: socket.socket) -> None:
        self._health.started = True
        log.info("listening", address=public.getsockname())

    def _on_signal(self, signal_number: int) -> None:
        log.info("stopping", signal=signal.Signals(signal_number).name)
        self._health.draining = True
        self._stop.set()
        loop = asyncio.get_running_loop()
        for each in _SIGNALS:  # a second signal ends the process at once
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        deadline = threading.Timer(self._settings.exit_seconds, _give_up, (self._settings.exit_seconds,))
        deadline.daemon = True  # a thread, so that it holds even when the event loop does not turn
        deadline.start()


def _server(app: ASGIApp, settings: ServerSettings, ws_protocol: type[asyncio.Protocol] | None) -> _Server:
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
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=_OPEN_REQUESTS_SECONDS,
    )
    return _Server(config)


@asynccontextmanager
async def _monitored(health: Health, listener: socket.socket | None) -> AsyncIterator[None]:
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
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _bind_monitoring(settings: ServerSettings) -> socket.socket | None:
    if settings.metrics_port == 0:
        return None
    return _bind(settings.metrics_host, settings.metrics_port, variable(settings, "metrics_port"))


def _bind(host: str, port: int, name: str) -> socket.socket:
    """Bind without listening, so that a taken port is found before anything else is started."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _not_listening(host, port, name, error) from None
    return listener


def _not_listening(host: str, port: int, name: str, error: OSError) -> StartupError:
    return StartupError(
        f"Cannot listen on {host} port {port}: {error.strerror}. Stop the program that uses it, or set {name} to another "
        "port."
    )


def _give_up(seconds: float) -> None:
    with suppress(OSError):
        print(f"Not drained within EXIT_SECONDS={seconds:g}; giving up.", file=sys.stderr, flush=True)
    os._exit(1)


async def _nothing() -> None:
    return None


async def _no_drain(seconds: float) -> None:
    return None
