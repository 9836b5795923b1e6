"""A host that does what a test tells it: questions of a relay in, the answers of an obedient host out, unless scripted.

It keeps people, spaces and messages in memory and speaks either as the original host does (no features, null for empty
lists, no numbers of requests) or as one that acknowledges saves. `silent` names requests it leaves unanswered, `heard`
has all it was asked. Tokens are made here from the description of the wire (spec §5), not with the product's code.
"""

import asyncio
import itertools
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import fetch
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parch_wire.encoding import b64raw

FULL = ("save_ack", "cursor")
LEGACY: tuple[str, ...] = ()
MEMBER = ["join_channel", "read_history", "send_message"]
AUTHOR = sorted([*MEMBER, "create_channel", "delete_channel", "delete_space", "invite_user", "remove_space_user"])
PATIENCE = 10.0
Data = dict[str, Any]


class HostRefused(Exception):
    """The relay did not let the host in; the text is the relay's."""


class ScriptedHost:
    """One host identity. `async with await ScriptedHost.registered(url) as host` connects it and serves."""

    def __init__(self, relay_url: str, uuid: str, key: Ed25519PrivateKey, features: tuple[str, ...]) -> None:
        self.relay_url = relay_url
        self.uuid = uuid
        self.key = key
        self.features = features
        self.silent: set[str] = set()
        self.heard: list[tuple[str, Data]] = []
        self.close_code: int | None = None
        self.users: dict[str, Data] = {}
        self.spaces: dict[str, Data] = {}
        self.members: dict[str, set[int]] = {}
        self.messages: list[Data] = []
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._serving: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @classmethod
    async def registered(cls, relay_url: str, features: tuple[str, ...] = FULL, uuid: str = "") -> Self:
        """A new host that the relay knows, registered as the original registers: without proof of its key."""
        key = Ed25519PrivateKey.generate()
        host = cls(relay_url, uuid, key, features)
        body = {"uuid": uuid, "name": "Scripted", "signing_public_key": host.public_key}
        status, answer = await asyncio.to_thread(fetch, f"{relay_url}/api/register_host", body)
        assert status in (200, 201), answer
        host.uuid = answer["uuid"]
        return host

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    @property
    def public_key(self) -> str:
        return b64raw(self.key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        return b64raw(self.key.sign(text.encode()))

    # --- the connection ---

    async def connect(self) -> None:
        """Dials, joins, proves the key and starts to serve. Raises HostRefused."""
        socket = await connect(f"{self.relay_url.replace('http', 'ws', 1)}/ws", max_size=None, proxy=None)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._prove(socket)
        except BaseException:
            await socket.close()
            raise
        self._socket = socket
        self._serving = asyncio.create_task(self._serve(socket))

    async def _prove(self, socket: ClientConnection) -> None:
        await socket.send(_frame("join_host", {"uuid": self.uuid, "role": "host"}))
        challenge = (await self._next(socket, "host_auth_challenge"))["challenge"]
        signature = self.sign(f"parch-host-auth:{self.uuid}:{challenge}")
        proof: Data = {"challenge": challenge, "signature": signature}
        if self.features:
            proof["features"] = list(self.features)
        await socket.send(_frame("host_auth", proof))
        await self._next(socket, "host_auth_success")

    async def disconnect(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._serving is not None:
            await self._serving

    async def closed(self) -> int | None:
        """Waits until the relay has hung up; the close code."""
        assert self._serving is not None
        async with asyncio.timeout(PATIENCE):
            await self._serving
        return self.close_code

    async def _next(self, socket: ClientConnection, wanted: str) -> Any:
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == wanted:
                return message["data"]
            if "error" in message["type"]:
                raise HostRefused(message["data"]["error"])

    async def say(self, type_: str, data: Data) -> None:
        """Sends a frame nobody asked for."""
        assert self._socket is not None
        await self._socket.send(_frame(type_, data))

    async def asked(self, type_: str, count: int = 1) -> Data:
        """The `count`-th request of a type, as soon as it has come."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [data for heard, data in self.heard if heard == type_]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    async def _serve(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                self.heard.append((message["type"], message["data"]))
                self._news.set()
                if message["type"] not in self.silent:
                    await self.answer(message["type"], message["data"])
        self.close_code = socket.close_code

    async def answer(self, type_: str, ask: Data) -> None:
        """Answers one request as an obedient host does."""
        handler: Callable[[Data], tuple[str, Data] | None] | None = getattr(self, f"_{type_}", None)
        answer = handler(ask) if handler else None
        if answer is None or self._socket is None:
            return
        kind, data = answer
        if self.features and "request_id" in ask:
            data["request_id"] = ask["request_id"]
        await self._socket.send(_frame(kind, data))

    # --- what it keeps ---

    def token(self, space_uuid: str, public_key: str, scopes: list[str], **changes: Any) -> str:
        """A capability token; `changes` replace claims."""
        now = int(time.time())
        claims = {"v": 1, "host_uuid": self.uuid, "space_uuid": space_uuid, "sub": public_key, "scopes": scopes}
        claims |= {"exp": now + 300, "iat": now, "jti": str(uuid4()), "channel_scope": "*"} | changes
        payload = json.dumps(claims).encode()
        return f"{_b64url(payload)}.{_b64url(self.key.sign(payload))}"

    def capability(self, space_uuid: str, user: Data) -> Data:
        scopes = AUTHOR if self.spaces[space_uuid]["author_id"] == user["id"] else MEMBER
        token = self.token(space_uuid, user["public_key"], scopes)
        return {"space_uuid": space_uuid, "token": token, "scopes": scopes, "expires_at": int(time.time()) + 300}

    def space(self, uuid: str) -> Data:
        users = [user for user in self.users.values() if user["id"] in self.members[uuid]]
        return {**self.spaces[uuid], "users": users}

    def _user(self, ask: Data, prefix: str = "") -> Data:
        key = ask[f"{prefix}user_public_key"]
        user = self.users.setdefault(key, {"id": next(self._ids), "username": f"user-{key[:8]}", "public_key": key})
        user["enc_public_key"] = ask[f"{prefix}user_enc_public_key"]
        return user

    def _empty(self, items: list[Any]) -> list[Any] | None:
        """What stands for an empty list: the original sends null."""
        return items if items or self.features else None

    # --- requests ---

    def _relay_health_check(self, ask: Data) -> tuple[str, Data]:
        return "relay_health_check_ack", {"nonce": ask["nonce"]}

    def _get_dash_data_request(self, ask: Data) -> tuple[str, Data]:
        user = self._user(ask)
        mine = [uuid for uuid, members in self.members.items() if user["id"] in members]
        answer = {"user": user, "spaces": self._empty([self.space(u) for u in mine]), "invites": self._empty([])}
        answer["capabilities"] = [self.capability(uuid, user) for uuid in mine]
        return "get_dash_data_response", {**answer, "client_uuid": ask["client_uuid"]}

    def _create_space_request(self, ask: Data) -> tuple[str, Data]:
        user, uuid = self._user(ask), str(uuid4())
        channel = {"id": next(self._ids), "uuid": str(uuid4()), "name": "Initial Channel", "space_uuid": uuid}
        self.spaces[uuid] = {"id": next(self._ids), "uuid": uuid, "name": ask["name"], "author_id": user["id"]}
        self.spaces[uuid]["channels"] = [{**channel, "allow_voice": 0}]
        self.members[uuid] = {user["id"]}
        answer = {"space": self.space(uuid), "capability": self.capability(uuid, user)}
        return "create_space_response", {**answer, "client_uuid": ask["client_uuid"]}

    def _delete_space_request(self, ask: Data) -> tuple[str, Data]:
        del self.spaces[ask["uuid"]], self.members[ask["uuid"]]
        return "delete_space_response", {"ClientUUID": ask["client_uuid"], "SpaceUUID": ask["uuid"]}

    def _save_chat_message_request(self, ask: Data) -> tuple[str, Data] | None:
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        envelope = ask["envelope"]
        stored = {"id": next(self._ids), "channel_uuid": ask["channel_uuid"], "envelope": envelope, "timestamp": at}
        self.messages.append({**stored, "username": "", "user_id": self._user(ask)["id"]})
        if not self.features:
            return None
        saved = {"client_uuid": ask["client_uuid"], "channel_uuid": ask["channel_uuid"], "duplicate": False}
        saved |= {"message_id": envelope["message_id"], "id": stored["id"], "timestamp": at}
        return "save_chat_message_response", saved

    def _get_messages_request(self, ask: Data) -> tuple[str, Data]:
        found = [message for message in self.messages if message["channel_uuid"] == ask["channel_uuid"]]
        answer = {"messages": self._empty(found), "has_more_messages": False, "channel_uuid": ask["channel_uuid"]}
        return "get_messages_response", {**answer, "client_uuid": ask["client_uuid"]}


def _frame(type_: str, data: Any) -> str:
    return json.dumps({"type": type_, "data": data})


def _b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
