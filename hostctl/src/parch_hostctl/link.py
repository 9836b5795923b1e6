"""The websocket to the relay (spec §1.2, §7.5): dials, proves the key, hands requests on, dials again when it breaks.

Requests go to `take` in the order they came; health checks are answered here, at once. Ends only by cancellation,
or with a LinkError when the relay will not have this host: wrong key, or another process has taken its place (spec
Q9).
"""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from parch_wire.challenge import host_auth_message
from parch_wire.encoding import b64raw
from parch_wire.errors import InvalidBody
from parch_wire.messages import (
    Body,
    Challenge,
    Frame,
    HealthCheck,
    HostAuth,
    JoinHost,
    Refusal,
    frame,
    open_frame,
    parse,
)

from . import backoff
from .answer import is_request
from .errors import LinkError, Unreachable

FEATURES = ("save_ack", "push", "cursor")
HANDSHAKE_SECONDS = 15.0
CLOSE_SECONDS = 3.0
INBOUND_BYTES = 16 << 20
DISPLACED_CLOSE = 4003

Say = Callable[[str, str], None]


class Line:
    """One authenticated connection. `features` is what the relay understands beyond the original's wire."""

    def __init__(self, socket: ClientConnection, features: frozenset[str]) -> None:
        self._socket = socket
        self.features = features

    async def send(self, *frames: bytes) -> bool:
        """False when the connection is gone; the relay asks again by itself."""
        try:
            for text in frames:
                await self._socket.send(text, text=True)
        except ConnectionClosed:
            return False
        return True


class Waits(msgspec.Struct, frozen=True):
    """Seconds; see the settings of the same names."""

    reconnect_first: float = backoff.FIRST_SECONDS
    reconnect_cap: float = backoff.CAP_SECONDS
    ping: float = 15.0


class Link:
    """`register` makes the host known to the relay (it may block), `take` takes a request, `say` an event kind and
    text."""

    def __init__(
        self,
        url: str,
        host_uuid: str,
        key: Ed25519PrivateKey,
        *,
        register: Callable[[], object],
        take: Callable[[Frame, int, Line], Awaitable[None]],
        say: Say,
        waits: Waits,
    ) -> None:
        self._url = url
        self._host_uuid = host_uuid
        self._key = key
        self._register = register
        self._take = take
        self._say = say
        self._waits = waits
        self._registered = False
        self.line: Line | None = None

    async def run(self) -> NoReturn:
        failures = 0
        while True:
            started = time.monotonic()
            try:
                await self._connect_once()
            except (Unreachable, OSError, WebSocketException, TimeoutError) as error:
                reason = _reason(error)
            if time.monotonic() - started >= backoff.STABLE_SECONDS:
                failures = 0
            first, cap = self._waits.reconnect_first, self._waits.reconnect_cap
            seconds = backoff.wait(failures, random.random(), first, cap)  # noqa: S311 - spreads load, guards nothing
            failures += 1
            self._say("disconnected", f"{reason} Dialling again in {seconds:.0f} s.")
            await asyncio.sleep(seconds)

    async def _connect_once(self) -> NoReturn:
        """Raises when the connection breaks, LinkError when there is no point in another."""
        if not self._registered:
            await asyncio.to_thread(self._register)
            self._registered = True
            self._say("registered", "The relay knows this host.")
        dial = connect(
            self._url,
            origin=None,
            compression=None,
            open_timeout=HANDSHAKE_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=self._waits.ping,
            ping_timeout=self._waits.ping,
            max_size=INBOUND_BYTES,
        )
        async with dial as socket:
            try:
                async with asyncio.timeout(HANDSHAKE_SECONDS):
                    self.line = Line(socket, await self._prove(socket))
                self._say("connected", f"Connected to {self._url}.")
                await self._listen(socket, self.line)
            except ConnectionClosed as error:
                raise _displaced() if error.rcvd and error.rcvd.code == DISPLACED_CLOSE else error from None
            finally:
                self.line = None

    async def _prove(self, socket: ClientConnection) -> frozenset[str]:
        """Joins, signs the challenge; returns the relay's features."""
        features: frozenset[str] = frozenset()
        await socket.send(frame("join_host", JoinHost(uuid=self._host_uuid, role="host")), text=True)
        while True:
            heard = open_frame(await socket.recv()) or Frame()
            match heard.type:
                case "host_auth_challenge":
                    challenge = parse(Challenge, heard.data)
                    features = frozenset(challenge.features)
                    await socket.send(frame("host_auth", self._proof(challenge.challenge)), text=True)
                case "host_auth_success":
                    return features
                case "join_error":
                    self._registered = False
                    raise Unreachable("join_refused", f"The relay refuses to let the host in: {_said(heard)}.")
                case "authentication-error":
                    raise LinkError(
                        "authentication_failed",
                        f"The relay refuses this host's key: {_said(heard)}.",
                        "Restore the host_config.json that belongs to this host (`hostctl restore`).",
                    )

    def _proof(self, challenge: str) -> Body:
        signature = self._key.sign(host_auth_message(self._host_uuid, challenge))
        return HostAuth(challenge=challenge, signature=b64raw(signature), features=list(FEATURES))

    async def _listen(self, socket: ClientConnection, line: Line) -> NoReturn:
        while True:
            text = await socket.recv()
            heard = open_frame(text) or Frame()
            if heard.type == "relay_health_check":
                await line.send(_acknowledgement(heard))
            elif heard.type == "authentication-error":  # a relay of the original tells displaced hosts nothing else
                raise _displaced()
            elif is_request(heard.type):
                await self._take(heard, len(text), line)


def _acknowledgement(heard: Frame) -> bytes:
    try:
        nonce = parse(HealthCheck, heard.data).nonce
    except InvalidBody:
        nonce = ""
    return frame("relay_health_check_ack", HealthCheck(nonce=nonce))


def _said(heard: Frame) -> str:
    try:
        return parse(Refusal, heard.data).error[:200].rstrip(".")
    except InvalidBody:
        return "without a reason"


def _displaced() -> LinkError:
    return LinkError(
        "displaced",
        "Another process took over this host at the relay.",
        "Run a host in one place only; stop the other one before you start this one again.",
    )


def _reason(error: Exception) -> str:
    match error:
        case Unreachable():
            return error.text
        case ConnectionClosed() if error.rcvd:
            return f"The relay closed the connection ({error.rcvd.code} {error.rcvd.reason})."
        case ConnectionClosed():
            return "The connection to the relay broke."
        case ssl.SSLCertVerificationError():
            return f"The relay's certificate is not good: {error.verify_message}."
        case TimeoutError():
            return "The relay did not answer in time."
        case _:
            return f"The relay cannot be reached: {error}."
