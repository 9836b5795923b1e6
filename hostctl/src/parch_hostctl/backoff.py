"""When to dial again: failures since the last stable connection and a random number in, seconds to wait out.

Hosts of one relay lose it in the same instant. A hundred of them spread over the first wait make fewer than 20
dials in any second, and since every further wait begins where the one before it ended, the waves stay apart (cf.
exponential backoff with full jitter, which would dial a hundred times in the first second).
"""

FIRST_SECONDS = 15.0
CAP_SECONDS = 60.0
STABLE_SECONDS = 30.0
"""A connection that lasted this long makes the next loss a first one again."""


def wait(failures: int, chance: float, first: float = FIRST_SECONDS, cap: float = CAP_SECONDS) -> float:
    """Seconds to wait after the `failures`-th loss in a row (0 = the first); `chance` is uniform in [0, 1)."""
    longest = min(cap, first * 2.0 ** min(failures, 30))
    shortest = min(longest, cap) / 2 if failures else 0.0
    return shortest + chance * (longest - shortest)
