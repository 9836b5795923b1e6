"""hostctl init: a host in one command, and nothing lost when it is given twice or fails half-way."""

import json
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl import config, keys

Run = Callable[..., Any]


def test_a_host_is_made_with_private_files_known_to_the_relay(host: Run, directory: Path, relay: Any) -> None:
    identity = config.read(directory)
    assert relay.hosts == {identity.uuid: {"name": "Ann's host", "signing_public_key": identity.signing_public_key}}
    keys.signing_key(identity.signing_private_key, identity.signing_public_key)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_the_relay_chosen_at_init_is_used_from_then_on(host: Run, directory: Path, relay: Any) -> None:
    assert tomllib.loads((directory / "hostctl.toml").read_text())["relay_host"] == f"127.0.0.1:{relay.port}"
    assert host("status", "--json").json["relay"] == relay.url


def test_a_second_init_changes_nothing(host: Run, directory: Path, relay: Any) -> None:
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix in (".json", ".toml")}
    again = host("init", "--name", "Other", "--no-input", "--json")
    assert (again.code, again.json["created"], again.json["name"]) == (0, False, "Ann's host")
    assert {name: (directory / name).read_bytes() for name in before} == before
    assert len(host("spaces", "list", "--json").json["spaces"]) == 1


def test_an_init_that_was_cut_short_is_finished_by_the_next(host: Run, directory: Path) -> None:
    for leftover in directory.glob("host_chat_v2.db*"):
        leftover.unlink()
    assert host("init", "--space", "Garden", "--no-input", "--json").json["space_uuid"]
    assert host("spaces", "list").stdout.startswith("Garden\t")


def test_a_relay_that_is_down_leaves_nothing_behind(hostctl: Run, directory: Path, free_port: int) -> None:
    done = hostctl("init", "--relay", f"http://127.0.0.1:{free_port}", "--no-input", "--json")
    assert (done.code, done.stdout, done.error["code"]) == (7, "", "relay_unreachable")
    assert not directory.exists()


def test_a_corrupt_config_is_never_overwritten(hostctl: Run, directory: Path, relay: Any) -> None:
    directory.mkdir()
    (directory / "host_config.json").write_text("{broken")
    done = hostctl("init", "--relay", relay.url, "--no-input", "--json")
    assert done.error["code"] == "config_corrupt"
    assert (directory / "host_config.json").read_text() == "{broken"
    assert relay.hosts == {}


def test_an_id_the_relay_knows_with_another_key_is_refused(hostctl: Run, directory: Path, relay: Any) -> None:
    taken = "11111111-1111-4111-8111-111111111111"
    relay.hosts[taken] = {"name": "x", "signing_public_key": "theirs"}
    done = hostctl("init", "--uuid", taken, "--relay", relay.url, "--no-input", "--json")
    assert (done.code, done.error["code"]) == (6, "host_key_mismatch")
    assert not directory.exists()


def test_an_id_may_be_chosen(hostctl: Run, relay: Any) -> None:
    wanted = "22222222-2222-4222-8222-222222222222"
    assert hostctl("init", "--uuid", wanted, "--relay", relay.url, "--no-input", "--json").json["uuid"] == wanted


def test_the_first_space_and_channels_may_be_named(hostctl: Run, relay: Any) -> None:
    words = ("--space", "Garden", "--channel", "tools", "--channel", "seeds")
    hostctl("init", *words, "--relay", relay.url, "--yes")
    rows = [line.split("\t") for line in hostctl("channels", "list").stdout.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("tools", "Garden"), ("seeds", "Garden")]


@pytest.mark.parametrize("url", ["chat.example", "ftp://chat.example", "https://", "https://a/b"])
def test_a_relay_that_is_no_url_is_a_usage_error(hostctl: Run, url: str) -> None:
    done = hostctl("init", "--relay", url, "--no-input", "--json")
    assert (done.code, done.error["code"]) == (2, "invalid_setting")


def test_a_bad_space_name_is_found_before_the_relay_is_asked(hostctl: Run, directory: Path, relay: Any) -> None:
    assert hostctl("init", "--space", "x" * 81, "--relay", relay.url, "--no-input").code == 2
    assert relay.hosts == {}
    assert not directory.exists()


def test_a_directory_that_cannot_be_made_is_found_before_the_relay_is_asked(
    hostctl: Run, directory: Path, relay: Any
) -> None:
    directory.write_text("a file stands here")
    done = hostctl("init", "--relay", relay.url, "--no-input", "--json")
    assert done.error["code"] == "permission_denied"
    assert relay.hosts == {}


def test_the_private_key_is_never_shown(host: Run, directory: Path) -> None:
    private = json.loads((directory / "host_config.json").read_text())["signing_private_key"]
    for words in (["status"], ["config", "show", "--origin"], ["doctor"], ["init", "--no-input"]):
        done = host(*words, "--json")
        assert private not in done.stdout + done.stderr


def test_the_environment_names_the_relay(hostctl: Run, relay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_RELAY_HOST", f"127.0.0.1:{relay.port}")
    monkeypatch.setenv("CHAT_RELAY_SCHEME", "http")
    monkeypatch.setenv("CHAT_RELAY_WS_SCHEME", "ws")
    assert hostctl("init", "--no-input").code == 0
    assert len(relay.hosts) == 1
