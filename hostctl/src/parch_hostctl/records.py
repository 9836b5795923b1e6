"""What the store hands out beside parch_wire's User, Channel, Space, Invite and Message: rows in, these out."""

import msgspec

from parch_wire.messages import Message, User


class Membership(msgspec.Struct, frozen=True):
    """A row of `space_users`: a pending invite until `joined`. `id` is the wire's `space_user_id`."""

    id: int
    space_uuid: str
    user_id: int
    joined: bool


class Member(msgspec.Struct, frozen=True):
    """One person of a space; the author has no row of their own, so `space_user_id` is 0."""

    user: User
    space_user_id: int
    joined: bool
    author: bool


class SpaceHead(msgspec.Struct, frozen=True):
    """A space without its channels and people."""

    id: int
    uuid: str
    name: str
    author_id: int


class SpaceSummary(msgspec.Struct, frozen=True):
    """A space in numbers. `author` is None for spaces nobody owns; `members` counts the author."""

    head: SpaceHead
    author: User | None
    channels: int
    members: int
    invites: int
    messages: int


class Saved(msgspec.Struct, frozen=True):
    """A message on disk; `duplicate` when it was there before."""

    id: int
    timestamp: str
    duplicate: bool


class Page(msgspec.Struct, frozen=True):
    """Messages oldest to newest; `more` speaks of the direction asked for."""

    messages: list[Message]
    more: bool


class Announcement(msgspec.Struct, frozen=True):
    """A change made beside the running host, as the frame the relay must hear: message type and body (JSON)."""

    id: int
    type: str
    body: bytes


class Counts(msgspec.Struct, frozen=True):
    """How many rows there are of each kind; `members` and `invites` are rows of `space_users`."""

    users: int
    spaces: int
    channels: int
    members: int
    invites: int
    messages: int
