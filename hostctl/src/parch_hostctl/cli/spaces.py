"""`hostctl spaces`: list, show, add and remove the spaces of this host."""

import uuid
from typing import Annotated

import msgspec
import typer

from parch_wire.messages import User

from .. import owner, rules
from ..official import NOBODY
from ..records import SpaceHead
from ..store import Store
from ..views import Facts, Table, View, amount
from . import lookup
from .command import DryRun, Result, Yes, command, group
from .invocation import Invocation

PANEL = "Spaces and people"
group("spaces", "The spaces of this host.", PANEL)

SpaceArgument = Annotated[str, typer.Argument(help="Name, id, or the beginning of an id.", metavar="SPACE")]
_NO_SPACES = "There is no space yet. Make one: hostctl spaces add NAME"


class SpaceRow(msgspec.Struct):
    """A space in numbers. `author` is the public key of the person who runs it, null when nobody does."""

    uuid: str
    name: str
    author: str | None
    channels: int
    members: int
    invites: int
    messages: int


class SpaceList(Result):
    spaces: list[SpaceRow]

    def views(self) -> tuple[View, ...]:
        columns = ("Name", "Id", "Channels", "Members", "Invites", "Messages")
        rows = [
            (space.name, space.uuid, str(space.channels), str(space.members), str(space.invites), str(space.messages))
            for space in self.spaces
        ]
        return (Table(columns, rows, _NO_SPACES),)


class ChannelName(msgspec.Struct):
    uuid: str
    name: str


class SpaceShown(Result):
    space: SpaceRow
    channels: list[ChannelName]

    def views(self) -> tuple[View, ...]:
        space = self.space
        facts = Facts(
            [
                ("Name", space.name),
                ("Id", space.uuid),
                ("Author", space.author or "nobody: you manage it with hostctl"),
                ("Members", str(space.members)),
                ("Invites", str(space.invites)),
                ("Messages", str(space.messages)),
            ]
        )
        return facts, Table(("Channel", "Id"), [(channel.name, channel.uuid) for channel in self.channels])


class SpaceAdded(Result):
    uuid: str
    name: str
    channels: list[ChannelName]

    def views(self) -> tuple[View, ...]:
        return (
            Facts([("Name", self.name), ("Id", self.uuid), ("Channels", ", ".join(c.name for c in self.channels))]),
        )


class SpaceRemoved(Result):
    """`removed` is false in a dry run."""

    space: SpaceRow
    removed: bool

    def views(self) -> tuple[View, ...]:
        verb, space = "Removed" if self.removed else "Would remove", self.space
        lost = f"{amount(space.channels, 'channel')}, {amount(space.messages, 'message')}"
        return (f"{verb} space {space.name}: {lost}.",)


@command("spaces list", "hostctl spaces list --json")
def list_spaces(call: Invocation) -> SpaceList:
    """List the spaces with their channels, members, invites and messages counted."""
    with call.store() as store:
        return SpaceList(_rows(store))


@command("spaces show", 'hostctl spaces show "Book club"')
def show_space(call: Invocation, space: SpaceArgument) -> SpaceShown:
    """Show one space and its channels."""
    with call.store() as store:
        head = lookup.space(store, space)
        return SpaceShown(_row(store, head), _channels(store, head))


@command("spaces add", 'hostctl spaces add "Book club" --channel general --channel plans')
def add_space(
    call: Invocation,
    name: Annotated[str, typer.Argument(help="What the space is called.")],
    channel: Annotated[list[str] | None, typer.Option(help="A first channel (general); may be repeated.")] = None,
    author: Annotated[
        str, typer.Option(help="Public key of the person who runs the space in the browser.", metavar="KEY")
    ] = "",
) -> SpaceAdded:
    """Make a space. Without --author nobody runs it but you, with this program."""
    with call.store(write=True) as store:
        return create(store, name, channel or ["general"], author)


@command("spaces remove", 'hostctl spaces remove "Book club" --dry-run')
def remove_space(call: Invocation, space: SpaceArgument, yes: Yes = False, dry_run: DryRun = False) -> SpaceRemoved:
    """Remove a space with its channels, memberships and messages. This cannot be undone."""
    with call.store(write=not dry_run) as store:
        head = lookup.space(store, space)
        row = _row(store, head)
        if not dry_run:
            call.questions().confirm(f"Remove space {row.name} with {amount(row.messages, 'message')} for good?", yes)
            owner.delete_space(store, head)
        return SpaceRemoved(row, removed=not dry_run)


def create(store: Store, name: str, channels: list[str], author_key: str = "") -> SpaceAdded:
    """A space with its first channels, in one transaction."""
    with store.transaction():
        author = lookup.person_or_newcomer(store, author_key) if author_key else User(id=NOBODY)
        head = store.add_space(_new_id(), rules.checked_name(name), author.id)
        made = [store.add_channel(_new_id(), rules.checked_name(channel), head.uuid) for channel in channels]
    return SpaceAdded(head.uuid, head.name, [ChannelName(channel.uuid, channel.name) for channel in made])


def _rows(store: Store) -> list[SpaceRow]:
    return [
        SpaceRow(
            uuid=found.head.uuid,
            name=found.head.name,
            author=found.author.public_key if found.author else None,
            channels=found.channels,
            members=found.members,
            invites=found.invites,
            messages=found.messages,
        )
        for found in store.summaries()
    ]


def _row(store: Store, head: SpaceHead) -> SpaceRow:
    return next(row for row in _rows(store) if row.uuid == head.uuid)


def _channels(store: Store, head: SpaceHead) -> list[ChannelName]:
    return [ChannelName(channel.uuid, channel.name) for channel in store.channels(head.uuid)]


def _new_id() -> str:
    return str(uuid.uuid4())
