"""All commands together: the words of a command line in, a typer application that knows the commands they name out.

A command's module is imported when a word names it, so that `hostctl status` does not wait for `hostctl
backup`. Words that name no command get them all, for help and for completion.
"""

from collections.abc import Sequence
from importlib import import_module

from typer import Typer

from .command import app

MODULES = {
    "init": "init",
    "run": "run",
    "status": "status",
    "service": "services",
    "invite": "invites",
    "spaces": "spaces",
    "channels": "channels",
    "members": "members",
    "invites": "invites",
    "messages": "messages",
    "backup": "backups",
    "restore": "backups",
    "import": "importing",
    "doctor": "doctor",
    "config": "show_config",
    "version": "about",
    "completion": "about",
    "schema": "about",
}
"""Where each command is; in the order of `hostctl --help`."""


def load(words: Sequence[str]) -> Typer:
    named = [MODULES[word] for word in words if word in MODULES]
    for module in named or MODULES.values():
        import_module(f"{__package__}.{module}")
    return app
