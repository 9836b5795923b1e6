"""Reads the hosts of an original relay's `chat_relay.db` of any age (spec §8.1). Edge: the file is only read."""

import sqlite3
from pathlib import Path
from typing import NamedTuple


class LegacyHost(NamedTuple):
    id: int
    uuid: str
    name: str
    signing_public_key: str


class LegacyFileError(Exception):
    """The file is not such a database; the text says why."""


def read_hosts(path: Path) -> list[LegacyHost]:
    """Every row of `hosts`, oldest first. Raises LegacyFileError."""
    if not path.is_file():
        raise LegacyFileError(f"{path} is not a file.")
    try:
        connection = sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)
        connection.text_factory = _text
        try:
            columns = {row[1] for row in connection.execute("PRAGMA table_info(hosts)")}
            if not {"id", "uuid", "name"} <= columns:
                raise LegacyFileError(f"{path} has no table of hosts; give the original relay's chat_relay.db.")
            key = "coalesce(signing_public_key, '')" if "signing_public_key" in columns else "''"
            rows = connection.execute(f"SELECT id, uuid, name, {key} FROM hosts ORDER BY id")  # noqa: S608
            return [LegacyHost(*row) for row in rows]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise LegacyFileError(f"{path} is not a SQLite database ({error}).") from None


def _text(stored: bytes) -> str:
    """SQLite keeps any bytes as text; PostgreSQL keeps UTF-8 without NUL."""
    return stored.decode("utf-8", "replace").replace("\0", "")
