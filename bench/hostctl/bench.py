"""How a host's store bears a million messages: arguments in; a table, a picture, a summary line and an exit code out.

Pages are whole answers to `get_messages_request`, with the membership check and the JSON; they are also checked for
gaps and overlaps. Saves are acknowledged after their commit. Beside them, in the same run: plain sqlite3 with an insert
and a commit for each message, under the same durability.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.relay.envelopes import WRAPPED_KEYS, Identity, Place, message
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from parch_hostctl.answer import answer
from parch_hostctl.context import Context
from parch_hostctl.intake import BATCH_REQUESTS
from parch_hostctl.store import Store
from parch_hostctl.worker import answer_batch
from parch_wire.messages import Frame

from . import picture
from .filling import CHANNEL, ENVELOPE_BYTES, INSERT, SPACE, fill

PAGE_P99_MS = 50.0

OUT = Path(__file__).parents[1] / "out"
_NOW = 1_800_000_000.0

console = Console(highlight=False)


class Pages(NamedTuple):
    """Milliseconds of each page of one walk through the channel, and how many messages were seen."""

    cursor: str
    milliseconds: list[float]
    seen: int

    def quantile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Saves(NamedTuple):
    """Saves per second of one way to save."""

    way: str
    rate: float


def main(argv: list[str]) -> int:
    """0 when the targets are met, or when `--small` asked only whether it works."""
    parser = argparse.ArgumentParser(prog="hostctl", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="stored messages (default: 1000000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each way to save (default: 3)")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes; targets are not judged")
    options = parser.parse_args(argv)
    messages, seconds = (5_000, 0.2) if options.small else (options.messages, options.seconds)
    with tempfile.TemporaryDirectory(prefix="parch-bench-") as folder:
        pages, saves, size = _measure(Path(folder), messages, seconds)
    return _report(messages, pages, saves, size, judged=not options.small)


def _measure(folder: Path, messages: int, seconds: float) -> tuple[list[Pages], list[Saves], int]:
    database, writer = folder / "host_chat_v2.db", Identity()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"storing {messages} messages", total=messages)
        fill(database, writer, messages, lambda count: progress.advance(task, count))
    size = database.stat().st_size
    with Store.open(database) as store:
        context = Context(
            store, host_uuid="host", signing_key=Ed25519PrivateKey.generate(), now=lambda: _NOW, new_uuid=str
        )
        expected = messages - messages // 10
        pages = [_walk(context, writer, cursor, expected) for cursor in ("before_id", "before_unix_time", "after_id")]
        saves = [_plain(database, writer, seconds), *_stored(context, writer, seconds)]
    return pages, saves, size


def _walk(context: Context, reader: Identity, cursor: str, expected: int) -> Pages:
    """Through the whole channel, page by page; every message once."""
    starts = {"before_id": 2**62, "before_unix_time": "2999-01-01T00:00:00.000Z", "after_id": 1}
    body = {"channel_uuid": CHANNEL, "user_public_key": reader.public_key, "client_uuid": "c", cursor: starts[cursor]}
    times: list[float] = []
    seen, edge, more = 0, 0, True
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"paging by {cursor}", total=expected)
        while more:
            asked = Frame("get_messages_request", Raw(json.dumps(body).encode()))
            started = time.perf_counter()
            [frame] = answer(context, asked)
            times.append((time.perf_counter() - started) * 1000)
            page = json.loads(frame)["data"]
            ids = [message["id"] for message in page["messages"]]
            _check_neighbours(ids, edge, forward=cursor == "after_id")
            seen, more = seen + len(ids), page["has_more_messages"]
            edge = ids[-1] if cursor == "after_id" else ids[0]
            body[cursor] = page["messages"][0]["timestamp"] if cursor == "before_unix_time" else edge
            progress.advance(task, len(ids))
    if seen != expected - (cursor == "after_id"):  # what comes after the first message leaves that one out
        raise AssertionError(f"{cursor}: saw {seen} of {expected} messages")
    return Pages(cursor, times, seen)


def _check_neighbours(ids: list[int], edge: int, forward: bool) -> None:
    """A page is in order, and does not overlap the one before it."""
    if ids != sorted(set(ids)) or (edge and (ids[0] <= edge if forward else ids[-1] >= edge)):
        raise AssertionError(f"a page overlaps or is out of order at {edge}: {ids[0]}…{ids[-1]}")


def _plain(database: Path, writer: Identity, seconds: float) -> Saves:
    """The baseline: the same file, row and durability, an insert and a commit for each message."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    envelope = json.dumps(_envelope(writer))

    def save(n: int) -> int:
        row = (CHANNEL, envelope, f"plain{n}", writer.public_key, f"2027-01-01T00:00:00.{n:06d}Z")
        connection.execute(INSERT, row)
        return 1

    rate = _rate(save, seconds)
    connection.close()
    return Saves("plain sqlite3, one commit each (baseline)", rate)


def _stored(context: Context, writer: Identity, seconds: float) -> Iterator[Saves]:
    store = context.records
    envelope = json.dumps(_envelope(writer))

    def save_one(n: int, way: str = "one") -> int:
        store.save_message(CHANNEL, 1, writer.public_key, f"{way}{n}", envelope, _NOW)
        return 1

    def save_many(n: int) -> int:
        with store.transaction():
            return sum(save_one(n * BATCH_REQUESTS + m, "many") for m in range(BATCH_REQUESTS))

    yield Saves("store, one commit each", _rate(save_one, seconds))
    yield Saves(f"store, {BATCH_REQUESTS} to a commit", _rate(save_many, seconds))
    batches = _requests(writer, most=int(seconds * 60) + 2)

    def answer_many(n: int) -> int:
        answers = answer_batch(context, next(batches), _fail)
        assert all(b'"duplicate":false' in frames[0] for frames in answers)
        return len(answers)

    yield Saves(f"whole answers with every check, {BATCH_REQUESTS} to a commit", _rate(answer_many, seconds))


def _requests(writer: Identity, most: int) -> Iterator[list[Frame]]:
    """Batches of requests as a relay sends them, each with its own signed envelope; made before the clock runs."""
    session = {"user_public_key": writer.public_key, "user_enc_public_key": writer.enc_public_key}
    place = {"channel_uuid": CHANNEL, "space_uuid": SPACE, "client_uuid": "c", "request_id": "r", **session}

    def request() -> Frame:
        body = {**place, "envelope": _envelope(writer)}
        return Frame("save_chat_message_request", Raw(json.dumps(body).encode()))

    steps = track(range(most), "signing envelopes", console=console, transient=True)
    return iter([[request() for _ in range(BATCH_REQUESTS)] for _ in steps])


def _envelope(writer: Identity) -> Any:
    """A new signed envelope of 2 kB for four readers."""
    readers = [Identity().public_key for _ in range(WRAPPED_KEYS)]
    return json.loads(message(writer, readers, Place("host", SPACE, CHANNEL), "").frame)["data"]["envelope"]


def _rate(save: Callable[[int], int], seconds: float) -> float:
    """Saves per second, over `seconds` or until there is nothing left to save."""
    saved, n, started = 0, 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        try:
            saved += save(n)
        except StopIteration:
            break
        n += 1
    return saved / elapsed


def _fail(error: Exception) -> None:
    raise error


def _report(messages: int, pages: list[Pages], saves: list[Saves], size: int, judged: bool) -> int:
    baseline = saves[0].rate
    table = Table(
        "pages of 50", "pages", "p50 ms", "p99 ms", "slowest ms", title=f"{messages:,} messages, {size >> 20} MiB"
    )
    for walk in pages:
        figures = (walk.quantile(0.5), walk.quantile(0.99), max(walk.milliseconds))
        table.add_row(walk.cursor, f"{len(walk.milliseconds):,}", *(f"{figure:.2f}" for figure in figures))
    console.print(table)
    table = Table("saves of 2 kB", "per second", "× baseline")
    for way in saves:
        table.add_row(way.way, f"{way.rate:,.0f}", f"{way.rate / baseline:.2f}")
    console.print(table)
    files = picture.draw(OUT / ("hostctl" if judged else "hostctl-small"), messages, pages, saves, PAGE_P99_MS)
    console.print(f"[dim]chart: {', '.join(map(str, files))}[/]", soft_wrap=True)
    worst, answered = max(walk.quantile(0.99) for walk in pages), saves[-1].rate
    missed = judged and worst > PAGE_P99_MS
    verdict = ("MISSED" if missed else "targets met") if judged else "small run, not judged"
    console.print(
        f"hostctl: page p99 {worst:.2f} ms in {messages:,} messages of {ENVELOPE_BYTES} B (target {PAGE_P99_MS:.0f}); "
        f"{answered:,.0f} acknowledged saves/s with every check, {answered / baseline:.2f} × plain commits; {verdict}",
        soft_wrap=True,
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
