"""Spaces and channels: made by anybody, run by their author (spec §7.6). A request and a Context in, replies out.

Raises Refused and WireError.
"""

from parch_wire.messages import (
    Body,
    ChannelAllowVoiceRequest,
    CreateChannelRequest,
    CreateChannelResponse,
    CreateSpaceRequest,
    CreateSpaceResponse,
    DeleteChannelRequest,
    DeleteChannelResponse,
    DeleteSpaceRequest,
    DeleteSpaceResponse,
)

from . import rules
from .answer_people import capability, identify, identify_requester
from .context import Context
from .errors import Refused

Reply = tuple[str, Body]


def create_space(context: Context, request: CreateSpaceRequest) -> list[Reply]:
    user = identify(context, request, request.username)
    name = rules.checked_name(request.name, context.limits)
    rules.check_room(context.records.count_authored(user.id), context.limits.spaces_per_user, "spaces of yours")
    with context.records.transaction():
        space = context.records.add_space(context.new_uuid(), name, user.id)
        context.records.add_channel(context.new_uuid(), rules.INITIAL_CHANNEL, space.uuid)
    told = CreateSpaceResponse(
        space=context.records.whole_space(space),
        capability=capability(context, space, user),
        client_uuid=request.client_uuid,
    )
    return [("create_space_response", told)]


def delete_space(context: Context, request: DeleteSpaceRequest) -> list[Reply]:
    user = identify_requester(context, request)
    space = context.records.space(request.uuid)
    if space is None:
        raise Refused("unknown_space", "Space not found")
    rules.check_author(space, user, "Not authorized to delete this space")
    context.records.delete_space(space.uuid)
    told = DeleteSpaceResponse(client_uuid=request.client_uuid, space_uuid=space.uuid)
    return [("delete_space_response", told)]


def create_channel(context: Context, request: CreateChannelRequest) -> list[Reply]:
    user = identify_requester(context, request)
    found = context.records.space(request.space_uuid)
    space = rules.check_author(found, user, "Not authorized to create channels in this space")
    name = rules.checked_name(request.name, context.limits)
    rules.check_room(
        len(context.records.channels(space.uuid)), context.limits.channels_per_space, "channels in this space"
    )
    channel = context.records.add_channel(context.new_uuid(), name, space.uuid)
    told = CreateChannelResponse(channel=channel, space_uuid=space.uuid, client_uuid=request.client_uuid)
    return [("create_channel_response", told)]


def delete_channel(context: Context, request: DeleteChannelRequest) -> list[Reply]:
    user = identify_requester(context, request)
    channel = context.records.channel(request.uuid)
    if channel is None:
        raise Refused("unknown_channel", "Channel not found in database by UUID")
    rules.check_author(context.records.space(channel.space_uuid), user, "Not authorized to delete this channel")
    context.records.delete_channel(channel.uuid)
    told = DeleteChannelResponse(
        id=channel.id, uuid=channel.uuid, space_uuid=channel.space_uuid, client_uuid=request.client_uuid
    )
    return [("delete_channel_response", told)]


def allow_voice(context: Context, request: ChannelAllowVoiceRequest) -> list[Reply]:
    """The request names nobody, so it is judged by who the session is known to be; success has no answer."""
    user = context.records.user_by_key(context.sessions.key_of(request.client_uuid))
    if user is None:
        raise Refused("unknown_identity", "Failed to resolve requester identity")
    channel = rules.check_channel(context.records.channel(request.uuid), "")
    rules.check_author(context.records.space(channel.space_uuid), user, "Not authorized to change this channel")
    context.records.allow_voice(channel.uuid, int(request.allow != 0))
    return []
