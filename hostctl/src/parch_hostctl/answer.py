"""A relay's request in, the frames to send back out (spec §3.6, §7.6); refusals become `error` frames.

Pure but for the records port of its Context. A StoreError is left to the caller, who knows whether the whole batch
is lost.
"""

from collections.abc import Callable
from typing import Any

from parch_wire.errors import InvalidBody, WireError
from parch_wire.messages import HOST_REQUESTS, Body, Frame, Refusal, Request, RequesterRequest, frame, parse

from . import answer_members, answer_messages, answer_people, answer_spaces
from .context import Context
from .errors import HostError, Refused, StoreError

Reply = tuple[str, Body]

_ANSWERS: dict[str, Callable[[Context, Any], list[Reply]]] = {
    "get_dash_data_request": answer_people.get_dash_data,
    "update_username_request": answer_people.update_username,
    "create_space_request": answer_spaces.create_space,
    "delete_space_request": answer_spaces.delete_space,
    "create_channel_request": answer_spaces.create_channel,
    "delete_channel_request": answer_spaces.delete_channel,
    "channel_allow_voice_request": answer_spaces.allow_voice,
    "invite_user_request": answer_members.invite_user,
    "accept_invite_request": answer_members.accept_invite,
    "decline_invite_request": answer_members.decline_invite,
    "leave_space_request": answer_members.leave_space,
    "remove_space_user_request": answer_members.remove_space_user,
    "save_chat_message_request": answer_messages.save_chat_message,
    "get_messages_request": answer_messages.get_messages,
}


def is_request(type_: str) -> bool:
    return type_ in _ANSWERS


def answer(context: Context, asked: Frame) -> list[bytes]:
    """The frames that answer one request, [] for a type nobody knows. Raises StoreError."""
    if asked.type not in _ANSWERS:
        return []
    try:
        body = parse(HOST_REQUESTS[asked.type], asked.data)
    except InvalidBody as error:
        return refusal(asked, error)
    context.sessions.learn(body.client_uuid, _speaker(body))
    try:
        replies = _ANSWERS[asked.type](context, body)
    except (Refused, WireError) as error:
        return refusal(asked, error)
    return [frame(type_, _numbered(reply, body)) for type_, reply in replies]


def refusal(asked: Frame, error: Refused | StoreError | WireError | HostError) -> list[bytes]:
    """The `error` frame for a request, [] when the relay did not say whom to answer (docs/protocol.md §2.2)."""
    try:
        body = parse(Request, asked.data)
    except InvalidBody:
        return []
    if not (body.client_uuid or body.request_id):
        return []
    told = Refusal(
        error=error.text,
        code=error.code,
        hint=error.hint,
        client_uuid=body.client_uuid,
        request=asked.type,
        request_id=body.request_id,
    )
    return [frame("error", told)]


def _speaker(body: Request) -> str:
    """The public key of the session that asks; in a RequesterRequest `user_public_key` is somebody else's."""
    if isinstance(body, RequesterRequest):
        return body.requester_user_public_key
    key: str = getattr(body, "user_public_key", "")
    return key


def _numbered(reply: Body, asked: Request) -> Body:
    """The answer with the request's number; what a host says unasked has no client and gets none."""
    if getattr(reply, "client_uuid", ""):
        reply.request_id = asked.request_id  # type: ignore[attr-defined]
    return reply
