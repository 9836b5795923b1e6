"""`hostctl init`: a new host with its keys, its place at a relay, its first space and channel. Never replaces a
host that is there.

Order matters: the relay is asked first, so that when it is down nothing is left behind; the configuration,
which makes the directory a host, is written before the database, and a second `init` finishes what a first one
began.
"""

import json
import os
import platform
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from .. import config, rules, settings
from ..config import HostConfig
from ..failures import Failure
from ..settings import Settings
from ..store import Store
from ..views import Facts, View
from .command import NoInput, Result, command
from .invocation import Invocation
from .spaces import create

PANEL = "Set up and run"
FIRST_CHANNEL = "general"


class Initialised(Result):
    """`created` is false when the host was there already. `space_uuid` is null when no first space was made."""

    created: bool
    uuid: str
    name: str
    signing_public_key: str
    relay: str
    config_dir: str
    space_uuid: str | None

    def views(self) -> tuple[View, ...]:
        return (
            Facts(
                [
                    ("Host", self.name),
                    ("Id", self.uuid),
                    ("Public key", self.signing_public_key),
                    ("Relay", self.relay),
                    ("Files", self.config_dir),
                ]
            ),
        )


@command("init", 'hostctl init --name "Ann\'s host" --space "Book club" --no-input', PANEL)
def init(
    call: Invocation,
    name: Annotated[str, typer.Option(help="What your host is called.")] = "",
    space: Annotated[str, typer.Option(help="The name of the first space.")] = "",
    channel: Annotated[list[str] | None, typer.Option(help="Its first channel (general); may be repeated.")] = None,
    author: Annotated[
        str, typer.Option(help="Public key of the person who runs that space in the browser.", metavar="KEY")
    ] = "",
    uuid: Annotated[str, typer.Option(help="Take this id instead of a new one.", metavar="ID")] = "",
    no_input: NoInput = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="The same as --no-input.")] = False,
) -> Initialised:
    """Set up a host: keys, a place at the relay, a first space.

    Asks for what is not given. A host that is there already is left as it is.
    """
    _check_writable(call.directory)
    chosen = call.settings()
    if (call.directory / config.CONFIG_FILE).exists():
        return _finish(call, chosen, created=False, space=space, channels=channel, author=author)
    questions = call.questions(no_input or yes)
    if questions.allowed:
        call.out.note("A host keeps your spaces on this machine. Press Enter to take the suggestion.")
    name = (name or questions.ask("Name of your host", platform.node() or "host", "--name")).strip()
    space = space or questions.ask("Name of its first space", "Home", "--space")
    if not (call.flags.relay or _names_a_relay(chosen)):
        chosen = _with_relay(call, questions.ask("Relay", chosen.relay_url, "--relay"))
    for text in (name, space, *(channel or ())):
        rules.checked_name(text)
    identity = _register(chosen, name, uuid)
    config.write(call.directory, identity)
    _remember_relay(call, chosen)
    return _finish(call, chosen, created=True, space=space, channels=channel, author=author)


def _register(chosen: Settings, name: str, uuid: str) -> HostConfig:
    """A fresh pair of keys, known to the relay under an id."""
    from .. import keys
    from ..registration import register

    private, public = keys.from_seed(secrets.token_bytes(keys.SEED_BYTES))
    answer = register(chosen.register_url, uuid, name, keys.signing_key(private, public), time.time())
    return HostConfig(answer.uuid, name, signing_public_key=public, signing_private_key=private)


def _finish(
    call: Invocation, chosen: Settings, created: bool, space: str, channels: list[str] | None, author: str
) -> Initialised:
    from .. import keys

    identity = call.identity()
    keys.signing_key(identity.signing_private_key, identity.signing_public_key)
    with Store.open(call.database) as store:
        made = None
        if not store.find_spaces("") and identity.uuid != chosen.official_host_uuid:
            made = create(store, space or "Home", channels or [FIRST_CHANNEL], author)
    config.tighten(call.directory)
    call.out.hint(
        "Your host is ready. Start it:  hostctl run"
        if created
        else "This host is set up already; nothing was replaced."
    )
    return Initialised(
        created=created,
        uuid=identity.uuid,
        name=identity.name,
        signing_public_key=identity.signing_public_key,
        relay=chosen.relay_url,
        config_dir=str(call.directory),
        space_uuid=made.uuid if made else None,
    )


def _names_a_relay(chosen: Settings) -> bool:
    """Has the relay been chosen already, in the environment or in hostctl.toml?"""
    return any(origin.name == "relay_host" and origin.origin != "default" for origin in chosen.origins)


def _with_relay(call: Invocation, url: str) -> Settings:
    return settings.resolve({"relay": url}, os.environ, settings.read_file(call.directory))


def _remember_relay(call: Invocation, chosen: Settings) -> None:
    """So that the next command, and the service, find the same relay without the flag."""
    path = call.directory / settings.FILE
    if path.exists() or not _names_a_relay(chosen):
        return
    names = ("relay_host", "relay_scheme", "relay_ws_scheme")
    text = "".join(f"{name} = {json.dumps(getattr(chosen, name))}\n" for name in names)
    config.write_private(path, text.encode())


def _check_writable(directory: Path) -> None:
    """Before the relay is asked: a host it knows but nobody can save would be lost."""
    there = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise Failure(
            "permission_denied",
            f"{there} cannot be written.",
            "Name another directory with --config-dir, or change its owner.",
        )
