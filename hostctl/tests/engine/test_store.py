"""The database file: made, opened again, opened for reading, refused (spec §7.4)."""

import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl.errors import StoreError
from parch_hostctl.records import Counts
from parch_hostctl.store import Store

NOW = 1_795_000_000.0


def columns(database: Path, table: str) -> list[str]:
    with sqlite3.connect(database) as connection:
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return names


def test_a_new_file_has_the_originals_tables_and_is_private(store: Store, database: Path) -> None:
    assert columns(database, "chat_users") == [
        *("id", "public_key", "enc_public_key", "username", "created_at", "updated_at"),
    ]
    assert columns(database, "spaces") == ["id", "uuid", "name", "author_id"]
    assert columns(database, "channels") == ["id", "uuid", "name", "space_uuid", "allow_voice"]
    assert columns(database, "messages") == [
        *("id", "channel_uuid", "content", "user_id", "message_id", "sender_auth_public_key", "timestamp"),
    ]
    assert columns(database, "space_users") == ["id", "space_uuid", "user_id", "joined"]
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_every_connection_is_durable_and_keeps_foreign_keys(store: Store) -> None:
    """The original switched foreign keys on for one connection only (spec Q26)."""
    pragmas = {name: store._number(f"PRAGMA {name}") for name in ("foreign_keys", "synchronous")}
    assert pragmas == {"foreign_keys": 1, "synchronous": 2}
    assert store._row("PRAGMA journal_mode") == ("wal",)


def test_opening_again_changes_nothing(store: Store, database: Path) -> None:
    store.meet_user("A", "E", "ann")
    with Store.open(database) as again:
        assert again.counts() == Counts(users=1, spaces=0, channels=0, members=0, invites=0, messages=0)


def test_an_empty_file_is_a_new_host(database: Path) -> None:
    database.touch()
    with Store.open(database) as store:
        assert store.archived is None
        assert store.counts().users == 0


def test_a_file_of_the_original_opens_in_place(original_file: Any) -> None:
    database = original_file([("m1", "2025-01-01T00:00:00Z")])
    with Store.open(database) as store:
        assert store.archived is None
        [space] = store.summaries()
        assert (space.head.name, space.channels, space.members, space.messages) == ("Old space", 1, 1, 1)
        assert store.save_message("C", 1, "A", "m1", "{}", NOW).duplicate


def test_an_older_compatible_file_gets_the_missing_columns(original_file: Any) -> None:
    database = original_file([])
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE messages DROP COLUMN message_id")
        connection.execute("ALTER TABLE chat_users DROP COLUMN created_at")
        connection.execute("CREATE INDEX idx_space_users_space_user ON space_users(space_uuid, user_id)")
        connection.executemany("INSERT INTO space_users (space_uuid, user_id, joined) VALUES ('S', 2, ?)", [(1,), (0,)])
    connection.close()
    with Store.open(database) as store:
        assert store.save_message("C", 1, "A", "m1", "{}", NOW).id == 1
        assert store._row("SELECT created_at IS NULL FROM chat_users") == (0,)
        assert store._rows("SELECT id, joined FROM space_users") == [(1, 1)]
        assert not store._rows("SELECT 1 FROM sqlite_master WHERE name = 'idx_space_users_space_user'")


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE channels DROP COLUMN allow_voice",
        "ALTER TABLE chat_users RENAME COLUMN public_key TO fingerprint",
        "DROP TABLE chat_users",
    ],
)
def test_a_file_of_another_age_is_moved_aside(original_file: Any, damage: str) -> None:
    database = original_file([("m1", "2025-01-01T00:00:00Z")])
    with sqlite3.connect(database) as connection:
        connection.execute(damage)
    connection.close()
    with Store.open(database) as store:
        assert store.archived is not None
        assert store.archived.name.startswith("host_chat_v2.db.legacy.20")
        assert store.counts().messages == 0
        assert columns(store.archived, "messages")


def test_the_siblings_of_an_archived_file_go_with_it(original_file: Any) -> None:
    database = original_file([("m1", "2025-01-01T00:00:00Z")])
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("ALTER TABLE channels DROP COLUMN allow_voice")
    with Store.open(database) as store:
        assert store.archived is not None
        assert store.archived.with_name(store.archived.name + "-wal").exists()
    writer.close()


def test_missing_users_do_not_matter_while_nothing_refers_to_them(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(
            "CREATE TABLE spaces (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, name TEXT, author_id INTEGER)"
        )
    connection.close()
    with Store.open(database) as store:
        assert store.archived is None


def test_what_is_no_database_is_refused_and_left_alone(database: Path) -> None:
    database.write_bytes(b"something else entirely, longer than a header" * 50)
    with pytest.raises(StoreError) as refused:
        Store.open(database)
    assert refused.value.code == "database_corrupt"
    assert database.read_bytes().startswith(b"something else")


def test_reading_only_never_makes_a_file(database: Path) -> None:
    with pytest.raises(StoreError) as refused:
        Store.open(database, readonly=True)
    assert refused.value.code == "database_missing"
    assert not database.exists()


def test_reading_only_cannot_write(store: Store, database: Path) -> None:
    with Store.open(database, readonly=True) as reader, pytest.raises(StoreError) as refused:
        reader.meet_user("A", "E", "ann")
    assert refused.value.code == "database_readonly"


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    store.add_space("T", "space", 1)

    def add_two() -> None:
        with store.transaction():
            store.add_space("S", "space", 1)
            store.add_space("T", "the same uuid", 1)

    with pytest.raises(StoreError):
        add_two()
    assert store.space("S") is None


def test_a_refused_statement_says_what_it_was(store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        store.add_channel("C", "channel", "no such space")
    assert refused.value.code == "database_error"


def test_a_change_by_another_process_is_noticed(store: Store, database: Path) -> None:
    before = store.data_version()
    store.meet_user("A", "E", "ann")
    assert store.data_version() == before
    with Store.open(database) as other:
        other.meet_user("B", "E", "bob")
    assert store.data_version() != before


def test_two_processes_wait_for_each_other(store: Store, database: Path) -> None:
    with Store.open(database) as other:
        other._run("PRAGMA busy_timeout = 1")
        with store.transaction(), pytest.raises(StoreError) as refused:
            other.meet_user("B", "E", "bob")
        assert refused.value.code == "database_busy"
        other.meet_user("B", "E", "bob")
    assert store.counts().users == 1


def test_things_are_found_by_the_beginning_of_their_name(store: Store) -> None:
    user = store.meet_user("KeyOfAnn", "E", "ann")
    store.add_space("space-1", "Garden", user.id)
    store.add_channel("channel-1", "roses", "space-1")
    assert [u.id for u in store.find_users("KeyOf")] == [u.id for u in store.find_users("ann")] == [user.id]
    assert store.find_users("keyof") == store.find_users("Key%") == []
    assert [s.uuid for s in store.find_spaces("spa")] == [s.uuid for s in store.find_spaces("Garden")] == ["space-1"]
    assert [c.uuid for c in store.find_channels("roses")] == [c.uuid for c in store.find_channels("", "space-1")]
    assert store.find_channels("roses", "space-2") == []


def test_a_channel_that_is_not_there_has_no_voice(store: Store) -> None:
    assert store.allow_voice("C", 1) is False
    assert store.invite(1) is None
    assert store.user(1) is None
