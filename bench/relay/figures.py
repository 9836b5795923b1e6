"""What the measurements say: pairs of runs in; medians, ratios pair by pair, verdicts out. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

CPU_RATIO = 0.5
P99_RATIO = 0.6
IDLE_KIB = 30.0


class Load(NamedTuple):
    """One server under one round of load; latencies in ms, `steady_…` at a fixed rate; `generator_busy` in cores."""

    deliveries_per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    steady_p50_ms: float
    steady_p99_ms: float
    generator_busy: float


class Pair(NamedTuple):
    """Two runs, one right after the other."""

    parch: Load
    baseline: Load


class Result(NamedTuple):
    """`rounds` of every number of browsers, and the KiB an idle connection holds."""

    rounds: dict[int, list[Pair]]
    idle_parch: float
    idle_baseline: float


def percentile(ascending: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * percent / 100))]


def medians(pairs: Sequence[Pair]) -> Pair:
    """The median of each figure."""
    parch = Load(*(median(values) for values in zip(*(pair.parch for pair in pairs), strict=True)))
    baseline = Load(*(median(values) for values in zip(*(pair.baseline for pair in pairs), strict=True)))
    return Pair(parch, baseline)


def ratios(pairs: Sequence[Pair]) -> Load:
    """Parch to baseline: the median, over the pairs, of each figure's ratio within the pair."""
    each = [[p / b for p, b in zip(pair.parch, pair.baseline, strict=True)] for pair in pairs]
    return Load(*(median(values) for values in zip(*each, strict=True)))


def misses(result: Result) -> list[str]:
    """The targets that are missed, each as a phrase."""
    found = []
    for browsers, pairs in result.rounds.items():
        ratio = ratios(pairs)
        if ratio.cpu_us > CPU_RATIO:
            found.append(f"CPU ratio {ratio.cpu_us:.2f} > {CPU_RATIO} at {browsers}")
        if ratio.p99_ms > P99_RATIO:
            found.append(f"p99 ratio {ratio.p99_ms:.2f} > {P99_RATIO} at {browsers}")
    if result.idle_parch > IDLE_KIB:
        found.append(f"{result.idle_parch:.1f} > {IDLE_KIB:g} KiB per idle connection")
    return found


def summary(result: Result) -> str:
    """One line for people: the ratios at every number of browsers, and the idle memory."""
    parts = [
        f"{browsers} browsers: CPU {ratio.cpu_us:.2f} x, p99 {ratio.p99_ms:.2f} x the baseline's"
        for browsers, ratio in ((browsers, ratios(pairs)) for browsers, pairs in result.rounds.items())
    ]
    return "; ".join([*parts, f"{result.idle_parch:.1f} KiB per idle connection"])
