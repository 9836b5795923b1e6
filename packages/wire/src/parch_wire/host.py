"""What a relay asks a host and what a host answers (spec §3.5, §3.6; additions: docs/protocol.md part 2)."""

from typing import ClassVar

import msgspec
from msgspec import Raw

from .body import Body
from .browser import DashDataPayload
from .objects import NO_ENVELOPE, Capability, Channel, Int, Invite, Space, User


class HostAuth(Body):
    OMIT_EMPTY: ClassVar = frozenset({"features"})

    challenge: str = ""
    signature: str = ""
    features: list[str] = msgspec.field(default_factory=list)


class HealthCheck(Body):
    """`relay_health_check` and `relay_health_check_ack`."""

    nonce: str = ""


class Request(Body):
    """What every request carries: whose browser asked, and under which number."""

    OMIT_EMPTY: ClassVar = frozenset({"request_id"})

    client_uuid: str = ""
    request_id: str = ""


class UserRequest(Request):
    """A request in the name of the session's own identity, as the relay knows it."""

    OMIT_EMPTY: ClassVar = Request.OMIT_EMPTY | {"user_public_key", "user_enc_public_key"}

    user_id: Int = 0
    user_public_key: str = ""
    user_enc_public_key: str = ""


class RequesterRequest(Request):
    """A request whose `user_…` fields, if any, name somebody else."""

    OMIT_EMPTY: ClassVar = Request.OMIT_EMPTY | {
        "requester_user_public_key",
        "requester_user_enc_public_key",
        "user_public_key",
        "user_enc_public_key",
    }

    requester_user_id: Int = 0
    requester_user_public_key: str = ""
    requester_user_enc_public_key: str = ""


class GetDashDataRequest(UserRequest):
    username: str = ""


class UpdateUsernameRequest(UserRequest):
    """Also the answer, `update_username_response`."""

    username: str = ""


class CreateSpaceRequest(UserRequest):
    OMIT_EMPTY: ClassVar = UserRequest.OMIT_EMPTY | {"username"}

    name: str = ""
    username: str = ""


class DeleteSpaceRequest(RequesterRequest):
    uuid: str = ""


class CreateChannelRequest(RequesterRequest):
    name: str = ""
    space_uuid: str = ""


class DeleteChannelRequest(RequesterRequest):
    uuid: str = ""


class InviteUserRequest(RequesterRequest):
    public_key: str = ""
    space_uuid: str = ""


class InviteAnswer(UserRequest):
    """`accept_invite_request`, `decline_invite_request` and `decline_invite_success`."""

    space_user_id: Int = 0


class LeaveSpaceRequest(UserRequest):
    """Also the answer, `leave_space_success`."""

    space_uuid: str = ""


class RemoveSpaceUserRequest(RequesterRequest):
    """`user_…` is the one to remove. Also the answer, `remove_space_user_success`."""

    space_uuid: str = ""
    user_id: Int = 0
    user_public_key: str = ""
    user_enc_public_key: str = ""


class SaveChatMessageRequest(UserRequest):
    OMIT_EMPTY: ClassVar = UserRequest.OMIT_EMPTY | {"username", "space_uuid", "client_uuid"}

    username: str = ""
    channel_uuid: str = ""
    space_uuid: str = ""
    envelope: Raw = NO_ENVELOPE


class GetMessagesRequest(Request):
    OMIT_EMPTY: ClassVar = Request.OMIT_EMPTY | {"before_id", "after_id", "limit", "user_public_key"}

    channel_uuid: str = ""
    before_unix_time: str = ""
    before_id: Int = 0
    after_id: Int = 0
    limit: Int = 0
    user_public_key: str = ""


class ChannelAllowVoiceRequest(Request):
    uuid: str = ""
    allow: Int = 0


class GetDashDataResponse(DashDataPayload):
    OMIT_EMPTY: ClassVar = DashDataPayload.OMIT_EMPTY | {"request_id"}

    client_uuid: str = ""
    request_id: str = ""


class CreateSpaceResponse(Request):
    space: Space = msgspec.field(default_factory=Space)
    capability: Capability = msgspec.field(default_factory=Capability)


class DeleteSpaceResponse(Body):
    """The one answer with Pascal-case keys, and with text values only: old relays refuse anything else (spec §12)."""

    OMIT_EMPTY: ClassVar = frozenset({"request_id"})

    client_uuid: str = msgspec.field(default="", name="ClientUUID")
    space_uuid: str = msgspec.field(default="", name="SpaceUUID")
    request_id: str = ""


class CreateChannelResponse(Request):
    channel: Channel = msgspec.field(default_factory=Channel)
    space_uuid: str = ""


class DeleteChannelResponse(Request):
    id: Int = 0
    uuid: str = ""
    space_uuid: str = ""


class InviteUserResponse(Request):
    """`invite_user_success` as the host sends it; `user_id` and `user_public_key` are the invited."""

    OMIT_EMPTY: ClassVar = Request.OMIT_EMPTY | {"user_public_key"}

    public_key: str = ""
    user_id: Int = 0
    user_public_key: str = ""
    space_uuid: str = ""
    invite: Invite = msgspec.field(default_factory=Invite)


class AcceptInviteResponse(Request):
    """`accept_invite_success` as the host sends it."""

    space_user_id: Int = 0
    user: User = msgspec.field(default_factory=User)
    space: Space = msgspec.field(default_factory=Space)
    capability: Capability = msgspec.field(default_factory=Capability)


class GetMessagesResponse(Request):
    MAX_VALUES: ClassVar = 32_768

    messages: list[Raw] = msgspec.field(default_factory=list)
    has_more_messages: bool = False
    channel_uuid: str = ""


class SaveChatMessageResponse(Request):
    """What is on the host's disk now (docs/protocol.md §2.4)."""

    channel_uuid: str = ""
    message_id: str = ""
    id: Int = 0
    timestamp: str = ""
    duplicate: bool = False
