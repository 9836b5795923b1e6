"""`parch-relay` on the command line: lists, additions, settings, and refusals in one sentence."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import Relay
from typer.testing import CliRunner, Result

from parch_relay.commands import cli
from parch_wire.encoding import b64raw

pytestmark = pytest.mark.processes
PROGRAM = str(Path(sys.executable).parent / "parch-relay")
Run = Callable[..., Result]

UUID = "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0"
KEY = b64raw(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
OTHER_KEY = b64raw(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on an empty database; keyword arguments are settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str, **settings: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=settings)

    return run


def listed(run: Run) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(run("hosts", "list", "--json").stdout)
    return result


def on_a_terminal(*arguments: str) -> str:
    """What the program prints on a pseudo terminal."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "150"}
    process = subprocess.Popen([PROGRAM, *arguments], stdout=child, stderr=child, stdin=child, env=environment)
    os.close(child)
    output = b""
    with suppress(OSError):
        while chunk := os.read(parent, 4096):
            output += chunk
    os.close(parent)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode())


# --- hosts ---


def test_a_host_is_added_and_listed(run: Run) -> None:
    added = run("hosts", "add", "Our club", KEY)
    assert added.exit_code == 0
    host = {"uuid": added.stdout.strip(), "name": "Our club", "online": False, "signing_public_key": KEY}
    assert listed(run) == [{**host, "proven": False}]
    assert run("hosts", "list").stdout == f"{host['uuid']}\tOur club\tno\tno\t{KEY}\n"


def test_an_added_host_can_be_renamed_with_its_key(run: Run) -> None:
    first = run("hosts", "add", "Our club", KEY, "--uuid", UUID, "--json")
    assert json.loads(first.stdout) == {"uuid": UUID, "new": True}
    again = run("hosts", "add", "New name", KEY, "--uuid", UUID, "--json")
    assert json.loads(again.stdout) == {"uuid": UUID, "new": False}
    assert [host["name"] for host in listed(run)] == ["New name"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("", KEY), "name must have 1 to 120 characters\n"),
        (("x", "short"), "signing_public_key: "),
        (("x", KEY, "--uuid", "short"), "uuid must be a valid UUID\n"),
        (("x", OTHER_KEY, "--uuid", UUID), "host signing key mismatch for existing host UUID\n"),
    ],
)
def test_an_addition_that_cannot_be_right_is_refused(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    run("hosts", "add", "Our club", KEY, "--uuid", UUID)
    refused = run("hosts", "add", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(sentence)
    assert refused.stderr.count("\n") == 1
    assert [host["name"] for host in listed(run)] == ["Our club"]


def test_a_terminal_gets_tables(run: Run) -> None:
    run("hosts", "add", "Our club", KEY, "--uuid", UUID)
    table = on_a_terminal("hosts", "list")
    assert "Key proven" in table
    assert UUID in table
    assert "│" in table


def test_the_name_of_a_stranger_steers_no_terminal(run: Run) -> None:
    """Anybody may register a host, under any name."""
    run("hosts", "add", "[/] \x1b[2J\tab\nc :bomb:", KEY)
    shown = "[/] \ufffd[2J\ufffdab\ufffdc :bomb:"
    assert run("hosts", "list").stdout.split("\t")[1] == shown
    assert shown in on_a_terminal("hosts", "list")


# --- settings ---


def test_every_setting_is_shown_and_secrets_are_masked(run: Run, database_url: str) -> None:
    shown = run("settings", CHAT_RELAY_PORT="9001").stdout
    rows = dict(line.split("\t")[:2] for line in shown.splitlines())
    assert rows["CHAT_RELAY_PORT"] == "9001"
    assert database_url not in shown
    assert set(rows["DATABASE_URL"]) == {"*"}
    as_json = json.loads(run("settings", "--json").stdout)
    assert {row["name"] for row in as_json} == set(rows)
    assert all(row["description"] for row in as_json)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CHAT_RELAY_PORT", "0"),
        ("HANDSHAKE_SECONDS", "0"),
        ("HANDSHAKE_SECONDS", "soon"),
        ("HTTP_REQUESTS_PER_SECOND", "0"),
        ("TRUSTED_PROXIES", "everybody"),
        ("DATABASE_URL", ""),
        ("EXIT_SECONDS", "5"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_in_a_sentence(run: Run, setting: str, value: str) -> None:
    refused = run("serve", **{setting: value})
    assert refused.exit_code == 1
    assert refused.stderr.startswith(setting)
    assert refused.stderr.count("\n") == 1


def test_a_database_url_of_another_kind_is_refused_without_repeating_it(run: Run) -> None:
    refused = run("hosts", "list", DATABASE_URL="mysql://me:hunter2@db/x")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("DATABASE_URL is not a usable PostgreSQL URL.")
    assert "hunter2" not in refused.stderr


def test_a_login_the_database_refuses_is_said_in_a_sentence(run: Run, database_url: str) -> None:
    nobody = database_url.replace("//postgres:", "//nobody:")
    refused = run("hosts", "list", DATABASE_URL=nobody)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("DATABASE_URL: the database refused the login")
    assert refused.stderr.count("\n") == 1


def test_the_program_runs_as_a_module(database_url: str) -> None:
    done = subprocess.run([sys.executable, "-m", "parch_relay", "--help"], capture_output=True, text=True, check=True)
    assert "The Parch chat relay" in done.stdout


# --- two at once ---


def test_two_relays_that_start_together_on_an_empty_database_both_get_ready(database_url: str, tmp_path: Path) -> None:
    pair = [Relay(tmp_path / name, database_url, REPLICA_NAME=name) for name in ("a", "b")]
    try:
        for relay in pair:
            relay.spawn()
        for relay in pair:
            relay.until(relay.ready, "ready")
    finally:
        for relay in pair:
            relay.stop()
    assert [relay.exit_code for relay in pair] == [0, 0]
