"""Questions put to a host and not answered yet: sessions, replies, time in; settled questions, effects out. Pure."""

from parch_wire.messages import HostStatus, frame

from .effects import Effect, Tell, tell
from .hub import Room
from .session import Pending, Refused, Session

ANSWER_SECONDS = 15.0


def settle(session: Session, type_: str, request_id: str) -> Pending | None:
    """Takes the question this reply answers off the session's list.

    By number; without one, the oldest that expects such a reply (old hosts answer in order). None when nothing waits.
    """
    if request_id:
        known = session.pending.get(request_id)
        if known is None or not _fits(known, type_):
            return None
        return session.pending.pop(request_id)
    for number, pending in session.pending.items():
        if _fits(pending, type_):
            return session.pending.pop(number)
    return None


def _fits(pending: Pending, type_: str) -> bool:
    return type_ == "error" or type_ in pending.answers


def expire(room: Room, now: float) -> list[Effect]:
    """Tells every browser whose question is older than 15 s that the host did not answer."""
    effects: list[Effect] = []
    for session in room.sessions.values():
        for number, pending in list(session.pending.items()):
            if 0 <= now - pending.asked_at < ANSWER_SECONDS:
                break
            del session.pending[number]
            refused = Refused("host_timeout", "The host did not answer in time", "Try again in a moment.")
            effects.append(tell(session, refused.frame(_action(pending), pending.message_id)))
    return effects


def abandon(room: Room) -> list[Effect]:
    """The host is gone: nobody waits for it any longer."""
    effects: list[Effect] = []
    for session in room.sessions.values():
        for pending in session.pending.values():
            refused = Refused(
                "host_offline",
                "Failed to connect to the host",
                "The host went away before it answered; try again when it is back.",
                kind="author_error",
            )
            effects.append(tell(session, refused.frame(_action(pending), pending.message_id)))
        session.pending.clear()
    return effects


def status(room: Room, since: str) -> Tell:
    """Tells every browser of the host whether it is online, and since when."""
    return Tell(list(room.sessions.values()), frame("host_status", HostStatus(online=room.online, since=since)))


def _action(pending: Pending) -> str:
    return pending.request.removesuffix("_request")
