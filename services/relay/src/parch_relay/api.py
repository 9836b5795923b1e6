"""The relay's HTTP routes (spec §2; docs/protocol.md §2.8, §2.9). Edge: requests in, registry asked, JSON out."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from parch_serve.postgres import DatabaseUnavailable
from parch_wire.errors import InvalidKey
from parch_wire.identity import check_auth_public_key

from .registration import Registration, Rejected, checked
from .registry import Registry
from .switchboard import Switchboard

MAX_BODY_BYTES = 65_536
MAX_UUIDS = 512
BUILT_IN_PAGES = Path(__file__).parent / "static"

Endpoint = Callable[[Request], Awaitable[Response]]


class _HostList(msgspec.Struct):
    uuids: list[str]


class Api:
    def __init__(self, registry: Registry, switchboard: Switchboard, static: Path) -> None:
        self._registry = registry
        self._board = switchboard
        self._static = static

    def routes(self) -> list[BaseRoute]:
        pages = self._static
        return [
            Route("/healthz", _healthz),
            Route("/", self._landing),
            Route("/chat/how-it-works", _moved_to_landing),
            Route("/client", self._client),
            Route("/client/", self._client),
            *_files("/client/assets", pages / "client" / "assets"),
            *_files("/static", pages, html=True),
            Route("/robots.txt", self._page("robots.txt")),
            Route("/sitemap.xml", self._page("sitemap.xml")),
            Route("/ws", _not_a_handshake),
            Route("/api/host/{uuid}", _guarded(self._host)),
            Route("/api/hosts_by_uuids", _guarded(self._hosts_by_uuids), methods=["POST"]),
            Route("/api/register_host", _guarded(self._register_host), methods=["POST"]),
            Route("/api/user_by_pubkey", _guarded(self._user_by_pubkey)),
        ]

    async def _landing(self, request: Request) -> Response:
        page = self._static / "index.html"
        return FileResponse(page) if page.is_file() else RedirectResponse("/client")

    async def _client(self, request: Request) -> Response:
        return await self._page("client/index.html")(request)

    def _page(self, name: str) -> Endpoint:
        async def page(request: Request) -> Response:
            path = self._static / name
            return FileResponse(path) if path.is_file() else PlainTextResponse("404 page not found", 404)

        return page

    async def _host(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        row = await self._registry.find(uuid)
        if row is None:
            return _error(404, "unknown_host", "Host not found by uuid")
        return JSONResponse({"name": row.name, "uuid": uuid})

    async def _hosts_by_uuids(self, request: Request) -> Response:
        asked = await _body(request, _HostList, "Invalid or missing UUID list")
        if not asked.uuids:
            raise Rejected(400, "invalid_body", "Invalid or missing UUID list")
        if len(asked.uuids) > MAX_UUIDS:
            raise Rejected(400, "too_many_uuids", f"Ask for at most {MAX_UUIDS} hosts at once")
        hosts = await self._registry.list(asked.uuids)
        return JSONResponse({"hosts": [{"name": h.name, "online": int(h.online), "uuid": h.uuid} for h in hosts]})

    async def _register_host(self, request: Request) -> Response:
        body = await _body(request, Registration, "The body must be a JSON object with name and signing_public_key")
        clean, proven = checked(body, time.time())
        change, id_ = await self._registry.register(clean, proven, str(uuid4()))
        host = {
            "id": id_,
            "uuid": change.uuid,
            "name": change.name,
            "signing_public_key": change.signing_public_key,
            "online": False,
        }
        return JSONResponse(host, change.status)

    async def _user_by_pubkey(self, request: Request) -> Response:
        host_uuid, public_key = request.query_params.get("host", ""), request.query_params.get("public_key", "")
        try:
            check_auth_public_key(public_key)
        except InvalidKey as error:
            raise Rejected(400, "invalid_public_key", error.text) from None
        if await self._registry.find(host_uuid) is None:
            return _error(404, "unknown_host", "Host not found by uuid")
        room = self._board.hub.rooms.get(host_uuid)
        online = room is not None and public_key in room.identities
        return JSONResponse({"host_uuid": host_uuid, "public_key": public_key, "online": int(online)})


def _files(path: str, folder: Path, html: bool = False) -> list[BaseRoute]:
    """Nothing at `path` when there is no such folder: Starlette would answer 500."""
    return [Mount(path, StaticFiles(directory=folder, html=html))] if folder.is_dir() else []


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Refusals become JSON with a stable code; a database that is away is 503, never a traceback."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Rejected as rejected:
            return _error(rejected.status, rejected.code, str(rejected))
        except DatabaseUnavailable:
            return _error(503, "database_unavailable", "The database is not available. Try again in a moment.")

    return guarded


async def _body(request: Request, type_: type[Any], text: str) -> Any:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise Rejected(413, "body_too_large", f"Send at most {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected(400, "invalid_body", text) from None


def _error(status: int, code: str, text: str) -> Response:
    return JSONResponse({"error": text, "code": code}, status)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _moved_to_landing(request: Request) -> Response:
    return RedirectResponse("/", 301)


async def _not_a_handshake(request: Request) -> Response:
    return PlainTextResponse("Bad Request", 400)
