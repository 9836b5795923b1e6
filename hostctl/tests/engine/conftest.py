"""What the engine's tests share: people with real keys, a store in a real file, a host to be asked, a relay to join."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from chat_client.crypto import Identity
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw
from websockets.asyncio.server import ServerConnection, serve

from parch_hostctl.answer import answer
from parch_hostctl.context import Context
from parch_hostctl.store import Store
from parch_wire.messages import Frame

NOW = 1_795_000_000.25
HOST_UUID = "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0"

Data = dict[str, Any]
Reply = tuple[str, Data]

ORIGINAL_SCHEMA = """
CREATE TABLE chat_users (id INTEGER PRIMARY KEY AUTOINCREMENT, public_key TEXT NOT NULL UNIQUE,
  enc_public_key TEXT NOT NULL DEFAULT '', username TEXT NOT NULL, created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE spaces (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  author_id INTEGER NOT NULL);
CREATE TABLE channels (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  space_uuid TEXT NOT NULL, allow_voice INTEGER DEFAULT 0,
  FOREIGN KEY(space_uuid) REFERENCES spaces(uuid) ON DELETE CASCADE);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, channel_uuid TEXT NOT NULL, content TEXT NOT NULL,
  user_id INTEGER NOT NULL, message_id TEXT NOT NULL DEFAULT '', sender_auth_public_key TEXT NOT NULL DEFAULT '',
  timestamp TEXT, FOREIGN KEY(channel_uuid) REFERENCES channels(uuid) ON DELETE CASCADE);
CREATE TABLE space_users (id INTEGER PRIMARY KEY AUTOINCREMENT, space_uuid TEXT NOT NULL, user_id INTEGER NOT NULL,
  joined INTEGER NOT NULL DEFAULT 0, FOREIGN KEY(space_uuid) REFERENCES spaces(uuid) ON DELETE CASCADE);
"""
"""The tables as a file of the original has them (spec §7.4)."""


class Person(Identity):
    """An identity with the fields a relay adds to its requests."""

    name = "someone"

    def session(self, prefix: str = "") -> Data:
        return {
            f"{prefix}user_public_key": self.public_key,
            f"{prefix}user_enc_public_key": self.enc_public_key,
            "client_uuid": f"client-{self.name}",
        }


class AskedHost:
    """A host with a fixed clock and counted uuids; `ask` speaks as the relay of the moment does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.now = NOW
        self._made = 0
        self.context = Context(
            store, host_uuid=HOST_UUID, signing_key=self.key, now=lambda: self.now, new_uuid=self._new_uuid
        )

    def _new_uuid(self) -> str:
        self._made += 1
        return f"00000000-0000-4000-8000-{self._made:012d}"

    def ask(self, type_: str, **body: Any) -> list[Reply]:
        """Every reply, as (type, data)."""
        frames = answer(self.context, Frame(type_, Raw(json.dumps(body).encode())))
        return [(reply["type"], reply["data"]) for reply in map(json.loads, frames)]

    def one(self, type_: str, **body: Any) -> Data:
        """The data of the only reply."""
        [(_, data)] = self.ask(type_, **body)
        return data

    def refusal(self, type_: str, **body: Any) -> Data:
        """The data of the only reply, which is an error."""
        [(kind, data)] = self.ask(type_, **body)
        assert kind == "error", data
        return data

    def meet(self, person: Person) -> Data:
        """The person opens the host; returns the dashboard."""
        return self.one("get_dash_data_request", **person.session(), username=person.name)

    def space_of(self, author: Person, name: str = "Space") -> Data:
        space: Data = self.one("create_space_request", **author.session(), username=author.name, name=name)["space"]
        return space

    def invite(self, space_uuid: str, author: Person, target: Person) -> Data:
        request = {**author.session("requester_"), "space_uuid": space_uuid, "public_key": target.public_key}
        return self.one("invite_user_request", **request)

    def join(self, space_uuid: str, author: Person, target: Person) -> Data:
        self.meet(target)
        invite = self.invite(space_uuid, author, target)["invite"]
        return self.one("accept_invite_request", **target.session(), space_user_id=invite["id"])

    def save(self, sender: Person, space: Data, envelope: Data | None = None, **more: Any) -> list[Reply]:
        channel = space["channels"][0]["uuid"]
        envelope = envelope or sender.encrypt([], space["uuid"], channel, "hello")
        body = {"channel_uuid": channel, "envelope": envelope, "request_id": "r", **sender.session(), **more}
        return self.ask("save_chat_message_request", **body)

    def read(self, reader: Person, channel_uuid: str, **cursor: Any) -> Data:
        request = {"channel_uuid": channel_uuid, "user_public_key": reader.public_key, "client_uuid": "c", **cursor}
        return self.one("get_messages_request", **request)


def _person(name: str) -> Person:
    new = Identity.new()
    person = Person(new.signing, new.agreement)
    person.name = name
    return person


@pytest.fixture(scope="session")
def alice() -> Person:
    return _person("alice")


@pytest.fixture(scope="session")
def bob() -> Person:
    return _person("bob")


@pytest.fixture(scope="session")
def carol() -> Person:
    return _person("carol")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "host_chat_v2.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with Store.open(database) as opened:
        yield opened


@pytest.fixture
def host(store: Store) -> AskedHost:
    return AskedHost(store)


@pytest.fixture
def original_file(database: Path) -> Callable[..., Path]:
    """Makes a file as the original leaves it, with `rows` of messages given as (message_id, timestamp)."""

    def make(rows: list[tuple[str, str]]) -> Path:
        with sqlite3.connect(database) as connection:
            connection.executescript(ORIGINAL_SCHEMA)
            connection.execute("INSERT INTO chat_users (public_key, enc_public_key, username) VALUES ('A', 'E', 'ann')")
            connection.execute("INSERT INTO spaces (uuid, name, author_id) VALUES ('S', 'Old space', 1)")
            connection.execute("INSERT INTO channels (uuid, name, space_uuid) VALUES ('C', 'old', 'S')")
            connection.executemany(
                "INSERT INTO messages (channel_uuid, content, user_id, message_id, sender_auth_public_key, timestamp)"
                " VALUES ('C', '{\"n\":1}', 1, ?, 'A', ?)",
                rows,
            )
        connection.close()
        return database

    return make


class HostSocket:
    """The relay's end of a host's connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def say(self, type_: str, data: Any = "") -> None:
        await self.socket.send(json.dumps({"type": type_, "data": data}))

    async def hear(self) -> Reply:
        """The next frame, which must come within five seconds."""
        async with asyncio.timeout(5):
            frame = json.loads(await self.socket.recv())
        return frame["type"], frame["data"]

    async def welcome(self, *features: str) -> Data:
        """The relay's half of a host's arrival (spec §1.2); returns what the host said in `host_auth`."""
        assert (await self.hear())[0] == "join_host"
        await self.say("join_ack", "Joined host successfully")
        additions = {"features": list(features), "server_time": 1} if features else {}
        await self.say("auth_challenge", {"challenge": "for browsers", **additions})
        await self.say("host_auth_challenge", {"challenge": "for hosts", **additions})
        kind, proof = await self.hear()
        assert kind == "host_auth"
        await self.say("host_auth_success", "Host authenticated")
        return proof


class FakeRelay:
    """A relay's two doors on one real port: registration over HTTP, and sockets that wait for `next_host`."""

    def __init__(self) -> None:
        self.registrations: list[Data] = []
        self.answers: list[tuple[int, Data]] = []
        """Taken one by one for registrations; when there is none left, the host is known."""
        self._sockets: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._stack = AsyncExitStack()
        self._pipes: set[asyncio.Task[None]] = set()
        self.address = ""

    async def __aenter__(self) -> "FakeRelay":
        sockets = await self._stack.enter_async_context(serve(self._attend, "127.0.0.1", 0, ping_interval=None))
        self._behind: int = next(iter(sockets.sockets)).getsockname()[1]
        doors = await asyncio.start_server(self._open_door, "127.0.0.1", 0)
        self._stack.callback(doors.close)
        self.address = f"127.0.0.1:{doors.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def next_host(self) -> HostSocket:
        """The next connection, which must come within five seconds."""
        async with asyncio.timeout(5):
            return HostSocket(await self._sockets.get())

    async def _attend(self, socket: ServerConnection) -> None:
        self._sockets.put_nowait(socket)
        await socket.wait_closed()

    async def _open_door(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST /api/register_host "):
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            body = json.loads(await reader.readexactly(length))
            self.registrations.append(body)
            status, answer = self.answers.pop(0) if self.answers else (200, {"uuid": body["uuid"]})
            text = json.dumps(answer).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text)) + text
            )
            await writer.drain()
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        inner_writer.write(head)
        for source, target in ((reader, inner_writer), (inner_reader, writer)):
            self._pipes.add(asyncio.create_task(_pipe(source, target)))


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with FakeRelay() as started:
        yield started
