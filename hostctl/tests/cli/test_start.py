"""Starting fast, and completing what is typed."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

HEAVY = {
    "pydantic",
    "rich",
    "asyncio",
    "websockets",
    "segno",
    "markdown_it",
    "urllib.request",
    "http.client",
}


@pytest.mark.parametrize(
    "words", ["--help", "status", "status --json", "spaces list", "members list", "messages list general"]
)
def test_everyday_commands_import_nothing_heavy(host: Run, directory: Path, words: str) -> None:
    line = ["--config-dir", str(directory), *words.split()]
    code = f"import sys, parch_hostctl.__main__ as m; m.main({line!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30)
    assert set(done.stderr.split("\n")[-2].split()) & HEAVY == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_know_the_program(hostctl: Run, shell: str) -> None:
    script = hostctl("completion", shell).stdout
    assert "_HOSTCTL_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("hostctl sp", {"spaces"}),
        ("hostctl spaces ", {"list", "show", "add", "remove"}),
        ("hostctl completion b", {"bash"}),
    ],
)
def test_the_shell_is_offered_what_fits(process: Run, typed: str, offered: set[str]) -> None:
    words = typed.split(" ")
    env = {"_HOSTCTL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    assert set(process(**env).stdout.split()) == offered


def test_a_noun_alone_shows_its_verbs(hostctl: Run) -> None:
    done = hostctl("spaces")
    assert done.code == 0
    assert "remove" in done.stdout


def test_settings_tell_where_they_come_from(host: Run, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("OFFICIAL_SPACE_NAME", "From here")
    rows = [line.split("\t") for line in host("config", "show", "--origin").stdout.splitlines()]
    origins = {name: (value, origin) for name, value, origin in rows}
    assert origins["official_space_name"] == ("From here", "environment OFFICIAL_SPACE_NAME")
    assert origins["relay_scheme"] == ("http", "file hostctl.toml")
    assert origins["ping_seconds"] == ("15", "default")
    assert origins["config_dir"] == (str(directory), "flag")


def test_the_directory_may_come_from_the_environment(process: Run, tmp_path: Path) -> None:
    line = [sys.executable, "-P", "-m", "parch_hostctl", "config", "path"]
    env = {"HOSTCTL_CONFIG_DIR": str(tmp_path / "there"), "HOME": str(tmp_path)}
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=30)
    assert done.stdout == f"{tmp_path}/there\n"
    done = subprocess.run(line, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=30)
    assert done.stdout == f"{tmp_path}/.config/ParchHost\n"


def test_the_version_is_shown(hostctl: Run) -> None:
    assert hostctl("version").stdout.startswith("hostctl 0.")
