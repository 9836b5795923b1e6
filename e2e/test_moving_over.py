"""Moving over from the original: its relay's table of hosts is taken in, and a host of its finds its place again."""

import asyncio
import sqlite3
import subprocess
from pathlib import Path

import pytest
from chat_client import ChatClient
from conftest import StartRelay
from deployment import Relay, fetch
from scripted_host import LEGACY, HostRefused, ScriptedHost

pytestmark = pytest.mark.processes


def original_table(path: Path, host: ScriptedHost, key: str) -> None:
    """A `chat_relay.db` with one host (spec §8.1)."""
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, "
            "signing_public_key TEXT NOT NULL DEFAULT '', online INTEGER DEFAULT 0)"
        )
        row = (host.uuid, "Old club", key)
        database.execute("INSERT INTO hosts (uuid, name, signing_public_key, online) VALUES (?, ?, ?, 1)", row)
    database.close()


def imported(relay: Relay, table: Path) -> None:
    argv = [relay.program("parch-relay"), "hosts", "import", str(table)]
    subprocess.run(argv, env=relay.environment, check=True, capture_output=True)


async def test_a_host_of_the_original_enters_without_knowing_that_anything_changed(
    start_relay: StartRelay, relay: Relay, tmp_path: Path
) -> None:
    old = await ScriptedHost.registered(relay.url, LEGACY)
    new = start_relay()
    original_table(tmp_path / "chat_relay.db", old, old.public_key)
    await asyncio.to_thread(imported, new, tmp_path / "chat_relay.db")
    async with ScriptedHost(new.url, old.uuid, old.key, LEGACY) as host:
        async with await ChatClient.login(new.url, host.uuid) as browser:
            assert browser.user["id"]
        _, answer = await asyncio.to_thread(fetch, f"{new.url}/api/host/{old.uuid}")
        assert answer["name"] == "Old club"


async def test_a_host_whose_row_has_no_key_registers_again_and_enters(
    start_relay: StartRelay, relay: Relay, tmp_path: Path
) -> None:
    """The original's host registers again when it reads `not upgraded for capability auth` (spec §7.5)."""
    old = await ScriptedHost.registered(relay.url, LEGACY)
    new = start_relay()
    original_table(tmp_path / "chat_relay.db", old, "")
    await asyncio.to_thread(imported, new, tmp_path / "chat_relay.db")
    host = ScriptedHost(new.url, old.uuid, old.key, LEGACY)
    with pytest.raises(HostRefused, match="not upgraded for capability auth"):
        await host.connect()
    body = {"uuid": old.uuid, "name": "Old club", "signing_public_key": old.public_key}
    status, _ = await asyncio.to_thread(fetch, f"{new.url}/api/register_host", body)
    assert status == 200
    async with host:
        assert host.close_code is None
