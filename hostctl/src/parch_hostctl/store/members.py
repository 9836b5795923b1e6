"""Who belongs to a space, and who is asked to: rows of `space_users` in and out as memberships and invites."""
# ruff: noqa: S608 - the texts joined here are constants of this package; values are always bound

from parch_wire.messages import Invite, User

from ..records import Member, Membership, SpaceHead
from .database import Database
from .users import USER

_MEMBERSHIP = "id, space_uuid, user_id, joined"


class Members(Database):
    def membership(self, space_uuid: str, user_id: int) -> Membership | None:
        return self._membership("space_uuid = ? AND user_id = ?", space_uuid, user_id)

    def membership_by_id(self, space_user_id: int) -> Membership | None:
        return self._membership("id = ?", space_user_id)

    def members(self, head: SpaceHead) -> list[Member]:
        """The author, then members and invited in the order they came."""
        rows = self._rows(
            f"SELECT {USER}, coalesce(m.id, 0), coalesce(m.joined, 1) FROM chat_users u"
            " LEFT JOIN space_users m ON m.user_id = u.id AND m.space_uuid = ?1"
            " WHERE u.id = ?2 OR m.id IS NOT NULL ORDER BY u.id <> ?2, m.id",
            *(head.uuid, head.author_id),
        )
        return [
            Member(
                User(id=row[0], username=row[1], public_key=row[2], enc_public_key=row[3]),
                space_user_id=row[4],
                joined=bool(row[5]),
                author=row[0] == head.author_id,
            )
            for row in rows
        ]

    def count_members(self, space_uuid: str) -> int:
        """Members and pending invites; the author has no row."""
        return self._number("SELECT count(*) FROM space_users WHERE space_uuid = ?", space_uuid)

    def invites_of(self, user_id: int) -> list[Invite]:
        return self._invites("m.user_id = ?", user_id)

    def invite(self, space_user_id: int) -> Invite | None:
        found = self._invites("m.id = ?", space_user_id)
        return found[0] if found else None

    def add_invite(self, space_uuid: str, user_id: int) -> Invite:
        with self.transaction():
            self._run("DELETE FROM departures WHERE space_uuid = ? AND user_id = ?", space_uuid, user_id)
            self._run("INSERT INTO space_users (space_uuid, user_id, joined) VALUES (?, ?, 0)", space_uuid, user_id)
        return self._invites("m.space_uuid = ? AND m.user_id = ?", space_uuid, user_id)[0]

    def accept_invite(self, space_user_id: int) -> None:
        with self.transaction():
            self._run("UPDATE space_users SET joined = 1 WHERE id = ?", space_user_id)

    def end_membership(self, space_uuid: str, user_id: int) -> bool:
        """Ends a membership or an invite, and remembers that it was ended."""
        with self.transaction():
            self._run("INSERT OR IGNORE INTO departures VALUES (?, ?)", space_uuid, user_id)
            return self._run("DELETE FROM space_users WHERE space_uuid = ? AND user_id = ?", space_uuid, user_id) > 0

    def has_departed(self, space_uuid: str, user_id: int) -> bool:
        where = "space_uuid = ? AND user_id = ?"
        return bool(self._number(f"SELECT count(*) FROM departures WHERE {where}", space_uuid, user_id))

    def _membership(self, where: str, *values: object) -> Membership | None:
        row = self._row(f"SELECT {_MEMBERSHIP} FROM space_users WHERE {where}", *values)
        return Membership(row[0], row[1], row[2], bool(row[3])) if row else None

    def _invites(self, where: str, *values: object) -> list[Invite]:
        rows = self._rows(
            "SELECT m.id, m.space_uuid, m.user_id, u.public_key, s.name FROM space_users m"
            " JOIN spaces s ON s.uuid = m.space_uuid JOIN chat_users u ON u.id = m.user_id"
            f" WHERE m.joined = 0 AND {where} ORDER BY m.id",
            *values,
        )
        return [
            Invite(id=row[0], space_uuid=row[1], user_id=row[2], user_public_key=row[3], name=row[4]) for row in rows
        ]
