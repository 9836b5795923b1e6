"""hostctl import: a host of the original, copied with everything it is and has."""

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl import config, keys, snapshot
from parch_hostctl.status import sole

Run = Callable[..., Any]

ORIGINAL_SCHEMA = """
CREATE TABLE chat_users (id INTEGER PRIMARY KEY AUTOINCREMENT, public_key TEXT NOT NULL UNIQUE,
  enc_public_key TEXT NOT NULL DEFAULT '', username TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE spaces (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  author_id INTEGER NOT NULL);
CREATE TABLE channels (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  space_uuid TEXT NOT NULL REFERENCES spaces(uuid) ON DELETE CASCADE, allow_voice INTEGER DEFAULT 0);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel_uuid TEXT NOT NULL REFERENCES channels(uuid) ON DELETE CASCADE, content TEXT NOT NULL,
  user_id INTEGER NOT NULL, message_id TEXT NOT NULL DEFAULT '', sender_auth_public_key TEXT NOT NULL DEFAULT '',
  timestamp TEXT);
CREATE TABLE space_users (id INTEGER PRIMARY KEY AUTOINCREMENT,
  space_uuid TEXT NOT NULL REFERENCES spaces(uuid) ON DELETE CASCADE, user_id INTEGER NOT NULL,
  joined INTEGER NOT NULL DEFAULT 0);
INSERT INTO chat_users (public_key, username) VALUES ('ann', 'Ann'), ('bob', 'Bob');
INSERT INTO spaces (uuid, name, author_id) VALUES ('s', 'Old space', 1);
INSERT INTO channels (uuid, name, space_uuid) VALUES ('c', 'Initial Channel', 's');
INSERT INTO space_users (space_uuid, user_id, joined) VALUES ('s', 2, 1);
INSERT INTO messages (channel_uuid, content, user_id, message_id, sender_auth_public_key, timestamp)
  VALUES ('c', '{}', 1, 'a', 'ann', '2025-01-01T00:00:00Z'), ('c', '{}', 2, 'b', 'bob', '2025-01-01T00:00:00Z');
"""


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A directory as the original leaves it: modes wide open, rollback journal."""
    folder = tmp_path / "ParchHost"
    folder.mkdir(mode=0o755)
    private, public = keys.from_seed(bytes(range(32)))
    identity = {
        "uuid": "33333333-3333-4333-8333-333333333333",
        "name": "Old host",
        "db_file": "/elsewhere/host_chat_v2.db",
        "signing_public_key": public,
        "signing_private_key": private,
    }
    (folder / "host_config.json").write_text(json.dumps(identity, indent=2))
    with closing(sqlite3.connect(folder / "host_chat_v2.db")) as database:
        database.executescript(ORIGINAL_SCHEMA)
    return folder


def test_id_keys_and_rows_come_along_and_modes_are_tightened(hostctl: Run, original: Path, directory: Path) -> None:
    done = hostctl("import", str(original), "--json")
    assert done.code == 0, done.stderr
    tables = {row["table"]: (row["found"], row["copied"]) for row in done.json["tables"]}
    assert tables == {
        "chat_users": (2, 2), "spaces": (1, 1), "channels": (1, 1), "space_users": (1, 1), "messages": (2, 2),
    }  # fmt: skip
    assert (config.read(directory).uuid, config.read(directory).name) == (done.json["uuid"], "Old host")
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert json.loads((directory / "host_config.json").read_text())["db_file"] == str(directory / "host_chat_v2.db")
    assert hostctl("messages", "list", "Initial Channel", "--json").json["messages"][1]["sender_name"] == "Bob"


def test_the_source_is_not_touched(hostctl: Run, original: Path) -> None:
    before = {path.name: path.read_bytes() for path in original.iterdir()}
    hostctl("import", str(original))
    assert {path.name: path.read_bytes() for path in original.iterdir()} == before


def test_a_dry_run_counts_and_leaves_nothing(hostctl: Run, original: Path, directory: Path) -> None:
    done = hostctl("import", str(original), "--dry-run", "--json")
    assert (done.json["imported"], len(done.json["tables"])) == (False, 5)
    assert not directory.exists()


def test_a_membership_stored_twice_becomes_one(hostctl: Run, original: Path) -> None:
    with closing(sqlite3.connect(original / "host_chat_v2.db")) as database, database:
        database.execute("INSERT INTO space_users (space_uuid, user_id, joined) VALUES ('s', 2, 1)")
    tables = {row["table"]: row for row in hostctl("import", str(original), "--json").json["tables"]}
    assert (tables["space_users"]["found"], tables["space_users"]["copied"]) == (2, 1)


def test_a_host_that_is_there_is_not_replaced(host: Run, original: Path, directory: Path) -> None:
    before = config.read(directory)
    done = host("import", str(original), "--json")
    assert (done.code, done.error["code"]) == (5, "config_exists")
    assert config.read(directory) == before


def test_a_host_that_runs_is_not_imported(hostctl: Run, original: Path) -> None:
    with sole(original):
        assert hostctl("import", str(original), "--json").error["code"] == "already_running"


def test_a_directory_is_not_imported_into_itself(hostctl: Run, original: Path) -> None:
    done = hostctl("import", str(original), "--config-dir", str(original), "--json")
    assert (done.code, done.error["code"]) == (2, "same_directory")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("DROP TABLE chat_users", "database_incompatible"),
        ("ALTER TABLE channels DROP COLUMN allow_voice", "database_incompatible"),
    ],
)
def test_a_database_of_another_age_is_refused_and_left(
    hostctl: Run, original: Path, directory: Path, change: str, code: str
) -> None:
    with closing(sqlite3.connect(original / "host_chat_v2.db")) as database, database:
        database.execute(change)
    assert hostctl("import", str(original), "--json").error["code"] == code
    assert not directory.exists()


def test_a_damaged_database_is_refused(hostctl: Run, original: Path, directory: Path) -> None:
    pages = bytearray((original / "host_chat_v2.db").read_bytes())
    pages[4096:8192] = b"\xff" * 4096
    (original / "host_chat_v2.db").write_bytes(pages)
    assert hostctl("import", str(original), "--json").error["code"] in {"database_corrupt", "database_unreadable"}
    assert not directory.exists()


def test_keys_that_do_not_belong_together_are_refused(hostctl: Run, original: Path, directory: Path) -> None:
    path = original / "host_config.json"
    path.write_text(path.read_text().replace(config.read(original).signing_public_key, "A" * 43))
    assert hostctl("import", str(original), "--json").error["code"] == "invalid_signing_key"
    assert not directory.exists()


def test_the_originals_directory_is_read_in_place(hostctl: Run, original: Path) -> None:
    shown = hostctl("--config-dir", str(original), "spaces", "list")
    assert shown.stdout.startswith("Old space\ts\t")
    assert snapshot.rows(original / "host_chat_v2.db")["messages"] == 2
