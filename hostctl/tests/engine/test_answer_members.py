"""Invites and memberships (spec §7.6, §7.7)."""

from typing import Any

import msgspec
import pytest


@pytest.fixture
def space(host: Any, alice: Any, bob: Any) -> Any:
    """Alice's space; the host knows bob, who is not in it."""
    host.meet(bob)
    return host.space_of(alice)


def remove(host: Any, space: Any, author: Any, **target: Any) -> Any:
    """The only reply, with its type."""
    body = {**author.session("requester_"), "space_uuid": space["uuid"], **target}
    [reply] = host.ask("remove_space_user_request", **body)
    return reply


def test_an_invite_names_the_space_and_the_invited(host: Any, space: Any, alice: Any, bob: Any) -> None:
    told = host.invite(space["uuid"], alice, bob)
    assert (told["public_key"], told["user_public_key"], told["space_uuid"]) == (
        bob.public_key,
        bob.public_key,
        space["uuid"],
    )
    assert told["invite"] == {
        "id": 1,
        "space_uuid": space["uuid"],
        "user_id": told["user_id"],
        "user_public_key": bob.public_key,
        "joined": 0,
        "name": "Space",
    }


def test_who_never_connected_cannot_be_invited(host: Any, space: Any, alice: Any, carol: Any) -> None:
    refusal = host.invite(space["uuid"], alice, carol)
    assert refusal["error"] == "Invite target not found. User must connect once before being invited."


def test_authors_cannot_invite_themselves(host: Any, space: Any, alice: Any) -> None:
    assert host.invite(space["uuid"], alice, alice)["error"] == "Cannot invite yourself to your own space"


def test_nobody_is_invited_twice(host: Any, space: Any, alice: Any, bob: Any) -> None:
    invite = host.invite(space["uuid"], alice, bob)["invite"]
    assert host.invite(space["uuid"], alice, bob)["error"] == "User already has a pending invite"
    host.one("accept_invite_request", **bob.session(), space_user_id=invite["id"])
    assert host.invite(space["uuid"], alice, bob)["error"] == "User is already in this space"


def test_a_space_takes_no_more_people_than_a_message_can_be_sealed_for(
    host: Any, space: Any, alice: Any, bob: Any
) -> None:
    host.context.limits = msgspec.structs.replace(host.context.limits, space_members=1)
    assert host.invite(space["uuid"], alice, bob)["code"] == "limit_reached"


def test_accepting_joins_and_grants(host: Any, space: Any, alice: Any, bob: Any) -> None:
    told = host.join(space["uuid"], alice, bob)
    assert told["space_user_id"] == 1
    assert told["user"]["public_key"] == bob.public_key
    assert [user["username"] for user in told["space"]["users"]] == ["bob", "alice"]
    assert told["capability"]["scopes"] == ["join_channel", "read_history", "send_message"]


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("accept_invite_request", "Invite not found or already accepted"),
        ("decline_invite_request", "Failed to find space user by id and user id"),
    ],
)
def test_an_accepted_invite_is_answered_no_more(
    host: Any, space: Any, alice: Any, bob: Any, action: str, text: str
) -> None:
    """Declining it would end a membership without anybody hearing of it (spec Q32)."""
    host.join(space["uuid"], alice, bob)
    assert host.refusal(action, **bob.session(), space_user_id=1)["error"] == text
    assert host.store.counts().members == 1


@pytest.mark.parametrize("action", ["accept_invite_request", "decline_invite_request"])
def test_somebody_elses_invite_is_not_there(
    host: Any, space: Any, alice: Any, bob: Any, carol: Any, action: str
) -> None:
    invite = host.invite(space["uuid"], alice, bob)["invite"]
    refusal = host.refusal(action, **carol.session(), space_user_id=invite["id"])
    assert refusal["code"] == "unknown_invite"
    assert host.store.counts().invites == 1


def test_a_declined_invite_is_gone_and_may_be_sent_again(host: Any, space: Any, alice: Any, bob: Any) -> None:
    invite = host.invite(space["uuid"], alice, bob)["invite"]
    told = host.one("decline_invite_request", **bob.session(), space_user_id=invite["id"], user_id=99)
    assert (told["space_user_id"], told["user_id"], told["user_public_key"]) == (
        invite["id"],
        invite["user_id"],
        bob.public_key,
    )
    assert host.invite(space["uuid"], alice, bob)["invite"]["id"] > invite["id"]


def test_leaving_ends_the_membership(host: Any, space: Any, alice: Any, bob: Any) -> None:
    host.join(space["uuid"], alice, bob)
    told = host.one("leave_space_request", **bob.session(), space_uuid=space["uuid"])
    assert (told["space_uuid"], told["user_public_key"]) == (space["uuid"], bob.public_key)
    assert host.meet(bob)["spaces"] == []


def test_who_has_no_row_cannot_leave(host: Any, space: Any, alice: Any) -> None:
    refusal = host.refusal("leave_space_request", **alice.session(), space_uuid=space["uuid"])
    assert refusal["error"] == "Space user not found in database"


def test_the_author_removes_by_public_key(host: Any, space: Any, alice: Any, bob: Any) -> None:
    host.join(space["uuid"], alice, bob)
    kind, told = remove(host, space, alice, user_public_key=bob.public_key, user_id=99)
    assert kind == "remove_space_user_success"
    assert told["user_id"] == host.store.user_by_key(bob.public_key).id
    assert host.store.counts().members == 0


def test_the_author_removes_by_number_and_withdraws_invites(host: Any, space: Any, alice: Any, bob: Any) -> None:
    invite = host.invite(space["uuid"], alice, bob)["invite"]
    _, told = remove(host, space, alice, user_id=invite["user_id"])
    assert told["user_public_key"] == bob.public_key
    assert host.store.counts().invites == 0


def test_the_author_stays(host: Any, space: Any, alice: Any) -> None:
    _, refusal = remove(host, space, alice, user_public_key=alice.public_key)
    assert refusal["error"] == "Cannot remove the space author"


def test_who_is_not_there_cannot_be_removed(host: Any, space: Any, alice: Any, bob: Any) -> None:
    assert remove(host, space, alice, user_id=99)[1]["error"] == "Failed to resolve target user identity"
    _, refusal = remove(host, space, alice, user_public_key=bob.public_key)
    assert refusal["error"] == "Space User failed to be removed in database"
