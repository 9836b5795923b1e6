"""One websocket, from its handshake to its end. Edge: frames in, the switchboard's methods called, refusals out.

A fault here ends this session alone. Frames of one socket are handled strictly in order (spec §1.3).
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import structlog
from msgspec import Raw
from opentelemetry import trace
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from parch_serve.limits import ConnectionGate
from parch_serve.outbox import Outbox
from parch_serve.postgres import DatabaseUnavailable
from parch_serve.tracing import context_from_headers
from parch_serve.websocket import EXTENSION, FramesProtocol, prepare
from parch_wire.challenge import CHALLENGE_BYTES
from parch_wire.encoding import b64raw, unb64raw
from parch_wire.errors import InvalidBody, InvalidEncoding
from parch_wire.messages import JoinHost, open_frame, parse

from . import metrics
from .actions import Moment, act
from .handshake import greet, prove_browser, prove_host
from .registration import Row
from .registry import Registry
from .session import MAX_ATTEMPTS, MESSAGE_LIMIT, Refused, Session, State, admit, take
from .switchboard import Switchboard, utc_text

REJOINED = 1001
KEY_CHANGED = 1008
FAULT = 1011
TOO_LATE = 4001
TOO_MANY_ATTEMPTS = 4002
HOST_OUTBOX_FRAMES = 8192
HOST_OUTBOX_BYTES = 16 << 20
HOST_MESSAGE_BYTES = 1 << 20

log = structlog.get_logger()
tracer = trace.get_tracer("parch_relay")


@dataclass(slots=True)
class SocketLimits:
    """`handshake_seconds` each to join and to prove an identity."""

    handshake_seconds: float
    allowed_origins: frozenset[str]


class Sockets:
    """The ASGI application behind `/ws`."""

    def __init__(
        self,
        switchboard: Switchboard,
        registry: Registry,
        gate: ConnectionGate,
        limits: SocketLimits,
        clock: Callable[[], float],
    ) -> None:
        self.switchboard = switchboard
        self.registry = registry
        self.gate = gate
        self.limits = limits
        self.clock = clock
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else ""
        refused = self._refuses(headers, address)
        await receive()
        if refused:
            await _reject(send, *refused)
            return
        connection = Connection(self, scope, headers, address)
        try:
            await send({"type": "websocket.accept"})
            scope["headers"].clear()  # nobody reads them again
            del headers
            await connection.run(receive)
        finally:
            self.gate.release(address, connection.authenticated)

    def _refuses(self, headers: Headers, address: str) -> tuple[int, str, str] | None:
        if self.draining:
            return 503, "draining", "This relay is restarting. Connect again."
        origin = headers.get("origin", "").strip()
        if origin and not self._allowed(origin, headers.get("host", "")):
            return 403, "origin_not_allowed", "This page may not use this relay. Add its origin to ALLOWED_ORIGINS."
        refusal = self.gate.admit(address)
        return (429, refusal.code, refusal.text) if refusal else None

    def _allowed(self, origin: str, host: str) -> bool:
        return origin in self.limits.allowed_origins or (host != "" and _netloc(origin) == host)


async def _reject(send: Send, status: int, code: str, text: str) -> None:
    metrics.CONNECTIONS_REFUSED.labels(code).inc()
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


class Connection:
    """One accepted websocket."""

    def __init__(self, sockets: Sockets, scope: Scope, headers: Headers, address: str) -> None:
        self._sockets = sockets
        self._board = sockets.switchboard
        self._frames: FramesProtocol = scope["extensions"][EXTENSION]
        self._frames.on_cut = metrics.SLOW_READERS.inc
        self._trace = context_from_headers(scope["headers"])
        self._signing_key = b""
        self._deadline: asyncio.TimerHandle | None = None
        self._counted = State.NEW
        self.authenticated = False
        self.session = Session(
            client_uuid=str(uuid4()), outlet=self._frames, address=address, origin=headers.get("origin", "").strip()
        )

    async def run(self, receive: Receive) -> None:
        """Until the peer or the relay ends it."""
        metrics.SOCKETS.labels("new").inc()
        self._arm("Join a host within the time limit.")
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                await self._receive(message["bytes"] if text is None else text)
                del message, text  # an idle connection does not keep the last thing it said
        except Exception:
            metrics.FAULTS.inc()
            log.exception("session_fault", client=self.session.client_uuid)
            self._close(FAULT, "The relay failed to handle a message.")
        finally:
            if self._deadline:
                self._deadline.cancel()
            metrics.SOCKETS.labels(self._counted.name.lower()).dec()
            self.session.state = State.CLOSED
            self._board.leave(self.session)
            if self._counted is State.AUTHOR and not self._sockets.draining:
                await self._record_absence()

    async def _receive(self, text: str | bytes) -> None:
        frame = open_frame(text)
        if frame is None:
            metrics.IGNORED.labels("not_a_frame").inc()
            return
        session = self.session
        session.last_seen = self._sockets.clock()
        try:
            if not admit(session, frame.type):
                metrics.IGNORED.labels("not_allowed").inc()
                return
            metrics.MESSAGES.labels(frame.type).inc()
            if session.state is State.AUTHOR and frame.type not in _HANDSHAKE:
                self._board.host_said(session, frame.type, frame.data)
            elif frame.type in _HANDSHAKE:
                await _HANDSHAKE[frame.type](self, frame.data)
            else:
                self._act(frame.type, frame.data)
        except Refused as refusal:
            self._refuse(refusal, frame.type, frame.data)

    def _act(self, type_: str, data: Raw) -> None:
        session, now = self.session, self._sockets.clock()
        wait = take(session.messages, MESSAGE_LIMIT, now)
        if wait:
            raise Refused("rate_limited", "Too many messages", "Wait a moment and send it again.", retry_after=wait)
        with tracer.start_as_current_span(f"relay {type_}", self._trace):
            moment = Moment(now, utc_text(now), self._board.new_request_id)
            self._board.perform(act(session, self._board.room(session.host_uuid), type_, data, moment))

    def _refuse(self, refusal: Refused, type_: str, data: Raw) -> None:
        metrics.REFUSALS.labels(refusal.code).inc()
        message_id = _message_id(data) if type_ == "chat" else ""
        self._write(refusal.frame(type_, message_id))
        if refusal.code == "too_many_attempts":
            self._close(TOO_MANY_ATTEMPTS, "Too many attempts on one connection.")

    # --- handshake ---

    async def _join_host(self, data: Raw) -> None:
        session = self.session
        if session.state is not State.NEW:
            self._close(REJOINED, "Open another connection to join another host.")
            return
        self._count_attempt()
        with tracer.start_as_current_span("relay join_host", self._trace) as span:
            join = _parse_join(data)
            span.set_attribute("parch.host", join.uuid)
            candidate = not session.origin and join.role.strip().lower() == "host"
            if not session.origin and not candidate:
                hint = "Browsers send Origin by themselves; other clients must set it to the relay's own."
                raise _join_refused("origin_required", "An Origin header is required", hint)
            row = await self._find(join.uuid)
            self._signing_key = _signing_key(row)
            if not candidate:
                await self._check_host(row.uuid)
        self._joined(row, candidate)

    async def _find(self, uuid: str) -> Row:
        try:
            row = await self._sockets.registry.find(uuid)
        except DatabaseUnavailable:
            hint = "The relay cannot reach its database; try again in a moment."
            raise _join_refused("database_unavailable", "Failed to join host", hint) from None
        if row is None:
            raise _join_refused("unknown_host", "Failed to join host", "Check the host's key.")
        return row

    async def _check_host(self, host_uuid: str) -> None:
        if not await self._board.healthy(host_uuid):
            hint = "Ask its owner whether hostctl is running, and try again."
            raise _join_refused("host_offline", "Host is offline or unresponsive", hint)

    def _joined(self, row: Row, candidate: bool) -> None:
        session = self.session
        if session.state is State.CLOSED:
            return
        session.host_uuid = row.uuid
        session.candidate = candidate
        session.challenge = _challenge()
        session.host_challenge = _challenge() if candidate else ""
        session.attempts = 0
        self._move(State.JOINED)
        self._arm("Prove your identity within the time limit.")
        for frame in greet(session, self._sockets.clock()):
            self._write(frame)

    async def _auth_pubkey(self, data: Raw) -> None:
        self._count_attempt()
        answer = prove_browser(self.session, data)
        self._proved()
        self._board.enter(self.session, self._signing_key)
        self._write(answer)

    async def _host_auth(self, data: Raw) -> None:
        self._count_attempt()
        session = self.session
        features = prove_host(session, data, self._signing_key)
        if not await self._record_proof():
            self._close(KEY_CHANGED, "The host has another key by now. Register, then connect again.")
        if session.state is State.CLOSED:
            return
        self._proved()
        self._frames.outbox = Outbox(HOST_OUTBOX_FRAMES, HOST_OUTBOX_BYTES)
        self._frames.conn.max_message_size = HOST_MESSAGE_BYTES  # dashboards of large spaces
        self._write(_HOST_AUTH_SUCCESS)  # hosts do not listen to questions before this
        self._board.host_entered(session, self._signing_key, features)
        log.info("host_online", host=session.host_uuid, features=sorted(features))

    async def _record_proof(self) -> bool:
        """False when the key this socket was let in with is not the host's any more."""
        try:
            return await self._sockets.registry.proved(self.session.host_uuid, b64raw(self._signing_key))
        except DatabaseUnavailable:
            log.warning("online_not_recorded", host=self.session.host_uuid)
            return True

    async def _record_absence(self) -> None:
        room = self._board.hub.rooms.get(self.session.host_uuid)
        if room is not None and room.author is not None:
            return  # back already
        try:
            await self._sockets.registry.gone(self.session.host_uuid)
        except DatabaseUnavailable:
            log.warning("offline_not_recorded", host=self.session.host_uuid)

    def _proved(self) -> None:
        self._move(self.session.state)
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        self.session.attempts = 0
        self.authenticated = True
        self._sockets.gate.authenticated(self.session.address)

    # --- small things ---

    def _count_attempt(self) -> None:
        self.session.attempts += 1
        if self.session.attempts > MAX_ATTEMPTS:
            raise Refused("too_many_attempts", "Too many attempts", "Connect again.", kind="authentication-error")

    def _arm(self, reason: str) -> None:
        if self._deadline:
            self._deadline.cancel()
        seconds = self._sockets.limits.handshake_seconds
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._close, TOO_LATE, reason)

    def _move(self, state: State) -> None:
        """Counted under its own name for the state: a session that is displaced is closed from outside."""
        metrics.SOCKETS.labels(self._counted.name.lower()).dec()
        self.session.state = self._counted = state
        metrics.SOCKETS.labels(state.name.lower()).inc()

    def _write(self, text: bytes) -> None:
        self._frames.write(prepare(text))

    def _close(self, code: int, reason: str) -> None:
        """What the peer had sent before it hears of this is not heeded any more."""
        self.session.state = State.CLOSED
        metrics.CLOSED.labels(code).inc()
        self._frames.close(code, reason)


_HANDSHAKE: dict[str, Callable[[Connection, Raw], Awaitable[None]]] = {
    "join_host": Connection._join_host,
    "auth_pubkey": Connection._auth_pubkey,
    "host_auth": Connection._host_auth,
}
_HOST_AUTH_SUCCESS = b'{"type":"host_auth_success","data":"Host authenticated"}\n'


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _parse_join(data: Raw) -> JoinHost:
    try:
        return parse(JoinHost, data)
    except InvalidBody as error:
        raise _join_refused("invalid_body", "Invalid host uuid", error.text) from None


def _signing_key(row: Row) -> bytes:
    try:
        return unb64raw(row.signing_public_key, 32)
    except InvalidEncoding:
        text = "Host is not upgraded for capability auth"
        raise _join_refused("host_without_key", text, "The host must register its signing key.") from None


def _join_refused(code: str, text: str, hint: str) -> Refused:
    return Refused(code, text, hint, kind="join_error")


def _challenge() -> str:
    return urlsafe_b64encode(token_bytes(CHALLENGE_BYTES)).decode()


def _message_id(data: Raw) -> str:
    """The id of a refused message, so that its sender knows which one; empty when there is none to be had."""
    try:
        fields: Any = msgspec.json.decode(data)
        found = fields["envelope"]["message_id"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) and len(found) <= 64 else ""
