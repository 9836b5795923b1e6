"""What browsers send and what they are sent (spec §3.4, §3.6; additions: docs/protocol.md part 2)."""

from typing import ClassVar

import msgspec
from msgspec import Raw

from .body import Body
from .objects import NO_ENVELOPE, Capability, Channel, Device, Int, Invite, Space, User


class Empty(Body):
    """A message whose data nobody reads; old clients send `""`."""


class JoinHost(Body):
    uuid: str = ""
    role: str = ""


class AuthPubkey(Body):
    public_key: str = ""
    enc_public_key: str = ""
    device_id: str = ""
    device_name: str = ""
    username: str = ""
    challenge: str = ""
    signature: str = ""


class UpdateUsername(Body):
    username: str = ""


class CreateSpace(Body):
    name: str = ""


class DeleteSpace(Body):
    uuid: str = ""
    capability_token: str = ""


class CreateChannel(Body):
    name: str = ""
    space_uuid: str = ""
    capability_token: str = ""


class DeleteChannel(Body):
    uuid: str = ""
    space_uuid: str = ""
    capability_token: str = ""


class InviteUser(Body):
    public_key: str = ""
    space_uuid: str = ""
    capability_token: str = ""


class AnswerInvite(Body):
    """`accept_invite` and `decline_invite`."""

    space_user_id: Int = 0


class LeaveSpace(Body):
    space_uuid: str = ""


class RemoveSpaceUser(Body):
    OMIT_EMPTY: ClassVar = frozenset({"user_public_key", "user_enc_public_key"})

    space_uuid: str = ""
    user_id: Int = 0
    user_public_key: str = ""
    user_enc_public_key: str = ""
    capability_token: str = ""


class JoinAllSpaces(Body):
    space_uuids: list[str] = msgspec.field(default_factory=list)
    capability_tokens: dict[str, str] = msgspec.field(default_factory=dict)


class JoinChannel(Body):
    uuid: str = ""
    capability_token: str = ""


class Chat(Body):
    envelope: Raw = NO_ENVELOPE
    capability_token: str = ""


class GetMessages(Body):
    """History. An id counts when above 0, `before_id` first; else `before_unix_time`, RFC 3339 text (spec §7.8)."""

    OMIT_EMPTY: ClassVar = frozenset({"before_id", "after_id", "limit"})

    before_unix_time: str = ""
    before_id: Int = 0
    after_id: Int = 0
    limit: Int = 0
    capability_token: str = ""


class Refusal(Body):
    """The data of `error`, `join_error`, `authentication-error` and `author_error`."""

    OMIT_EMPTY: ClassVar = frozenset({"code", "hint", "request", "request_id", "message_id", "retry_after"})

    error: str = ""
    client_uuid: str = ""
    code: str = ""
    hint: str = ""
    request: str = ""
    request_id: str = ""
    message_id: str = ""
    retry_after: float = 0


class Challenge(Body):
    """The data of `auth_challenge` and `host_auth_challenge`; `server_time` is unix seconds."""

    challenge: str = ""
    features: list[str] = msgspec.field(default_factory=list)
    server_time: Int = 0


class AuthPubkeySuccess(Body):
    user_id: Int = 0
    username: str = ""
    public_key: str = ""
    enc_public_key: str = ""


class DashDataPayload(Body):
    OMIT_EMPTY: ClassVar = frozenset({"capabilities", "active_devices"})
    MAX_VALUES: ClassVar = 32_768

    user: User = msgspec.field(default_factory=User)
    spaces: list[Space] = msgspec.field(default_factory=list)
    invites: list[Invite] = msgspec.field(default_factory=list)
    capabilities: list[Capability] = msgspec.field(default_factory=list)
    active_devices: list[Device] = msgspec.field(default_factory=list)


class UpdateUsernameSuccess(Body):
    user_id: Int = 0
    user_public_key: str = ""
    user_enc_public_key: str = ""
    username: str = ""


class CreateSpaceSuccess(Body):
    space: Space = msgspec.field(default_factory=Space)
    capability: Capability = msgspec.field(default_factory=Capability)


class SpaceGone(Body):
    """`delete_space_success`, `delete_space_update` and `leave_space_success`."""

    space_uuid: str = ""


class ChannelCreated(Body):
    """`create_channel_success` and `create_channel_update`."""

    space_uuid: str = ""
    channel: Channel = msgspec.field(default_factory=Channel)


class DeleteChannelSuccess(Body):
    id: Int = 0
    uuid: str = ""
    space_uuid: str = ""
    client_uuid: str = ""


class DeleteChannelUpdate(Body):
    uuid: str = ""
    space_uuid: str = ""


class InviteUserUpdate(Body):
    invite: Invite = msgspec.field(default_factory=Invite)


class InviteUserSuccess(Body):
    public_key: str = ""


class AcceptInviteSuccess(Body):
    space_user_id: Int = 0
    user: User = msgspec.field(default_factory=User)
    space: Space = msgspec.field(default_factory=Space)
    capability: Capability = msgspec.field(default_factory=Capability)


class AcceptInviteUpdate(Body):
    space_uuid: str = ""
    user: User = msgspec.field(default_factory=User)


class DeclineInviteSuccess(Body):
    OMIT_EMPTY: ClassVar = frozenset({"user_public_key"})

    space_user_id: Int = 0
    user_id: Int = 0
    user_public_key: str = ""


class LeaveSpaceUpdate(Body):
    OMIT_EMPTY: ClassVar = frozenset({"user_public_key"})

    space_uuid: str = ""
    user_id: Int = 0
    user_public_key: str = ""


class GetMessagesSuccess(Body):
    MAX_VALUES: ClassVar = 32_768

    messages: list[Raw] = msgspec.field(default_factory=list)
    has_more_messages: bool = False
    channel_uuid: str = ""


class ChatSaved(Body):
    """To the sender of a `chat` that the host has stored (docs/protocol.md §2.4)."""

    message_id: str = ""
    channel_uuid: str = ""
    id: Int = 0
    timestamp: str = ""
    duplicate: bool = False


class HostStatus(Body):
    online: bool = False
    since: str = ""
