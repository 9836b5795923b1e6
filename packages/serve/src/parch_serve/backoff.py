"""How long to wait before the next attempt. Comes in: a source of randomness. Goes out: seconds.

Exponential backoff with full jitter, so that many waiters do not return in step.
"""

import random
from collections.abc import Callable, Iterator

_uniform = random.SystemRandom().uniform


def delays(
    first: float = 0.05, longest: float = 1.0, uniform: Callable[[float, float], float] = _uniform
) -> Iterator[float]:
    """Yield endless delays in seconds: each between 0 and a bound that doubles from `first` up to `longest`."""
    bound = first
    while True:
        yield uniform(0, bound)
        bound = min(bound * 2, longest)
