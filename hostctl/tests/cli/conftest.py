"""A tiny real relay on a loopback port, a host set up at it, and `hostctl` as people start it."""

import io
import json
import os
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from parch_hostctl.__main__ import main
from parch_hostctl.cli.about import catalogue
from parch_hostctl.cli.app import load
from parch_hostctl.store import Store

PYTHON = (sys.executable, "-P", "-m", "parch_hostctl")


class Relay(socketserver.ThreadingTCPServer):
    """Registers hosts, answers the API of spec §2, and lets hosts prove their key over /ws. Its faults are
    attributes."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server_address[1]
        self.name = "localhost" if context else "127.0.0.1"
        self.hosts: dict[str, dict[str, str]] = {}
        self.online: set[str] = set()
        self.clock_offset = 0.0
        self.health = 200
        self.refuse_auth = False
        self.displace = False
        self.heard: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no news."""

    def register(self, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        uuid = body["uuid"] or f"00000000-0000-4000-8000-{len(self.hosts):012d}"
        known = self.hosts.get(uuid)
        if known and known["signing_public_key"] != body["signing_public_key"]:
            return 409, {"error": "host signing key mismatch for existing host UUID"}
        self.hosts[uuid] = {"name": body["name"], "signing_public_key": body["signing_public_key"]}
        return (200 if known else 201), {"id": 1, "uuid": uuid, "name": body["name"], "online": False}


class _Handler(BaseHTTPRequestHandler):
    server: Relay
    raw_requestline: bytes
    uuid = ""

    def log_message(self, *_: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.server.clock_offset, usegmt=True)

    def do_GET(self) -> None:
        relay = self.server
        if self.path == "/ws":
            self._websocket()
        elif self.path == "/healthz":
            self._answer(relay.health, {"status": "ok"})
        elif self.path.startswith("/api/host/") and (host := relay.hosts.get(self.path[10:])):
            self._answer(200, {"name": host["name"], "uuid": self.path[10:]})
        else:
            self._answer(404, {"error": "Host not found by uuid"})

    def do_POST(self) -> None:
        relay = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/register_host":
            self._answer(*relay.register(body))
        else:
            found = [
                {"uuid": u, "name": "", "online": int(u in relay.online)} for u in body["uuids"] if u in relay.hosts
            ]
            self._answer(200, {"hosts": found or None})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _websocket(self) -> None:
        protocol = ServerProtocol()
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        protocol.receive_data(self.raw_requestline + headers.encode() + b"\r\n")
        for event in protocol.events_received():
            assert isinstance(event, Request)
            protocol.send_response(protocol.accept(event))
        self._flush(protocol)
        self.connection.settimeout(30)
        while data := self.connection.recv(65536):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                    for reply in self._replies(json.loads(bytes(event.data))):
                        protocol.send_text(json.dumps(reply).encode())
            if self.server.displace and self.uuid in self.server.online:
                protocol.send_close(4003, "another connection of this host took over")
            self._flush(protocol)
            if protocol.close_expected():
                break
        self.server.online.discard(self.uuid)
        self.close_connection = True

    def _flush(self, protocol: ServerProtocol) -> None:
        for data in protocol.data_to_send():
            if data:
                self.connection.sendall(data)

    def _replies(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        self.server.heard.append(said)
        if said["type"] == "join_host":
            if said["data"]["uuid"] not in self.server.hosts:
                return [{"type": "join_error", "data": {"error": "Failed to join host"}}]
            self.uuid = said["data"]["uuid"]
            challenge = {"challenge": "c" * 32, "features": ["push"]}
            return [{"type": "join_ack", "data": "ok"}, {"type": "host_auth_challenge", "data": challenge}]
        if said["type"] == "host_auth" and self.server.refuse_auth:
            return [{"type": "authentication-error", "data": {"error": "Invalid host auth signature"}}]
        if said["type"] == "host_auth":
            self.server.online.add(self.uuid)
            return [{"type": "host_auth_success", "data": "ok"}]
        return []


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        return json.loads(self.stderr)


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if re.match(r"HOSTCTL_|CHAT_RELAY_|OFFICIAL_|NO_COLOR|FORCE_COLOR|SSL_CERT|NOTIFY_SOCKET|XDG_", name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def relay() -> Iterator[Relay]:
    yield from serving(Relay())


@pytest.fixture
def secure() -> Iterator[Callable[[ssl.SSLContext], Relay]]:
    """`secure(context)`: a relay behind TLS."""
    with ExitStack() as stack:
        yield lambda context: stack.enter_context(contextmanager(serving)(Relay(context)))


def serving(server: Relay) -> Iterator[Relay]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "host"


@pytest.fixture
def hostctl(directory: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`hostctl WORDS…` on the test's host, in this process, through the real entry. `stdin` is what is piped in."""

    def run(*words: str, stdin: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        code = main(["--config-dir", str(directory), *words])
        sys.stdout.flush()
        out = capfd.readouterr()
        return Done(int(code), out.out, out.err)

    return run


@pytest.fixture
def process(directory: Path, tmp_path: Path) -> Run:
    """The same in a process of its own."""

    def run(*words: str, stdin: str = "", **env: str) -> Done:
        done = subprocess.run(
            [*PYTHON, "--config-dir", str(directory), *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **env},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def host(hostctl: Run, relay: Relay) -> Run:
    """`hostctl` with a host set up at the relay: space "Home" with channel "general"."""
    done = hostctl("init", "--name", "Ann's host", "--relay", relay.url, "--no-input", "--json")
    assert done.code == 0, done.stderr
    return hostctl


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """The schemas of all commands."""
    load([])
    return catalogue()


Fits = Callable[[str, Any], None]


@pytest.fixture(scope="session")
def fits(published: dict[str, Any]) -> Fits:
    """`fits("spaces list", document)`: the document is what the published schema of that command says."""

    def check(command: str, document: Any) -> None:
        schema = published["error"] if command == "error" else published["commands"][command]
        mismatch(document, schema, published["$defs"], command)

    return check


KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def mismatch(value: Any, schema: dict[str, Any], definitions: dict[str, Any], where: str) -> None:
    """JSON Schema, as much of it as msgspec writes; unlike there, an object may have no property that is not named."""
    if "$ref" in schema:
        mismatch(value, definitions[schema["$ref"].removeprefix("#/$defs/")], definitions, where)
    elif "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if _is_of_kind(value, kind, definitions)]
        assert kinds, f"{where}: {value!r} fits none of {schema['anyOf']}"
        mismatch(value, kinds[0], definitions, where)
    elif "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r}"
    elif schema.get("type"):
        assert _is_of_kind(value, schema, definitions), f"{where}: {value!r} is no {schema['type']}"
        if schema["type"] == "array":
            for one in value:
                mismatch(one, schema.get("items", {}), definitions, f"{where}[]")
        if "properties" in schema:
            assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), (
                f"{where}: {sorted(value)}"
            )
            for name, inner in value.items():
                mismatch(inner, schema["properties"][name], definitions, f"{where}.{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            for name, inner in value.items():
                mismatch(inner, schema["additionalProperties"], definitions, f"{where}.{name}")


def _is_of_kind(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return isinstance(value, dict)
    kind = KINDS[schema["type"]]
    return isinstance(value, kind) and not (isinstance(value, bool) and schema["type"] in ("integer", "number"))


@pytest.fixture
def ann() -> str:
    """A public key."""
    return "AnnAnnAnnAnnAnnAnnAnnAnnAnnAnnAnnAnnAnnAnnE"[:42] + "A"


@pytest.fixture
def bob() -> str:
    return "BobBobBobBobBobBobBobBobBobBobBobBobBobBob"[:42] + "A"


@pytest.fixture
def store(host: Run, directory: Path) -> Iterator[Store]:
    """The store of the host, as a running host would hold it."""
    with Store.open(directory / "host_chat_v2.db") as opened:
        yield opened


@pytest.fixture
def met(store: Store, ann: str, bob: str) -> Store:
    """The host has met Ann and Bob, who have connected."""
    store.meet_user(ann, "enc-a", "Ann")
    store.meet_user(bob, "enc-b", "Bob")
    return store


@pytest.fixture
def written(met: Store, ann: str) -> Store:
    """Ann has written ten messages in channel general; their numbers are 1 to 10."""
    (channel,) = met.find_channels("general")
    for number in range(10):
        content = json.dumps({"ciphertext": "x" * number, "wrapped_keys": [{}, {}]})
        met.save_message(channel.uuid, 1, ann, f"m{number}", content, 1_700_000_000.0 + number)
    return met
