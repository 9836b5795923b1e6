"""Who may do what in a space (spec §7.6, §7.7): facts in, nothing or Refused out. No I/O, no clock, no randomness.

The author runs a space and has no membership row; members write and read; an invite is a membership row not yet joined.
The texts are the original's where it has one; the codes are ours.
"""

import msgspec

from parch_wire.envelope import MAX_WRAPPED_KEYS, Envelope
from parch_wire.messages import Channel, User

from .errors import Refused
from .records import Membership, SpaceHead

INITIAL_CHANNEL = "Initial Channel"


class Limits(msgspec.Struct, frozen=True):
    """What one host takes. Names in code points; `space_members` counts the author and pending invites (spec Q25)."""

    name_length: int = 80
    spaces_per_user: int = 100
    channels_per_space: int = 200
    space_members: int = MAX_WRAPPED_KEYS


DEFAULT_LIMITS = Limits()


def checked_name(name: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """The name of a space or channel, trimmed."""
    name = name.strip()
    if not name:
        raise Refused("invalid_name", "The name is empty.", "Give it a name.")
    if len(name) > limits.name_length:
        raise Refused(
            "invalid_name",
            f"The name is longer than {limits.name_length} characters.",
            "Choose a shorter name.",
        )
    return name


def check_room(count: int, limit: int, what: str) -> None:
    """Is there room for one more?"""
    if count >= limit:
        raise Refused("limit_reached", f"There are {limit} {what} already.", "Delete one, or ask the host's owner.")


def check_author(space: SpaceHead | None, user: User, text: str) -> SpaceHead:
    """The space, if `user` is its author; `text` is the refusal. A space that is not there is refused likewise."""
    if space is None or space.author_id != user.id:
        raise Refused("not_author", text, "Only the author of a space may do this.")
    return space


def check_member(space: SpaceHead | None, user: User, membership: Membership | None) -> SpaceHead:
    """The space, if `user` may read and write there. A space that is not there is refused likewise."""
    if space is None or not (space.author_id == user.id or (membership is not None and membership.joined)):
        raise Refused(
            "not_a_member",
            "Unauthorized: you are not a member of this space.",
            "Ask the author of the space for an invite.",
        )
    return space


def check_invite(
    space: SpaceHead, target: User | None, membership: Membership | None, count: int, limits: Limits = DEFAULT_LIMITS
) -> User:
    """The user to invite. `count` is the number of membership rows the space has now."""
    if target is None:
        raise Refused(
            "unknown_user",
            "Invite target not found. User must connect once before being invited.",
            "Ask them to open this host once, then invite them again.",
        )
    if target.id == space.author_id:
        raise Refused("self_invite", "Cannot invite yourself to your own space")
    if membership is not None and membership.joined:
        raise Refused("already_member", "User is already in this space")
    if membership is not None:
        raise Refused("already_invited", "User already has a pending invite")
    check_room(count + 1, limits.space_members, "people in this space")
    return target


def check_answer(membership: Membership | None, user: User, text: str) -> Membership:
    """The pending invite of `user` that may be accepted or declined. A joined membership may not (spec Q32)."""
    if membership is None or membership.user_id != user.id or membership.joined:
        raise Refused("unknown_invite", text, "Ask for the dashboard again to see your invites.")
    return membership


def check_leaving(membership: Membership | None) -> None:
    if membership is None:
        raise Refused("not_a_member", "Space user not found in database", "The author of a space deletes it instead.")


def check_removal(space: SpaceHead, target: User | None, membership: Membership | None) -> User:
    """The user to remove; a pending invite may be removed too."""
    if target is None:
        raise Refused("unknown_user", "Failed to resolve target user identity")
    if target.id == space.author_id:
        raise Refused("author_stays", "Cannot remove the space author", "Delete the space instead.")
    if membership is None:
        raise Refused("not_a_member", "Space User failed to be removed in database", "This user is not in the space.")
    return target


def check_channel(channel: Channel | None, space_uuid: str) -> Channel:
    """The channel, if it is there and, where the request names a space, in that space."""
    if channel is None:
        raise Refused("unknown_channel", "Unauthorized: this channel is not on this host.")
    if space_uuid not in ("", channel.space_uuid):
        raise Refused("wrong_space", "Unauthorized: this channel is in another space.")
    return channel


def check_envelope(envelope: Envelope, sender: str, channel: Channel) -> None:
    """Does the envelope say what the session says? Its signature is parch_wire's to judge."""
    if envelope.sender_auth_public_key != sender:
        raise Refused("sender_mismatch", "The envelope names another sender than this session.")
    if envelope.channel_uuid != channel.uuid:
        raise Refused("channel_mismatch", "The envelope is meant for another channel.")
    if envelope.space_uuid != channel.space_uuid:
        raise Refused("wrong_space", "The envelope is meant for another space.")
