"""Where words go and how they look: terminals, pipes, colours, prompts and bars, seen through a pseudo-terminal."""

import errno
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Terminal = Callable[..., str]
SGR = re.compile(r"\x1b\[[0-9;]*m")
CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-HJKhl]")


@pytest.fixture
def terminal(directory: Path) -> Terminal:
    """`hostctl WORDS…` on a terminal of 120 columns; returns all that was on the screen.

    `typed` are the lines that answer its questions, each typed when a question stands there.
    """

    def run(*words: str, typed: tuple[str, ...] = (), **env: str) -> str:
        ours, theirs = pty.openpty()
        line = [sys.executable, "-P", "-m", "parch_hostctl", "--config-dir", str(directory), *words]
        everything = {**os.environ, "COLUMNS": "120", **env}
        answers = iter(typed)
        shown = b""
        with subprocess.Popen(line, env=everything, preexec_fn=lambda: os.login_tty(theirs)) as child:
            os.close(theirs)
            while data := _read(ours):
                shown += data
                if data.endswith(b": "):
                    os.write(ours, next(answers).encode() + b"\n")
            child.wait(timeout=30)
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    return run


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # the other side has closed
            return b""
        raise


def test_a_terminal_gets_a_table_with_a_heading_and_colours(host: Run, terminal: Terminal) -> None:
    shown = terminal("spaces", "list")
    assert "─────" in shown
    assert "Channels" in shown
    assert SGR.search(shown)


def test_a_pipe_gets_tabs_and_no_colour(host: Run, process: Run) -> None:
    shown = process("spaces", "list").stdout
    assert shown.startswith("Home\t")
    assert "\x1b" not in shown
    assert shown.count("\n") == 1


def test_no_color_keeps_the_table_and_drops_the_colours(host: Run, terminal: Terminal) -> None:
    shown = terminal("status", NO_COLOR="1")
    assert "Ann's host" in shown
    assert not re.search(r"\x1b\[[0-9;]*3\d", shown)


def test_a_dumb_terminal_gets_what_a_pipe_gets(host: Run, terminal: Terminal) -> None:
    assert "\x1b" not in terminal("spaces", "list", TERM="dumb")


def test_force_color_paints_into_a_pipe(host: Run, process: Run) -> None:
    assert SGR.search(process("spaces", "list", FORCE_COLOR="1").stdout)


def test_help_is_coloured_on_a_terminal_alone(host: Run, terminal: Terminal, process: Run) -> None:
    assert "\x1b[1mUsage" in terminal("--help")
    assert "\x1b" not in terminal("--help", NO_COLOR="1")
    assert "\x1b" not in process("--help").stdout


def test_json_is_never_painted(host: Run, terminal: Terminal) -> None:
    assert "\x1b" not in terminal("spaces", "list", "--json", FORCE_COLOR="1")


def test_quiet_leaves_the_result_alone(host: Run) -> None:
    assert host("status").stderr
    assert host("status", "--quiet").stderr == ""
    assert host("--quiet", "status").stderr == ""


def test_the_qr_code_is_for_terminals(host: Run, terminal: Terminal, process: Run) -> None:
    assert "▄▄▄▄▄" in terminal("invite")
    assert "▄" not in terminal("invite", "--no-qr")
    assert process("invite").stdout.count("\n") == 1


def test_init_asks_with_suggestions(terminal: Terminal, relay: Any, hostctl: Run) -> None:
    shown = terminal("init", "--relay", relay.url, typed=("Ann's cellar", ""))
    assert "Name of your host [" in shown
    assert "Name of its first space [Home]" in shown
    assert hostctl("status", "--json").json["name"] == "Ann's cellar"
    assert hostctl("spaces", "list").stdout.startswith("Home\t")


def test_a_removal_asks_and_takes_no_for_an_answer(host: Run, terminal: Terminal) -> None:
    assert "Nothing was changed" in terminal("spaces", "remove", "Home", typed=("",))
    assert "Removed space Home" in terminal("spaces", "remove", "Home", typed=("y",))


def test_a_passphrase_is_typed_twice_and_not_shown(host: Run, terminal: Terminal, tmp_path: Path) -> None:
    differing = terminal("backup", str(tmp_path / "b"), typed=("secret one", "secret two"))
    assert "differ" in differing
    assert not (tmp_path / "b").exists()
    shown = terminal("backup", str(tmp_path / "b"), typed=("secret one", "secret one"))
    assert (tmp_path / "b").exists()
    assert "Saved" in shown
    assert "secret one" not in shown


def test_long_work_shows_a_bar_on_a_terminal_alone(host: Run, terminal: Terminal, process: Run, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("x")
    words = ("backup", str(tmp_path / "b"), "--force", "--passphrase-file", str(tmp_path / "pass"))
    assert CURSOR.search(terminal(*words))
    assert not CURSOR.search(terminal(*words, "--quiet"))
    assert "\x1b" not in process(*words).stderr


def test_doctor_shows_marks_and_fixes_on_a_terminal(host: Run, terminal: Terminal, directory: Path) -> None:
    (directory / "host_config.json").chmod(0o644)
    shown = SGR.sub("", terminal("doctor"))
    assert "✓  config" in shown
    assert "✗  modes" in shown
    assert "→ chmod 600" in shown
    assert "1 of 15 checks failed." in shown


def test_a_name_cannot_paint_an_error(host: Run, terminal: Terminal) -> None:
    assert "\x1b[2J" not in terminal("spaces", "show", "\x1b[2J")
