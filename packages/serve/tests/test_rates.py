"""Rate limits: a burst, an even refill, exact waits, bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_serve.rates import Quota, Rate


def test_a_burst_of_the_limit_is_allowed_and_the_next_hit_waits_one_interval() -> None:
    rate = Rate(30, 10)
    assert [rate.hit("a", 100.0) for _ in range(30)] == [None] * 30
    assert rate.hit("a", 100.0) == pytest.approx(10 / 30)


@given(st.integers(1, 1000), st.sampled_from([1.0, 10.0, 60.0]), st.floats(0, 1e7))
def test_the_burst_is_exact_after_any_uptime(limit: int, window: float, now: float) -> None:
    rate = Rate(limit, window)
    assert all(rate.hit("a", now) is None for _ in range(limit))
    assert rate.quota("a", now).remaining == 0
    assert rate.hit("a", now) is not None


def test_a_refusal_costs_nothing_and_its_wait_is_exact() -> None:
    rate = Rate(2, 1)
    rate.hit("a", 0.0)
    rate.hit("a", 0.0)
    waits = [rate.hit("a", 0.0) for _ in range(5)]
    assert waits == [pytest.approx(0.5)] * 5
    assert rate.hit("a", 0.5) is None


def test_keys_do_not_share_a_limit() -> None:
    rate = Rate(1, 60)
    assert rate.hit("a", 0.0) is None
    assert rate.hit("b", 0.0) is None


def test_the_quota_counts_down_and_comes_back() -> None:
    rate = Rate(3, 3)
    assert rate.quota("a", 0.0) == Quota(3, 0.0)
    rate.hit("a", 0.0)
    rate.hit("a", 0.0)
    assert rate.quota("a", 0.0) == Quota(1, 2.0)
    assert rate.quota("a", 1.0) == Quota(2, 1.0)
    assert rate.quota("a", 9.0) == Quota(3, 0.0)


def test_idle_keys_are_forgotten() -> None:
    rate = Rate(10, 1)
    for number in range(100_000):
        rate.hit(number, number / 100)
    assert len(rate) <= 1024


def test_a_flood_of_keys_at_one_moment_is_kept_until_it_is_idle() -> None:
    rate = Rate(1, 1)
    for number in range(3000):
        rate.hit(number, 0.0)
    assert len(rate) == 3000
    for number in range(3000, 8000):
        rate.hit(number, 2.0 + number)
    assert len(rate) < 4100


@given(st.integers(1, 50), st.lists(st.floats(0, 5), max_size=200))
def test_no_window_ever_has_more_than_two_limits(limit: int, gaps: list[float]) -> None:
    """A full burst plus one refill is the most that any window can hold."""
    rate, now, allowed = Rate(limit, 1.0), 0.0, []
    for gap in gaps:
        now += gap / 50
        if rate.hit("a", now) is None:
            allowed.append(now)
    for start in allowed:
        assert sum(start <= moment < start + 1 for moment in allowed) <= 2 * limit
