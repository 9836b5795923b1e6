"""People as the host knows them: public keys in, `User` out. The key is the identity; all else hangs on it."""
# ruff: noqa: S608 - the texts joined here are constants of this package; values are always bound

from typing import Any

from parch_wire.messages import User

from ..records import Counts
from .database import Database

USER = "u.id, u.username, u.public_key, u.enc_public_key"


class Users(Database):
    def user(self, user_id: int) -> User | None:
        return user_of(self._row(f"SELECT {USER} FROM chat_users u WHERE u.id = ?", user_id))

    def user_by_key(self, public_key: str) -> User | None:
        return user_of(self._row(f"SELECT {USER} FROM chat_users u WHERE u.public_key = ?", public_key))

    def find_users(self, text: str) -> list[User]:
        """Whose public key begins with `text`, or whose name or id it is; all with ""."""
        where = "substr(u.public_key, 1, length(?1)) = ?1 OR u.username = ?1 OR CAST(u.id AS TEXT) = ?1"
        rows = self._rows(f"SELECT {USER} FROM chat_users u WHERE {where} ORDER BY u.id", text)
        return [_user(row) for row in rows]

    def meet_user(self, public_key: str, enc_public_key: str, username: str) -> User:
        """The user with this key. New ones get `username`; known ones keep theirs (spec Q10) and take the
        encryption key."""
        known = self.user_by_key(public_key)
        if known is not None and enc_public_key in ("", known.enc_public_key):
            return known
        with self.transaction():
            if known is None:
                self._run(
                    "INSERT INTO chat_users (public_key, enc_public_key, username) VALUES (?, ?, ?)",
                    *(public_key, enc_public_key, username),
                )
            else:
                self._change_user(known.id, "enc_public_key", enc_public_key)
        met = self.user_by_key(public_key)
        assert met is not None
        return met

    def rename_user(self, user_id: int, username: str) -> None:
        with self.transaction():
            self._change_user(user_id, "username", username)

    def counts(self) -> Counts:
        return Counts(
            users=self._number("SELECT count(*) FROM chat_users"),
            spaces=self._number("SELECT count(*) FROM spaces"),
            channels=self._number("SELECT count(*) FROM channels"),
            members=self._number("SELECT count(*) FROM space_users WHERE joined = 1"),
            invites=self._number("SELECT count(*) FROM space_users WHERE joined = 0"),
            messages=self._number("SELECT count(*) FROM messages"),
        )

    def _change_user(self, user_id: int, column: str, value: str) -> None:
        self._run(f"UPDATE chat_users SET {column} = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ?", value, user_id)


def user_of(row: tuple[Any, ...] | None) -> User | None:
    return _user(row) if row else None


def _user(row: tuple[Any, ...]) -> User:
    return User(id=row[0], username=row[1], public_key=row[2], enc_public_key=row[3])
