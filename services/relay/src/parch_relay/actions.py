"""What a browser may ask for: its message in, effects out. Pure (spec §3.6, §3.7).

Every request to the host carries the session's identity as the relay knows it, never as the browser says it. Fields
nobody here knows pass through in both directions.
"""

from collections.abc import Callable

from msgspec import Raw

from parch_wire.errors import InvalidBody
from parch_wire.identity import normalise_username
from parch_wire.messages import (
    BROWSER_ACTIONS,
    AnswerInvite,
    Body,
    Chat,
    CreateChannel,
    CreateChannelRequest,
    CreateSpace,
    CreateSpaceRequest,
    DeleteChannel,
    DeleteChannelRequest,
    DeleteSpace,
    DeleteSpaceRequest,
    Empty,
    GetDashDataRequest,
    GetMessages,
    GetMessagesRequest,
    InviteAnswer,
    InviteUser,
    InviteUserRequest,
    JoinAllSpaces,
    JoinChannel,
    LeaveSpace,
    LeaveSpaceRequest,
    RemoveSpaceUser,
    RemoveSpaceUserRequest,
    Request,
    RequesterRequest,
    SaveChatMessageRequest,
    UpdateUsername,
    UpdateUsernameRequest,
    UserRequest,
    frame,
    parse,
)

from . import admit
from .effects import Ask, Effect, Show, tell
from .hub import Room
from .session import Pending, Refused, Session
from .show import chat_frame


class Moment:
    """What an action may not find out by itself: the time, its text, and a number for a question to the host."""

    __slots__ = ("new_id", "now", "timestamp")

    def __init__(self, now: float, timestamp: str, new_id: Callable[[], str]) -> None:
        self.now = now
        self.timestamp = timestamp
        self.new_id = new_id


_INVALID = {
    "chat": "Invalid chat message data",
    "join_all_spaces": "Invalid join spaces data",
    "delete_space": "Invalid space data",
    "remove_space_user": "Invalid user data",
}


def act(session: Session, room: Room, type_: str, raw: Raw, moment: Moment) -> list[Effect]:
    """The effects of an authenticated browser's message. Raises Refused; then nothing has changed."""
    body_type = BROWSER_ACTIONS[type_]
    if body_type is Empty:
        body: Body = Empty()
    else:
        try:
            body = parse(body_type, raw)
        except InvalidBody as error:
            text = _INVALID.get(type_, f"Invalid {type_.replace('_', ' ')} data")
            raise Refused(error.code, text, error.text) from None
    return _ACTIONS[type_](session, room, body, moment)


def _ask(
    session: Session,
    room: Room,
    moment: Moment,
    type_: str,
    request: Request,
    *answers: str,
    pending: Pending | None = None,
) -> Ask:
    """Puts a question to the host and remembers that this session waits for one of `answers`."""
    admit.host_online(session, room)
    request.client_uuid = session.client_uuid
    request.request_id = moment.new_id()
    if isinstance(request, UserRequest):
        request.user_id = session.user_id
        request.user_public_key = session.public_key
        request.user_enc_public_key = session.enc_public_key
    if isinstance(request, RequesterRequest):
        request.requester_user_id = session.user_id
        request.requester_user_public_key = session.public_key
        request.requester_user_enc_public_key = session.enc_public_key
    session.pending[request.request_id] = pending or Pending(type_, frozenset(answers), asked_at=moment.now)
    return Ask(room.uuid, frame(type_, request))


def _get_dash_data(session: Session, room: Room, body: Empty, moment: Moment) -> list[Effect]:
    request = GetDashDataRequest(username=session.username)
    return [_ask(session, room, moment, "get_dash_data_request", request, "get_dash_data_response")]


def _update_username(session: Session, room: Room, body: UpdateUsername, moment: Moment) -> list[Effect]:
    username = normalise_username(body.username, session.public_key)
    request = UpdateUsernameRequest(username=username, extra=body.extra)
    return [_ask(session, room, moment, "update_username_request", request, "update_username_response")]


def _create_space(session: Session, room: Room, body: CreateSpace, moment: Moment) -> list[Effect]:
    request = CreateSpaceRequest(name=body.name, username=session.username, extra=body.extra)
    return [_ask(session, room, moment, "create_space_request", request, "create_space_response")]


def _delete_space(session: Session, room: Room, body: DeleteSpace, moment: Moment) -> list[Effect]:
    text = "Unauthorized space access"
    admit.capability(
        session, room, body.capability_token, space=body.uuid, scope="delete_space", text=text, now=moment.now
    )
    request = DeleteSpaceRequest(uuid=body.uuid, extra=body.extra)
    return [_ask(session, room, moment, "delete_space_request", request, "delete_space_response")]


def _create_channel(session: Session, room: Room, body: CreateChannel, moment: Moment) -> list[Effect]:
    text = "Unauthorized channel create"
    admit.capability(
        session, room, body.capability_token, space=body.space_uuid, scope="create_channel", text=text, now=moment.now
    )
    request = CreateChannelRequest(name=body.name, space_uuid=body.space_uuid, extra=body.extra)
    return [_ask(session, room, moment, "create_channel_request", request, "create_channel_response")]


def _delete_channel(session: Session, room: Room, body: DeleteChannel, moment: Moment) -> list[Effect]:
    text = "Unauthorized channel access"
    known = room.channels.get(body.uuid)
    space = body.space_uuid or known
    if space is None or (known is not None and known != space):
        raise Refused("unknown_channel", text, "Ask for the dashboard again; the channel may be gone.")
    admit.capability(
        session, room, body.capability_token, space=space, scope="delete_channel", text=text, now=moment.now
    )
    request = DeleteChannelRequest(uuid=body.uuid, extra=body.extra)
    return [_ask(session, room, moment, "delete_channel_request", request, "delete_channel_response")]


def _invite_user(session: Session, room: Room, body: InviteUser, moment: Moment) -> list[Effect]:
    text = "Unauthorized invite access"
    admit.capability(
        session, room, body.capability_token, space=body.space_uuid, scope="invite_user", text=text, now=moment.now
    )
    request = InviteUserRequest(public_key=body.public_key, space_uuid=body.space_uuid, extra=body.extra)
    return [_ask(session, room, moment, "invite_user_request", request, "invite_user_success")]


def _accept_invite(session: Session, room: Room, body: AnswerInvite, moment: Moment) -> list[Effect]:
    request = InviteAnswer(space_user_id=body.space_user_id, extra=body.extra)
    return [_ask(session, room, moment, "accept_invite_request", request, "accept_invite_success")]


def _decline_invite(session: Session, room: Room, body: AnswerInvite, moment: Moment) -> list[Effect]:
    request = InviteAnswer(space_user_id=body.space_user_id, extra=body.extra)
    return [_ask(session, room, moment, "decline_invite_request", request, "decline_invite_success")]


def _leave_space(session: Session, room: Room, body: LeaveSpace, moment: Moment) -> list[Effect]:
    request = LeaveSpaceRequest(space_uuid=body.space_uuid, extra=body.extra)
    return [_ask(session, room, moment, "leave_space_request", request, "leave_space_success")]


def _remove_space_user(session: Session, room: Room, body: RemoveSpaceUser, moment: Moment) -> list[Effect]:
    text = "Unauthorized space access"
    scope = "remove_space_user"
    admit.capability(
        session, room, body.capability_token, space=body.space_uuid, scope=scope, text=text, now=moment.now
    )
    request = RemoveSpaceUserRequest(
        space_uuid=body.space_uuid,
        user_id=body.user_id,
        user_public_key=body.user_public_key,
        user_enc_public_key=body.user_enc_public_key,
        extra=body.extra,
    )
    return [_ask(session, room, moment, "remove_space_user_request", request, "remove_space_user_success")]


def _join_all_spaces(session: Session, room: Room, body: JoinAllSpaces, moment: Moment) -> list[Effect]:
    """All or none: a refusal for one space leaves every subscription as it was."""
    text = "Unauthorized space access"
    for space in body.space_uuids:
        token = body.capability_tokens.get(space, "")
        admit.capability(session, room, token, space=space, scope="read_history", text=text, now=moment.now)
        if space not in room.spaces:
            raise Refused(
                "unknown_space", "One or more spaces are not accessible", "Ask for the dashboard again, then retry."
            )
        admit.member(session, space, text)
    for space in body.space_uuids:
        room.subscribe(session, space)
    return [tell(session, frame("join_all_spaces_success", ""))]


def _join_channel(session: Session, room: Room, body: JoinChannel, moment: Moment) -> list[Effect]:
    """Leaves the current channel first, whatever comes of the rest; old clients rely on that (spec §3.7)."""
    room.leave_channel(session)
    left = tell(session, frame("left_channel", ""))
    try:
        _may_join(session, room, body, moment.now)
    except Refused as refusal:
        return [left, tell(session, refusal.frame("join_channel"))]
    room.join_channel(session, body.uuid)
    return [left, tell(session, frame("joined_channel", ""))]


def _may_join(session: Session, room: Room, body: JoinChannel, now: float) -> None:
    space = room.channels.get(body.uuid)
    if space is None:
        raise Refused("unknown_channel", "Channel is not accessible", "Ask for the dashboard again, then retry.")
    if space not in room.spaces:
        raise Refused("unknown_space", "Space is not accessible", "Ask for the dashboard again, then retry.")
    text = "Unauthorized channel join"
    admit.capability(
        session, room, body.capability_token, space=space, scope="join_channel", text=text, now=now, channel=body.uuid
    )
    if space not in session.subscribed:
        raise Refused("not_subscribed", text, "Send join_all_spaces first.")


def _leave_channel(session: Session, room: Room, body: Empty, moment: Moment) -> list[Effect]:
    room.leave_channel(session)
    return [tell(session, frame("left_channel", ""))]


def _chat(session: Session, room: Room, body: Chat, moment: Moment) -> list[Effect]:
    """Store, then show: a host that answers saves decides; one that does not is trusted to store (protocol §2.4)."""
    channel, space, envelope = admit.chat(session, room, body, moment.now)
    raw = bytes(body.envelope)
    answers = "save_ack" in room.features
    admit.host_online(session, room)
    if not answers and room.replayed(channel, session.public_key, envelope.message_id):
        raise Refused("replayed", "This message has been sent before", "Send a new message.")
    request = SaveChatMessageRequest(
        username=session.username, channel_uuid=channel, space_uuid=space, envelope=body.envelope
    )
    pending = Pending(
        "chat", frozenset({"save_chat_message_response"}), envelope.message_id, channel, raw, asked_at=moment.now
    )
    ask = _ask(session, room, moment, "save_chat_message_request", request, pending=pending)
    if answers:
        return [ask]
    del session.pending[request.request_id]
    return [ask, Show(room.uuid, channel, chat_frame(raw, moment.timestamp, channel))]


def _get_messages(session: Session, room: Room, body: GetMessages, moment: Moment) -> list[Effect]:
    channel, _ = admit.joined_channel(session, room, body.capability_token, "read_history", moment.now)
    request = GetMessagesRequest(
        channel_uuid=channel,
        before_unix_time=body.before_unix_time,
        before_id=body.before_id,
        after_id=body.after_id,
        limit=body.limit,
        user_public_key=session.public_key,
        extra=body.extra,
    )
    return [_ask(session, room, moment, "get_messages_request", request, "get_messages_response")]


_ACTIONS: dict[str, Callable[..., list[Effect]]] = {
    "get_dash_data": _get_dash_data,
    "update_username": _update_username,
    "create_space": _create_space,
    "delete_space": _delete_space,
    "create_channel": _create_channel,
    "delete_channel": _delete_channel,
    "invite_user": _invite_user,
    "accept_invite": _accept_invite,
    "decline_invite": _decline_invite,
    "leave_space": _leave_space,
    "remove_space_user": _remove_space_user,
    "join_all_spaces": _join_all_spaces,
    "join_channel": _join_channel,
    "leave_channel": _leave_channel,
    "chat": _chat,
    "get_messages": _get_messages,
}
