"""The tables of a host (spec §7.4) as SQL texts; and a verdict: columns of an older file in, compatible or not out.

The first five tables are the original's, column for column; it can still open the file. `announcements` and
`departures` (who left a space or declined it, and is not to be invited again by itself) are ours.
"""

from collections.abc import Mapping, Set

TABLES = """
CREATE TABLE IF NOT EXISTS chat_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  public_key TEXT NOT NULL UNIQUE,
  enc_public_key TEXT NOT NULL DEFAULT '',
  username TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS spaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  author_id INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS channels (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  space_uuid TEXT NOT NULL REFERENCES spaces(uuid) ON DELETE CASCADE,
  allow_voice INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel_uuid TEXT NOT NULL REFERENCES channels(uuid) ON DELETE CASCADE,
  content TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  message_id TEXT NOT NULL DEFAULT '',
  sender_auth_public_key TEXT NOT NULL DEFAULT '',
  timestamp TEXT
);
CREATE TABLE IF NOT EXISTS space_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  space_uuid TEXT NOT NULL REFERENCES spaces(uuid) ON DELETE CASCADE,
  user_id INTEGER NOT NULL,
  joined INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS announcements (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS departures (
  space_uuid TEXT NOT NULL REFERENCES spaces(uuid) ON DELETE CASCADE,
  user_id INTEGER NOT NULL,
  PRIMARY KEY (space_uuid, user_id)
);
"""

ADDED_COLUMNS = (
    ("chat_users", "created_at", "TEXT"),
    ("chat_users", "updated_at", "TEXT"),
    ("messages", "message_id", "TEXT NOT NULL DEFAULT ''"),
    ("messages", "sender_auth_public_key", "TEXT NOT NULL DEFAULT ''"),
)
"""Columns a compatible older file may lack: table, column, definition (SQLite adds no column with a computed
default)."""

CLEAN_UP = """
UPDATE chat_users SET created_at = CURRENT_TIMESTAMP WHERE created_at IS NULL;
UPDATE chat_users SET updated_at = CURRENT_TIMESTAMP WHERE updated_at IS NULL;
DELETE FROM space_users WHERE id NOT IN (SELECT min(id) FROM space_users GROUP BY space_uuid, user_id);
"""
"""Run once, before the unique index is made."""

INDEXES = """
DROP INDEX IF EXISTS idx_space_users_space_user;
CREATE INDEX IF NOT EXISTS idx_channels_space_uuid ON channels(space_uuid);
CREATE INDEX IF NOT EXISTS idx_messages_channel_time ON messages(channel_uuid, timestamp);
CREATE INDEX IF NOT EXISTS idx_messages_channel_id ON messages(channel_uuid, id);
CREATE INDEX IF NOT EXISTS idx_chat_users_public_key ON chat_users(public_key);
CREATE INDEX IF NOT EXISTS idx_space_users_user ON space_users(user_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_messages_channel_sender_msgid
  ON messages(channel_uuid, sender_auth_public_key, message_id)
  WHERE message_id <> '' AND sender_auth_public_key <> '';
CREATE UNIQUE INDEX IF NOT EXISTS idx_space_users_unique_space_user ON space_users(space_uuid, user_id);
"""

LAST_INDEX = "idx_space_users_unique_space_user"
"""The index that is made last: where it exists, the whole bootstrap has been done."""

_NEEDED: dict[str, set[str]] = {
    "chat_users": {"id", "public_key", "enc_public_key", "username"},
    "spaces": {"id", "uuid", "name", "author_id"},
    "channels": {"id", "uuid", "name", "space_uuid", "allow_voice"},
    "messages": {"id", "channel_uuid", "content", "user_id", "timestamp"},
    "space_users": {"id", "space_uuid", "user_id", "joined"},
}
NEED_USERS = ("spaces", "space_users", "messages")


def incompatible(columns: Mapping[str, Set[str]], filled: Set[str]) -> str:
    """Why a file cannot be used in place, or "". `columns` by table that exists; `filled`: tables of NEED_USERS
    with rows."""
    for table, needed in _NEEDED.items():
        if table in columns and (missing := needed - columns[table]):
            return f"table {table} lacks {', '.join(sorted(missing))}"
    if "chat_users" not in columns and filled:
        return f"table {min(filled)} has rows but there is no table chat_users"
    return ""
