"""`parch-relay hosts import`: the hosts of an original relay of any age, copied whole and as often as one likes."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from parch_relay.commands import cli
from parch_wire.encoding import b64raw

pytestmark = pytest.mark.processes
Run = Callable[..., Result]

HEAD = "CREATE TABLE hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL"
AUTHOR = "author_id INTEGER NOT NULL DEFAULT 1"
REST = "signing_public_key TEXT NOT NULL DEFAULT '', online INTEGER DEFAULT 0"
NEWEST = f"{HEAD}, {REST})"
WITH_AUTHOR = f"{HEAD}, {AUTHOR}, {REST})"
WITHOUT_KEY = f"{HEAD}, {AUTHOR})"
WITH_IDENTITIES = f"""{NEWEST};
    CREATE TABLE chat_identities (id INTEGER PRIMARY KEY, public_key TEXT NOT NULL);
    INSERT INTO chat_identities (public_key) VALUES ('somebody')"""
SHAPES = {
    "newest": NEWEST,
    "with author_id": WITH_AUTHOR,
    "without signing key": WITHOUT_KEY,
    "with chat_identities": WITH_IDENTITIES,
}
KEYS = [b64raw(Ed25519PrivateKey.generate().public_key().public_bytes_raw()) for _ in range(2)]
HOSTS = [
    (3, "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0", "Ćevapi & friends", KEYS[0]),
    (7, "b0e0b2de5b1c4d5e8f00aa11bb22cc33", "Old \t club", ""),
]


def original(path: Path, schema: str = NEWEST, hosts: list[tuple[int, str, str, str]] = HOSTS) -> Path:
    """A `chat_relay.db` in one of its historic shapes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema)
        for id_, uuid, name, key in hosts:
            connection.execute("INSERT INTO hosts (id, uuid, name) VALUES (?, ?, ?)", (id_, uuid, name))
            if "signing_public_key" in schema:
                connection.execute("UPDATE hosts SET signing_public_key = ? WHERE id = ?", (key, id_))
    return path


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `hosts …` on an empty database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(cli, ["hosts", *map(str, arguments)])


def listed(run: Run) -> list[tuple[str, str, str]]:
    return [(h["uuid"], h["name"], h["signing_public_key"]) for h in json.loads(run("list", "--json").stdout)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_historic_shape_is_copied_whole_and_may_be_copied_again(run: Run, tmp_path: Path, shape: str) -> None:
    file = original(tmp_path / "chat_relay.db", SHAPES[shape])
    before = file.read_bytes()
    first = run("import", file)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == "Imported 2 of 2 hosts; 0 were here already, 0 got their missing key.\n"
    kept = "signing_public_key" in SHAPES[shape]
    assert listed(run) == [(uuid, name, key if kept else "") for _, uuid, name, key in HOSTS]
    again = run("import", file)
    assert again.stdout == "Imported 0 of 2 hosts; 2 were here already, 0 got their missing key.\n"
    assert file.read_bytes() == before


def test_ids_are_kept_and_new_hosts_get_others(run: Run, tmp_path: Path, database_url: str) -> None:
    run("import", original(tmp_path / "chat_relay.db"))
    run("add", "New", KEYS[1])
    assert [host[1] for host in listed(run)] == [HOSTS[0][2], HOSTS[1][2], "New"]
    clash = original(tmp_path / "second.db", hosts=[(3, "another", "Same id", KEYS[1])])
    assert run("import", clash).exit_code == 0
    assert [host[1] for host in listed(run)] == [HOSTS[0][2], HOSTS[1][2], "New", "Same id"]


def test_a_name_that_postgresql_cannot_hold_loses_only_what_it_cannot(run: Run, tmp_path: Path) -> None:
    """Anybody could register at the original under any name; one such name must not stop the move."""
    file = original(tmp_path / "chat_relay.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE hosts SET name = ? WHERE id = 3", ("Our\0 club",))
        connection.execute("UPDATE hosts SET name = CAST(X'4F6C64FF' AS TEXT) WHERE id = 7")
    assert run("import", file).exit_code == 0
    assert [name for _, name, _ in listed(run)] == ["Our club", "Old\ufffd"]


def test_a_missing_key_is_filled_in(run: Run, tmp_path: Path) -> None:
    run("import", original(tmp_path / "old.db", WITHOUT_KEY))
    completed = run("import", original(tmp_path / "new.db"), "--json")
    assert json.loads(completed.stdout) == {
        "added": [],
        "completed": [HOSTS[0][1]],
        "unchanged": [HOSTS[1][1]],
        "conflicts": [],
    }
    assert listed(run)[0][2] == KEYS[0]


def test_a_host_that_is_here_with_another_key_is_left_alone(run: Run, tmp_path: Path) -> None:
    run("add", "Ours", KEYS[1], "--uuid", HOSTS[0][1])
    conflict = run("import", original(tmp_path / "chat_relay.db"))
    assert conflict.exit_code == 3
    assert conflict.stdout.startswith("Imported 1 of 2 hosts;")
    assert conflict.stderr == f"Left alone: {HOSTS[0][1]} is here with another signing key.\n"
    assert listed(run)[0] == (HOSTS[0][1], "Ours", KEYS[1])


def test_a_dry_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    run("import", original(tmp_path / "old.db", WITHOUT_KEY, HOSTS[:1]))
    said = run("import", original(tmp_path / "chat_relay.db"), "--dry-run")
    assert said.stdout == "Would import 1 of 2 hosts; 0 were here already, 1 got their missing key.\n"
    assert listed(run) == [(HOSTS[0][1], HOSTS[0][2], "")]


def no_file(path: Path) -> None: ...


def text(path: Path) -> None:
    path.write_text("This is not a database. " * 100)


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE spaces (id INTEGER)")


@pytest.mark.parametrize("make", [no_file, text, another_database])
def test_a_file_that_is_none_of_it_is_refused_in_a_sentence(
    run: Run, tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    make(tmp_path / "chat_relay.db")
    refused = run("import", tmp_path / "chat_relay.db")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(str(tmp_path / "chat_relay.db"))
    assert refused.stderr.count("\n") == 1
