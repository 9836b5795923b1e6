"""Timestamps as cursors: always later than the one before, whatever the clock and the old file say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_hostctl.stamps import asks_for_newest, row_named_by, served, stamp

NOW = 1_795_000_000.25


def test_a_first_stamp_is_the_clock_in_microseconds() -> None:
    assert stamp(NOW, "") == "2026-11-18T11:06:40.250000Z"
    assert stamp(int(NOW), "") == "2026-11-18T11:06:40.000000Z"


@pytest.mark.parametrize(
    ("previous", "next_stamp"),
    [
        ("2026-11-18T11:06:40.250000Z", "2026-11-18T11:06:40.250001Z"),
        ("2026-11-18T11:06:40Z", "2026-11-18T11:06:41.000000Z"),
        ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "2026-11-18T11:06:40.250000Z"),
        ("someday soon ......Z", "2026-11-18T11:06:40.250000Z"),
        ("something else", "2026-11-18T11:06:40.250000Z"),
    ],
)
def test_after_a_stamp_that_is_not_earlier_comes_the_next(previous: str, next_stamp: str) -> None:
    assert stamp(NOW, previous) == next_stamp


@given(st.lists(st.floats(0, 4_000_000_000), min_size=2, max_size=50))
def test_stamps_rise_whatever_the_clock_does(clock: list[float]) -> None:
    stamps = [""]
    for now in clock:
        stamps.append(stamp(now, stamps[-1]))
    assert stamps == sorted(set(stamps))


def test_whole_seconds_are_served_with_the_number_of_their_row() -> None:
    assert served(123, "2026-11-18T11:06:40Z") == "2026-11-18T11:06:40.000000123Z"
    assert served(123, "2026-11-18T11:06:40.250000Z") == "2026-11-18T11:06:40.250000Z"
    assert served(123, "") == ""


@given(st.integers(1, 10**17))
def test_the_number_is_found_again(row_id: int) -> None:
    assert row_named_by(served(row_id, "2026-11-18T11:06:40Z")) == (row_id, "2026-11-18T11:06:40Z")


def test_other_texts_name_no_row() -> None:
    for text in ("", "2026-11-18T11:06:40Z", "2026-11-18T11:06:40.250000Z", "2026-11-18T11:06:40.000000123+00:00"):
        assert row_named_by(text) is None


@pytest.mark.parametrize(
    ("text", "newest"),
    [
        ("2026-11-18T11:06:40.250Z", True),
        ("2026-11-18T11:02:00.000Z", True),
        ("2026-11-18T11:01:00.000Z", False),
        ("2999-01-01T00:00:00.000Z", True),
        ("2026-11-18T11:06:40.25Z", False),
        ("2026-11-18T11:06:40.250000Z", False),
    ],
)
def test_a_browsers_own_clock_asks_for_the_newest(text: str, newest: bool) -> None:
    assert asks_for_newest(text, NOW) is newest
