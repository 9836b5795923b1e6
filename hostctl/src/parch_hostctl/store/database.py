"""The SQLite file: a path in, a connection that commits to disk out. Everything SQLite raises leaves as a StoreError.

WAL with `synchronous=FULL`: when `transaction` ends well, its changes survive `kill -9` and a power cut. Foreign
keys and the busy timeout are set on every connection. One thread at a time may use a Database.
"""
# ruff: noqa: S608 - the texts joined here are constants of this package; values are always bound

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ..errors import StoreError
from . import schema

BUSY_SECONDS = 10.0
_SIBLINGS = ("", "-wal", "-shm")

_REFUSALS = (
    ("SQLITE_FULL", "disk_full", "The disk of the host is full.", "Free some space on the host, then try again."),
    ("SQLITE_IOERR_SHM", "disk_full", "The disk of the host is full.", "Free some space on the host, then try again."),
    ("SQLITE_IOERR", "disk_error", "The host's disk failed.", "Check the disk, then run `hostctl doctor`."),
    ("SQLITE_BUSY", "database_busy", "The database is in use by another program.", "Try again in a moment."),
    ("SQLITE_LOCKED", "database_busy", "The database is in use by another program.", "Try again in a moment."),
    ("SQLITE_READONLY", "database_readonly", "The database may not be written.", "Check its owner and file mode."),
    (
        "SQLITE_CANTOPEN",
        "database_missing",
        "The database cannot be opened.",
        "Run `hostctl init`, or restore a backup.",
    ),
    ("SQLITE_CORRUPT", "database_corrupt", "The database is damaged.", "Restore a backup with `hostctl restore`."),
    ("SQLITE_NOTADB", "database_corrupt", "The file is not a database.", "Restore a backup with `hostctl restore`."),
)


class Database:
    """One connection to a host's database. Reads see the last commit; writes belong inside `transaction`."""

    def __init__(self, connection: sqlite3.Connection, archived: Path | None = None) -> None:
        self._connection = connection
        self.archived = archived
        """Where an incompatible older file was moved when this one was opened."""

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """Opens the file; unless `readonly`, makes it (0600) or brings it up to date, and moves an incompatible one
        aside."""
        with _translated():
            if readonly:
                return cls(_connect(path, "ro"))
            archived = _archive_if_incompatible(path)
            path.touch(0o600)
            database = cls(_connect(path, "rw"), archived)
            database._bootstrap()
            return database

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk at the end; inside another one it adds nothing. Raises StoreError."""
        if self._connection.in_transaction:
            yield
            return
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite has undone it already after some errors
                self._connection.execute("ROLLBACK")
            raise

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def _run(self, sql: str, *values: Any) -> int:
        """Runs one statement; returns the number of rows it changed."""
        with _translated():
            return self._connection.execute(sql, values).rowcount

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with _translated():
            return self._connection.execute(sql, values).fetchall()

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        found = self._rows(sql, *values)
        return found[0] if found else None

    def _number(self, sql: str, *values: Any) -> int:
        """The first column of the first row, 0 when there is none or it is NULL."""
        found = self._row(sql, *values)
        return int(found[0] or 0) if found else 0

    def _bootstrap(self) -> None:
        self._rows("PRAGMA journal_mode = WAL")
        with self.transaction():
            self._script(schema.TABLES)
            if self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", schema.LAST_INDEX):
                self._script(schema.INDEXES)
                return
            for table, column, definition in schema.ADDED_COLUMNS:
                if column not in _columns(self._connection, table):
                    self._run(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
            self._script(schema.CLEAN_UP)
            self._script(schema.INDEXES)

    def _script(self, statements: str) -> None:
        """Inside the transaction; `executescript` would commit it."""
        for statement in statements.split(";"):
            self._run(statement)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        for prefix, code, text, hint in _REFUSALS:
            if name.startswith(prefix):
                raise StoreError(code, text, hint) from error
        raise StoreError("database_error", f"The database refused: {error}.", "Run `hostctl doctor`.") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _archive_if_incompatible(path: Path) -> Path | None:
    """Moves a file of another age aside, with its siblings (spec §7.4); returns its new path."""
    if not path.exists():
        return None
    connection = _connect(path, "rw")
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {table: _columns(connection, table) for table in tables}
        filled = {
            table
            for table in schema.NEED_USERS
            if table in columns and connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
        }
    finally:
        connection.close()
    if not schema.incompatible(columns, filled):
        return None
    suffix = datetime.now(UTC).strftime(".legacy.%Y%m%d_%H%M%S")
    for sibling in _SIBLINGS:
        if (origin := path.with_name(path.name + sibling)).exists():
            origin.rename(path.with_name(path.name + suffix + sibling))
    return path.with_name(path.name + suffix)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    quoted = '"' + table.replace('"', '""') + '"'
    return {row[1] for row in connection.execute(f"PRAGMA table_info({quoted})")}
