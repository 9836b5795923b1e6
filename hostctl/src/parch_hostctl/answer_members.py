"""Invites and memberships (spec §7.6, §7.7). A request and a Context in, replies out. Raises Refused and WireError."""

from typing import TypeVar

import msgspec

from parch_wire.messages import (
    AcceptInviteResponse,
    Body,
    InviteAnswer,
    InviteUserRequest,
    InviteUserResponse,
    LeaveSpaceRequest,
    RemoveSpaceUserRequest,
    User,
)

from . import rules
from .answer_people import capability, identify, identify_requester
from .context import Context

Reply = tuple[str, Body]
Asked = TypeVar("Asked", InviteAnswer, LeaveSpaceRequest, RemoveSpaceUserRequest)


def invite_user(context: Context, request: InviteUserRequest) -> list[Reply]:
    author, records = identify_requester(context, request), context.records
    found = records.space(request.space_uuid)
    space = rules.check_author(found, author, "Not authorized to invite users to this space")
    known = records.user_by_key(request.public_key)
    membership = records.membership(space.uuid, known.id) if known else None
    target = rules.check_invite(space, known, membership, records.count_members(space.uuid), context.limits)
    told = InviteUserResponse(
        public_key=request.public_key,
        user_id=target.id,
        user_public_key=target.public_key,
        space_uuid=space.uuid,
        invite=records.add_invite(space.uuid, target.id),
        client_uuid=request.client_uuid,
    )
    return [("invite_user_success", told)]


def accept_invite(context: Context, request: InviteAnswer) -> list[Reply]:
    user, records = identify(context, request), context.records
    invite = rules.check_answer(
        records.membership_by_id(request.space_user_id), user, "Invite not found or already accepted"
    )
    records.accept_invite(invite.id)
    space = rules.check_member(records.space(invite.space_uuid), user, records.membership_by_id(invite.id))
    told = AcceptInviteResponse(
        space_user_id=invite.id,
        user=user,
        space=records.whole_space(space),
        capability=capability(context, space, user),
        client_uuid=request.client_uuid,
    )
    return [("accept_invite_success", told)]


def decline_invite(context: Context, request: InviteAnswer) -> list[Reply]:
    user, records = identify(context, request), context.records
    invite = rules.check_answer(
        records.membership_by_id(request.space_user_id), user, "Failed to find space user by id and user id"
    )
    records.end_membership(invite.space_uuid, user.id)
    return [("decline_invite_success", _resolved(request, user))]


def leave_space(context: Context, request: LeaveSpaceRequest) -> list[Reply]:
    user, records = identify(context, request), context.records
    rules.check_leaving(records.membership(request.space_uuid, user.id))
    records.end_membership(request.space_uuid, user.id)
    return [("leave_space_success", _resolved(request, user))]


def remove_space_user(context: Context, request: RemoveSpaceUserRequest) -> list[Reply]:
    author, records = identify_requester(context, request), context.records
    found = records.space(request.space_uuid)
    space = rules.check_author(found, author, "Not authorized to remove users from this space")
    key = request.user_public_key
    known = records.user_by_key(key) if key else records.user(request.user_id)
    target = rules.check_removal(space, known, records.membership(space.uuid, known.id) if known else None)
    records.end_membership(space.uuid, target.id)
    return [("remove_space_user_success", _resolved(request, target))]


def _resolved(request: Asked, user: User) -> Asked:
    """The request as its own answer, with the ids the host knows."""
    return msgspec.structs.replace(
        request, user_id=user.id, user_public_key=user.public_key, user_enc_public_key=user.enc_public_key
    )
