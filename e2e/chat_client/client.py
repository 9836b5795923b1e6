"""A browser's side of the chat wire over one websocket: calls in, frames and answers out. Speaks to any relay.

`expect` waits for a frame and leaves the others for later calls; a refusal nobody expects raises `Refused`.
"""

import asyncio
import json
import socket as sockets
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from .crypto import Identity, Recipient

REFUSALS = frozenset({"error", "join_error", "authentication-error", "author_error"})
END_OF_TIME = "2999-01-01T00:00:00.000Z"
Data = dict[str, Any]


class Frame(NamedTuple):
    """One message from the relay."""

    type: str
    data: Any


class Refused(Exception):
    """The relay or the host said no; `data` is the error payload."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"{frame.type}: {frame.data}")
        self.type = frame.type
        self.data = frame.data


class ChatClient:
    """One browser socket of one identity. `spaces`, `tokens` and `channels` are what the relay has told so far."""

    open: ClassVar[set["ChatClient"]] = set()
    """Those that have connected and were not closed yet."""

    def __init__(self, socket: ClientConnection, identity: Identity, username: str, device_id: str, patience: float):
        self.socket = socket
        self.identity = identity
        self.username = username
        self.device_id = device_id
        self.patience = patience
        self.host_uuid = ""
        self.channel_uuid = ""
        self.user: Data = {}
        self.invites: list[Data] = []
        self.spaces: dict[str, Data] = {}
        self.tokens: dict[str, str] = {}
        self.channels: dict[str, str] = {}  # channel uuid → space uuid
        self.inbox: deque[Frame] = deque()

    @classmethod
    async def connect(
        cls,
        relay_url: str,
        identity: Identity | None = None,
        *,
        username: str = "",
        device_id: str = "",
        origin: str | None = "",
        address: str = "",
        receive_buffer: int = 0,
        patience: float = 10.0,
    ) -> Self:
        """A socket to the relay at `relay_url` (`http://host:port`). `origin` is the relay's own unless given;
        None sends no Origin header. `address` is where a trusted proxy would say that it comes from.
        `receive_buffer` bytes the kernel takes in while nobody reads, 0 for its default (megabytes).
        `patience` is how many seconds `expect` waits."""
        url = urlsplit(relay_url)
        if origin == "":
            origin = f"{url.scheme}://{url.netloc}"
        socket = await connect(
            f"{url.scheme.replace('http', 'ws')}://{url.netloc}/ws",
            sock=await _narrow_socket(url.hostname or "", url.port or 80, receive_buffer) if receive_buffer else None,
            origin=None if origin is None else Origin(origin),
            additional_headers={"X-Forwarded-For": address} if address else None,
            compression=None,
            max_size=None,
            max_queue=1024,
            ping_interval=None,
            proxy=None,
        )
        client = cls(socket, identity or Identity.new(), username, device_id, patience)
        cls.open.add(client)
        return client

    @classmethod
    async def login(
        cls, relay_url: str, host_uuid: str, identity: Identity | None = None, *, username: str = "", **options: Any
    ) -> Self:
        """A client that has connected, joined the host, authenticated, read its dashboard and joined its spaces.

        `options` are those of `connect`.
        """
        client = await cls.connect(relay_url, identity, username=username, **options)
        try:
            await client.join(host_uuid)
            await client.auth()
            await client.dashboard()
            await client.join_all_spaces()
        except BaseException:
            await client.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.open.discard(self)
        await self.socket.close()

    async def say(self, type_: str, data: Any = "") -> None:
        """Sends one frame."""
        await self.socket.send(json.dumps({"type": type_, "data": data}))

    async def expect(self, *types: str, where: Callable[[Any], bool] = lambda data: True) -> Frame:
        """The first unread frame of one of `types` whose data satisfies `where`; frames passed over stay unread.

        Raises Refused on a refusal that is not expected, TimeoutError after `patience` seconds,
        `websockets.ConnectionClosed` when the relay hangs up.
        """

        def wanted(frame: Frame) -> bool:
            return frame.type in types and where(frame.data)

        for frame in self.inbox:
            if wanted(frame):
                self.inbox.remove(frame)
                return frame
        async with asyncio.timeout(self.patience):
            while not wanted(frame := await self.receive()):
                if frame.type in REFUSALS:
                    raise Refused(frame)
                self.inbox.append(frame)
        return frame

    async def receive(self) -> Frame:
        """The next frame from the socket, past the unread ones; what it tells of spaces and tokens is noted."""
        message = json.loads(await self.socket.recv())
        frame = Frame(message["type"], message.get("data"))
        if isinstance(frame.data, dict):
            self._note(frame.type, frame.data)
        return frame

    async def fence(self) -> list[Frame]:
        """Everything the relay had sent before it answered a question asked now; clears the unread frames.

        Shows that something did not arrive, provided that its cause was acknowledged to somebody before.
        """
        await self.say("join_all_spaces", {"space_uuids": [], "capability_tokens": {}})
        async with asyncio.timeout(self.patience):
            while (frame := await self.receive()).type != "join_all_spaces_success":
                self.inbox.append(frame)
        before = list(self.inbox)
        self.inbox.clear()
        return before

    async def join(self, host_uuid: str) -> Frame:
        """Joins a host; the answer is `join_ack`, the challenge stays unread for `auth`."""
        self.host_uuid = host_uuid
        await self.say("join_host", {"uuid": host_uuid})
        return await self.expect("join_ack")

    async def auth(self, **changes: Any) -> Data:
        """Proves the identity; `changes` replace fields of `auth_pubkey`. Returns the session as the relay sees it."""
        challenge = (await self.expect("auth_challenge")).data["challenge"]
        body = {
            "public_key": self.identity.public_key,
            "enc_public_key": self.identity.enc_public_key,
            "device_id": self.device_id,
            "device_name": "test client",
            "username": self.username,
            "challenge": challenge,
            "signature": self.identity.auth_signature(self.host_uuid, challenge),
        }
        session: Data = await self.ask("auth_pubkey", body | changes, "auth_pubkey_success")
        return session

    async def ask(self, type_: str, data: Any, answer: str) -> Any:
        """Sends a frame and returns the data of its answer."""
        await self.say(type_, data)
        return (await self.expect(answer)).data

    async def dashboard(self) -> Data:
        payload: Data = await self.ask("get_dash_data", "", "dash_data_payload")
        return payload

    async def join_all_spaces(self) -> None:
        await self.ask(
            "join_all_spaces",
            {"space_uuids": list(self.spaces), "capability_tokens": self.tokens},
            "join_all_spaces_success",
        )

    async def create_space(self, name: str) -> Data:
        """The new space, with its first channel; the relay subscribes its author."""
        space: Data = (await self.ask("create_space", {"name": name}, "create_space_success"))["space"]
        return space

    async def create_channel(self, space_uuid: str, name: str) -> Data:
        body = {"name": name, "space_uuid": space_uuid, "capability_token": self.tokens[space_uuid]}
        channel: Data = (await self.ask("create_channel", body, "create_channel_success"))["channel"]
        return channel

    async def invite(self, public_key: str, space_uuid: str) -> None:
        body = {"public_key": public_key, "space_uuid": space_uuid, "capability_token": self.tokens[space_uuid]}
        await self.ask("invite_user", body, "invite_user_success")

    async def invited(self) -> Data:
        """The next invite pushed to us."""
        invite: Data = (await self.expect("invite_user_update")).data["invite"]
        return invite

    async def accept(self, space_user_id: int) -> Data:
        """The space joined; its other members hear `accept_invite_update`."""
        answer = await self.ask("accept_invite", {"space_user_id": space_user_id}, "accept_invite_success")
        space: Data = answer["space"]
        return space

    async def join_channel(self, channel_uuid: str) -> None:
        token = self.tokens.get(self.channels.get(channel_uuid, ""), "")
        await self.say("join_channel", {"uuid": channel_uuid, "capability_token": token})
        await self.expect("left_channel")
        await self.expect("joined_channel")
        self.channel_uuid = channel_uuid

    def seal(self, text: str) -> Data:
        """A `chat` body for the joined channel, sealed for every member of its space known here."""
        space_uuid = self.channels[self.channel_uuid]
        users = self.spaces[space_uuid]["users"] or []
        recipients = [Recipient(u["public_key"], u["enc_public_key"]) for u in users if u.get("enc_public_key")]
        envelope = self.identity.encrypt(recipients, space_uuid, self.channel_uuid, text)
        return {"envelope": envelope, "capability_token": self.tokens[space_uuid]}

    async def send(self, text: str) -> Data:
        """Sends `text` to the joined channel and returns its echo, the `chat` data every subscriber gets."""
        return await self.send_body(self.seal(text))

    async def send_body(self, body: Data) -> Data:
        """Sends a `chat` body (see `seal`) and returns its echo."""
        message_id = body["envelope"]["message_id"]
        await self.say("chat", body)
        echo = await self.expect("chat", where=lambda data: data["envelope"]["message_id"] == message_id)
        data: Data = echo.data
        return data

    async def heard(self) -> str:
        """The text of the next `chat`."""
        return self.identity.decrypt((await self.expect("chat")).data["envelope"])

    async def history(self, before: str = END_OF_TIME, **cursor: int) -> Data:
        """A page of the joined channel; `cursor` may be `before_id`, `after_id`, `limit`."""
        token = self.tokens[self.channels[self.channel_uuid]]
        body = {"before_unix_time": before, "capability_token": token, **cursor}
        page: Data = await self.ask("get_messages", body, "get_messages_success")
        return page

    def texts(self, page: Data) -> list[str]:
        """The decrypted texts of a page of history."""
        return [self.identity.decrypt(message["envelope"]) for message in page["messages"] or []]

    def _note(self, type_: str, data: Data) -> None:
        match type_:
            case "dash_data_payload":
                self.user, self.invites = data["user"], data["invites"] or []
                self.spaces, self.tokens, self.channels = {}, {}, {}
                for space in data["spaces"] or []:
                    self._note_space(space)
                for capability in data.get("capabilities") or []:
                    self.tokens[capability["space_uuid"]] = capability["token"]
            case "create_space_success" | "accept_invite_success":
                self._note_space(data["space"])
                self.tokens[data["space"]["uuid"]] = data["capability"]["token"]
            case "create_channel_success" | "create_channel_update":
                self.channels[data["channel"]["uuid"]] = data["space_uuid"]
            case "accept_invite_update" if data["space_uuid"] in self.spaces:
                self._drop_user(data["space_uuid"], data["user"]["id"])
                self.spaces[data["space_uuid"]]["users"].append(data["user"])
            case "leave_space_update" if data["space_uuid"] in self.spaces:
                self._drop_user(data["space_uuid"], data["user_id"])

    def _note_space(self, space: Data) -> None:
        self.spaces[space["uuid"]] = space
        self.channels.update({channel["uuid"]: space["uuid"] for channel in space["channels"] or []})

    def _drop_user(self, space_uuid: str, user_id: int) -> None:
        space = self.spaces[space_uuid]
        space["users"] = [user for user in space["users"] or [] if user["id"] != user_id]


async def _narrow_socket(host: str, port: int, receive_buffer: int) -> sockets.socket:
    """A connected socket whose kernel buffer is small; that can only be said before it connects."""
    sock = sockets.socket()
    sock.setblocking(False)
    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(sock, (host, port))
    return sock
