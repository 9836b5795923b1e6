"""Saving and reading ciphertext (spec §7.8; docs/protocol.md §2.4, §2.5). A request and a Context in, replies out.

The host takes no word of the relay for it: the sender's signature, the place, and the membership of writer and
reader are checked every time. Raises Refused and WireError.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from parch_wire import envelope
from parch_wire.messages import (
    Body,
    Channel,
    GetMessagesRequest,
    GetMessagesResponse,
    Message,
    SaveChatMessageRequest,
    SaveChatMessageResponse,
    User,
    plain,
)

from . import rules
from .answer_people import identify
from .context import Context
from .errors import Refused
from .records import Page

Reply = tuple[str, Body]

PAGE_MESSAGES = 50
PAGE_MESSAGES_MOST = 200
PAGE_BYTES = 240_000
"""A relay of the original drops a host whose frame exceeds 262 144 bytes (spec §8.3), so a page of big messages is
cut short."""

_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, Raw])


def save_chat_message(context: Context, request: SaveChatMessageRequest) -> list[Reply]:
    """Answered once it is in the transaction, to relays that number their requests; others want no answer (spec
    §3.6)."""
    sealed = envelope.read(request.envelope)
    user = identify(context, request, request.username)
    channel = _readable_channel(context, request.channel_uuid, request.space_uuid, user)
    rules.check_envelope(sealed, user.public_key, channel)
    envelope.verify(sealed)
    saved = context.records.save_message(
        channel.uuid,
        user.id,
        user.public_key,
        sealed.message_id,
        bytes(request.envelope).decode(),
        context.now(),
    )
    told = SaveChatMessageResponse(
        client_uuid=request.client_uuid,
        request_id=request.request_id,
        channel_uuid=channel.uuid,
        message_id=sealed.message_id,
        id=saved.id,
        timestamp=saved.timestamp,
        duplicate=saved.duplicate,
    )
    return [("save_chat_message_response", told)] if request.request_id else []


def get_messages(context: Context, request: GetMessagesRequest) -> list[Reply]:
    reader = context.records.user_by_key(request.user_public_key or context.sessions.key_of(request.client_uuid))
    if reader is None:
        raise Refused(
            "unknown_reader",
            "Unauthorized: the host does not know who reads.",
            "Ask for the dashboard, then try again.",
        )
    channel = _readable_channel(context, request.channel_uuid, "", reader)
    messages, more = _fitting(_page(context, request), newest_first=request.before_id > 0 or request.after_id <= 0)
    told = GetMessagesResponse(
        messages=messages,
        has_more_messages=more,
        channel_uuid=channel.uuid,
        client_uuid=request.client_uuid,
    )
    return [("get_messages_response", told)]


def _readable_channel(context: Context, channel_uuid: str, space_uuid: str, user: User) -> Channel:
    records = context.records
    channel = rules.check_channel(records.channel(channel_uuid), space_uuid)
    membership = records.membership(channel.space_uuid, user.id)
    rules.check_member(records.space(channel.space_uuid), user, membership)
    return channel


def _page(context: Context, request: GetMessagesRequest) -> Page:
    """By the first cursor that is given: `before_id`, `after_id`, the old text; no cursor, no messages."""
    records, channel = context.records, request.channel_uuid
    limit = min(request.limit, PAGE_MESSAGES_MOST) if request.limit > 0 else PAGE_MESSAGES
    if request.before_id > 0:
        return records.page_before(channel, request.before_id, limit)
    if request.after_id > 0:
        return records.page_after(channel, request.after_id, limit)
    if not request.before_unix_time:
        return Page([], more=False)
    return records.page_before(channel, records.id_before(channel, request.before_unix_time, context.now()), limit)


def _fitting(page: Page, newest_first: bool) -> tuple[list[Raw], bool]:
    """The messages as JSON, as many as fit one frame, from the end the reader asked for; and whether there are more."""
    taken: list[Raw] = []
    size = 0
    for raw in _readable(page.messages[::-1] if newest_first else page.messages):
        size += len(raw)
        if taken and size > PAGE_BYTES:
            return _oldest_first(taken, newest_first), True
        taken.append(Raw(raw))
    return _oldest_first(taken, newest_first), page.more


def _oldest_first(taken: list[Raw], newest_first: bool) -> list[Raw]:
    return taken[::-1] if newest_first else taken


def _readable(messages: list[Message]) -> Iterator[bytes]:
    """The JSON of each message; rows that hold no JSON object are left out (spec §7.8)."""
    for message in messages:
        try:
            _object.decode(bytes(message.envelope).decode())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        yield _encoder.encode(plain(message))
