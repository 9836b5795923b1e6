"""Saving and reading ciphertext: the host checks every claim it can (spec §7.8, Q4; docs/protocol.md §2.4, §2.5)."""

import json
from typing import Any

import pytest

from parch_hostctl.answer_messages import PAGE_BYTES
from parch_wire.envelope import MAX_BYTES


@pytest.fixture
def space(host: Any, alice: Any, bob: Any) -> Any:
    """Alice's space with bob in it."""
    space = host.space_of(alice)
    host.join(space["uuid"], alice, bob)
    return space


@pytest.fixture
def channel(space: Any) -> Any:
    return space["channels"][0]["uuid"]


def test_a_saved_message_is_acknowledged_with_number_and_time(host: Any, space: Any, bob: Any, channel: Any) -> None:
    envelope = bob.encrypt([], space["uuid"], channel, "hello")
    [(kind, told)] = host.save(bob, space, envelope)
    assert kind == "save_chat_message_response"
    assert told == {
        "client_uuid": "client-bob",
        "request_id": "r",
        "channel_uuid": channel,
        "message_id": envelope["message_id"],
        "id": 1,
        "timestamp": "2026-11-18T11:06:40.250000Z",
        "duplicate": False,
    }


def test_a_replay_is_stored_once_and_acknowledged_as_such(host: Any, space: Any, bob: Any, channel: Any) -> None:
    envelope = bob.encrypt([], space["uuid"], channel, "hello")
    [(_, first)] = host.save(bob, space, envelope)
    host.now += 60
    [(_, again)] = host.save(bob, space, envelope)
    assert again == {**first, "duplicate": True}
    assert host.store.counts().messages == 1


def test_a_relay_that_numbers_nothing_gets_no_answer(host: Any, space: Any, bob: Any) -> None:
    """A relay of the original sends neither a request id nor a client (spec §3.6)."""
    assert host.save(bob, space, request_id="", client_uuid="") == []
    assert host.store.counts().messages == 1


def test_history_gives_the_envelope_back_as_it_came(host: Any, space: Any, bob: Any, channel: Any) -> None:
    envelope = bob.signed(bob.encrypt([], space["uuid"], channel, "hello")) | {"later": {"z<&>": 1.0}}
    host.save(bob, space, envelope)
    page = host.read(bob, channel, before_unix_time="2999-01-01T00:00:00.000Z")
    assert page == {
        "messages": [
            {
                "id": 1,
                "channel_uuid": channel,
                "username": "bob",
                "envelope": envelope,
                "user_id": page["messages"][0]["user_id"],
                "user_public_key": bob.public_key,
                "user_enc_public_key": bob.enc_public_key,
                "timestamp": "2026-11-18T11:06:40.250000Z",
            }
        ],
        "has_more_messages": False,
        "channel_uuid": channel,
        "client_uuid": "c",
    }


def test_strangers_cannot_write(host: Any, space: Any, carol: Any, channel: Any) -> None:
    [(_, refusal)] = host.save(carol, space, carol.encrypt([], space["uuid"], channel, "hi"))
    assert refusal["code"] == "not_a_member"
    assert host.store.counts().messages == 0


def test_the_invited_cannot_write_yet(host: Any, space: Any, alice: Any, carol: Any) -> None:
    host.meet(carol)
    host.invite(space["uuid"], alice, carol)
    [(_, refusal)] = host.save(carol, space)
    assert refusal["code"] == "not_a_member"


def test_who_was_removed_cannot_write(host: Any, space: Any, bob: Any) -> None:
    host.one("leave_space_request", **bob.session(), space_uuid=space["uuid"])
    [(_, refusal)] = host.save(bob, space)
    assert refusal["code"] == "not_a_member"


def test_the_envelope_must_name_the_session_as_its_sender(host: Any, space: Any, alice: Any, bob: Any) -> None:
    envelope = alice.encrypt([], space["uuid"], space["channels"][0]["uuid"], "hi")
    [(_, refusal)] = host.save(bob, space, envelope)
    assert refusal["code"] == "sender_mismatch"


@pytest.mark.parametrize(("field", "code"), [("space_uuid", "wrong_space"), ("channel_uuid", "channel_mismatch")])
def test_the_envelope_must_be_meant_for_this_place(
    host: Any, space: Any, bob: Any, channel: Any, field: str, code: str
) -> None:
    envelope = bob.signed({**bob.encrypt([], space["uuid"], channel, "hi"), field: "elsewhere"})
    [(_, refusal)] = host.save(bob, space, envelope)
    assert refusal["code"] == code


def test_the_relays_space_must_be_the_channels(host: Any, space: Any, bob: Any) -> None:
    [(_, refusal)] = host.save(bob, space, space_uuid="elsewhere")
    assert refusal["code"] == "wrong_space"


def test_a_channel_of_no_space_here_takes_nothing(host: Any, space: Any, bob: Any) -> None:
    [(_, refusal)] = host.save(bob, space, channel_uuid="elsewhere")
    assert refusal["code"] == "unknown_channel"


def test_a_changed_envelope_is_not_stored(host: Any, space: Any, bob: Any, channel: Any) -> None:
    envelope = bob.encrypt([], space["uuid"], channel, "hi") | {"sender_timestamp": "2020-01-01T00:00:00.000Z"}
    [(_, refusal)] = host.save(bob, space, envelope)
    assert refusal["code"] == "invalid_message_signature"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"message_id": ""}, "invalid_envelope"),
        ({"wrapped_keys": []}, "wrapped_keys_count"),
        ({"padding": "x" * MAX_BYTES}, "envelope_too_large"),
    ],
)
def test_an_envelope_of_another_shape_is_not_stored(
    host: Any, space: Any, bob: Any, channel: Any, change: Any, code: str
) -> None:
    [(_, refusal)] = host.save(bob, space, bob.encrypt([], space["uuid"], channel, "hi") | change)
    assert refusal["code"] == code
    assert host.store.counts().messages == 0


def fill(host: Any, space: Any, sender: Any, count: int) -> list[str]:
    """Saves `count` messages in the same instant; returns their ids in order."""
    channel = space["channels"][0]["uuid"]
    envelopes = [sender.encrypt([], space["uuid"], channel, str(n)) for n in range(count)]
    for envelope in envelopes:
        host.save(sender, space, envelope)
    return [envelope["message_id"] for envelope in envelopes]


def shown(page: Any) -> list[str]:
    return [message["envelope"]["message_id"] for message in page["messages"]]


def test_a_page_has_fifty_messages_unless_asked_otherwise(host: Any, space: Any, bob: Any, channel: Any) -> None:
    ids = fill(host, space, bob, 55)
    newest = host.read(bob, channel, before_id=1000)
    assert (shown(newest), newest["has_more_messages"]) == (ids[5:], True)
    rest = host.read(bob, channel, before_id=newest["messages"][0]["id"])
    assert (shown(rest), rest["has_more_messages"]) == (ids[:5], False)
    assert shown(host.read(bob, channel, before_id=1000, limit=3)) == ids[-3:]
    assert len(shown(host.read(bob, channel, before_id=1000, limit=10**9))) == 55


def test_after_an_id_comes_what_is_newer_oldest_first(host: Any, space: Any, bob: Any, channel: Any) -> None:
    ids = fill(host, space, bob, 5)
    page = host.read(bob, channel, after_id=1, limit=3)
    assert (shown(page), page["has_more_messages"]) == (ids[1:4], True)
    assert host.read(bob, channel, after_id=4)["has_more_messages"] is False


def test_the_text_cursor_pages_through_one_instant(host: Any, space: Any, bob: Any, channel: Any) -> None:
    ids = fill(host, space, bob, 5)
    newest = host.read(bob, channel, before_unix_time="2999-01-01T00:00:00.000Z", limit=3)
    older = host.read(bob, channel, before_unix_time=newest["messages"][0]["timestamp"], limit=3)
    assert shown(older) + shown(newest) == ids


def test_without_a_cursor_there_are_no_messages(host: Any, space: Any, bob: Any, channel: Any) -> None:
    fill(host, space, bob, 1)
    page = host.read(bob, channel, before_unix_time="")
    assert (page["messages"], page["has_more_messages"]) == ([], False)


@pytest.mark.parametrize("cursor", [{"before_id": 1000}, {"after_id": 0, "before_id": 99}, {"after_id": 1}])
def test_a_page_fits_into_one_frame_of_an_old_relay(host: Any, space: Any, bob: Any, channel: Any, cursor: Any) -> None:
    for _ in range(5):
        big = bob.encrypt([], space["uuid"], channel, "x" * 75_000)
        assert host.save(bob, space, big)[0][0] == "save_chat_message_response"
    page = host.read(bob, channel, **cursor)
    assert len(json.dumps(page)) < 262_144
    assert page["has_more_messages"] is True
    ids = [message["id"] for message in page["messages"]]
    assert ids == ([2, 3] if "after_id" in cursor and "before_id" not in cursor else [4, 5])
    assert sum(len(json.dumps(message, separators=(",", ":"))) for message in page["messages"]) <= PAGE_BYTES


def test_rows_that_hold_no_json_are_left_out(host: Any, space: Any, bob: Any, channel: Any) -> None:
    for n, content in enumerate(["not json", "[]", '{"a":', '{"ok":1}']):
        host.store.save_message(channel, 1, "S", f"m{n}", content, host.now)
    host.store._connection.execute("UPDATE messages SET content = CAST(x'7b2261223a22ff227d' AS TEXT) WHERE id = 2")
    assert [m["envelope"] for m in host.read(bob, channel, before_id=99)["messages"]] == [{"ok": 1}]


@pytest.fixture
def elsewhere(host: Any, carol: Any) -> Any:
    """Carol's own space, with a message."""
    space = host.space_of(carol, "Elsewhere")
    host.save(carol, space)
    return space["channels"][0]["uuid"]


@pytest.mark.parametrize("cursor", [{"before_id": 99}, {"after_id": 1}, {"before_unix_time": "2999-01-01T00:00:00Z"}])
def test_history_of_another_space_is_refused_whatever_the_relay_says(
    host: Any, space: Any, bob: Any, elsewhere: Any, cursor: Any
) -> None:
    refusal = host.refusal(
        "get_messages_request", channel_uuid=elsewhere, user_public_key=bob.public_key, client_uuid="c", **cursor
    )
    assert refusal["code"] == "not_a_member"


def test_an_old_relay_names_no_reader_so_the_session_is_remembered(
    host: Any, space: Any, bob: Any, channel: Any, elsewhere: Any
) -> None:
    host.save(bob, space)
    host.meet(bob)
    old = {"before_unix_time": "2999-01-01T00:00:00.000Z", "client_uuid": "client-bob"}
    assert len(host.one("get_messages_request", channel_uuid=channel, **old)["messages"]) == 1
    assert host.refusal("get_messages_request", channel_uuid=elsewhere, **old)["code"] == "not_a_member"


def test_a_request_about_somebody_does_not_make_the_session_theirs(
    host: Any, space: Any, alice: Any, bob: Any, channel: Any
) -> None:
    host.ask("remove_space_user_request", client_uuid="c", space_uuid=space["uuid"], user_public_key=bob.public_key)
    refusal = host.refusal("get_messages_request", channel_uuid=channel, client_uuid="c", before_id=99)
    assert refusal["code"] == "unknown_reader"


def test_a_session_nobody_knows_reads_nothing_and_is_told_to_refresh(host: Any, space: Any, channel: Any) -> None:
    """Browsers of the original fetch their dashboard and try again when they read the word (spec §9.5)."""
    refusal = host.refusal("get_messages_request", channel_uuid=channel, client_uuid="stranger", before_id=99)
    assert refusal["code"] == "unknown_reader"
    assert "unauthorized" in refusal["error"].lower()
