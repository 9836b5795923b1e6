"""When to dial again: soon, spread out, and never a stampede."""

import random

from hypothesis import given
from hypothesis import strategies as st

from parch_hostctl.backoff import CAP_SECONDS, FIRST_SECONDS, wait

HOSTS = 100
ABSENT_SECONDS = 600.0


def dials(seed: int) -> list[list[float]]:
    """When each of 100 hosts dials a relay that all lost at 0 s and that is back after ten minutes."""
    chance = random.Random(seed)
    hosts = []
    for _ in range(HOSTS):
        times: list[float] = [0.0]
        while times[-1] < ABSENT_SECONDS:
            times.append(times[-1] + wait(len(times) - 1, chance.random()))
        hosts.append(times[1:])
    return hosts


def busiest_second(times: list[float]) -> int:
    times.sort()
    first, most = 0, 0
    for last, time in enumerate(times):
        while time - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_a_hundred_hosts_do_not_stampede() -> None:
    """H-03: at most 20 dials in any second of ten minutes, everybody back within 90 s of the relay's return."""
    for seed in range(20):
        hosts = dials(seed)
        most = busiest_second([time for times in hosts for time in times])
        last = max(times[-1] for times in hosts) - ABSENT_SECONDS
        assert most <= 20, f"seed {seed}: {most} dials in a second"
        assert last <= 90
    print(f"\nH-03: last seed: {most} dials in the busiest second, all back {last:.0f} s after the relay")


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_cap(failures: int, chance: float) -> None:
    assert 0 <= wait(failures, chance) <= CAP_SECONDS


def test_the_first_wait_may_be_none_and_later_ones_begin_where_the_last_ended() -> None:
    assert wait(0, 0.0) == 0
    assert wait(1, 0.0) == FIRST_SECONDS
    assert wait(10, 0.0) == CAP_SECONDS / 2


def test_both_ends_can_be_set() -> None:
    assert wait(0, 0.5, first=1, cap=2) == 0.5
    assert wait(9, 0.5, first=1, cap=2) == 1.5
    assert wait(0, 0.5, first=100, cap=2) == 1.0
