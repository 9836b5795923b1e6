"""Changes of the command line beside a running host: noticed in the database, told to the relay (protocol.md §2.6).

A change is told at least once, and again only if the host dies between telling and forgetting; the relay takes that
in its stride. A relay that does not know `push` is told nothing: its browsers see the change with their next
dashboard.
"""

import asyncio
from typing import NoReturn

from .errors import StoreError
from .link import Line, Link
from .reporter import Reporter
from .store import Store
from .worker import Worker

POLL_SECONDS = 0.5


class Announcer:
    def __init__(self, store: Store, worker: Worker, link: Link, reporter: Reporter) -> None:
        self._store = store
        self._worker = worker
        self._link = link
        self._reporter = reporter

    async def run(self) -> NoReturn:
        """Looks for announcements when the database changed under it, and on every new line."""
        told: tuple[Line, int] | None = None
        while True:
            line = self._link.line
            try:
                version = await self._worker.call(self._store.data_version)
                if line is not None and told != (line, version) and await self._tell(line):
                    told = (line, version)
            except StoreError as error:
                self._reporter.say("failed", error.text)
            await asyncio.sleep(POLL_SECONDS)

    async def _tell(self, line: Line) -> bool:
        """False when the line broke; what was not told stays."""
        waiting = await self._worker.call(self._store.announcements)
        if not waiting:
            return True
        frames = (b'{"type":"%b","data":%b}\n' % (item.type.encode(), item.body) for item in waiting)
        if "push" in line.features and not await line.send(*frames):
            return False
        await self._worker.call(self._store.forget_announcements, waiting[-1].id)
        self._reporter.say("announced", f"Changes made at the command line, told to the relay: {len(waiting)}.")
        return True
