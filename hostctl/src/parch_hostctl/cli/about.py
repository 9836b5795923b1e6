"""`hostctl version`, `hostctl completion` and `hostctl schema`: the program about itself."""

import platform
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from ..failures import not_found
from ..views import Verbatim, View
from .app import load
from .command import RESULTS, Result, command
from .invocation import Invocation
from .show_config import PANEL


class Version(Result):
    version: str
    python: str
    sqlite: str

    def views(self) -> tuple[View, ...]:
        return (f"hostctl {self.version} (Python {self.python}, SQLite {self.sqlite})",)


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Completion(Result):
    shell: Shell
    script: str

    def views(self) -> tuple[View, ...]:
        return (Verbatim(self.script.rstrip("\n") + "\n"),)


class Schema(msgspec.Struct):
    """A JSON Schema document (draft 2020-12)."""


class Trouble(msgspec.Struct):
    """What stderr gets under --json when a command fails; stdout stays empty."""

    code: str
    message: str
    hint: str


@command("version", "hostctl version", PANEL)
def version(call: Invocation) -> Version:
    """Show the versions of hostctl and what it stands on."""
    from importlib.metadata import version as installed

    from ..snapshot import SQLITE_VERSION

    return Version(installed("parch-hostctl"), platform.python_version(), SQLITE_VERSION)


@command("completion", "hostctl completion bash > ~/.local/share/bash-completion/completions/hostctl", PANEL)
def completion(call: Invocation, shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> Completion:
    """Print a script that completes commands and flags.

    bash: put it where the example says. zsh: save it as _hostctl in a folder of $fpath. fish: save it as
    ~/.config/fish/completions/hostctl.fish.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    return Completion(shell, get_completion_script(prog_name="hostctl", complete_var="_HOSTCTL_COMPLETE", shell=shell))


@command("schema", 'hostctl schema "spaces list"', PANEL, prints=Schema)
def schema(
    call: Invocation,
    name: Annotated[list[str] | None, typer.Argument(help="A command; all by default.", metavar="[COMMAND]...")] = None,
) -> None:
    """Print the JSON schema of what a command prints with --json.

    Without a command: of all of them, and of errors.
    """
    load([])
    wanted = " ".join(name or [])
    if wanted and wanted not in RESULTS:
        raise not_found("unknown_command", f"There is no command {wanted!r}.", "hostctl --help")
    document = schema_of(wanted) if wanted else catalogue()
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def schema_of(name: str) -> dict[str, Any]:
    """The schema of one command's document."""
    (reference,), definitions = msgspec.json.schema_components([RESULTS[name]], ref_template="#/$defs/{name}")
    return {**_HEAD, "title": f"hostctl {name} --json", **reference, "$defs": definitions}


def catalogue() -> dict[str, Any]:
    """The schemas of all commands under `commands`, that of errors under `error`; published as
    docs/schemas/hostctl.json."""
    names = sorted(RESULTS)
    kinds = [*(RESULTS[name] for name in names), Trouble]
    references, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    commands = dict(zip(names, references, strict=False))
    return {**_HEAD, "title": "hostctl --json", "commands": commands, "error": references[-1], "$defs": definitions}


_HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
