"""May this session do this? Pure: session, room and time in; nothing, or a `Refused` out (spec §3.7, §5).

The texts are those old clients know; a token refusal always says "Unauthorized", which makes them refresh their tokens.
"""

from parch_wire import envelope as envelopes
from parch_wire.capability import Claims, check_claims, open_token
from parch_wire.envelope import Envelope
from parch_wire.errors import CapabilityError, EnvelopeError
from parch_wire.messages import Chat

from .hub import Room
from .session import CHAT_LIMIT, MAX_PENDING, MAX_TOKEN, MAX_TOKENS, Refused, Session, take

_FRESH = "Ask for the dashboard again to get a fresh token."


def capability(
    session: Session,
    room: Room,
    token: str,
    *,
    space: str,
    scope: str,
    text: str,
    now: float,
    channel: str | None = None,
) -> None:
    """Raises Refused with `text` unless `token` lets this session do `scope` there. Opened tokens are remembered."""
    try:
        claims = session.tokens.get(token)
        if claims is None:
            claims = open_token(token, room.signing_key)
            _remember(session, token, claims)
        check_claims(
            claims,
            host_uuid=room.uuid,
            space_uuid=space,
            subject=session.public_key,
            scope=scope,
            now=now,
            channel_uuid=channel,
        )
    except CapabilityError as error:
        raise Refused(error.code, text, error.hint) from None


def _remember(session: Session, token: str, claims: Claims) -> None:
    if len(token) > MAX_TOKEN:
        return
    if len(session.tokens) >= MAX_TOKENS:
        session.tokens.clear()
    session.tokens[token] = claims


def host_online(session: Session, room: Room) -> None:
    """Raises Refused when nobody could answer, or when this session already waits for too many answers."""
    if not room.online:
        raise Refused(
            "host_offline", "Failed to connect to the host", "Wait until the host is back.", kind="author_error"
        )
    if len(session.pending) >= MAX_PENDING:
        raise Refused("too_many_requests", "Too many requests are waiting for the host", "Wait for the answers.")


def rate(window_full_for: float, code: str, text: str) -> None:
    """Raises Refused when `window_full_for` seconds are left until the next message may come."""
    if window_full_for:
        raise Refused(code, text, "Wait a moment and send it again.", retry_after=window_full_for)


def member(session: Session, space_uuid: str, text: str) -> None:
    """Raises Refused unless the host itself has named this session's identity a member (spec Q2)."""
    if space_uuid not in session.spaces:
        raise Refused("not_a_member", text, _FRESH)


def joined_channel(session: Session, room: Room, token: str, scope: str, now: float) -> tuple[str, str]:
    """(channel, space) this session is in and may use for `scope`. Raises Refused in the order of spec §3.7."""
    channel = session.channel_uuid
    if not channel:
        raise Refused("no_channel", "Failed to connect to the channel", "Join a channel first.")
    space = room.channels.get(channel)
    if space is None:
        raise Refused("unknown_channel", "Unknown channel mapping", _FRESH)
    text = "Unauthorized channel access"
    capability(session, room, token, space=space, scope=scope, text=text, now=now, channel=channel)
    if space not in session.subscribed:
        raise Refused("not_subscribed", text, "Send join_all_spaces first.")
    return channel, space


def chat(session: Session, room: Room, body: Chat, now: float) -> tuple[str, str, Envelope]:
    """(channel, space, envelope) of a message that may be stored and shown: rate, shape, place, sender, signature."""
    rate(take(session.chats, CHAT_LIMIT, now), "chat_rate", "Chat rate limit exceeded")
    try:
        envelope = envelopes.read(body.envelope)
        channel, space = joined_channel(session, room, body.capability_token, "send_message", now)
        _bound(session, envelope, channel, space)
        envelopes.verify(envelope)
    except EnvelopeError as error:
        raise Refused(error.code, error.text, error.hint) from None
    return channel, space, envelope


def _bound(session: Session, envelope: Envelope, channel: str, space: str) -> None:
    if envelope.sender_auth_public_key != session.public_key:
        raise Refused("sender_mismatch", "The envelope names another sender", "Sign with this session's identity.")
    if envelope.channel_uuid != channel or envelope.space_uuid != space:
        raise Refused(
            "channel_mismatch",
            "The envelope is for another channel",
            "Join the channel the message is for, then send it again.",
        )
