"""The relay under load beside a plain Starlette broadcast, in one run: arguments in; table, chart and exit code out.

Browsers sit in one channel and send valid signed v1 envelopes of 2 kB. Our relay makes every check, asks the host to
store the message and shows it only then; the baseline just sends. Both get the same frames from the same generator, in
turns, so that whatever else the machine does falls on both. Targets: `figures.py`.
"""

import argparse
import asyncio
import json
import os
import tempfile
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from . import envelopes, servers
from .figures import CPU_RATIO, IDLE_KIB, P99_RATIO, Load, Pair, Result, medians, misses, percentile, ratios, summary
from .peers import Baseline, Browser, Parch
from .picture import draw
from .servers import Server
from .traffic import Measured, Sending, Traffic

OUT = Path(__file__).parents[1] / "out"
WINDOW = 32
STEADY_PER_SECOND = 100.0
WARM_UP_IDLE = 20

console = Console(highlight=False)


class Plan(NamedTuple):
    """How much is measured: `deliveries` a round under full load, then `steady_seconds` of a steady rate."""

    browsers: tuple[int, ...] = (100, 200)
    rounds: int = 5
    deliveries: int = 200_000
    steady_seconds: float = 3.0
    idle: int = 500
    idle_rounds: int = 3


SMALL = Plan(browsers=(8,), rounds=1, deliveries=800, steady_seconds=0.5, idle=20, idle_rounds=1)


class Contender(NamedTuple):
    """A server and how its browsers join it."""

    server: Server
    peers: Parch | Baseline


def main(argv: list[str]) -> int:
    """0 when the targets are met, or when `--small` asked only whether it works."""
    parser = argparse.ArgumentParser(prog="relay", description=__doc__)
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes; targets are not judged")
    small = parser.parse_args(argv).small
    result = uvloop.run(_measure(SMALL if small else Plan()))
    _print(result)
    name = "relay-small" if small else "relay"
    files = draw(result, OUT, name)
    (OUT / f"{name}.json").write_text(json.dumps(result._asdict(), indent=1))
    console.print(f"[dim]chart: {', '.join(os.path.relpath(file) for file in files)}[/]")
    missed = [] if small else misses(result)
    verdict = "small run, not judged" if small else f"MISSED {'; '.join(missed)}" if missed else "targets met"
    console.print(f"relay: {summary(result)}; {verdict}", soft_wrap=True)
    return 1 if missed else 0


async def _measure(plan: Plan) -> Result:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parch-bench-")))
        url = stack.enter_context(servers.postgres(folder))
        rounds = await _rounds(plan, folder, url)
        idle = [await _idle_pair(plan, folder, url) for _ in range(plan.idle_rounds)]
    return Result(rounds, *(median(values) for values in zip(*idle, strict=True)))


async def _rounds(plan: Plan, folder: Path, url: str) -> dict[int, list[Pair]]:
    with servers.relay(folder, url) as relay, servers.baseline(folder) as baseline:
        contenders = Contender(relay, Parch(relay.port)), Contender(baseline, Baseline(baseline.port))
        for contender in contenders:
            await contender.peers.open()
        found: dict[int, list[Pair]] = {}
        for browsers in plan.browsers:
            found[browsers] = []
            for number in range(plan.rounds):
                console.print(f"[dim]{browsers} browsers, round {number + 1} of {plan.rounds}[/]")
                found[browsers].append(Pair(*[await _load(contender, browsers, plan) for contender in contenders]))
        for contender in contenders:
            await contender.peers.close()
    return found


async def _load(contender: Contender, count: int, plan: Plan) -> Load:
    """One round: fresh browsers (the chat rate limit counts by session), a warm-up, full load, then the fixed rate."""
    browsers = await contender.peers.browsers([envelopes.Identity() for _ in range(count)])
    traffic = Traffic([browser.socket for browser in browsers], contender.server.cpu)
    messages = max(1, plan.deliveries // count)
    await traffic.windowed(_sendings(contender, browsers, count // 2), WINDOW)
    full = await traffic.windowed(_sendings(contender, browsers, messages), WINDOW)
    sendings = _sendings(contender, browsers, round(STEADY_PER_SECOND * plan.steady_seconds))
    steady = await traffic.steady(sendings, STEADY_PER_SECOND)
    await asyncio.gather(*(browser.socket.close() for browser in browsers))
    return _figures(full, steady)


def _sendings(contender: Contender, browsers: list[Browser], messages: int) -> list[Sending]:
    """`messages` messages, from all browsers in turn, each wrapped for its sender and three others."""
    others = [browser.identity.public_key for browser in browsers]
    place = contender.peers.place
    return [
        (
            sender.socket,
            envelopes.message(sender.identity, _recipients(sender.identity.public_key, others), place, sender.token),
        )
        for sender in islice(cycle(browsers), messages)
    ]


def _recipients(sender: str, others: list[str]) -> list[str]:
    return [sender, *[other for other in others if other != sender][: envelopes.WRAPPED_KEYS - 1]]


def _figures(full: Measured, steady: Measured) -> Load:
    return Load(
        deliveries_per_second=full.deliveries / full.wall,
        cpu_us=full.server_cpu / full.deliveries * 1e6,
        p50_ms=percentile(full.latencies, 50) * 1e3,
        p99_ms=percentile(full.latencies, 99) * 1e3,
        steady_p50_ms=percentile(steady.latencies, 50) * 1e3,
        steady_p99_ms=percentile(steady.latencies, 99) * 1e3,
        generator_busy=full.generator_cpu / full.wall,
    )


async def _idle_pair(plan: Plan, folder: Path, url: str) -> tuple[float, float]:
    with servers.relay(folder, url) as relay:
        parch = await _idle(Contender(relay, Parch(relay.port)), plan.idle)
    with servers.baseline(folder) as baseline:
        return parch, await _idle(Contender(baseline, Baseline(baseline.port)), plan.idle)


async def _idle(contender: Contender, count: int) -> float:
    """KiB a connection: what a fresh server grows by when `count` browsers join the channel and keep quiet."""
    await contender.peers.open()
    warm = await contender.peers.browsers([envelopes.Identity() for _ in range(WARM_UP_IDLE)])
    before = contender.server.rss()
    idle = await contender.peers.browsers([envelopes.Identity() for _ in range(count)])
    grown = contender.server.rss() - before
    await asyncio.gather(*(browser.socket.close() for browser in (*warm, *idle)))
    await contender.peers.close()
    return grown / count


def _print(result: Result) -> None:
    for browsers, pairs in result.rounds.items():
        console.print(_table(browsers, pairs))
    idle = f"{result.idle_parch:.1f} KiB, baseline {result.idle_baseline:.1f} KiB (target ≤ {IDLE_KIB:g} KiB)"
    console.print(f"idle connection: {idle}")


def _table(browsers: int, pairs: list[Pair]) -> Table:
    middle, ratio = medians(pairs), ratios(pairs)
    title = f"{browsers} browsers, {WINDOW} messages in flight, medians of {len(pairs)} rounds"
    table = Table("", "Parch relay", "plain Starlette", "ratio", "target", title=title, title_justify="left")
    for name, (label, form, target) in _ROWS.items():
        figures = (form.format(getattr(load, name)) for load in middle)
        table.add_row(label, *figures, f"{getattr(ratio, name):.2f}", target)
    return table


_ROWS = {
    "deliveries_per_second": ("deliveries/s", "{:,.0f}", ""),
    "cpu_us": ("CPU, µs per delivery", "{:.2f}", f"≤ {CPU_RATIO}"),
    "p50_ms": ("p50, ms", "{:.1f}", ""),
    "p99_ms": ("p99, ms", "{:.1f}", f"≤ {P99_RATIO}"),
    "steady_p50_ms": (f"p50 at {STEADY_PER_SECOND:g} messages/s, ms", "{:.2f}", ""),
    "steady_p99_ms": (f"p99 at {STEADY_PER_SECOND:g} messages/s, ms", "{:.2f}", ""),
    "generator_busy": ("generator, of one core", "{:.0%}", ""),
}
