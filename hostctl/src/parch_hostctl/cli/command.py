"""How a function becomes a command: `@command("spaces list")` adds the flags every command has and prints what
it returns.

In: a function `(invocation, …typer parameters…) -> Result`. Out: a typer command, and an entry in `RESULTS`,
from which the JSON schemas are made.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from ..failures import Exit
from ..views import View
from .invocation import Flags, Invocation
from .quick import QuickCommand, QuickGroup

EVERYWHERE = "Flags of every command"


class Result(msgspec.Struct):
    """What a command found or did. Its fields are the command's `--json` document."""

    def views(self) -> tuple[View, ...]:
        """How it looks to people."""
        return ()

    def exit_code(self) -> Exit:
        return Exit.OK


RESULTS: dict[str, type[msgspec.Struct]] = {}
"""The kind of result of each command, by its full name such as "spaces list"."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=EVERYWHERE)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the result.", rich_help_panel=EVERYWHERE)]
ConfigDir = Annotated[
    str | None,
    typer.Option("--config-dir", help="Where this host's files are.", rich_help_panel=EVERYWHERE, metavar="DIR"),
]
Relay = Annotated[
    str | None,
    typer.Option("--relay", help="The relay, such as https://chat.example.", rich_help_panel=EVERYWHERE, metavar="URL"),
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
NoInput = Annotated[bool, typer.Option("--no-input", help="Never ask; take flags and defaults.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]

_SHARED = {
    "json": (Json, False),
    "quiet": (Quiet, False),
    "config_dir": (ConfigDir, None),
    "relay": (Relay, None),
}

SETTINGS: dict[str, Any] = {
    "no_args_is_help": False,
    "add_completion": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "color": True},
}


class InOrder(QuickGroup):
    """Lists commands as cli/app.py does."""

    def list_commands(self, ctx: Any) -> list[str]:
        from .app import MODULES

        return [name for name in MODULES if name in self.commands]


app = typer.Typer(name="hostctl", cls=InOrder, **SETTINGS)
_groups: dict[str, typer.Typer] = {"": app}


class DefaultsToCreate(QuickGroup):
    """`hostctl backup FILE` means `hostctl backup create FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] not in (["-h"], ["--help"]) and not any(word in self.commands for word in args):
            args = ["create", *args]
        return super().parse_args(ctx, args)


def group(name: str, about: str, panel: str, kind: type[QuickGroup] = QuickGroup) -> None:
    """A noun with verbs: `hostctl NAME …`."""
    _groups[name] = typer.Typer(cls=kind, **SETTINGS)
    _groups[name].callback(invoke_without_command=True)(_help_without_verb)
    app.add_typer(_groups[name], name=name, help=about, rich_help_panel=panel)


def _help_without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


Function = TypeVar("Function", bound=Callable[..., Result | None])


def command(
    path: str, example: str, panel: str | None = None, prints: type[msgspec.Struct] | None = None
) -> Callable[[Function], Function]:
    """Registers a function under its full name. `example` is shown at the end of its help.

    A function that returns nothing prints by itself: one JSON document of the kind `prints` a line.
    """
    group_name, _, name = path.rpartition(" ")

    def register(function: Function) -> Function:
        signature = inspect.signature(function)
        RESULTS[path] = prints or signature.return_annotation
        runner = _runner(function, signature)
        _groups[group_name].command(
            name, help=function.__doc__, epilog=example, rich_help_panel=panel, cls=QuickCommand
        )(runner)
        return function

    return register


def _runner(function: Callable[..., Result | None], signature: inspect.Signature) -> Callable[..., None]:
    def run(context: typer.Context, **arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in _SHARED}
        before = context.find_root().obj or {}
        invocation = Invocation(Flags(**{name: value or before.get(name) or value for name, value in given.items()}))
        result = function(invocation, **arguments)
        if result is None:
            return
        invocation.out.emit(result, result.views())
        if code := result.exit_code():
            raise typer.Exit(code)

    own = list(signature.parameters.values())[1:]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _SHARED.items()
    ]
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([context, *keyword_only, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    config_dir: ConfigDir = None,
    relay: Relay = None,
) -> None:
    """Keep a Parch host on your own machine: your spaces, your members, your disk."""
    context.obj = {"json": json, "quiet": quiet, "config_dir": config_dir, "relay": relay}
    if context.invoked_subcommand is None:
        print(context.get_help())
