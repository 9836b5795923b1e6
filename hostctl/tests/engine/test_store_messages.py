"""Messages and their two cursors: every message is reached once, whoever wrote the file (spec §7.8, Q11)."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl.records import Page
from parch_hostctl.store import Store
from parch_hostctl.store.messages import LAST_ID

NOW = 1_795_000_000.0
BROWSER_CLOCK = "2026-11-18T11:06:41.000Z"
Pager = Callable[[Store, str], list[list[str]]]


@pytest.fixture
def channel(store: Store) -> str:
    store.meet_user("A", "E", "ann")
    store.add_space("S", "space", 1)
    store.add_channel("C", "channel", "S")
    return "C"


def save(store: Store, name: str, now: float = NOW) -> str:
    return store.save_message("C", 1, "A", name, f'{{"m":"{name}"}}', now).timestamp


def names(page: Page) -> list[str]:
    return [bytes(message.envelope).decode() for message in page.messages]


def by_id(store: Store, channel: str) -> list[list[str]]:
    """All pages, newest first, by the sequence cursor."""
    pages, before = [], LAST_ID
    while True:
        page = store.page_before(channel, before, 50)
        pages.append(names(page))
        if not page.more:
            return pages
        before = page.messages[0].id


def by_text(store: Store, channel: str) -> list[list[str]]:
    """All pages, newest first, as a browser of the original asks for them."""
    pages, before = [], BROWSER_CLOCK
    while True:
        page = store.page_before(channel, store.id_before(channel, before, NOW), 50)
        pages.append(names(page))
        if not page.more:
            return pages
        before = page.messages[0].timestamp


def oldest_first(pages: list[list[str]]) -> list[str]:
    return [name for page in reversed(pages) for name in page]


PAGERS = pytest.mark.parametrize("pager", [by_id, by_text])
TWO_BURSTS = [(f"m{n}", f"2026-11-18T11:06:{39 + n // 40}Z") for n in range(80)]
"""80 messages in two bursts of one second each; the original loses 21 of them (spec §7.8)."""


@PAGERS
def test_two_bursts_within_a_second_each_are_reached_whole(store: Store, channel: str, pager: Pager) -> None:
    for n in range(80):
        save(store, f"m{n}", NOW - 1 + n // 40)
    pages = pager(store, channel)
    assert oldest_first(pages) == [f'{{"m":"m{n}"}}' for n in range(80)]


@PAGERS
def test_the_bursts_of_an_original_file_are_reached_whole(original_file: Any, pager: Pager) -> None:
    with Store.open(original_file(TWO_BURSTS)) as store:
        store._run("UPDATE messages SET content = '{\"m\":\"' || message_id || '\"}'")
        pages = pager(store, "C")
    assert oldest_first(pages) == [f'{{"m":"m{n}"}}' for n in range(80)]


@PAGERS
def test_old_and_new_messages_of_one_second_are_reached_whole(original_file: Any, pager: Pager) -> None:
    with Store.open(original_file([(f"m{n}", "2026-11-18T11:06:40Z") for n in range(60)])) as store:
        store._run("UPDATE messages SET content = '{\"m\":\"' || message_id || '\"}'")
        for n in range(60, 120):
            save(store, f"m{n}", NOW + 0.5)
        pages = pager(store, "C")
    assert oldest_first(pages) == [f'{{"m":"m{n}"}}' for n in range(120)]


def test_every_timestamp_served_names_one_message(original_file: Any) -> None:
    with Store.open(original_file(TWO_BURSTS)) as store:
        save(store, "new")
        messages = store.page_before("C", LAST_ID, 100).messages
        assert len({message.timestamp for message in messages}) == 81
        for message in messages:
            assert store.id_before("C", message.timestamp, NOW + 1e6) == message.id


def test_the_clock_may_jump_without_changing_the_order(store: Store, channel: str) -> None:
    """An hour back, a day ahead, and back again: text order stays the order of saving."""
    jumps = (0.0, -3600.0, 0.0, 86_400.0, 1.0, 1.0, -1.0)
    stamps = [save(store, f"m{n}", NOW + jump) for n, jump in enumerate(jumps)]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == len(stamps)
    pages = by_text(store, channel)
    assert pages == by_id(store, channel)
    assert len(pages[0]) == len(jumps)


def test_the_newest_are_shown_to_a_browser_whose_clock_is_late(store: Store, channel: str) -> None:
    save(store, "m", NOW)
    assert store.id_before(channel, "2026-11-18T11:03:00.000Z", NOW) == LAST_ID
    assert store.id_before(channel, "2026-11-18T11:00:00.000Z", NOW) == 0


def test_a_text_that_names_no_message_means_what_is_earlier(store: Store, channel: str) -> None:
    for n in range(3):
        save(store, f"m{n}", NOW + n)
    assert store.id_before(channel, "2026-11-18T11:06:41.5Z", NOW) == 3
    assert store.id_before(channel, "2026-11-18T11:06:40.500000009Z", NOW) == 2
    assert store.id_before(channel, "2999-01-01T00:00:00Z", NOW) == 4
    assert store.id_before(channel, "1999-01-01T00:00:00Z", NOW) == 0


def test_a_replay_keeps_its_first_number_and_time(original_file: Any) -> None:
    with Store.open(original_file([("m1", "2025-01-01T00:00:00Z")])) as store:
        saved = store.save_message("C", 1, "A", "m1", "{}", NOW)
        assert (saved.id, saved.timestamp, saved.duplicate) == (1, "2025-01-01T00:00:00.000000001Z", True)


def test_the_same_id_from_another_sender_or_channel_is_another_message(store: Store, channel: str) -> None:
    store.add_channel("D", "other", "S")
    saved = [store.save_message(c, 1, s, "m", "{}", NOW) for c, s in (("C", "A"), ("C", "B"), ("D", "A"))]
    assert [(item.id, item.duplicate) for item in saved] == [(1, False), (2, False), (3, False)]


def test_a_number_is_never_given_twice(store: Store, channel: str) -> None:
    save(store, "m1")
    assert store.delete_message(1)
    assert not store.delete_message(1)
    save(store, "m2")
    assert store.page_after(channel, 0, 50).messages[0].id == 2


def test_deleting_up_to_a_number(store: Store, channel: str) -> None:
    for n in range(4):
        save(store, f"m{n}")
    assert store.delete_messages(channel, before_id=3) == 2
    assert names(store.page_after(channel, 0, 50)) == ['{"m":"m2"}', '{"m":"m3"}']
    assert store.delete_messages(channel) == 2


def test_paging_meets_every_message_while_others_are_written(store: Store, channel: str) -> None:
    for n in range(120):
        save(store, f"m{n}")
    seen: list[int] = []
    before = LAST_ID
    while page := store.page_before(channel, before, 50).messages:
        save(store, f"late{before}")
        seen = [message.id for message in page] + seen
        before = page[0].id
    assert seen == list(range(1, 121))
    assert all(a < b for a, b in pairwise(seen))


def test_a_message_of_a_user_nobody_knows_names_its_key(original_file: Any) -> None:
    database: Path = original_file([("m1", "2025-01-01T00:00:00Z")])
    with Store.open(database) as store:
        store._run("DELETE FROM chat_users")
        [message] = store.page_before("C", LAST_ID, 50).messages
    assert (message.username, message.user_public_key, message.user_enc_public_key) == ("", "A", "")


def test_a_message_without_a_time_is_still_shown(original_file: Any) -> None:
    with Store.open(original_file([("m1", "2025-01-01T00:00:00Z")])) as store:
        store._run("UPDATE messages SET timestamp = NULL")
        assert store.page_before("C", LAST_ID, 50).messages[0].timestamp == ""
        assert store.save_message("C", 1, "A", "m1", "{}", NOW).duplicate
