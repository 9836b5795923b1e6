"""Who asks, and what they see first: identity, dashboard and names (spec §4.3, §4.4, §7.6, §7.9).

A request and a Context in, replies out. Raises Refused and WireError.
"""

from parch_wire.identity import check_auth_public_key, check_enc_public_key, normalise_username
from parch_wire.messages import (
    Body,
    Capability,
    GetDashDataRequest,
    GetDashDataResponse,
    InviteUserResponse,
    RequesterRequest,
    UpdateUsernameRequest,
    User,
    UserRequest,
)

from .capabilities import grant
from .context import Context
from .errors import Refused
from .records import SpaceHead

Reply = tuple[str, Body]


def identify(context: Context, request: UserRequest, username: str = "") -> User:
    """The session's own user, met for the first time if both keys are good."""
    return _meet(
        context,
        request.user_public_key,
        request.user_enc_public_key,
        username,
        "Failed to resolve user identity",
    )


def identify_requester(context: Context, request: RequesterRequest) -> User:
    return _meet(
        context,
        request.requester_user_public_key,
        request.requester_user_enc_public_key,
        "",
        "Failed to resolve requester identity",
    )


def capability(context: Context, space: SpaceHead, user: User) -> Capability:
    return grant(context.signing_key, context.host_uuid, space, user, context.now(), context.new_uuid())


def get_dash_data(context: Context, request: GetDashDataRequest) -> list[Reply]:
    """The official invite, if one is due, comes before the dashboard that shows it (spec §12)."""
    user = identify(context, request, request.username)
    replies = _official_invite(context, user, request.client_uuid)
    spaces = context.records.spaces_of(user.id)
    dashboard = GetDashDataResponse(
        user=user,
        spaces=[context.records.whole_space(space) for space in spaces],
        invites=context.records.invites_of(user.id),
        capabilities=[capability(context, space, user) for space in spaces],
        client_uuid=request.client_uuid,
    )
    return [*replies, ("get_dash_data_response", dashboard)]


def update_username(context: Context, request: UpdateUsernameRequest) -> list[Reply]:
    user = identify(context, request, request.username)
    name = normalise_username(request.username, user.public_key)
    context.records.rename_user(user.id, name)
    told = UpdateUsernameRequest(
        user_id=user.id,
        user_public_key=user.public_key,
        user_enc_public_key=user.enc_public_key,
        username=name,
        client_uuid=request.client_uuid,
    )
    return [("update_username_response", told)]


def _meet(context: Context, public_key: str, enc_public_key: str, username: str, text: str) -> User:
    known = context.records.user_by_key(public_key)
    if known is not None and enc_public_key in ("", known.enc_public_key):
        return known
    if not (public_key and enc_public_key):
        raise Refused("unknown_identity", text, "Open the host once, so that it knows both of your keys.")
    check_auth_public_key(public_key)
    check_enc_public_key(enc_public_key)
    return context.records.meet_user(public_key, enc_public_key, normalise_username(username, public_key))


def _official_invite(context: Context, user: User, client_uuid: str) -> list[Reply]:
    """One invite to the official space for everybody who has none, is no member, and never left or declined."""
    records, space = context.records, context.official_space
    if not space or records.membership(space, user.id) or records.has_departed(space, user.id):
        return []
    invite = records.add_invite(space, user.id)
    told = InviteUserResponse(
        user_id=user.id,
        user_public_key=user.public_key,
        space_uuid=space,
        invite=invite,
        client_uuid="" if "push" in context.relay_features else client_uuid,
    )
    return [("invite_user_success", told)]
