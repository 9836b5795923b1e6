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
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog
import uvloop
from starlette.types import ASGIApp

from parch_serve import logs, metrics, tracing
from parch_serve.errors import startup_errors_exit
from parch_serve.listener import bind, listen
from parch_serve.probes import Health
from parch_serve.server import Server, monitored, public_server
from parch_serve.server_settings import ServerSettings
from parch_serve.settings import variable

Hook = Callable[[], Awaitable[None]]
Drain = Callable[[float], Awaitable[None]]

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
        public = bind(settings.host, settings.port, variable(settings, "port"))
        monitoring = _bind_monitoring(settings)
        process = _Process(settings, health, *hooks)
        server = public_server(app, settings, ws_protocol)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process.live(server, public, monitoring))


class _Process:
    def __init__(self, settings: ServerSettings, health: Health, startup: Hook, drain: Drain, shutdown: Hook) -> None:
        self._settings = settings
        self._health = health
        self._startup = startup
        self._drain = drain
        self._shutdown = shutdown
        self._listening = asyncio.Event()
        self._stop = asyncio.Event()

    async def live(self, server: Server, public: socket.socket, monitoring: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        for signal_number in _SIGNALS:
            loop.add_signal_handler(signal_number, self._on_signal, signal_number)
        server.on_started = lambda: self._on_started(public)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, tracing.flush)
            await stack.enter_async_context(monitored(self._health, monitoring))
            stack.push_async_callback(self._shutdown)
            if await self._until_stopped(self._run_startup()):
                await self._serve(server, public)

    async def _run_startup(self) -> None:
        await self._startup()

    async def _serve(self, server: Server, public: socket.socket) -> None:
        listen(public, variable(self._settings, "port"))
        serving = asyncio.create_task(server.serve(sockets=[public]))
        stopping = asyncio.create_task(self._stop_once_listening())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            await self._run_drain(server, public)
        server.should_exit = True
        await serving

    async def _stop_once_listening(self) -> None:
        await self._listening.wait()
        await self._stop.wait()

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

    async def _run_drain(self, server: Server, public: socket.socket) -> None:
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
        self._listening.set()
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


def _bind_monitoring(settings: ServerSettings) -> socket.socket | None:
    if settings.metrics_port == 0:
        return None
    return bind(settings.metrics_host, settings.metrics_port, variable(settings, "metrics_port"))


def _give_up(seconds: float) -> None:
    with suppress(OSError):
        print(f"Not drained within EXIT_SECONDS={seconds:g}; giving up.", file=sys.stderr, flush=True)
    os._exit(1)


async def _nothing() -> None:
    return None


async def _no_drain(seconds: float) -> None:
    return None
