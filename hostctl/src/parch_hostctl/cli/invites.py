"""`hostctl invites`: the pending invites of a space, by public key; and `hostctl invite`, a link with its QR code."""

from typing import Annotated

import msgspec
import typer

from .. import owner, rules
from ..invite_link import invite_link, qr_code
from ..records import Member, SpaceHead
from ..views import Facts, Table, View
from . import lookup
from .command import DryRun, Result, Yes, command, group
from .invocation import Invocation
from .members import KeyArgument, of_space
from .spaces import PANEL, SpaceArgument

group("invites", "Invites that nobody has answered yet.", PANEL)


class InviteRow(msgspec.Struct):
    """`id` is the invite's number on the wire (`space_user_id`)."""

    id: int
    public_key: str
    name: str
    space_uuid: str
    space_name: str


class InviteList(Result):
    invites: list[InviteRow]

    def views(self) -> tuple[View, ...]:
        rows = [(str(row.id), row.public_key, row.name, row.space_name) for row in self.invites]
        return (Table(("Number", "Public key", "Name", "Space"), rows, "No invite is pending."),)


class InviteShown(Result):
    invite: InviteRow

    def views(self) -> tuple[View, ...]:
        row = self.invite
        pairs = [("Number", str(row.id)), ("Public key", row.public_key), ("Name", row.name), ("Space", row.space_name)]
        return (Facts(pairs),)


class InviteChanged(Result):
    """`changed` is false in a dry run; `id` of the invite is then 0 if it would be new."""

    invite: InviteRow
    changed: bool
    withdrawn: bool

    def views(self) -> tuple[View, ...]:
        done = "withdrawn" if self.withdrawn else "made"
        verb = f"Invite {done}" if self.changed else f"Invite would be {done}"
        return (f"{verb}: {self.invite.name} ({self.invite.public_key}), {self.invite.space_name}.",)


class InviteLink(Result):
    """`space_uuid` is null when the link leads to the host alone."""

    link: str
    host_uuid: str
    space_uuid: str | None
    relay: str

    def views(self) -> tuple[View, ...]:
        return (self.link,)


@command("invites list", "hostctl invites list")
def list_invites(
    call: Invocation, space: Annotated[str, typer.Argument(help="Only this space.", metavar="[SPACE]")] = ""
) -> InviteList:
    """List the pending invites of one space, or of all."""
    with call.store() as store:
        heads = [lookup.space(store, space)] if space else store.find_spaces("")
        pairs = [(head, member) for head in heads for member in store.members(head) if not member.joined]
        return InviteList([_row(head, member) for head, member in pairs])


@command("invites show", 'hostctl invites show "Book club" 8nLp3qTz')
def show_invite(call: Invocation, space: SpaceArgument, key: KeyArgument) -> InviteShown:
    """Show one pending invite."""
    with call.store() as store:
        head, user = lookup.space(store, space), lookup.person(store, key)
        return InviteShown(_row(head, of_space(store, head, user.id, joined=False)))


@command("invites add", 'hostctl invites add "Book club" 8nLp3qTz…')
def add_invite(call: Invocation, space: SpaceArgument, key: KeyArgument, dry_run: DryRun = False) -> InviteChanged:
    """Invite somebody into a space. With their whole public key they need not have connected before.

    A running host shows them the invite at once.
    """
    with call.store(write=not dry_run) as store, store.transaction():
        head, user = lookup.space(store, space), lookup.person_or_newcomer(store, key, save=not dry_run)
        limits = call.settings().limits
        rules.check_invite(head, user, store.membership(head.uuid, user.id), store.count_members(head.uuid), limits)
        row = InviteRow(0, user.public_key, user.username, head.uuid, head.name)
        if not dry_run:
            row.id = owner.invite(store, head, user, limits).id
        return InviteChanged(row, changed=not dry_run, withdrawn=False)


@command("invites remove", 'hostctl invites remove "Book club" 8nLp3qTz')
def remove_invite(
    call: Invocation, space: SpaceArgument, key: KeyArgument, yes: Yes = False, dry_run: DryRun = False
) -> InviteChanged:
    """Withdraw a pending invite."""
    with call.store(write=not dry_run) as store:
        head, user = lookup.space(store, space), lookup.person(store, key)
        row = _row(head, of_space(store, head, user.id, joined=False))
        if not dry_run:
            call.questions().confirm(f"Withdraw the invite of {user.username} to {head.name}?", yes)
            owner.remove_member(store, head, user)
        return InviteChanged(row, changed=not dry_run, withdrawn=True)


@command("invite", 'hostctl invite --space "Book club"', PANEL)
def invite(
    call: Invocation,
    space: Annotated[str, typer.Option(help="Lead to this space.", metavar="SPACE")] = "",
    qr: Annotated[bool, typer.Option("--qr/--no-qr", help="Show a QR code on a terminal.")] = True,
) -> InviteLink:
    """Print a link to this host, with a QR code on a terminal.

    The link leads people to the host; who may read a space is decided by `hostctl invites` and `hostctl members`.
    """
    relay, host_uuid = call.settings().relay_url, call.identity().uuid
    space_uuid = ""
    if space:
        with call.store() as store:
            space_uuid = lookup.space(store, space).uuid
    link = invite_link(relay, host_uuid, space_uuid)
    if qr:
        call.out.picture(qr_code, link)
    return InviteLink(link, host_uuid, space_uuid or None, relay)


def _row(head: SpaceHead, member: Member) -> InviteRow:
    user = member.user
    return InviteRow(member.space_user_id, user.public_key, user.username, head.uuid, head.name)
