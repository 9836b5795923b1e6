"""Changes made beside the running host: written with the change, read and forgotten by the host (protocol.md §2.6)."""

import msgspec

from parch_wire.messages import Body, plain

from ..records import Announcement
from .database import Database


class Announcements(Database):
    def announce(self, type_: str, body: Body) -> None:
        """Call inside the transaction of the change itself, so that both are on disk or neither."""
        text = msgspec.json.encode(plain(body)).decode()
        with self.transaction():
            self._run("INSERT INTO announcements (type, body) VALUES (?, ?)", type_, text)

    def announcements(self) -> list[Announcement]:
        """Those not forgotten yet, oldest first."""
        rows = self._rows("SELECT id, type, body FROM announcements ORDER BY id")
        return [Announcement(row[0], row[1], row[2].encode()) for row in rows]

    def forget_announcements(self, last_id: int) -> None:
        """Those up to `last_id` have been told."""
        with self.transaction():
            self._run("DELETE FROM announcements WHERE id <= ?", last_id)
