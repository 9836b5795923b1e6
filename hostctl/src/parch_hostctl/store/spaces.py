"""Spaces and their channels: uuids and names in, `Space` and `Channel` as the wire shows them out."""
# ruff: noqa: S608 - the texts joined here are constants of this package; values are always bound

from typing import Any

from parch_wire.messages import Channel, Space, User

from ..records import SpaceHead, SpaceSummary
from .database import Database
from .users import USER, user_of

_HEAD = "s.id, s.uuid, s.name, s.author_id"
_CHANNEL = "id, uuid, name, space_uuid, allow_voice"


class Spaces(Database):
    def space(self, uuid: str) -> SpaceHead | None:
        row = self._row(f"SELECT {_HEAD} FROM spaces s WHERE s.uuid = ?", uuid)
        return SpaceHead(*row) if row else None

    def find_spaces(self, text: str) -> list[SpaceHead]:
        """Whose uuid begins with `text`, or whose name it is; all with ""."""
        where = "substr(s.uuid, 1, length(?1)) = ?1 OR s.name = ?1"
        return [
            SpaceHead(*row) for row in self._rows(f"SELECT {_HEAD} FROM spaces s WHERE {where} ORDER BY s.id", text)
        ]

    def spaces_of(self, user_id: int) -> list[SpaceHead]:
        """Spaces this user wrote or joined."""
        rows = self._rows(
            f"SELECT {_HEAD} FROM spaces s WHERE s.author_id = ?1 OR s.uuid IN"
            " (SELECT space_uuid FROM space_users WHERE user_id = ?1 AND joined = 1) ORDER BY s.id",
            user_id,
        )
        return [SpaceHead(*row) for row in rows]

    def count_authored(self, user_id: int) -> int:
        return self._number("SELECT count(*) FROM spaces WHERE author_id = ?", user_id)

    def whole_space(self, head: SpaceHead) -> Space:
        """With its channels, and its people: everybody who joined, and the author (spec §7.6)."""
        return Space(
            id=head.id,
            uuid=head.uuid,
            name=head.name,
            author_id=head.author_id,
            channels=self.channels(head.uuid),
            users=self.people(head),
        )

    def people(self, head: SpaceHead) -> list[User]:
        rows = self._rows(
            f"SELECT {USER} FROM chat_users u WHERE u.id > 0 AND (u.id = ?2 OR u.id IN"
            " (SELECT user_id FROM space_users WHERE space_uuid = ?1 AND joined = 1)) ORDER BY u.id",
            *(head.uuid, head.author_id),
        )
        return [User(id=row[0], username=row[1], public_key=row[2], enc_public_key=row[3]) for row in rows]

    def summaries(self) -> list[SpaceSummary]:
        """Every space in numbers, for the owner."""
        return [self._summary(head) for head in self.find_spaces("")]

    def add_space(self, uuid: str, name: str, author_id: int) -> SpaceHead:
        with self.transaction():
            self._run("INSERT INTO spaces (uuid, name, author_id) VALUES (?, ?, ?)", uuid, name, author_id)
        head = self.space(uuid)
        assert head is not None
        return head

    def delete_space(self, uuid: str) -> bool:
        """With its channels, their messages, and its memberships."""
        with self.transaction():
            return self._run("DELETE FROM spaces WHERE uuid = ?", uuid) > 0

    def channel(self, uuid: str) -> Channel | None:
        row = self._row(f"SELECT {_CHANNEL} FROM channels WHERE uuid = ?", uuid)
        return _channel(row) if row else None

    def channels(self, space_uuid: str) -> list[Channel]:
        rows = self._rows(f"SELECT {_CHANNEL} FROM channels WHERE space_uuid = ? ORDER BY id", space_uuid)
        return [_channel(row) for row in rows]

    def find_channels(self, text: str, space_uuid: str = "") -> list[Channel]:
        """Whose uuid begins with `text`, or whose name it is, in one space or ("") in all."""
        where = "(substr(uuid, 1, length(?1)) = ?1 OR name = ?1) AND ?2 IN ('', space_uuid)"
        rows = self._rows(f"SELECT {_CHANNEL} FROM channels WHERE {where} ORDER BY id", text, space_uuid)
        return [_channel(row) for row in rows]

    def add_channel(self, uuid: str, name: str, space_uuid: str) -> Channel:
        with self.transaction():
            self._run("INSERT INTO channels (uuid, name, space_uuid) VALUES (?, ?, ?)", uuid, name, space_uuid)
        channel = self.channel(uuid)
        assert channel is not None
        return channel

    def delete_channel(self, uuid: str) -> bool:
        """With its messages."""
        with self.transaction():
            return self._run("DELETE FROM channels WHERE uuid = ?", uuid) > 0

    def allow_voice(self, uuid: str, allow: int) -> bool:
        with self.transaction():
            return self._run("UPDATE channels SET allow_voice = ? WHERE uuid = ?", allow, uuid) > 0

    def _summary(self, head: SpaceHead) -> SpaceSummary:
        return SpaceSummary(
            head=head,
            author=user_of(self._row(f"SELECT {USER} FROM chat_users u WHERE u.id = ?", head.author_id)),
            channels=self._number("SELECT count(*) FROM channels WHERE space_uuid = ?", head.uuid),
            members=len(self.people(head)),
            invites=self._number("SELECT count(*) FROM space_users WHERE space_uuid = ? AND joined = 0", head.uuid),
            messages=self._number(
                "SELECT count(*) FROM messages WHERE channel_uuid IN (SELECT uuid FROM channels WHERE space_uuid = ?)",
                head.uuid,
            ),
        )


def _channel(row: tuple[Any, ...]) -> Channel:
    return Channel(id=row[0], uuid=row[1], name=row[2], space_uuid=row[3], allow_voice=row[4] or 0)
