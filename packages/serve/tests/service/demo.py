"""A service of the smallest kind, run by the tests as a process. What it does is steered by environment variables."""

import asyncio
import os
import sys
import time
from typing import Annotated, Literal

from msgspec import Meta, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from parch_serve import process
from parch_serve.errors import StartupError
from parch_serve.probes import Health
from parch_serve.server_settings import Port, ServerSettings
from parch_serve.settings import read


class DemoSettings(ServerSettings, frozen=True, kw_only=True):
    port: Annotated[Port, Meta(description="Public port.")] = field(name="DEMO_PORT", default=8000)
    bare: bool = field(name="DEMO_BARE", default=False)
    startup: Literal["", "hang", "refuse", "wait"] = field(name="DEMO_STARTUP", default="")
    drain: Literal["", "hang", "fail", "block"] = field(name="DEMO_DRAIN", default="")


async def client_address(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.client.host if request.client else "")


async def slow(request: Request) -> PlainTextResponse:
    say("request")
    await stopping.wait()
    return PlainTextResponse("finished")


async def echo_length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def socket_echo(websocket: WebSocket) -> None:
    await websocket.accept()
    sockets.add(websocket)
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def startup() -> None:
    if settings.startup == "refuse":
        raise StartupError("The demo refuses. Set DEMO_STARTUP to nothing.")
    if settings.startup == "wait":
        say("starting")
        await asyncio.to_thread(sys.stdin.readline)
    if settings.startup == "hang":
        say("starting")
        await asyncio.Event().wait()


async def drain(seconds: float) -> None:
    say(f"draining {seconds:g}")
    if settings.drain == "hang":
        await asyncio.Event().wait()
    if settings.drain == "fail":
        raise RuntimeError("the drain failed")
    if settings.drain == "block":
        time.sleep(60)  # noqa: ASYNC251 - a bug that the process must survive
    for websocket in sockets:
        await websocket.close(1012)
    await asyncio.to_thread(sys.stdin.readline)  # the test decides how long it takes


async def shutdown() -> None:
    say("shut down")


class Announcing(Health):
    """Says when the service has started; `stopping` is set when it drains."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "started" and value:
            say("started")
        if name == "draining" and value:
            stopping.set()


def say(line: str) -> None:
    print(line, flush=True)


sockets: set[WebSocket] = set()
stopping = asyncio.Event()
health = Announcing()
settings = read(DemoSettings, os.environ, None)
app = Starlette(
    routes=[
        Route("/", client_address),
        Route("/slow", slow),
        Route("/length", echo_length, methods=["POST"]),
        WebSocketRoute("/ws", socket_echo),
    ]
)
if settings.bare:
    process.run(app, service="parch-serve", settings=settings, health=health)
else:
    process.run(
        app,
        service="parch-serve",
        settings=settings,
        health=health,
        startup=startup,
        drain=drain,
        shutdown=shutdown,
    )
