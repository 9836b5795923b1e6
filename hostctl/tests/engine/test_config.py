"""`host_config.json`: read in place, private, never replaced when it is not understood (spec §7.2, Q20)."""

import json
import stat
from pathlib import Path

import pytest

from parch_hostctl import config
from parch_hostctl.config import HostConfig
from parch_hostctl.errors import ConfigError

ORIGINAL = {
    "uuid": "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0",
    "name": "Golden Host",
    "db_file": "/somewhere/else.db",
    "signing_public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
    "signing_private_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA",
}


def write(directory: Path, text: str) -> Path:
    path = directory / config.CONFIG_FILE
    path.write_text(text)
    return path


def refusal(directory: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        config.read(directory)
    assert refused.value.hint
    return refused.value.code


def test_a_file_of_the_original_is_read_with_its_database_beside_it(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(ORIGINAL, indent=2))
    read = config.read(tmp_path)
    assert (read.uuid, read.name) == (ORIGINAL["uuid"], ORIGINAL["name"])
    assert read.db_file == str(tmp_path / "host_chat_v2.db")


def test_what_is_written_is_read_again_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "ParchHost"
    config.write(directory, HostConfig(**ORIGINAL))
    path = directory / config.CONFIG_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert path.read_text().startswith('{\n  "uuid": "6f1d2c3b')
    assert config.read(directory).signing_private_key == ORIGINAL["signing_private_key"]
    assert [item.name for item in directory.iterdir()] == [config.CONFIG_FILE]


def test_a_host_that_is_there_is_not_replaced_by_accident(tmp_path: Path) -> None:
    path = write(tmp_path, "damaged {")
    with pytest.raises(ConfigError) as refused:
        config.write(tmp_path, HostConfig(**ORIGINAL))
    assert refused.value.code == "config_exists"
    assert path.read_text() == "damaged {"
    assert [item.name for item in tmp_path.iterdir()] == [config.CONFIG_FILE]


def test_replacing_on_purpose(tmp_path: Path) -> None:
    write(tmp_path, "damaged {")
    config.write(tmp_path, HostConfig(**ORIGINAL), replace=True)
    assert config.read(tmp_path).name == "Golden Host"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uuid": 7}', "\x00" * 40])
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert refusal(tmp_path) == "config_corrupt"
    assert path.read_text() == text


@pytest.mark.parametrize("key", ["uuid", "signing_public_key", "signing_private_key"])
def test_a_file_that_lost_a_key_is_refused_and_kept(tmp_path: Path, key: str) -> None:
    """The original made new keys, which its relay then refused for ever (spec §7.3)."""
    text = json.dumps({**ORIGINAL, key: ""})
    path = write(tmp_path, text)
    assert refusal(tmp_path) == "config_incomplete"
    assert path.read_text() == text


def test_no_file_means_no_host(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "config_missing"


def test_files_others_may_read_are_closed_with_a_notice(tmp_path: Path) -> None:
    path = write(tmp_path, "{}")
    path.chmod(0o644)
    [notice] = config.tighten(tmp_path)
    assert "0644" in notice
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config.tighten(tmp_path) == []


def test_the_default_directory_is_the_originals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.default_directory() == tmp_path / "ParchHost"


def test_the_private_key_does_not_show() -> None:
    assert ORIGINAL["signing_private_key"] not in repr(HostConfig(**ORIGINAL))
