"""What the pure modules want done, in order. They return these; the edge does them."""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from .session import Session


class Tell(NamedTuple):
    """Write one frame to these sessions of this process."""

    to: Collection[Session]
    frame: bytes


class Ask(NamedTuple):
    """Write one frame to the host, whichever process holds its connection."""

    host_uuid: str
    frame: bytes


class Show(NamedTuple):
    """Show one frame to everybody who listens to a channel, in every process."""

    host_uuid: str
    channel_uuid: str
    frame: bytes


Effect: TypeAlias = Tell | Ask | Show


def tell(session: Session, frame: bytes) -> Tell:
    """Write one frame to one session."""
    return Tell((session,), frame)
