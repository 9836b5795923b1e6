"""Database files as files: a path in; a consistent copy, a verdict on its pages, or the number of rows of its
tables out.

Works beside a running host: the copy is one moment of the database (SQLite's online backup inside one read
transaction), and nothing here ever writes to the database it reads.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .failures import Failure

TABLES = ("chat_users", "spaces", "channels", "space_users", "messages")
"""The tables of a host, in the order they are reported (spec §7.4)."""

SQLITE_VERSION = sqlite3.sqlite_version
_PAGES_AT_ONCE = 2048


def copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Writes `target` (0600), a database like `source` is now. `progress` gets pages done and pages in all."""
    target.touch(0o600)
    with closing(_reader(source)) as reading, closing(sqlite3.connect(target)) as writing:
        try:
            # Holding a read transaction keeps the copy on one snapshot, so a busy host cannot make it start again.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reading.backup(
                writing, pages=_PAGES_AT_ONCE, progress=lambda _status, left, total: progress(total - left, total)
            )
        except sqlite3.DatabaseError as error:
            raise unreadable(source, error) from None


def rows(database: Path) -> dict[str, int]:
    """The number of rows of each table of a host that exists."""
    with closing(_reader(database)) as reading:
        try:
            there = {name for (name,) in reading.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return {
                table: reading.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - from TABLES
                for table in TABLES
                if table in there
            }
        except sqlite3.DatabaseError as error:
            raise unreadable(database, error) from None


def columns(database: Path) -> dict[str, set[str]]:
    """The columns of every table there is."""
    query = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
    found: dict[str, set[str]] = {}
    with closing(_reader(database)) as reading:
        for table, column in reading.execute(query):
            found.setdefault(table, set()).add(column)
    return found


def count_messages(database: Path, channel_uuid: str, before_id: int) -> int:
    """How many messages of a channel have a lower number."""
    with closing(_reader(database)) as reading:
        query = "SELECT count(*) FROM messages WHERE channel_uuid = ? AND id < ?"
        return int(reading.execute(query, (channel_uuid, before_id)).fetchone()[0])


def faults(database: Path, seconds: float = 3600.0) -> list[str]:
    """What SQLite's integrity check finds; empty when all is well. Raises TimeoutError after `seconds`."""
    until = time.monotonic() + seconds
    with closing(_reader(database)) as reading:
        reading.set_progress_handler(lambda: time.monotonic() > until, 100_000)
        try:
            found = [text for (text,) in reading.execute("PRAGMA integrity_check(5)")]
            loose = reading.execute("PRAGMA foreign_key_check").fetchmany(5)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_INTERRUPT":
                raise TimeoutError from None
            return [str(error)]
        except sqlite3.DatabaseError as error:
            return [str(error)]
    lost = [f"row {row} of {table} refers to a missing row of {parent}" for table, row, parent, _ in loose]
    return [text for text in found if text != "ok"] + lost


def unreadable(database: Path, error: sqlite3.Error) -> Failure:
    return Failure(
        "database_unreadable",
        f"The database {database} cannot be read: {error}.",
        "Run `hostctl doctor`; if it is damaged, restore a backup with `hostctl restore`.",
    )


def _reader(database: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises Failure when the file is missing."""
    if not database.is_file():
        raise Failure(
            "database_missing", f"There is no database at {database}.", "Run `hostctl init`, or restore a backup."
        )
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
