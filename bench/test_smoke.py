"""Every benchmark still works: its small form runs to the end and says its one line. Targets are not judged here."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
NAMES = sorted(file.parent.name for file in BENCH.glob("*/bench.py"))


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-P", str(BENCH / "run.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=BENCH.parent)


@pytest.mark.processes
@pytest.mark.parametrize("name", NAMES)
def test_the_small_form_runs_and_ends_with_a_summary(name: str) -> None:
    ended = run(name, "--small")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith(f"{name}: ")]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    ended = run("no-such-benchmark")
    assert ended.returncode == 2
    assert all(name in ended.stdout for name in NAMES)
