"""Spaces and channels: made by anybody, run by their author (spec §7.6)."""

from typing import Any

import msgspec
import pytest


def test_a_new_space_has_one_channel_and_its_author(host: Any, alice: Any) -> None:
    answer = host.one("create_space_request", **alice.session(), name="  Garden ", username="alice", request_id="5")
    space = answer["space"]
    assert (space["name"], space["author_id"]) == ("Garden", 1)
    assert [channel["name"] for channel in space["channels"]] == ["Initial Channel"]
    assert [user["public_key"] for user in space["users"]] == [alice.public_key]
    assert answer["capability"]["space_uuid"] == space["uuid"]
    assert (answer["client_uuid"], answer["request_id"]) == ("client-alice", "5")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_names_are_neither_empty_nor_endless(host: Any, alice: Any, name: str) -> None:
    refusal = host.refusal("create_space_request", **alice.session(), name=name)
    assert refusal["code"] == "invalid_name"
    assert host.store.counts().spaces == 0


def test_names_count_characters_not_bytes(host: Any, alice: Any) -> None:
    assert host.space_of(alice, "ß" * 80)["name"] == "ß" * 80


def test_one_person_makes_only_so_many_spaces(host: Any, alice: Any) -> None:
    host.context.limits = msgspec.structs.replace(host.context.limits, spaces_per_user=1)
    host.space_of(alice)
    assert host.refusal("create_space_request", **alice.session(), name="b")["code"] == "limit_reached"


def test_the_answer_to_deleting_a_space_has_text_values_only(host: Any, alice: Any) -> None:
    """A relay of the original refuses anything else (spec §12)."""
    space = host.space_of(alice)
    [(kind, data)] = host.ask("delete_space_request", **alice.session("requester_"), uuid=space["uuid"])
    assert kind == "delete_space_response"
    assert data == {"ClientUUID": "client-alice", "SpaceUUID": space["uuid"]}


def test_deleting_a_space_takes_channels_messages_and_members(host: Any, alice: Any, bob: Any) -> None:
    space = host.space_of(alice)
    host.join(space["uuid"], alice, bob)
    host.save(bob, space)
    host.one("delete_space_request", **alice.session("requester_"), uuid=space["uuid"])
    counts = host.store.counts()
    assert (counts.spaces, counts.channels, counts.messages, counts.members) == (0, 0, 0, 0)


def test_a_space_that_is_not_there_cannot_be_deleted(host: Any, alice: Any) -> None:
    assert host.refusal("delete_space_request", **alice.session("requester_"), uuid="?")["error"] == "Space not found"


def test_the_author_adds_and_deletes_channels(host: Any, alice: Any) -> None:
    space = host.space_of(alice)
    request = {**alice.session("requester_"), "space_uuid": space["uuid"], "name": "second"}
    made = host.one("create_channel_request", **request)
    assert (made["space_uuid"], made["channel"]["name"], made["channel"]["allow_voice"]) == (space["uuid"], "second", 0)
    gone = host.one("delete_channel_request", **alice.session("requester_"), uuid=made["channel"]["uuid"])
    assert gone == {
        "id": made["channel"]["id"],
        "uuid": made["channel"]["uuid"],
        "space_uuid": space["uuid"],
        "client_uuid": "client-alice",
    }


def test_a_space_holds_only_so_many_channels(host: Any, alice: Any) -> None:
    host.context.limits = msgspec.structs.replace(host.context.limits, channels_per_space=1)
    request = {**alice.session("requester_"), "space_uuid": host.space_of(alice)["uuid"], "name": "b"}
    assert host.refusal("create_channel_request", **request)["code"] == "limit_reached"


def test_a_channel_that_is_not_there_cannot_be_deleted(host: Any, alice: Any) -> None:
    refusal = host.refusal("delete_channel_request", **alice.session("requester_"), uuid="?")
    assert refusal["error"] == "Channel not found in database by UUID"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("delete_space_request", "Not authorized to delete this space"),
        ("create_channel_request", "Not authorized to create channels in this space"),
        ("delete_channel_request", "Not authorized to delete this channel"),
        ("invite_user_request", "Not authorized to invite users to this space"),
        ("remove_space_user_request", "Not authorized to remove users from this space"),
    ],
)
def test_a_member_may_not_do_what_the_author_may(host: Any, alice: Any, bob: Any, action: str, text: str) -> None:
    space = host.space_of(alice)
    host.join(space["uuid"], alice, bob)
    before = host.store.counts()
    uuid = space["channels"][0]["uuid"] if action == "delete_channel_request" else space["uuid"]
    request = {**bob.session("requester_"), "uuid": uuid, "space_uuid": space["uuid"], "name": "n", "user_id": 1}
    refusal = host.refusal(action, **request, public_key=alice.public_key, request_id="9")
    assert refusal["error"] == text
    assert (refusal["code"], refusal["request"], refusal["request_id"]) == ("not_author", action, "9")
    assert (refusal["client_uuid"], refusal["hint"] != "") == ("client-bob", True)
    assert host.store.counts() == before


def test_a_requester_nobody_knows_is_refused_first(host: Any) -> None:
    refusal = host.refusal("delete_space_request", uuid="?", client_uuid="c")
    assert refusal["error"] == "Failed to resolve requester identity"


def test_the_author_switches_voice_without_an_answer(host: Any, alice: Any) -> None:
    """The request names nobody: the session is known from the dashboard it asked for."""
    channel = host.space_of(alice)["channels"][0]["uuid"]
    host.meet(alice)
    assert host.ask("channel_allow_voice_request", uuid=channel, allow=1, client_uuid="client-alice") == []
    assert host.store.channel(channel).allow_voice == 1


def test_a_session_nobody_knows_switches_no_voice(host: Any, alice: Any) -> None:
    channel = host.space_of(alice)["channels"][0]["uuid"]
    refusal = host.refusal("channel_allow_voice_request", uuid=channel, allow=1, client_uuid="stranger")
    assert refusal["code"] == "unknown_identity"
    assert host.store.channel(channel).allow_voice == 0
