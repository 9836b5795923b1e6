"""Requests between the link and the worker: a bounded queue in, answers on the line each request came from out.

The link never waits for the database: a request that finds the queue full is refused at once. What was taken is
answered or at least stored, even when its line is gone by then.
"""

import asyncio

from parch_wire.messages import Frame

from .answer import refusal
from .context import Context
from .errors import HostError
from .link import Line
from .reporter import Reporter
from .worker import Worker, answer_batch

BATCH_REQUESTS = 64
"""Requests that share one commit."""

_BUSY = HostError("host_busy", "The host has too much to do.", "Try again in a moment.")


class Intake:
    def __init__(self, context: Context, worker: Worker, reporter: Reporter, most: int, most_bytes: int) -> None:
        self._context = context
        self._worker = worker
        self._reporter = reporter
        self._most = most
        self._most_bytes = most_bytes
        self._queue: asyncio.Queue[tuple[Frame, int, Line]] = asyncio.Queue()
        self._bytes = 0
        self._closed = False

    async def take(self, asked: Frame, size: int, line: Line) -> None:
        """Queues a request of `size` bytes, or refuses it."""
        if self._closed or self._queue.qsize() >= self._most or self._bytes + size > self._most_bytes:
            self._reporter.count("refused")
            await line.send(*refusal(asked, _BUSY))
            return
        self._bytes += size
        self._queue.put_nowait((asked, size, line))

    async def close(self) -> None:
        """Takes nothing more; returns when everything taken is answered."""
        self._closed = True
        await self._queue.join()

    async def run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_REQUESTS and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[Frame, int, Line]]) -> None:
        loop = asyncio.get_running_loop()
        self._context.relay_features = batch[-1][2].features

        def report(error: Exception) -> None:
            loop.call_soon_threadsafe(self._report, error)

        requests = [asked for asked, _, _ in batch]
        answers = await self._worker.call(answer_batch, self._context, requests, report)
        for (asked, size, line), frames in zip(batch, answers, strict=True):
            self._bytes -= size
            self._reporter.count(asked.type)
            self._reporter.count("refused", sum(text.startswith(b'{"type":"error"') for text in frames))
            await line.send(*frames)
            self._queue.task_done()

    def _report(self, error: Exception) -> None:
        text = error.text if isinstance(error, HostError) else f"A mistake in hostctl: {type(error).__name__}."
        self._reporter.say("failed", text)
