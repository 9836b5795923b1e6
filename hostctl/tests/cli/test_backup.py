"""backup, backup verify, restore: what was acknowledged comes back whole, or the reason is said and nothing changes."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl import backup, config, sealed_file, snapshot
from parch_hostctl.status import sole
from parch_hostctl.store import Store

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a passphrase is not what these tests are about; test_sealed_file.py holds it."""
    monkeypatch.setattr(backup, "SCRYPT_N", 2)
    monkeypatch.setattr(backup.write, "__defaults__", (2,))


@pytest.fixture
def passphrase(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "pass").write_text("correct horse\n")
    return ("--passphrase-file", str(tmp_path / "pass"))


@pytest.fixture
def saved(host: Run, written: Store, passphrase: tuple[str, str], tmp_path: Path) -> Path:
    """A backup of a host with ten messages."""
    done = host("backup", str(tmp_path / "saved.backup"), *passphrase)
    assert done.code == 0, done.stderr
    return tmp_path / "saved.backup"


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_backup_is_private_and_holds_no_plain_key(saved: Path, directory: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    private = json.loads((directory / "host_config.json").read_text())["signing_private_key"]
    assert private.encode() not in saved.read_bytes()
    assert b"SQLite format" not in saved.read_bytes()


def test_a_backup_restores_onto_a_new_machine(
    host: Run, saved: Path, passphrase: tuple[str, str], directory: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "new" / "machine"
    done = host("restore", str(saved), *passphrase, "--config-dir", str(elsewhere), "--json")
    assert done.code == 0, done.stderr
    assert config.read(elsewhere).signing_private_key == config.read(directory).signing_private_key
    assert snapshot.rows(elsewhere / "host_chat_v2.db") == snapshot.rows(directory / "host_chat_v2.db")
    assert (elsewhere / "hostctl.toml").read_bytes() == (directory / "hostctl.toml").read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in elsewhere.iterdir()} == {0o600}
    assert done.json["aside"] is None


def test_a_backup_while_a_writer_is_at_work_is_one_moment(
    host: Run, written: Store, passphrase: tuple[str, str], tmp_path: Path, ann: str
) -> None:
    (channel,) = written.find_channels("general")
    with written.transaction():
        written.save_message(channel.uuid, 1, ann, "open", "{}", 1_700_000_100.0)
        done = host("backup", str(tmp_path / "b"), *passphrase, "--json")
    assert done.json["rows"]["messages"] == 10
    assert host("backup", str(tmp_path / "c"), *passphrase, "--json").json["rows"]["messages"] == 11


def test_a_verified_backup_tells_what_it_holds(host: Run, saved: Path, passphrase: tuple[str, str]) -> None:
    verified = host("backup", "verify", str(saved), *passphrase, "--json").json
    assert verified["rows"] == {"chat_users": 2, "spaces": 1, "channels": 1, "space_users": 0, "messages": 10}
    assert verified["host_name"] == "Ann's host"


def test_the_passphrase_may_come_from_stdin(host: Run, saved: Path) -> None:
    assert host("backup", "verify", str(saved), "--passphrase-file", "-", stdin="correct horse\n").code == 0


def test_a_wrong_passphrase_opens_nothing(host: Run, saved: Path) -> None:
    done = host("backup", "verify", str(saved), "--passphrase-file", "-", "--json", stdin="correct  horse\n")
    assert (done.code, done.error["code"]) == (6, "wrong_passphrase")


@pytest.mark.parametrize(("stdin", "code"), [("", "passphrase_empty"), ("\n", "passphrase_empty")])
def test_an_empty_passphrase_is_refused(host: Run, tmp_path: Path, stdin: str, code: str) -> None:
    done = host("backup", str(tmp_path / "b"), "--passphrase-file", "-", "--json", stdin=stdin)
    assert (done.code, done.error["code"]) == (2, code)
    assert not (tmp_path / "b").exists()


def test_nobody_to_type_a_passphrase_is_a_usage_error(host: Run, saved: Path) -> None:
    assert host("backup", "verify", str(saved), "--json").error["code"] == "passphrase_needed"


@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "append"])
def test_damage_is_found_and_changes_nothing(
    host: Run, saved: Path, passphrase: tuple[str, str], directory: Path, damage: str
) -> None:
    sealed = bytearray(saved.read_bytes())
    chunk = sealed_file.CHUNK_BYTES + 16
    start = len(sealed) % chunk or chunk
    match damage:
        case "flip":
            sealed[len(sealed) // 2] ^= 1
        case "cut":
            del sealed[-start:]
        case "swap":
            start = len(sealed_file.MAGIC) + 4 + int.from_bytes(sealed[10:12], "big") + 32
            first, second = sealed[start : start + chunk], sealed[start + chunk : start + 2 * chunk]
            sealed[start : start + len(first) + len(second)] = second + first
        case "append":
            sealed += b"x"
    saved.write_bytes(sealed)
    before = contents(directory)
    assert host("backup", "verify", str(saved), *passphrase, "--json").error["code"] == "backup_damaged"
    assert host("restore", str(saved), *passphrase, "--force", "--json").error["code"] == "backup_damaged"
    assert contents(directory) == before


def test_a_file_that_is_no_backup_says_so(host: Run, passphrase: tuple[str, str], tmp_path: Path) -> None:
    assert host("backup", "verify", str(tmp_path / "pass"), *passphrase, "--json").error["code"] == "not_a_backup"


def test_a_host_is_replaced_by_force_only_and_kept_aside(
    host: Run, saved: Path, written: Store, passphrase: tuple[str, str], directory: Path
) -> None:
    host("messages", "remove", "general", "--before", "100", "--yes")
    written.close()
    refused = host("restore", str(saved), *passphrase, "--json")
    assert (refused.code, refused.error["code"]) == (5, "config_exists")
    done = host("restore", str(saved), *passphrase, "--force", "--json")
    assert snapshot.rows(directory / "host_chat_v2.db")["messages"] == 10
    aside = Path(done.json["aside"])
    assert snapshot.rows(aside / "host_chat_v2.db")["messages"] == 0
    assert (aside / "host_config.json").exists()


def test_a_dry_run_of_a_restore_checks_all_and_changes_nothing(
    host: Run, saved: Path, passphrase: tuple[str, str], directory: Path, tmp_path: Path
) -> None:
    before = contents(directory)
    assert host("restore", str(saved), *passphrase, "--dry-run", "--json").json["restored"] is False
    assert contents(directory) == before
    elsewhere = tmp_path / "elsewhere"
    assert host("restore", str(saved), *passphrase, "--dry-run", "--config-dir", str(elsewhere)).code == 0
    assert not elsewhere.exists()


def test_a_running_host_is_not_restored_over(
    host: Run, saved: Path, passphrase: tuple[str, str], directory: Path
) -> None:
    with sole(directory):
        done = host("restore", str(saved), *passphrase, "--force", "--json")
    assert (done.code, done.error["code"]) == (5, "already_running")


def test_a_restore_that_fails_half_way_puts_everything_back(
    host: Run, saved: Path, passphrase: tuple[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(directory)
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 4:
            raise OSError(5, "Input/output error", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    assert host("restore", str(saved), *passphrase, "--force", "--json").error["code"] == "io_error"
    after = contents(directory)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) <= {"host.lock"}


def test_an_existing_file_is_not_overwritten(host: Run, saved: Path, passphrase: tuple[str, str]) -> None:
    before = saved.read_bytes()
    assert host("backup", str(saved), *passphrase, "--json").error["code"] == "file_exists"
    assert saved.read_bytes() == before
    assert host("backup", str(saved), *passphrase, "--force").code == 0


def test_a_backup_that_cannot_be_written_leaves_no_trace(
    host: Run, written: Store, passphrase: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "out").mkdir()
    assert host("backup", str(tmp_path / "out" / "b"), *passphrase, "--json").error["code"] == "disk_full"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_database_that_is_damaged_cannot_pass_for_a_backup(
    host: Run, written: Store, passphrase: tuple[str, str], directory: Path, tmp_path: Path
) -> None:
    manifest = backup.Manifest(1, "", "", "", "", {})
    broken = tmp_path / "broken.db"
    broken.write_bytes((directory / "host_chat_v2.db").read_bytes()[:4096] + b"\xff" * 8192)
    target = tmp_path / "b"
    texts = {"host_config.json": b"{}"}
    backup.write(target, b"correct horse", texts, broken, manifest, bytes(16), lambda _done, _total: None)
    assert host("backup", "verify", str(target), *passphrase, "--json").error["code"] == "backup_damaged"


def test_a_cut_behind_the_end_of_the_archive_is_found_too(host: Run, saved: Path, passphrase: tuple[str, str]) -> None:
    with saved.open("rb") as sealed:
        plain = sealed_file.OpeningReader(sealed, b"correct horse").read(1 << 30)
    with saved.open("wb") as sink:
        writer = sealed_file.SealingWriter(sink, b"correct horse", bytes(16), n=2)
        writer.write(plain + bytes(3 * sealed_file.CHUNK_BYTES))
        writer.close()
    assert host("backup", "verify", str(saved), *passphrase).code == 0
    os.truncate(saved, saved.stat().st_size - sealed_file.CHUNK_BYTES)
    assert host("backup", "verify", str(saved), *passphrase, "--json").error["code"] == "backup_damaged"


def test_a_backup_with_an_unknown_file_inside_is_refused(
    host: Run, written: Store, passphrase: tuple[str, str], directory: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    snapshot.copy(directory / "host_chat_v2.db", copy, lambda _done, _total: None)
    manifest = backup.Manifest(1, "", "", "", "", snapshot.rows(copy))
    texts = {"../evil": b"x", "host_config.json": b"{}"}
    backup.write(tmp_path / "b", b"correct horse", texts, copy, manifest, bytes(16), lambda _done, _total: None)
    done = host("restore", str(tmp_path / "b"), *passphrase, "--config-dir", str(tmp_path / "new"), "--json")
    assert done.error["code"] == "backup_damaged"
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "new").exists()


def test_a_snapshot_neither_sees_nor_restarts_for_what_is_written_meanwhile(
    written: Store, directory: Path, tmp_path: Path, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_PAGES_AT_ONCE", 1)
    (channel,) = written.find_channels("general")
    steps = []

    def write(done: int, _: int) -> None:
        steps.append(done)
        written.save_message(channel.uuid, 1, ann, f"late {done}", "{}", 1_700_000_200.0)

    snapshot.copy(directory / "host_chat_v2.db", tmp_path / "copy.db", write)
    assert snapshot.rows(tmp_path / "copy.db")["messages"] == 10
    assert steps == sorted(set(steps))


def test_a_snapshot_leaves_its_source_untouched(written: Store, directory: Path, tmp_path: Path) -> None:
    source = directory / "host_chat_v2.db"
    before = source.read_bytes()
    seen: list[tuple[int, int]] = []
    snapshot.copy(source, tmp_path / "copy.db", lambda done, total: seen.append((done, total)))
    assert source.read_bytes() == before
    assert seen[-1][0] == seen[-1][1] > 0
    with sqlite3.connect(tmp_path / "copy.db") as copied:
        assert copied.execute("SELECT count(*) FROM messages").fetchone() == (10,)
    copied.close()
