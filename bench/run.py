"""Runs the benchmarks: names on the command line (none for all) in; tables, summary lines and an exit code out.

A benchmark is a folder of bench/ with a `bench.py` that has `main(argv: list[str]) -> int`: it prints its table, ends
with one summary line, writes its picture under bench/out/ and returns 0 when it meets its targets. `--small`, or
SMALL=1 in the environment, asks for a run of seconds that only shows that it works.
"""

import importlib
import os
import sys
import time
from pathlib import Path

from rich.console import Console

BENCH = Path(__file__).parent

console = Console(highlight=False)


def found() -> list[str]:
    """The names of the benchmarks, in alphabetical order."""
    return sorted(file.parent.name for file in BENCH.glob("*/bench.py"))


def run(name: str, arguments: list[str]) -> bool:
    """One benchmark; a crash counts as a miss and does not keep the others from running."""
    console.rule(f"[bold]{name}")
    started = time.monotonic()
    try:
        passed = int(importlib.import_module(f"bench.{name}.bench").main(arguments)) == 0
    except Exception:
        console.print_exception()
        passed = False
    console.print(f"[dim]{name} took {time.monotonic() - started:.0f} s[/]")
    return passed


def main(argv: list[str]) -> int:
    """0 when every benchmark meets its targets, 1 when one misses, 2 when there is none of that name."""
    names = [word for word in argv if not word.startswith("-")] or found()
    unknown = sorted(set(names) - set(found()))
    if unknown:
        console.print(f"There is no benchmark called {', '.join(unknown)}. There are: {', '.join(found())}.")
        return 2
    small = "--small" in argv or os.environ.get("SMALL", "") not in ("", "0")
    missed = [name for name in names if not run(name, ["--small"] if small else [])]
    if missed:
        console.print(f"[red]Missed: {', '.join(missed)}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.path.append(str(BENCH.parent))
    sys.exit(main(sys.argv[1:]))
