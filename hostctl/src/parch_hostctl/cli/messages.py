"""`hostctl messages`: what lies in a channel. The host has ciphertext only: who wrote, when and how much, never
what."""

from typing import Annotated, Any

import msgspec
import typer

from parch_wire.messages import Channel, Message

from .. import snapshot
from ..failures import not_found, usage
from ..store import Store
from ..views import Facts, Table, View, amount, size
from . import lookup
from .channels import ChannelArgument, InSpace
from .command import DryRun, Result, Yes, command, group
from .invocation import Invocation
from .spaces import PANEL

group("messages", "The encrypted messages of a channel.", PANEL)

NEWEST = 2**63 - 1


class MessageRow(msgspec.Struct):
    """One message. `id` is its sequence number on this host, `sender` a public key, `bytes` the size of the
    ciphertext."""

    id: int
    timestamp: str
    sender: str
    sender_name: str
    bytes: int


class MessageList(Result):
    """Oldest first. `next_before` is the cursor of the page with older ones, `next_after` of newer ones; null
    at the end."""

    channel_uuid: str
    messages: list[MessageRow]
    next_before: int | None
    next_after: int | None

    def views(self) -> tuple[View, ...]:
        rows = [
            (str(row.id), row.timestamp, row.sender_name, row.sender[:12] + "…", size(row.bytes))
            for row in self.messages
        ]
        return (Table(("Number", "Time", "Name", "Key", "Size"), rows, "There is no message here."),)


class MessageShown(Result):
    """`envelope` is the ciphertext as it was stored; `recipients` counts the people it was encrypted for."""

    channel_uuid: str
    message: MessageRow
    recipients: int
    envelope: Any

    def views(self) -> tuple[View, ...]:
        row = self.message
        return (
            Facts(
                [
                    ("Number", str(row.id)),
                    ("Time", row.timestamp),
                    ("Sender", f"{row.sender_name} ({row.sender})"),
                    ("Size", size(row.bytes)),
                    ("Encrypted for", amount(self.recipients, "recipient")),
                ]
            ),
        )


class MessagesRemoved(Result):
    """`removed` counts what was removed, or in a dry run what would be."""

    channel_uuid: str
    removed: int
    dry_run: bool

    def views(self) -> tuple[View, ...]:
        return (f"{'Would remove' if self.dry_run else 'Removed'} {amount(self.removed, 'message')}.",)


Number = Annotated[int, typer.Argument(help="The message's number.", metavar="NUMBER", min=1)]
Before = Annotated[int | None, typer.Option(help="Only messages with a lower number.", metavar="NUMBER", min=1)]


@command("messages list", "hostctl messages list general --limit 20 --before 1234")
def list_messages(
    call: Invocation,
    channel: ChannelArgument,
    space: InSpace = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    before: Before = None,
    after: Annotated[
        int | None, typer.Option(help="Only messages with a higher number.", metavar="NUMBER", min=0)
    ] = None,
) -> MessageList:
    """List messages, the newest by default: sender, time and size."""
    if before is not None and after is not None:
        raise usage("--before and --after exclude each other.", "Give one of them.")
    with call.store() as store:
        found = lookup.channel(store, channel, space)
        forward = after is not None
        page = store.page_after(found.uuid, after or 0, limit) if forward else _older(store, found, before, limit)
        rows = [_row(message) for message in page.messages]
        more = rows and page.more
        result = MessageList(
            found.uuid,
            rows,
            next_before=rows[0].id if more and not forward else None,
            next_after=rows[-1].id if more and forward else None,
        )
    if more:
        cursor = f"--after {rows[-1].id}" if forward else f"--before {rows[0].id}"
        call.out.hint(f"There are more: add {cursor}")
    return result


@command("messages show", "hostctl messages show general 1234 --json")
def show_message(call: Invocation, channel: ChannelArgument, number: Number, space: InSpace = "") -> MessageShown:
    """Show one message: who, when, how much. --json adds the ciphertext."""
    with call.store() as store:
        found = lookup.channel(store, channel, space)
        message = _message(store, found, number)
        envelope = msgspec.json.decode(bytes(message.envelope))
        keys = envelope.get("wrapped_keys") if isinstance(envelope, dict) else None
        return MessageShown(found.uuid, _row(message), len(keys) if isinstance(keys, list) else 0, envelope)


@command(
    "messages remove", "hostctl messages remove general 1234\nhostctl messages remove general --before 1000 --dry-run"
)
def remove_messages(
    call: Invocation,
    channel: ChannelArgument,
    number: Annotated[
        list[int] | None, typer.Argument(help="Numbers of messages.", metavar="[NUMBER]...", min=1)
    ] = None,
    space: InSpace = "",
    before: Before = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> MessagesRemoved:
    """Remove messages by number, or all before a number, from this host. Browsers keep what they have shown."""
    if bool(number) == (before is not None):
        raise usage("Say which messages: numbers, or --before NUMBER.", "hostctl messages list CHANNEL")
    with call.store(write=not dry_run) as store:
        found = lookup.channel(store, channel, space)
        ids = [_message(store, found, one).id for one in number or []]
        count = len(ids) if before is None else snapshot.count_messages(call.database, found.uuid, before)
        if not dry_run:
            call.questions().confirm(f"Remove {amount(count, 'message')} from {found.name} for good?", yes)
            with store.transaction():
                count = store.delete_messages(found.uuid, before) if before else sum(map(store.delete_message, ids))
        return MessagesRemoved(found.uuid, count, dry_run)


def _older(store: Store, channel: Channel, before: int | None, limit: int) -> Any:
    return store.page_before(channel.uuid, NEWEST if before is None else before, limit)


def _message(store: Store, channel: Channel, number: int) -> Message:
    found = store.page_after(channel.uuid, number - 1, 1).messages
    if not found or found[0].id != number:
        raise not_found(
            "unknown_message", f"There is no message {number} in {channel.name}.", "hostctl messages list CHANNEL"
        )
    return found[0]


def _row(message: Message) -> MessageRow:
    size_of = len(bytes(message.envelope))
    return MessageRow(message.id, message.timestamp, message.user_public_key, message.username, size_of)
