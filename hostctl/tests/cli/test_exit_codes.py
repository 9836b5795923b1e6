"""The documented exit codes and the one shape of errors, through a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl.failures import Exit, explain
from parch_hostctl.sealed_file import damaged

Run = Callable[..., Any]
ROOT = Path(__file__).parents[3]


def test_the_codes_are_those_of_the_documentation() -> None:
    table = (ROOT / "docs" / "hostctl.md").read_text()
    for code in Exit:
        assert f"| {code.value} |" in table


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (["frobnicate"], 2, "usage"),
        (["status", "--frobnicate"], 2, "usage"),
        (["status"], 4, "config_missing"),
        (["run"], 4, "config_missing"),
        (["spaces", "list"], 4, "config_missing"),
        (["spaces", "add"], 2, "usage"),
        (["channels", "remove", "x", "--yes"], 4, "config_missing"),
        (["members", "show", "x"], 4, "config_missing"),
        (["invites", "add", "x", "y"], 4, "config_missing"),
        (["messages", "list", "x", "--limit", "0"], 2, "usage"),
        (["messages", "list", "x", "--limit", "many"], 2, "usage"),
        (["messages", "list", "x", "--before", "1", "--after", "1"], 2, "usage"),
        (["invite"], 4, "config_missing"),
        (["backup"], 4, "config_missing"),
        (["backup", "verify", "/nowhere"], 4, "file_missing"),
        (["restore", "/nowhere"], 4, "file_missing"),
        (["import", "/nowhere"], 4, "config_missing"),
        (["completion", "tcsh"], 2, "usage"),
        (["schema", "no", "such"], 4, "unknown_command"),
        (["service", "uninstall", "--name", "nothing-here", "--yes"], 4, "service_missing"),
        (["service", "install", "--name", "a/b"], 2, "invalid_name"),
        (["config", "show", "--relay", "nonsense"], 2, "invalid_setting"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else str(value),
)
def test_bad_input_has_a_code_a_sentence_and_a_hint(
    hostctl: Run, fits: Callable[[str, Any], None], words: list[str], code: int, name: str
) -> None:
    done = hostctl(*words, "--json")
    assert (done.code, done.stdout) == (code, "")
    assert done.error["code"] == name
    assert done.error["message"].endswith(".")
    assert done.error["hint"]
    fits("error", done.error)


def test_without_json_an_error_is_a_sentence_and_a_hint_on_stderr(process: Run, directory: Path) -> None:
    done = process("status")
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr == f"error: There is no host in {directory}.\n  try: Run `hostctl init`.\n"


def test_json_may_stand_before_the_command(process: Run) -> None:
    assert process("--json", "version").json["version"]
    assert process("--json", "status").error["code"] == "config_missing"


def test_a_mistake_of_the_program_shows_no_traceback(hostctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("parch_hostctl.cli.invocation.config.read", broken)
    done = hostctl("status", "--json")
    assert (done.code, done.error["code"]) == (1, "internal_error")
    assert "Traceback" not in done.stderr
    assert "secret detail" not in done.stderr


def test_the_traceback_is_there_for_who_asks(hostctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTCTL_DEBUG", "1")
    with pytest.raises(Exception, match="There is no host"):
        hostctl("status")


def test_a_reader_that_leaves_is_no_traceback(host: Run, directory: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "parch_hostctl", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(timeout=30) == Exit.FAILURE


def test_ctrl_c_ends_with_130(directory: Path) -> None:
    code = "import os, signal, parch_hostctl.__main__ as m; m._run = lambda _: os.kill(os.getpid(), signal.SIGINT)"
    line = f"{code}; raise SystemExit(m.main(['status', '--json']))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, timeout=30)
    assert done.returncode == Exit.INTERRUPTED
    assert json.loads(done.stderr)["code"] == "interrupted"
    assert signal.SIGINT + 128 == Exit.INTERRUPTED


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (PermissionError(13, "Permission denied", "/x"), "permission_denied", 1),
        (OSError(28, "No space left on device"), "disk_full", 1),
        (OSError(5, "Input/output error", "/x"), "io_error", 1),
        (ValueError("x"), "internal_error", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (damaged("x"), "backup_damaged", 1),
    ],
)
def test_every_exception_has_an_explanation(error: BaseException, code: str, exit_code: int) -> None:
    failure = explain(error)
    assert (failure.code, failure.exit_code) == (code, exit_code)
