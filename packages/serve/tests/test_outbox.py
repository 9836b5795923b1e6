"""How much a slow reader may leave unread."""

from hypothesis import given
from hypothesis import strategies as st

from parch_serve.outbox import Outbox


def test_a_reader_may_keep_as_many_frames_as_the_limit() -> None:
    outbox = Outbox(max_frames=3, max_bytes=1000)
    assert [outbox.overflows(10, unsent) for unsent in (10, 20, 30, 40)] == [False, False, False, True]


def test_a_reader_may_keep_as_many_bytes_as_the_limit() -> None:
    outbox = Outbox(max_frames=100, max_bytes=25)
    assert [outbox.overflows(10, unsent) for unsent in (10, 20, 30)] == [False, False, True]


def test_frames_the_reader_has_taken_meanwhile_do_not_count() -> None:
    outbox = Outbox(max_frames=2, max_bytes=1000)
    assert not any(outbox.overflows(10, unsent=15) for _ in range(50))


def test_what_waited_before_the_first_frame_counts_as_bytes_only() -> None:
    outbox = Outbox(max_frames=1, max_bytes=1000)
    assert not outbox.overflows(10, unsent=900)


def test_a_reader_that_has_caught_up_starts_anew() -> None:
    outbox = Outbox(max_frames=1, max_bytes=1000)
    outbox.overflows(10, unsent=10)
    outbox.clear()
    assert not outbox.overflows(10, unsent=10)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), max_size=200))
def test_it_cuts_exactly_when_more_frames_wait_than_allowed(steps: list[tuple[int, int]]) -> None:
    """Against a model that knows every byte: a frame waits while any byte of it does."""
    outbox = Outbox(max_frames=5, max_bytes=10**9)
    waiting: list[int] = []
    for size, taken in steps:
        waiting.append(size)
        while waiting and taken >= waiting[0]:
            taken -= waiting.pop(0)
        if waiting:
            waiting[0] -= taken
        cut = outbox.overflows(size, sum(waiting))
        assert cut == (len(waiting) > 5)
        if cut:
            return
