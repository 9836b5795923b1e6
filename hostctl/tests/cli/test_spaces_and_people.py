"""spaces, channels, members, invites, messages: what the owner sees and changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from parch_hostctl.store import Store
from parch_wire.messages import RemoveSpaceUserRequest

Run = Callable[..., Any]


def announced(store: Store) -> list[str]:
    return [waiting.type for waiting in store.announcements()]


def test_a_new_host_lists_its_first_space_and_channel(host: Run) -> None:
    assert [space["name"] for space in host("spaces", "list", "--json").json["spaces"]] == ["Home"]
    assert host("channels", "list").stdout.startswith("general\t")


def test_a_space_is_added_with_its_channels(host: Run) -> None:
    added = host("spaces", "add", "Book club", "--channel", "plans", "--channel", "reading", "--json").json
    assert [channel["name"] for channel in added["channels"]] == ["plans", "reading"]
    shown = host("spaces", "show", added["uuid"][:8], "--json").json
    assert shown["space"]["name"] == "Book club"
    assert shown["space"]["author"] is None


def test_a_space_may_have_an_author_by_public_key(host: Run, ann: str) -> None:
    host("spaces", "add", "Ann's", "--author", ann)
    assert host("spaces", "show", "Ann's", "--json").json["space"]["author"] == ann


def test_a_space_without_name_is_refused_and_not_made(host: Run) -> None:
    assert host("spaces", "add", "  ", "--json").error["code"] == "invalid_name"
    assert len(host("spaces", "list", "--json").json["spaces"]) == 1


def test_a_bad_channel_name_leaves_no_half_made_space(host: Run) -> None:
    assert host("spaces", "add", "Half", "--channel", "x" * 81).code == 2
    assert len(host("spaces", "list", "--json").json["spaces"]) == 1


def test_removing_a_space_needs_consent(host: Run, store: Store) -> None:
    assert host("spaces", "remove", "Home", "--json").error["code"] == "confirmation_needed"
    assert host("spaces", "remove", "Home", "--dry-run").stdout == "Would remove space Home: 1 channel, 0 messages.\n"
    assert store.find_spaces("Home")
    assert host("spaces", "remove", "Home", "--yes").code == 0
    assert not store.find_spaces("")
    assert announced(store) == ["delete_space_response"]


def test_a_channel_is_added_and_removed_and_the_relay_hears_of_both(host: Run, store: Store) -> None:
    assert host("channels", "add", "Home", "plans", "--json").json["channel"]["space_name"] == "Home"
    assert host("channels", "remove", "plans", "--yes").code == 0
    assert announced(store) == ["create_channel_response", "delete_channel_response"]


def test_two_channels_of_one_name_are_told_apart_by_space_or_id(host: Run) -> None:
    host("spaces", "add", "Other")
    refused = host("channels", "show", "general", "--json")
    assert (refused.code, refused.error["code"]) == (5, "ambiguous")
    assert host("channels", "show", "general", "--space", "Other", "--json").json["channel"]["space_name"] == "Other"


def test_an_invite_goes_by_whole_public_key_even_to_a_stranger(host: Run, store: Store, ann: str) -> None:
    assert host("invites", "add", "Home", ann).code == 0
    (invite,) = host("invites", "list", "--json").json["invites"]
    assert (invite["public_key"], invite["name"], invite["space_name"]) == (ann, f"user-{ann[:8]}", "Home")
    assert announced(store) == ["invite_user_success"]


def test_a_dry_run_of_an_invite_leaves_nothing_behind(host: Run, store: Store, ann: str) -> None:
    assert host("invites", "add", "Home", ann, "--dry-run").stdout.startswith("Invite would be made")
    assert store.user_by_key(ann) is None


def test_nobody_is_invited_twice(host: Run, ann: str) -> None:
    host("invites", "add", "Home", ann)
    again = host("invites", "add", "Home", ann, "--json")
    assert (again.code, again.error["code"]) == (5, "already_invited")


def test_an_invite_is_withdrawn(host: Run, store: Store, ann: str) -> None:
    host("invites", "add", "Home", ann)
    assert host("invites", "show", "Home", ann[:8], "--json").json["invite"]["public_key"] == ann
    assert host("invites", "remove", "Home", ann[:8], "--yes").code == 0
    assert host("invites", "list").stdout == ""
    (told,) = [waiting for waiting in store.announcements() if waiting.type == "remove_space_user_success"]
    assert json.loads(told.body)["user_public_key"] == ann


def test_a_member_is_added_shown_and_removed(host: Run, met: Store, ann: str) -> None:
    assert host("members", "add", "Home", ann[:8]).code == 0
    (member,) = host("members", "list", "Home", "--json").json["members"]
    assert (member["public_key"], member["role"]) == (ann, "member")
    assert host("members", "show", ann, "--json").json["spaces"][0]["standing"] == "member"
    assert host("members", "remove", "Home", ann, "--yes").code == 0
    assert host("members", "list").stdout == ""


def test_adding_a_pending_invite_as_member_makes_it_a_membership(host: Run, met: Store, ann: str) -> None:
    host("invites", "add", "Home", ann)
    assert host("members", "add", "Home", ann).code == 0
    assert host("invites", "list").stdout == ""


def test_somebody_who_never_connected_cannot_be_made_a_member(host: Run, ann: str) -> None:
    host("invites", "add", "Home", ann)
    assert host("members", "add", "Home", ann, "--json").error["code"] == "never_connected"


def test_a_name_is_no_way_to_address_a_person(host: Run, met: Store) -> None:
    met.rename_user(1, "Administrator")
    refused = host("members", "add", "Home", "Administrator", "--json")
    assert (refused.code, refused.error["code"]) == (4, "unknown_user")


def test_a_key_too_short_to_mean_anybody_is_refused(host: Run, met: Store, ann: str) -> None:
    assert host("members", "show", ann[:7], "--json").error["code"] == "unknown_user"


def test_a_key_that_is_none_is_refused(host: Run) -> None:
    refused = host("invites", "add", "Home", "!" * 43, "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_key")


def test_names_of_strangers_cannot_take_over_the_terminal(host: Run, met: Store, bob: str) -> None:
    met.rename_user(2, "\x1b[2Jevil\u202e")
    host("members", "add", "Home", bob)
    listed = host("members", "list").stdout
    assert "\\x1b[2Jevil\\u202e" in listed
    assert "\x1b" not in listed


def test_messages_come_in_pages_by_cursor(host: Run, written: Store) -> None:
    newest = host("messages", "list", "general", "--limit", "4", "--json").json
    assert [row["id"] for row in newest["messages"]] == [7, 8, 9, 10]
    older = host("messages", "list", "general", "--limit", "4", "--before", str(newest["next_before"]), "--json").json
    assert [row["id"] for row in older["messages"]] == [3, 4, 5, 6]
    newer = host("messages", "list", "general", "--limit", "6", "--after", "6", "--json").json
    assert ([row["id"] for row in newer["messages"]], newer["next_after"]) == ([7, 8, 9, 10], None)


def test_a_message_shows_sender_time_size_and_ciphertext_only(host: Run, written: Store, ann: str) -> None:
    shown = host("messages", "show", "general", "4", "--json").json
    assert (shown["message"]["sender"], shown["message"]["sender_name"]) == (ann, "Ann")
    assert shown["message"]["timestamp"].startswith("2023-11-14T22:13:23")
    assert shown["recipients"] == 2
    assert shown["message"]["bytes"] == len(json.dumps(shown["envelope"]))


@pytest.mark.parametrize(("words", "left"), [(["2", "4"], 8), (["--before", "8"], 3)])
def test_messages_are_removed_by_number_or_before_one(host: Run, written: Store, words: list[str], left: int) -> None:
    gone = 10 - left
    assert host("messages", "remove", "general", *words, "--dry-run").stdout == f"Would remove {gone} messages.\n"
    assert written.counts().messages == 10
    assert host("messages", "remove", "general", *words, "--yes", "--json").json["removed"] == gone
    assert written.counts().messages == left


def test_removing_a_number_that_is_not_there_removes_nothing(host: Run, written: Store) -> None:
    assert host("messages", "remove", "general", "1", "99", "--yes", "--json").error["code"] == "unknown_message"
    assert written.counts().messages == 10


@pytest.mark.parametrize("words", [[], ["1", "--before", "5"]])
def test_which_messages_to_remove_must_be_said_once(host: Run, written: Store, words: list[str]) -> None:
    assert host("messages", "remove", "general", *words).code == 2


def test_the_invite_link_names_host_and_space(host: Run, relay: object) -> None:
    done = host("invite", "--space", "Home", "--json").json
    assert done["link"] == f"{done['relay']}/client#host={done['host_uuid']}&space={done['space_uuid']}"
    assert host("invite").stdout == f"{done['relay']}/client#host={done['host_uuid']}\n"


def test_the_announcement_of_a_removal_names_the_user(host: Run, met: Store, ann: str) -> None:
    host("members", "add", "Home", ann)
    host("members", "remove", "Home", ann, "--yes")
    (waiting,) = met.announcements()
    assert json.loads(waiting.body)["user_id"] == RemoveSpaceUserRequest(user_id=1).user_id
