"""A relay that speaks to a host as the original did: no features, no numbers of requests. It lets a test be the relay.

`async with OriginalRelay() as relay` listens; `await relay.host()` is the connection of a host that has proved its
key; `ask` puts a question and gives the answer.
"""

import asyncio
import secrets
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from deployment import eventually, free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from parch_wire.encoding import unb64raw

PATIENCE = 10.0
Data = dict[str, Any]


class OriginalRelay:
    """One relay for one host."""

    def __init__(self) -> None:
        self.port = free_port()
        self.registered: Data = {}
        self.proved: Data = {}
        self._hosts: asyncio.Queue[WebSocket] = asyncio.Queue()
        self._over = asyncio.Event()
        app = Starlette(
            routes=[Route("/api/register_host", self._register, methods=["POST"]), WebSocketRoute("/ws", self._socket)]
        )
        self._server = _Server(uvicorn.Config(app, "127.0.0.1", self.port, log_config=None, ws="websockets-sansio"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._server.serve())
        await eventually(lambda: self._server.started, "the original's relay listens")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.should_exit = True
        await self._task

    async def host(self) -> "HostLine":
        """The host, once it is in."""
        async with asyncio.timeout(PATIENCE):
            return HostLine(await self._hosts.get())

    async def _register(self, request: Request) -> Response:
        body = await request.json()
        self.registered = {"id": 1, "online": False, **body, "uuid": body.get("uuid") or str(uuid4())}
        return JSONResponse(self.registered, 200)

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        challenge = secrets.token_urlsafe(24)
        joined = await socket.receive_json()
        assert joined == {"type": "join_host", "data": {"uuid": self.registered["uuid"], "role": "host"}}
        await _say(socket, "join_ack", "Joined host successfully")
        await _say(socket, "auth_challenge", {"challenge": secrets.token_urlsafe(24)})
        await _say(socket, "host_auth_challenge", {"challenge": challenge})
        self.proved = (await socket.receive_json())["data"]
        key = Ed25519PublicKey.from_public_bytes(unb64raw(self.registered["signing_public_key"], 32))
        signed = f"parch-host-auth:{self.registered['uuid']}:{challenge}"
        key.verify(unb64raw(self.proved["signature"], 64), signed.encode())
        await _say(socket, "host_auth_success", "Host authenticated")
        self._hosts.put_nowait(socket)
        await self._over.wait()


class HostLine:
    """The connection to the host."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def ask(self, type_: str, data: Data) -> tuple[str, Data]:
        """(type, data) of the next thing the host says."""
        await _say(self._socket, type_, data)
        return await self.hear()

    async def hear(self) -> tuple[str, Data]:
        async with asyncio.timeout(PATIENCE):
            heard = await self._socket.receive_json()
        return heard["type"], heard["data"]

    async def say(self, type_: str, data: Data) -> None:
        await _say(self._socket, type_, data)


class _Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    def install_signal_handlers(self) -> None: ...


async def _say(socket: WebSocket, type_: str, data: Any) -> None:
    await socket.send_json({"type": type_, "data": data})
