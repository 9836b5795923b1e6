"""The connection to the relay: arrival, loss, return, and when not to return (spec §1.2, §7.5, Q9)."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import CertificateBuilder, Name, NameAttribute
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import serve

from parch_hostctl import backoff
from parch_hostctl import link as link_module
from parch_hostctl.errors import LinkError, Unreachable
from parch_hostctl.link import Link, Waits
from parch_hostctl.settings import resolve
from parch_wire.challenge import check_signature, host_auth_message

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HOST_UUID = "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0"
QUICK = Waits(reconnect_first=0.02, reconnect_cap=0.02, ping=5.0)


class Linked:
    """A link at work, and what it told the rest of the host."""

    def __init__(self, address: str, waits: Waits, scheme: str = "ws") -> None:
        self.events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.taken: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.registered = 0
        self.link = Link(
            f"{scheme}://{address}/ws",
            HOST_UUID,
            KEY,
            register=self._register,
            take=self._take,
            say=lambda kind, text: self.events.put_nowait((kind, text)),
            waits=waits,
        )
        self.task = asyncio.create_task(self.link.run())

    def _register(self) -> None:
        self.registered += 1
        if self.registered == 1 and self.refuse_first:
            raise Unreachable("relay_unavailable", "The relay is not there yet.")

    refuse_first = False

    async def _take(self, asked: Any, size: int, line: Any) -> None:
        self.taken.put_nowait((asked.type, line))

    async def event(self, kind: str) -> str:
        """The text of the next event of this kind."""
        async with asyncio.timeout(5):
            while (heard := await self.events.get())[0] != kind:
                pass
        return heard[1]

    async def failure(self) -> LinkError:
        """Why the link gave up."""
        with pytest.raises(LinkError) as ended:
            async with asyncio.timeout(5):
                await self.task
        return ended.value


Start = Callable[..., AbstractAsyncContextManager[Linked]]


@pytest.fixture
def linked(relay: Any) -> Start:
    @asynccontextmanager
    async def start(waits: Waits = QUICK) -> AsyncIterator[Linked]:
        started = Linked(relay.address, waits)
        try:
            yield started
        finally:
            started.task.cancel()
            await asyncio.gather(started.task, return_exceptions=True)

    return start


async def test_a_host_arrives_without_an_origin_and_proves_its_key(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        assert "Origin" not in socket.socket.request.headers
        proof = await socket.welcome()
        assert proof["features"] == ["save_ack", "push", "cursor"]
        check_signature(
            KEY.public_key().public_bytes_raw(), proof["signature"], host_auth_message(HOST_UUID, "for hosts")
        )
        await host.event("connected")
        assert host.registered == 1


async def test_the_line_knows_what_the_relay_understands(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome("push", "save_ack")
        await socket.say("get_messages_request")
        _, line = await host.taken.get()
        assert line.features == {"push", "save_ack"}


async def test_health_checks_are_answered_at_once(relay: Any, linked: Start) -> None:
    async with linked():
        socket = await relay.next_host()
        await socket.welcome()
        await socket.say("relay_health_check", {"nonce": "n1"})
        assert await socket.hear() == ("relay_health_check_ack", {"nonce": "n1"})
        await socket.say("relay_health_check", "no object")
        assert await socket.hear() == ("relay_health_check_ack", {"nonce": ""})


async def test_noise_is_ignored_and_requests_keep_their_order(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome()
        for noise in ("not json", "[]", '{"data":1}', '{"type":"unknown_type","data":{}}'):
            await socket.socket.send(noise)
        await socket.say("create_space_request")
        await socket.socket.send(b'{"type":"get_messages_request","data":{}}')
        assert [(await host.taken.get())[0] for _ in range(2)] == ["create_space_request", "get_messages_request"]


async def test_a_lost_connection_is_made_again(relay: Any, linked: Start) -> None:
    async with linked() as host:
        for _ in range(3):
            socket = await relay.next_host()
            await socket.welcome()
            await host.event("connected")
            assert host.link.line is not None
            socket.socket.transport.abort()
            assert "broke" in await host.event("disconnected")
        assert host.registered == 1


async def test_a_relay_that_says_goodbye_is_quoted(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.socket.close(1012, "relay restarting")
        assert "1012 relay restarting" in await host.event("disconnected")


@pytest.mark.parametrize("text", ["Host is not upgraded for capability auth", "Failed to join host"])
async def test_a_relay_that_does_not_know_the_host_is_told_again(relay: Any, linked: Start, text: str) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.hear()
        await socket.say("join_error", {"error": text, "client_uuid": ""})
        assert text in await host.event("disconnected")
        await (await relay.next_host()).welcome()
        assert host.registered == 2


async def test_a_registration_that_fails_is_tried_again(
    relay: Any, linked: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Linked, "refuse_first", True)
    async with linked() as host:
        assert "not there yet" in await host.event("disconnected")
        await (await relay.next_host()).welcome()
        assert host.registered == 2


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ({"error": "Invalid host auth signature", "client_uuid": ""}, "host auth"),
        ("no object", "without a reason"),
    ],
)
async def test_a_refused_key_ends_the_link(relay: Any, linked: Start, refusal: Any, reason: str) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.hear()
        await socket.say("host_auth_challenge", {"challenge": "c"})
        await socket.say("authentication-error", refusal)
        failure = await host.failure()
        assert failure.code == "authentication_failed"
        assert reason in failure.text


async def test_a_host_that_is_displaced_does_not_fight(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.socket.close(4003, "another connection of this host took over")
        assert (await host.failure()).code == "displaced"


async def test_an_old_relay_tells_it_otherwise(relay: Any, linked: Start) -> None:
    """It takes the author's place away without a word and refuses the next answer (spec §3.8)."""
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.say("authentication-error", "no object")
        assert (await host.failure()).code == "displaced"


async def test_a_connection_that_went_silent_is_noticed(
    relay: Any, linked: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-open: the other end is gone but nobody said so. Twice the ping interval and the time to close, at most."""
    in_production = 2 * resolve({}, {}, {}).ping_seconds + link_module.CLOSE_SECONDS
    assert in_production <= 45
    monkeypatch.setattr(link_module, "CLOSE_SECONDS", 0.1)
    async with linked(Waits(reconnect_first=0.02, reconnect_cap=0.02, ping=0.2)) as host:
        socket = await relay.next_host()
        await socket.welcome()
        await host.event("connected")
        socket.socket.transport.pause_reading()
        started = asyncio.get_running_loop().time()
        await host.event("disconnected")
        assert asyncio.get_running_loop().time() - started < 2
        socket.socket.transport.abort()


async def test_a_relay_that_never_finishes_the_arrival_is_left(
    relay: Any, linked: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "HANDSHAKE_SECONDS", 0.1)
    async with linked() as host:
        await relay.next_host()
        assert "in time" in await host.event("disconnected")


async def test_nobody_at_the_address(relay: Any, linked: Start) -> None:
    relay.address = "127.0.0.1:1"
    async with linked() as host:
        assert "cannot be reached" in await host.event("disconnected")


async def test_a_relay_without_websockets(relay: Any) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        host = Linked(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", QUICK)
        assert "404" in await host.event("disconnected")
        host.task.cancel()
        await asyncio.gather(host.task, return_exceptions=True)


async def test_after_a_stable_connection_a_loss_is_a_first_one_again(
    relay: Any, linked: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "STABLE_SECONDS", 0.0)
    monkeypatch.setattr("random.random", lambda: 0.0)
    async with linked(Waits(reconnect_first=1000.0, reconnect_cap=1000.0)) as host:
        for _ in range(3):
            (await relay.next_host()).socket.transport.abort()
            assert "0 s" in await host.event("disconnected")


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's context with a certificate nobody vouches for."""
    key = generate_private_key(SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    draft = CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    certificate = draft.sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


async def test_a_certificate_nobody_vouches_for_is_refused(self_signed: ssl.SSLContext) -> None:
    async with serve(lambda socket: socket.wait_closed(), "127.0.0.1", 0, ssl=self_signed) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        host = Linked(f"localhost:{port}", QUICK, "wss")
        assert "certificate is not good" in await host.event("disconnected")
        host.task.cancel()
        await asyncio.gather(host.task, return_exceptions=True)


async def test_a_line_that_is_gone_says_so(relay: Any, linked: Start) -> None:
    async with linked() as host:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.say("get_messages_request")
        _, line = await host.taken.get()
        assert await line.send(b"{}")
        socket.socket.transport.abort()
        await host.event("disconnected")
        assert not await line.send(b"{}")
