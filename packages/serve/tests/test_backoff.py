"""How long to wait before the next attempt."""

from itertools import islice

from parch_serve.backoff import delays


def test_the_bound_doubles_up_to_the_longest() -> None:
    assert list(islice(delays(0.1, 1.0, lambda low, high: high), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_the_delay_is_anywhere_between_nothing_and_the_bound() -> None:
    assert list(islice(delays(0.5, 1.0, lambda low, high: low), 3)) == [0, 0, 0]
    assert all(0 <= delay <= 1.0 for delay in islice(delays(), 50))
