"""The coverage gate: pure modules (as the import contract names them) at 100 %, everything at 90 %, branches counted.

In: the data files of the run that just ended. Out: one line each, the missing lines when it fails, exit code 1.
"""

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
OVERALL = 90


def pure_modules() -> list[str]:
    """Dotted names under the contract that forbids I/O."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    return next(list(c["source_modules"]) for c in contracts if c["id"] == "pure")


def source_files(modules: list[str]) -> list[str]:
    files = [str(f) for folder in ("packages", "services", "hostctl") for f in (ROOT / folder).glob("**/src/**/*.py")]
    names = {f: f.split("/src/")[-1].removesuffix(".py").removesuffix("/__init__").replace("/", ".") for f in files}
    return [f for f in files if any(names[f] == m or fnmatch(names[f], m + ".*") for m in modules)]


def coverage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    if list(ROOT.glob(".coverage.*")):
        coverage("combine", "--quiet", "--append")
    pure = source_files(pure_modules())
    print(f"coverage of {len(pure)} pure modules (100 % demanded)")
    failed = coverage("report", "--fail-under=100", f"--include={','.join(pure)}")
    print(f"coverage of everything ({OVERALL} % demanded)")
    failed |= coverage("report", f"--fail-under={OVERALL}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
