"""The folder `.run/`: private files, one owner at a time."""

import stat
from pathlib import Path

import pytest

from parch_local.folder import AlreadyRunning, RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    return folder


def test_settings_are_written_in_dotenv_form_for_the_owner_alone(folder: RunFolder) -> None:
    folder.write_env({"B": "two words", "A": "1"})
    assert folder.env.read_text().splitlines()[1:] == ['A="1"', 'B="two words"']
    assert stat.S_IMODE(folder.env.stat().st_mode) == 0o600


def test_settings_replace_those_of_an_earlier_start(folder: RunFolder) -> None:
    folder.write_env({"A": "1"})
    folder.write_env({"A": "2"})
    assert 'A="2"' in folder.env.read_text()


def test_one_process_holds_the_folder(folder: RunFolder) -> None:
    assert not folder.is_held()
    folder.hold()
    assert folder.is_held()
    with pytest.raises(AlreadyRunning):
        folder.hold()


def test_a_folder_that_was_never_used_is_not_held(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path / "nothing").is_held()


def test_state_is_what_was_written_last(folder: RunFolder) -> None:
    folder.write_state({"pid": 7})
    assert folder.read_state() == {"pid": 7}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_damaged_state_counts_as_none(folder: RunFolder, text: str) -> None:
    folder.state.write_text(text)
    assert folder.read_state() == {}
