"""What the owner changes at the command line: the change and its announcement, both or neither."""

import json
from typing import Any

import pytest

from parch_hostctl import owner
from parch_hostctl.errors import Refused, StoreError
from parch_hostctl.records import SpaceHead
from parch_hostctl.store import Store


@pytest.fixture
def space(store: Store) -> SpaceHead:
    return owner.create_space(store, "S", "C", " Garden ", store.meet_user("A", "E", "ann"))


def announced(store: Store) -> list[tuple[str, Any]]:
    return [(item.type, json.loads(item.body)) for item in store.announcements()]


def test_a_new_space_has_a_channel_and_nobody_to_tell(store: Store, space: SpaceHead) -> None:
    assert [channel.name for channel in store.channels("S")] == ["Initial Channel"]
    assert (space.name, announced(store)) == ("Garden", [])


def test_a_new_channel_is_announced(store: Store, space: SpaceHead) -> None:
    channel = owner.create_channel(store, space, "D", "roses")
    [(kind, body)] = announced(store)
    assert kind == "create_channel_response"
    assert (body["client_uuid"], body["space_uuid"], body["channel"]["id"]) == ("", "S", channel.id)


def test_a_deleted_channel_is_announced(store: Store, space: SpaceHead) -> None:
    owner.delete_channel(store, store.channels("S")[0])
    assert announced(store) == [
        ("delete_channel_response", {"client_uuid": "", "id": 1, "uuid": "C", "space_uuid": "S"})
    ]
    assert store.channels("S") == []


def test_a_deleted_space_is_announced(store: Store, space: SpaceHead) -> None:
    owner.delete_space(store, space)
    assert announced(store) == [("delete_space_response", {"ClientUUID": "", "SpaceUUID": "S"})]
    assert store.space("S") is None


def test_an_invite_is_announced_to_the_invited(store: Store, space: SpaceHead) -> None:
    invite = owner.invite(store, space, store.meet_user("B", "E", "bob"))
    [(kind, body)] = announced(store)
    assert (kind, body["user_public_key"], body["invite"]["id"]) == ("invite_user_success", "B", invite.id)


def test_a_removed_member_is_announced(store: Store, space: SpaceHead) -> None:
    bob = store.meet_user("B", "E", "bob")
    store.accept_invite(store.add_invite("S", bob.id).id)
    owner.remove_member(store, space, bob)
    [(kind, body)] = announced(store)
    assert kind == "remove_space_user_success"
    assert (body["space_uuid"], body["user_id"], body["user_public_key"]) == ("S", bob.id, "B")
    assert store.membership("S", bob.id) is None


def test_what_is_refused_changes_and_announces_nothing(store: Store, space: SpaceHead) -> None:
    ann = store.meet_user("A", "E", "ann")
    for refused in (
        lambda: owner.invite(store, space, ann),
        lambda: owner.remove_member(store, space, ann),
        lambda: owner.create_channel(store, space, "D", ""),
    ):
        with pytest.raises(Refused):
            refused()
    with pytest.raises(StoreError):
        owner.create_channel(store, space, "C", "the same uuid")
    assert announced(store) == []


def test_announcements_are_forgotten_once_told(store: Store, space: SpaceHead) -> None:
    for name in ("D", "E", "F"):
        owner.create_channel(store, space, name, name)
    store.forget_announcements(store.announcements()[1].id)
    assert [body["channel"]["uuid"] for _, body in announced(store)] == ["F"]
    assert len(store.members(space)) == 1
