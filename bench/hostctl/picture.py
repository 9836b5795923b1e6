"""The figures of the benchmark as a picture: latencies and rates in, PNG and SVG files out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


class Pages(Protocol):
    @property
    def cursor(self) -> str: ...
    @property
    def milliseconds(self) -> list[float]: ...


class Saves(Protocol):
    @property
    def way(self) -> str: ...
    @property
    def rate(self) -> float: ...


def draw(name: Path, messages: int, pages: Sequence[Pages], saves: Sequence[Saves], target_ms: float) -> list[Path]:
    """Writes NAME.png and NAME.svg: on the left how slow the slowest pages are, on the right saves per second."""
    name.parent.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for walk in pages:
        ordered = sorted(walk.milliseconds)
        left.plot(ordered, [100 * (n + 1) / len(ordered) for n in range(len(ordered))], label=walk.cursor)
    left.axvline(target_ms, color="crimson", linestyle="--", label=f"target for p99: {target_ms:.0f} ms")
    left.axhline(99, color="grey", linewidth=0.5)
    left.set(xscale="log", xlabel="milliseconds for a page of 50", ylabel="% of pages at most this slow")
    left.set_title(f"Paging through {messages:,} messages")
    left.legend()
    names = [way.way.replace(", ", ",\n") for way in saves]
    colours = ["grey", *["tab:blue"] * (len(saves) - 1)]
    bars = right.barh(names, [way.rate for way in saves], color=colours)
    right.bar_label(bars, [f"{way.rate:,.0f}" for way in saves], padding=3)
    right.margins(x=0.15)
    right.invert_yaxis()
    right.set(xlabel="saves per second, on disk")
    files = [name.with_suffix(suffix) for suffix in (".png", ".svg")]
    for file in files:
        figure.savefig(file, dpi=130)
    pyplot.close(figure)
    return files
