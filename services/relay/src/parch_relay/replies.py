"""What a host says: its message in, changed routing and effects out. Pure (spec §3.6; docs/protocol.md §2.3–§2.6).

Only frames of the authenticated author socket reach this module. A reply is applied by every process that has sessions
of the host: routing and broadcasts everywhere, the answer to the asking browser where that browser is.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Raw

from parch_wire.errors import InvalidBody
from parch_wire.messages import (
    HOST_REPLIES,
    AcceptInviteResponse,
    AcceptInviteSuccess,
    AcceptInviteUpdate,
    Body,
    ChannelCreated,
    ChatSaved,
    CreateChannelResponse,
    CreateSpaceResponse,
    CreateSpaceSuccess,
    DashDataPayload,
    DeclineInviteSuccess,
    DeleteChannelResponse,
    DeleteChannelSuccess,
    DeleteChannelUpdate,
    DeleteSpaceResponse,
    GetDashDataResponse,
    GetMessagesResponse,
    GetMessagesSuccess,
    InviteAnswer,
    InviteUserResponse,
    InviteUserSuccess,
    InviteUserUpdate,
    LeaveSpaceRequest,
    LeaveSpaceUpdate,
    Refusal,
    RemoveSpaceUserRequest,
    SaveChatMessageResponse,
    SpaceGone,
    UpdateUsernameRequest,
    UpdateUsernameSuccess,
    frame,
    parse,
)

from .effects import Effect, Show, Tell, tell
from .hub import Room
from .pending import settle
from .session import Pending, Session
from .show import chat_frame

TimeFormat = Callable[[float], str]


class Reply:
    """One reply while it is applied: the room, the browser that asked if it is here, and what it asked."""

    __slots__ = ("format_time", "pending", "room", "session")

    def __init__(self, room: Room, type_: str, body: Any, format_time: TimeFormat) -> None:
        self.room = room
        self.format_time = format_time
        self.session = room.sessions.get(body.client_uuid)
        self.pending = settle(self.session, type_, body.request_id) if self.session else None

    @property
    def asker(self) -> Session | None:
        """The browser to answer: here, and really waiting for this (spec Q1)."""
        return self.session if self.pending else None

    def answer(self, type_: str, body: Body | str) -> list[Effect]:
        return [tell(self.asker, frame(type_, body))] if self.asker else []

    def space(self, space_uuid: str, type_: str, body: Body, *, but: Session | None = None) -> list[Effect]:
        """A broadcast to the subscribers of a space."""
        members = [s for s in self.room.spaces.get(space_uuid, ()) if s is not but]
        return [Tell(members, frame(type_, body))] if members else []


def apply(
    room: Room, type_: str, raw: Raw, format_time: TimeFormat, settled: Callable[[Pending], None] | None = None
) -> list[Effect] | None:
    """The effects of a host's message; None when its body does not fit, which is ignored.

    `settled` is told which question it answers, if any.
    """
    try:
        body = parse(HOST_REPLIES[type_], raw)
    except InvalidBody:
        return None
    reply = Reply(room, type_, body, format_time)
    if reply.pending is not None and settled is not None:
        settled(reply.pending)
    return _REPLIES[type_](reply, body)


def _dash_data(reply: Reply, body: GetDashDataResponse) -> list[Effect]:
    session, room = reply.asker, reply.room
    if session is None:
        return []
    room.learn(body.spaces)
    session.spaces = {space.uuid for space in body.spaces}
    for space in session.subscribed - session.spaces:
        room.unsubscribe(session, space)
    session.user_id, session.username = body.user.id, body.user.username
    payload = DashDataPayload(
        user=body.user,
        spaces=body.spaces,
        invites=body.invites,
        capabilities=body.capabilities,
        active_devices=room.devices(session, reply.format_time),
        extra=body.extra,
    )
    return reply.answer("dash_data_payload", payload)


def _update_username(reply: Reply, body: UpdateUsernameRequest) -> list[Effect]:
    if reply.asker:
        reply.asker.username = body.username
    success = UpdateUsernameSuccess(
        user_id=body.user_id,
        user_public_key=body.user_public_key,
        user_enc_public_key=body.user_enc_public_key,
        username=body.username,
    )
    return reply.answer("update_username_success", success)


def _create_space(reply: Reply, body: CreateSpaceResponse) -> list[Effect]:
    session = reply.asker
    if session is None:
        return []
    reply.room.learn([body.space])
    session.spaces.add(body.space.uuid)
    reply.room.subscribe(session, body.space.uuid)
    return reply.answer(
        "create_space_success", CreateSpaceSuccess(space=body.space, capability=body.capability, extra=body.extra)
    )


def _delete_space(reply: Reply, body: DeleteSpaceResponse) -> list[Effect]:
    gone = SpaceGone(space_uuid=body.space_uuid)
    effects = reply.answer("delete_space_success", gone)
    effects += reply.space(body.space_uuid, "delete_space_update", gone, but=reply.asker)
    reply.room.drop_space(body.space_uuid)
    return effects


def _create_channel(reply: Reply, body: CreateChannelResponse) -> list[Effect]:
    reply.room.place(body.channel.uuid, body.space_uuid)
    created = ChannelCreated(space_uuid=body.space_uuid, channel=body.channel)
    return [
        *reply.answer("create_channel_success", created),
        *reply.space(body.space_uuid, "create_channel_update", created),
    ]


def _delete_channel(reply: Reply, body: DeleteChannelResponse) -> list[Effect]:
    space = body.space_uuid or reply.room.channels.get(body.uuid, "")
    success = DeleteChannelSuccess(id=body.id, uuid=body.uuid, space_uuid=space)
    effects = reply.answer("delete_channel_success", success)
    effects += reply.space(space, "delete_channel_update", DeleteChannelUpdate(uuid=body.uuid, space_uuid=space))
    reply.room.drop_channel(body.uuid)
    return effects


def _invite_user(reply: Reply, body: InviteUserResponse) -> list[Effect]:
    """The invited hears of it on all devices; an invite nobody asked for has no asker to congratulate (spec Q29)."""
    invited = reply.room.identities.get(body.user_public_key, set())
    effects: list[Effect] = [Tell(list(invited), frame("invite_user_update", InviteUserUpdate(invite=body.invite)))]
    return [*reply.answer("invite_user_success", InviteUserSuccess(public_key=body.public_key)), *effects]


def _accept_invite(reply: Reply, body: AcceptInviteResponse) -> list[Effect]:
    room, space = reply.room, body.space
    room.learn([space])
    for session in room.identities.get(body.user.public_key, ()):
        session.spaces.add(space.uuid)
    if reply.asker:
        reply.asker.spaces.add(space.uuid)
        room.subscribe(reply.asker, space.uuid)
    success = AcceptInviteSuccess(
        space_user_id=body.space_user_id, user=body.user, space=space, capability=body.capability
    )
    return [
        *reply.answer("accept_invite_success", success),
        *reply.space(space.uuid, "accept_invite_update", AcceptInviteUpdate(space_uuid=space.uuid, user=body.user)),
    ]


def _decline_invite(reply: Reply, body: InviteAnswer) -> list[Effect]:
    success = DeclineInviteSuccess(
        space_user_id=body.space_user_id, user_id=body.user_id, user_public_key=body.user_public_key
    )
    return reply.answer("decline_invite_success", success)


def _leave_space(reply: Reply, body: LeaveSpaceRequest) -> list[Effect]:
    left = LeaveSpaceUpdate(space_uuid=body.space_uuid, user_id=body.user_id, user_public_key=body.user_public_key)
    effects = reply.answer("leave_space_success", SpaceGone(space_uuid=body.space_uuid))
    effects += reply.space(body.space_uuid, "leave_space_update", left)
    _expel(reply.room, _sessions_of(reply.room, body.user_public_key, body.user_id), body.space_uuid)
    return effects


def _remove_space_user(reply: Reply, body: RemoveSpaceUserRequest) -> list[Effect]:
    left = LeaveSpaceUpdate(space_uuid=body.space_uuid, user_id=body.user_id, user_public_key=body.user_public_key)
    effects = reply.space(body.space_uuid, "leave_space_update", left)
    removed = _sessions_of(reply.room, body.user_public_key, body.user_id)
    _expel(reply.room, removed, body.space_uuid)
    if removed:
        effects.append(Tell(removed, frame("leave_space_success", SpaceGone(space_uuid=body.space_uuid))))
    return effects


def _get_messages(reply: Reply, body: GetMessagesResponse) -> list[Effect]:
    success = GetMessagesSuccess(
        messages=body.messages,
        has_more_messages=body.has_more_messages,
        channel_uuid=body.channel_uuid,
        extra=body.extra,
    )
    return reply.answer("get_messages_success", success)


def _saved(reply: Reply, body: SaveChatMessageResponse) -> list[Effect]:
    """The message is on the host's disk: now it may be shown. A duplicate has been shown before."""
    pending = reply.pending
    if pending is None:
        return []
    saved = ChatSaved(
        message_id=pending.message_id,
        channel_uuid=pending.channel_uuid,
        id=body.id,
        timestamp=body.timestamp,
        duplicate=body.duplicate,
    )
    effects = reply.answer("chat_saved", saved)
    if not body.duplicate:
        shown = chat_frame(pending.envelope, body.timestamp, pending.channel_uuid, body.id)
        effects.insert(0, Show(reply.room.uuid, pending.channel_uuid, shown))
    return effects


def _error(reply: Reply, body: Refusal) -> list[Effect]:
    pending = reply.pending
    if pending is None:
        return []
    refusal = Refusal(
        error=body.error,
        code=body.code or "host_refused",
        hint=body.hint,
        request=pending.request.removesuffix("_request"),
        message_id=pending.message_id,
    )
    return reply.answer("error", refusal)


def _sessions_of(room: Room, public_key: str, user_id: int) -> list[Session]:
    if public_key:
        return list(room.identities.get(public_key, ()))
    return [session for session in room.sessions.values() if user_id > 0 and session.user_id == user_id]


def _expel(room: Room, sessions: Iterable[Session], space_uuid: str) -> None:
    for session in sessions:
        room.expel(session, space_uuid)


_REPLIES: dict[str, Callable[..., list[Effect]]] = {
    "get_dash_data_response": _dash_data,
    "update_username_response": _update_username,
    "create_space_response": _create_space,
    "delete_space_response": _delete_space,
    "create_channel_response": _create_channel,
    "delete_channel_response": _delete_channel,
    "invite_user_success": _invite_user,
    "accept_invite_success": _accept_invite,
    "decline_invite_success": _decline_invite,
    "leave_space_success": _leave_space,
    "remove_space_user_success": _remove_space_user,
    "get_messages_response": _get_messages,
    "save_chat_message_response": _saved,
    "error": _error,
}
