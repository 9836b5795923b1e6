"""What the owner changes at the command line: a store and names in, the change and its announcement in one transaction.

A running host notices the announcement and tells the relay, so browsers see the change at once. Raises Refused.
"""

from parch_wire.messages import (
    Channel,
    CreateChannelResponse,
    DeleteChannelResponse,
    DeleteSpaceResponse,
    Invite,
    InviteUserResponse,
    RemoveSpaceUserRequest,
    User,
)

from . import rules
from .records import SpaceHead
from .store import Store


def create_space(store: Store, uuid: str, channel_uuid: str, name: str, author: User) -> SpaceHead:
    """A space with one channel. The relay learns of it when its author next opens the dashboard."""
    with store.transaction():
        head = store.add_space(uuid, rules.checked_name(name), author.id)
        store.add_channel(channel_uuid, rules.INITIAL_CHANNEL, uuid)
    return head


def delete_space(store: Store, space: SpaceHead) -> None:
    with store.transaction():
        store.delete_space(space.uuid)
        store.announce("delete_space_response", DeleteSpaceResponse(space_uuid=space.uuid))


def create_channel(store: Store, space: SpaceHead, uuid: str, name: str) -> Channel:
    with store.transaction():
        channel = store.add_channel(uuid, rules.checked_name(name), space.uuid)
        store.announce("create_channel_response", CreateChannelResponse(channel=channel, space_uuid=space.uuid))
    return channel


def delete_channel(store: Store, channel: Channel) -> None:
    with store.transaction():
        store.delete_channel(channel.uuid)
        store.announce(
            "delete_channel_response",
            DeleteChannelResponse(id=channel.id, uuid=channel.uuid, space_uuid=channel.space_uuid),
        )


def invite(store: Store, space: SpaceHead, target: User, limits: rules.Limits = rules.DEFAULT_LIMITS) -> Invite:
    with store.transaction():
        known = store.membership(space.uuid, target.id)
        rules.check_invite(space, target, known, store.count_members(space.uuid), limits)
        made = store.add_invite(space.uuid, target.id)
        store.announce("invite_user_success", invitation(target, made))
    return made


def remove_member(store: Store, space: SpaceHead, target: User) -> None:
    """Ends a membership or withdraws a pending invite."""
    with store.transaction():
        rules.check_removal(space, target, store.membership(space.uuid, target.id))
        store.end_membership(space.uuid, target.id)
        store.announce(
            "remove_space_user_success",
            RemoveSpaceUserRequest(space_uuid=space.uuid, user_id=target.id, user_public_key=target.public_key),
        )


def invitation(target: User, made: Invite) -> InviteUserResponse:
    """What the relay hears of a new invite."""
    return InviteUserResponse(
        public_key=target.public_key,
        user_id=target.id,
        user_public_key=target.public_key,
        space_uuid=made.space_uuid,
        invite=made,
    )
