"""Who takes part: a port in; a host that acknowledges every save, and browsers in one channel, out."""

import asyncio
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.capability import MEMBER_SCOPES, TTL_SECONDS, Claims, issue
from parch_wire.challenge import browser_auth_message, host_auth_message
from parch_wire.encoding import b64raw

from .envelopes import Identity, Place
from .traffic import Socket, connect

CONNECTS_PER_SECOND = 120.0
CONNECTS_AT_ONCE = 32


class Browser(NamedTuple):
    """A subscriber of the channel; `token` lets it speak there."""

    socket: Socket
    identity: Identity
    token: str = ""


class Host(Socket):
    """A host that speaks `save_ack` (docs/protocol.md §2.4): one space, one channel, everybody a member."""

    def __init__(self) -> None:
        super().__init__()
        self._key = Ed25519PrivateKey.generate()
        self._ids = count(1)
        self.place = Place(str(uuid4()), str(uuid4()), str(uuid4()))

    async def register(self, base_url: str) -> None:
        body = {
            "uuid": self.place.host_uuid,
            "name": "benchmark",
            "signing_public_key": b64raw(self._key.public_key().public_bytes_raw()),
        }
        request = urllib.request.Request(
            f"{base_url}/api/register_host", msgspec.json.encode(body), {"Content-Type": "application/json"}
        )
        await asyncio.to_thread(lambda: urllib.request.urlopen(request).close())

    async def prove(self) -> None:
        uuid = self.place.host_uuid
        self.say("join_host", {"uuid": uuid, "role": "host"})
        challenge = (await self.expect("host_auth_challenge"))["challenge"]
        signature = b64raw(self._key.sign(host_auth_message(uuid, challenge)))
        self.say("host_auth", {"challenge": challenge, "signature": signature, "features": ["save_ack"]})
        await self.expect("host_auth_success")

    def heard(self, message: dict[str, Any]) -> None:
        data = message["data"]
        match message["type"]:
            case "save_chat_message_request":
                self.say("save_chat_message_response", self._saved(data))
            case "relay_health_check":
                self.say("relay_health_check_ack", data)
            case "get_dash_data_request":
                self.say("get_dash_data_response", self._dashboard(data))
            case _:
                super().heard(message)

    def _saved(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "client_uuid": request["client_uuid"],
            "request_id": request["request_id"],
            "channel_uuid": request["channel_uuid"],
            "message_id": request["envelope"]["message_id"],
            "id": next(self._ids),
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "duplicate": False,
        }

    def _dashboard(self, request: dict[str, Any]) -> dict[str, Any]:
        place, public_key = self.place, request["user_public_key"]
        user = {"id": next(self._ids), "username": request["username"], "public_key": public_key}
        channel = {"id": 1, "uuid": place.channel_uuid, "name": "channel", "space_uuid": place.space_uuid}
        space = {"id": 1, "uuid": place.space_uuid, "name": "space", "channels": [channel], "users": [user]}
        token = issue(self._key, self._claims(public_key))
        capability = {"space_uuid": place.space_uuid, "token": token, "scopes": list(MEMBER_SCOPES)}
        asked = {"client_uuid": request["client_uuid"], "request_id": request["request_id"]}
        return {"user": user, "spaces": [space], "invites": [], "capabilities": [capability], **asked}

    def _claims(self, public_key: str) -> Claims:
        now = int(time.time())
        return Claims(
            host_uuid=self.place.host_uuid,
            space_uuid=self.place.space_uuid,
            sub=public_key,
            scopes=MEMBER_SCOPES,
            exp=now + TTL_SECONDS,
            iat=now,
            channel_scope="*",
        )


class Parch:
    """A relay with its host. Browsers come at the pace its default limits allow one address."""

    def __init__(self, port: int) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self._url = f"ws://127.0.0.1:{port}/ws"

    async def open(self) -> None:
        host = await connect(self._url, Host)
        assert isinstance(host, Host)
        await host.register(self._origin)
        await host.prove()
        self.host, self.place = host, host.place

    async def close(self) -> None:
        await self.host.close()

    async def browsers(self, identities: Sequence[Identity]) -> list[Browser]:
        """In the channel, one a identity."""
        at_once = asyncio.Semaphore(CONNECTS_AT_ONCE)
        started = time.perf_counter()

        async def one(number: int, identity: Identity) -> Browser:
            await asyncio.sleep(started + number / CONNECTS_PER_SECOND - time.perf_counter())
            async with at_once:
                return await self._browser(identity)

        return await asyncio.gather(*(one(number, identity) for number, identity in enumerate(identities)))

    async def _browser(self, identity: Identity) -> Browser:
        place = self.place
        socket = await connect(self._url, Origin=self._origin)
        socket.say("join_host", {"uuid": place.host_uuid})
        challenge = (await socket.expect("auth_challenge"))["challenge"]
        proof = {
            "public_key": identity.public_key,
            "enc_public_key": identity.enc_public_key,
            "device_id": "benchmark",
            "device_name": "benchmark",
            "username": "benchmark",
            "challenge": challenge,
            "signature": identity.sign(browser_auth_message(place.host_uuid, challenge, identity.enc_public_key)),
        }
        socket.say("auth_pubkey", proof)
        socket.say("get_dash_data", "")
        token: str = (await socket.expect("dash_data_payload"))["capabilities"][0]["token"]
        spaces = {"space_uuids": [place.space_uuid], "capability_tokens": {place.space_uuid: token}}
        socket.say("join_all_spaces", spaces)
        socket.say("join_channel", {"uuid": place.channel_uuid, "capability_token": token})
        await socket.expect("joined_channel")
        return Browser(socket, identity, token)


class Baseline:
    """The plain broadcast: a socket is a subscriber."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}/ws"

    async def open(self) -> None:
        self.place = Place(str(uuid4()), str(uuid4()), str(uuid4()))

    async def close(self) -> None: ...

    async def browsers(self, identities: Sequence[Identity]) -> list[Browser]:
        return [Browser(await connect(self._url), identity) for identity in identities]
