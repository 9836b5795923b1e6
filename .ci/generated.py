"""Files that are made from the code: writes them, or with --check says which have drifted and fails.

In: settings structs and hostctl's result types. Out: docs/settings.md, docs/schemas/hostctl.json.
"""

import sys
from pathlib import Path

import msgspec

from parch_hostctl.cli.about import catalogue
from parch_hostctl.cli.app import load
from parch_hostctl.settings import SETTINGS
from parch_relay.settings import RelaySettings
from parch_serve.settings import listing

ROOT = Path(__file__).parent.parent

SETTINGS_PAGE = """\
# Settings

Made from the code by `python .ci/generated.py`.

## parch-relay

From the environment, a file named by `NAME_FILE`, or `.env`, in that order; an empty value counts as unset.
`parch-relay settings` shows them with their origin.

| Variable | Default | What it is |
|---|---|---|
{relay}

## hostctl

From a flag, the environment, `hostctl.toml` beside the host's files, in that order.
`hostctl config show --origin` shows them.

| In `hostctl.toml` | Variable | Default | What it is |
|---|---|---|---|
{hostctl}
"""


def settings_page() -> str:
    rows = listing(RelaySettings, {"DATABASE_URL": "needed"}, None)
    needed = ["**must be set**" if row.name == "DATABASE_URL" else f"`{row.value}`" for row in rows]
    relay = [f"| `{row.name}` | {value} | {row.description} |" for row, value in zip(rows, needed, strict=True)]
    hostctl = [
        f"| `{s.name}` | {', '.join(f'`{v}`' for v in s.variables)} | `{s.default}` | {s.about} |" for s in SETTINGS
    ]
    return SETTINGS_PAGE.format(relay="\n".join(relay), hostctl="\n".join(hostctl))


def schemas() -> str:
    load([])
    return msgspec.json.format(msgspec.json.encode(catalogue()), indent=2).decode() + "\n"


def main() -> int:
    files = {
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "schemas" / "hostctl.json": schemas(),
    }
    drifted = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in drifted:
            print(f"{path.relative_to(ROOT)} has drifted; run: .venv/bin/python -P .ci/generated.py")
        return min(len(drifted), 1)
    for path in drifted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
