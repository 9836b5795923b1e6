"""Ciphertext by channel: envelopes in, pages oldest to newest out. The row id is the sequence (protocol.md §2.5).

Pages follow the id. The text cursor of old browsers is turned into an id first (stamps.py), so both cursors reach
every message.
"""
# ruff: noqa: S608 - the texts joined here are constants of this package; values are always bound

from typing import Any

from msgspec import Raw

from parch_wire.messages import Message

from ..records import Page, Saved
from ..stamps import asks_for_newest, row_named_by, served, stamp
from .database import Database

LAST_ID = 2**63 - 1
_MESSAGE = (
    "SELECT m.id, m.channel_uuid, CAST(m.content AS BLOB), m.user_id, m.timestamp,"
    " coalesce(u.username, ''), coalesce(u.public_key, m.sender_auth_public_key), coalesce(u.enc_public_key, '')"
    " FROM messages m LEFT JOIN chat_users u ON u.id = m.user_id WHERE m.channel_uuid = ?"
)


class Messages(Database):
    def save_message(
        self, channel_uuid: str, user_id: int, sender: str, message_id: str, content: str, now: float
    ) -> Saved:
        """Stores an envelope once per (channel, sender, message_id); `now` in unix s. A replay gives the first
        one's row."""
        with self.transaction():
            row = self._row(
                "INSERT INTO messages (channel_uuid, content, user_id, message_id, sender_auth_public_key, timestamp)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id, timestamp",
                *(channel_uuid, content, user_id, message_id, sender, stamp(now, self._last_stamp(channel_uuid))),
            )
            if row:
                return Saved(row[0], row[1], duplicate=False)
            where = "channel_uuid = ? AND sender_auth_public_key = ? AND message_id = ?"
            known = self._rows(f"SELECT id, timestamp FROM messages WHERE {where}", channel_uuid, sender, message_id)[0]
            return Saved(known[0], served(known[0], known[1] or ""), duplicate=True)

    def page_before(self, channel_uuid: str, before_id: int, limit: int) -> Page:
        """The newest `limit` messages below `before_id`."""
        rows = self._rows(f"{_MESSAGE} AND m.id < ? ORDER BY m.id DESC LIMIT ?", channel_uuid, before_id, limit + 1)
        return Page([_message(row) for row in reversed(rows[:limit])], more=len(rows) > limit)

    def page_after(self, channel_uuid: str, after_id: int, limit: int) -> Page:
        """The oldest `limit` messages above `after_id`."""
        rows = self._rows(f"{_MESSAGE} AND m.id > ? ORDER BY m.id LIMIT ?", channel_uuid, after_id, limit + 1)
        return Page([_message(row) for row in rows[:limit]], more=len(rows) > limit)

    def id_before(self, channel_uuid: str, text: str, now: float) -> int:
        """What the text cursor `text` means as `before_id`; 0 = nothing is before it. `now` is the host's clock,
        unix s."""
        if asks_for_newest(text, now):
            return LAST_ID
        named = row_named_by(text)
        if named and self._number(
            "SELECT id FROM messages WHERE channel_uuid = ? AND id = ? AND timestamp = ?", channel_uuid, *named
        ):
            return named[0]
        if found := self._number(
            "SELECT min(id) FROM messages WHERE channel_uuid = ? AND timestamp = ?", channel_uuid, text
        ):
            return found
        older = (
            "SELECT id FROM messages WHERE channel_uuid = ? AND timestamp < ? ORDER BY timestamp DESC, id DESC LIMIT 1"
        )
        last = self._number(older, channel_uuid, text)
        return last + 1 if last else 0

    def delete_message(self, row_id: int) -> bool:
        with self.transaction():
            return self._run("DELETE FROM messages WHERE id = ?", row_id) > 0

    def delete_messages(self, channel_uuid: str, before_id: int = LAST_ID) -> int:
        """Deletes those below `before_id`; returns how many."""
        with self.transaction():
            return self._run("DELETE FROM messages WHERE channel_uuid = ? AND id < ?", channel_uuid, before_id)

    def _last_stamp(self, channel_uuid: str) -> str:
        last = self._row("SELECT timestamp FROM messages WHERE channel_uuid = ? ORDER BY id DESC LIMIT 1", channel_uuid)
        return (last[0] or "") if last else ""


def _message(row: tuple[Any, ...]) -> Message:
    return Message(
        id=row[0],
        channel_uuid=row[1],
        envelope=Raw(row[2]),
        user_id=row[3],
        timestamp=served(row[0], row[4] or ""),
        username=row[5],
        user_public_key=row[6],
        user_enc_public_key=row[7],
    )
