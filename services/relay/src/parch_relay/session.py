"""One connection's state: what its socket has proved so far, and what it may therefore say. Pure.

In: facts the edge has established. Out: a `Session`, and refusals for messages its state does not allow (spec §3.3).
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from parch_wire.capability import Claims
from parch_wire.messages import BROWSER_ACTIONS, HOST_REPLIES, Refusal, frame

CHAT_LIMIT = 40
CHAT_WINDOW_SECONDS = 10.0
MESSAGE_LIMIT = 400
MAX_PENDING = 64
MAX_TOKENS = 64
MAX_TOKEN = 4096
MAX_ATTEMPTS = 10


class State(IntEnum):
    NEW = 0
    JOINED = 1
    AUTHED = 2
    AUTHOR = 3
    CLOSED = 4


class Outlet(Protocol):
    """Where a session's frames go; never waits."""

    def write(self, prepared: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Pending(NamedTuple):
    """A question put to the host: the answer types that settle it, and what to do with a stored chat message."""

    request: str
    answers: frozenset[str]
    message_id: str = ""
    channel_uuid: str = ""
    envelope: bytes = b""
    asked_at: float = 0.0


@dataclass(slots=True, eq=False)
class Session:
    """One websocket. Identity fields are what the socket proved; nothing a peer says later changes them (spec Q1)."""

    client_uuid: str
    outlet: Outlet
    address: str = ""
    origin: str = ""
    state: State = State.NEW
    host_uuid: str = ""
    candidate: bool = False
    challenge: str = ""
    host_challenge: str = ""
    attempts: int = 0
    features: frozenset[str] = frozenset()
    public_key: str = ""
    enc_public_key: str = ""
    username: str = ""
    user_id: int = 0
    device_id: str = ""
    device_name: str = ""
    last_seen: float = 0.0
    channel_uuid: str = ""
    spaces: set[str] = field(default_factory=set)
    subscribed: set[str] = field(default_factory=set)
    tokens: dict[str, Claims] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    chats: list[float] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)


class Refused(Exception):
    """A message that is answered with a refusal and changes nothing. `kind` is the wire type of the answer."""

    def __init__(self, code: str, text: str, hint: str = "", *, kind: str = "error", retry_after: float = 0) -> None:
        super().__init__(text)
        self.kind = kind
        self.code = code
        self.text = text
        self.hint = hint
        self.retry_after = retry_after

    def frame(self, request: str = "", message_id: str = "") -> bytes:
        """The wire frame of this refusal."""
        body = Refusal(
            error=self.text,
            code=self.code,
            hint=self.hint,
            request=request,
            message_id=message_id,
            retry_after=round(self.retry_after, 1),
        )
        return frame(self.kind, body)


_HANDSHAKE = frozenset({"join_host", "auth_pubkey", "host_auth"})


def admit(session: Session, type_: str) -> bool:
    """May this state say `type_`? False means: ignore it. Raises Refused where the wire has an answer (spec §3.3)."""
    if session.state is State.NEW and type_ != "join_host":
        raise Refused("not_joined", "Client not initialized", "Send join_host first.")
    if session.state is State.JOINED and type_ not in _HANDSHAKE:
        raise Refused(
            "not_authenticated",
            "Authentication required",
            "Answer the challenge with auth_pubkey or host_auth first.",
            kind="authentication-error",
        )
    if type_ in _HANDSHAKE:
        return session.state is not State.CLOSED
    if session.state is State.AUTHED:
        return type_ in BROWSER_ACTIONS
    return session.state is State.AUTHOR and type_ in HOST_REPLIES


def take(window: list[float], limit: int, now: float, seconds: float = CHAT_WINDOW_SECONDS) -> float:
    """Counts one event in a sliding window of `limit` in `seconds`; the seconds to wait when it is full, else 0.

    What is refused is not counted (spec §8.3). A list, because an idle connection's empty deques cost 1.5 KiB.
    """
    if len(window) >= limit:
        if 0 <= now - window[0] < seconds:  # a clock that was set back is no reason to wait for hours
            return seconds - (now - window[0])
        del window[0]
    window.append(now)
    return 0.0
