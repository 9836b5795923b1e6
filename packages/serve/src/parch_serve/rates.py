"""Rate limits without a clock. Comes in: who, and the time in seconds. Goes out: allowed, or how long to wait.

The generic cell rate algorithm (GCRA): a burst of `limit`, refilled evenly over `window`. One float a key, and keys
that have all their hits back are forgotten.
"""

import math
from collections.abc import Hashable
from typing import NamedTuple

_SWEEP_AT = 1024
_ROUNDING = 1e-3  # of an interval; what the sum of many intervals may be off at a large `now`


class Quota(NamedTuple):
    """What is left of a limit: `remaining` whole hits now, and `reset` seconds until all of them are back."""

    remaining: int
    reset: float


class Rate:
    """At most `limit` hits a key in one burst, `limit` more in every further `window` seconds."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit = limit
        self.window = window
        self._interval = window / limit
        self._full_at: dict[Hashable, float] = {}  # when the key has all its hits back
        self._sweep_at = _SWEEP_AT

    def hit(self, key: Hashable, now: float) -> float | None:
        """Take one hit. Return None when allowed, else the seconds until the next one is; a refusal costs nothing."""
        full_at = max(self._full_at.get(key, now), now) + self._interval
        wait = full_at - self.window - now
        if wait > self._interval * _ROUNDING:
            return wait
        self._full_at[key] = full_at
        if len(self._full_at) >= self._sweep_at:
            self._forget_idle(now)
        return None

    def quota(self, key: Hashable, now: float) -> Quota:
        """Return what `key` has left at `now`."""
        reset = max(self._full_at.get(key, now) - now, 0.0)
        return Quota(math.floor((self.window - reset) / self._interval + _ROUNDING), reset)

    def __len__(self) -> int:
        """Return the number of keys remembered."""
        return len(self._full_at)

    def _forget_idle(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._full_at))
