"""The chart: a result in; PNG and SVG files out."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import CPU_RATIO, P99_RATIO, Result, medians, ratios

PARCH, BASELINE, TARGET = "#2463eb", "#b8bfca", "#d1242f"
WIDTH = 0.36


def draw(result: Result, folder: Path, name: str) -> list[Path]:
    """Writes `name`.png and `name`.svg: CPU per delivery and p99, both servers, at every number of browsers."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, result, "cpu_us", "CPU per delivery (µs)", CPU_RATIO)
    _bars(right, result, "p99_ms", "p99 latency, full load (ms)", P99_RATIO)
    figure.suptitle("Delivering one message to everybody in a channel: lower is better")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.png", folder / f"{name}.svg"]
    for file in files:
        figure.savefig(file, dpi=160)
    return files


def _bars(axes: Axes, result: Result, name: str, title: str, target: float) -> None:
    """One panel; the dashed line over a pair of bars is what Parch may use."""
    for position, pairs in enumerate(result.rounds.values()):
        middle, ratio = medians(pairs), getattr(ratios(pairs), name)
        parch, baseline = getattr(middle.parch, name), getattr(middle.baseline, name)
        label = position == 0
        at = position - WIDTH / 2, position + WIDTH / 2
        axes.bar(at[0], parch, WIDTH, color=PARCH, label="Parch relay, every check on" if label else None)
        axes.bar(at[1], baseline, WIDTH, color=BASELINE, label="plain Starlette broadcast" if label else None)
        span = at[0] - WIDTH / 2, at[0] + WIDTH / 2
        axes.plot(span, [baseline * target] * 2, "--", color=TARGET, label="target" if label else None)
        _write(axes, at[0], max(parch, baseline * target), f"{parch:.1f}\n({ratio:.2f} ×)")
        _write(axes, at[1], baseline, f"{baseline:.1f}")
    axes.set_xticks(range(len(result.rounds)), [f"{browsers} browsers" for browsers in result.rounds])
    axes.set_title(title)
    axes.margins(y=0.18)
    axes.spines[["top", "right"]].set_visible(False)


def _write(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), (0, 4), textcoords="offset points", ha="center", va="bottom")
