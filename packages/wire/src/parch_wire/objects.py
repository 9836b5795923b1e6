"""The things messages speak of: users, channels, spaces, invites, capabilities, devices (spec §3.6 "Objects")."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Raw

from .body import Body

Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
NO_ENVELOPE = Raw(b"null")


class User(Body):
    OMIT_EMPTY: ClassVar = frozenset({"public_key", "enc_public_key"})

    id: Int = 0
    username: str = ""
    public_key: str = ""
    enc_public_key: str = ""


class Channel(Body):
    id: Int = 0
    uuid: str = ""
    name: str = ""
    space_uuid: str = ""
    allow_voice: Int = 0


class Space(Body):
    id: Int = 0
    uuid: str = ""
    name: str = ""
    author_id: Int = 0
    channels: list[Channel] = msgspec.field(default_factory=list)
    users: list[User] = msgspec.field(default_factory=list)


class Invite(Body):
    """A pending membership; `id` is the `space_user_id`, `name` the space's name."""

    OMIT_EMPTY: ClassVar = frozenset({"user_public_key"})

    id: Int = 0
    space_uuid: str = ""
    user_id: Int = 0
    user_public_key: str = ""
    joined: Int = 0
    name: str = ""


class Capability(Body):
    """A capability token beside what it says; `expires_at` is unix seconds."""

    space_uuid: str = ""
    token: str = ""
    scopes: list[str] = msgspec.field(default_factory=list)
    expires_at: Int = 0


class Device(Body):
    device_id: str = ""
    device_name: str = ""
    last_seen: str = ""
    is_current: bool = False


class Message(Body):
    """A stored message; `id` is the host's sequence number, `timestamp` the host's clock."""

    OMIT_EMPTY: ClassVar = frozenset({"user_public_key", "user_enc_public_key"})

    id: Int = 0
    channel_uuid: str = ""
    username: str = ""
    envelope: Raw = NO_ENVELOPE
    user_id: Int = 0
    user_public_key: str = ""
    user_enc_public_key: str = ""
    timestamp: str = ""
