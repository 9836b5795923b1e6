"""`hostctl channels`: list, show, add and remove the channels of a space."""

import uuid
from typing import Annotated

import msgspec
import typer

from parch_wire.messages import Channel

from .. import owner
from ..store import Store
from ..views import Facts, Table, View
from . import lookup
from .command import DryRun, Result, Yes, command, group
from .invocation import Invocation
from .spaces import PANEL, SpaceArgument

group("channels", "The channels of a space.", PANEL)

ChannelArgument = Annotated[str, typer.Argument(help="Name, id, or the beginning of an id.", metavar="CHANNEL")]
InSpace = Annotated[str, typer.Option("--space", help="Look in this space only.", metavar="SPACE")]


class ChannelRow(msgspec.Struct):
    uuid: str
    name: str
    space_uuid: str
    space_name: str


class ChannelList(Result):
    channels: list[ChannelRow]

    def views(self) -> tuple[View, ...]:
        rows = [(row.name, row.uuid, row.space_name) for row in self.channels]
        return (
            Table(("Name", "Id", "Space"), rows, "There is no channel yet. Make one: hostctl channels add SPACE NAME"),
        )


class ChannelShown(Result):
    """`newest_id` is the sequence number of the newest message, 0 when there is none."""

    channel: ChannelRow
    newest_id: int

    def views(self) -> tuple[View, ...]:
        row = self.channel
        newest = f"number {self.newest_id}" if self.newest_id else "none"
        return (Facts([("Name", row.name), ("Id", row.uuid), ("Space", row.space_name), ("Newest message", newest)]),)


class ChannelAdded(Result):
    channel: ChannelRow

    def views(self) -> tuple[View, ...]:
        return (Facts([("Name", self.channel.name), ("Id", self.channel.uuid), ("Space", self.channel.space_name)]),)


class ChannelRemoved(Result):
    """`removed` is false in a dry run."""

    channel: ChannelRow
    removed: bool

    def views(self) -> tuple[View, ...]:
        verb = "Removed" if self.removed else "Would remove"
        return (f"{verb} channel {self.channel.name} of space {self.channel.space_name}, with its messages.",)


@command("channels list", 'hostctl channels list --space "Book club"')
def list_channels(call: Invocation, space: InSpace = "") -> ChannelList:
    """List the channels of all spaces, or of one."""
    with call.store() as store:
        heads = [lookup.space(store, space)] if space else store.find_spaces("")
        return ChannelList([_row(store, channel) for head in heads for channel in store.channels(head.uuid)])


@command("channels show", "hostctl channels show general")
def show_channel(call: Invocation, channel: ChannelArgument, space: InSpace = "") -> ChannelShown:
    """Show one channel."""
    with call.store() as store:
        found = lookup.channel(store, channel, space)
        newest = store.page_before(found.uuid, 2**63 - 1, 1).messages
        return ChannelShown(_row(store, found), newest[0].id if newest else 0)


@command("channels add", 'hostctl channels add "Book club" plans')
def add_channel(
    call: Invocation, space: SpaceArgument, name: Annotated[str, typer.Argument(help="What the channel is called.")]
) -> ChannelAdded:
    """Add a channel to a space. A running host tells the members at once."""
    with call.store(write=True) as store:
        head = lookup.space(store, space)
        return ChannelAdded(_row(store, owner.create_channel(store, head, str(uuid.uuid4()), name)))


@command("channels remove", "hostctl channels remove plans --dry-run")
def remove_channel(
    call: Invocation, channel: ChannelArgument, space: InSpace = "", yes: Yes = False, dry_run: DryRun = False
) -> ChannelRemoved:
    """Remove a channel with its messages. This cannot be undone."""
    with call.store(write=not dry_run) as store:
        found = lookup.channel(store, channel, space)
        row = _row(store, found)
        if not dry_run:
            call.questions().confirm(f"Remove channel {row.name} of {row.space_name} with its messages for good?", yes)
            owner.delete_channel(store, found)
        return ChannelRemoved(row, removed=not dry_run)


def _row(store: Store, channel: Channel) -> ChannelRow:
    head = store.space(channel.space_uuid)
    return ChannelRow(channel.uuid, channel.name, channel.space_uuid, head.name if head else "")
