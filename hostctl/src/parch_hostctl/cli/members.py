"""`hostctl members`: list, show, add and remove the people of a space, by public key."""

from typing import Annotated, Literal

import msgspec
import typer

from .. import owner, rules
from ..failures import Failure, not_found
from ..records import Member, SpaceHead
from ..store import Store
from ..views import Cell, Facts, Table, View
from . import lookup
from .command import DryRun, Result, Yes, command, group
from .invocation import Invocation
from .spaces import PANEL, SpaceArgument

group("members", "The people of a space.", PANEL)

KeyArgument = Annotated[str, typer.Argument(help="Public key, or its first 8 characters or more.", metavar="KEY")]


class MemberRow(msgspec.Struct):
    """`public_key` is who they are; `name` is only what they call themselves."""

    public_key: str
    name: str
    space_uuid: str
    space_name: str
    role: Literal["author", "member"]


class MemberList(Result):
    members: list[MemberRow]

    def views(self) -> tuple[View, ...]:
        rows = [
            (row.public_key, row.name, row.space_name, Cell(row.role, "bold" if row.role == "author" else ""))
            for row in self.members
        ]
        return (
            Table(
                ("Public key", "Name", "Space", "Role"),
                rows,
                "Nobody is a member yet. Invite: hostctl invites add SPACE KEY",
            ),
        )


class MemberSpace(msgspec.Struct):
    uuid: str
    name: str
    standing: Literal["author", "member", "invited"]


class MemberShown(Result):
    """A person this host has met, and where they stand. `encryption_key` is false until they first connect."""

    public_key: str
    name: str
    encryption_key: bool
    spaces: list[MemberSpace]

    def views(self) -> tuple[View, ...]:
        facts = Facts(
            [("Public key", self.public_key), ("Name", self.name), ("Has connected", _yes(self.encryption_key))]
        )
        rows = [(space.name, space.uuid, space.standing) for space in self.spaces]
        return facts, Table(("Space", "Id", "Standing"), rows, "In no space.")


class MemberChanged(Result):
    """`changed` is false in a dry run."""

    member: MemberRow
    change: Literal["added", "removed"]
    changed: bool

    def views(self) -> tuple[View, ...]:
        verb = self.change.capitalize() if self.changed else f"Would have {self.change}"
        return (f"{verb} {self.member.name} ({self.member.public_key}): {self.member.space_name}.",)


@command("members list", 'hostctl members list "Book club"')
def list_members(
    call: Invocation, space: Annotated[str, typer.Argument(help="Only this space.", metavar="[SPACE]")] = ""
) -> MemberList:
    """List the people of one space, or of all."""
    with call.store() as store:
        heads = [lookup.space(store, space)] if space else store.find_spaces("")
        pairs = [(head, member) for head in heads for member in store.members(head) if member.joined]
        return MemberList([_row(head, member) for head, member in pairs])


@command("members show", "hostctl members show 8nLp3qTz")
def show_member(call: Invocation, key: KeyArgument) -> MemberShown:
    """Show one person and their spaces."""
    with call.store() as store:
        user = lookup.person(store, key)
        found = [
            MemberSpace(head.uuid, head.name, _standing(member))
            for head in store.find_spaces("")
            for member in store.members(head)
            if member.user.id == user.id
        ]
        return MemberShown(user.public_key, user.username, bool(user.enc_public_key), found)


@command("members add", 'hostctl members add "Book club" 8nLp3qTz')
def add_member(call: Invocation, space: SpaceArgument, key: KeyArgument, dry_run: DryRun = False) -> MemberChanged:
    """Make somebody a member without asking them. They must have connected to this host once.

    To ask first, use `hostctl invites add`. They see the space when they next open this host.
    """
    with call.store(write=not dry_run) as store:
        head, user = lookup.space(store, space), lookup.person(store, key)
        if not user.enc_public_key:
            raise Failure(
                "never_connected",
                f"{user.username} has never connected, so nobody could encrypt for them.",
                f"Invite them instead: hostctl invites add '{head.name}' {user.public_key}",
            )
        limits = call.settings().limits
        known = store.membership(head.uuid, user.id)
        if known is None or known.joined:
            rules.check_invite(head, user, known, store.count_members(head.uuid), limits)
        if not dry_run:
            with store.transaction():
                store.accept_invite(known.id if known else store.add_invite(head.uuid, user.id).id)
        row = MemberRow(user.public_key, user.username, head.uuid, head.name, "member")
        return MemberChanged(row, "added", changed=not dry_run)


@command("members remove", 'hostctl members remove "Book club" 8nLp3qTz')
def remove_member(
    call: Invocation, space: SpaceArgument, key: KeyArgument, yes: Yes = False, dry_run: DryRun = False
) -> MemberChanged:
    """End somebody's membership. A running host closes the space for them at once."""
    with call.store(write=not dry_run) as store:
        head, user = lookup.space(store, space), lookup.person(store, key)
        member = of_space(store, head, user.id, joined=True)
        rules.check_removal(head, user, store.membership(head.uuid, user.id))
        if not dry_run:
            call.questions().confirm(f"Remove {user.username} ({user.public_key}) from {head.name}?", yes)
            owner.remove_member(store, head, user)
        return MemberChanged(_row(head, member), "removed", changed=not dry_run)


def of_space(store: Store, head: SpaceHead, user_id: int, joined: bool) -> Member:
    """The person among a space's members (`joined`) or its invited."""
    for member in store.members(head):
        if member.user.id == user_id and member.joined == joined:
            return member
    what, listing = ("member", "members list") if joined else ("pending invite", "invites list")
    raise not_found("not_a_member", f"There is no such {what} in {head.name}.", f"hostctl {listing} '{head.name}'")


def _row(head: SpaceHead, member: Member) -> MemberRow:
    role: Literal["author", "member"] = "author" if member.author else "member"
    return MemberRow(member.user.public_key, member.user.username, head.uuid, head.name, role)


def _standing(member: Member) -> Literal["author", "member", "invited"]:
    if member.author:
        return "author"
    return "member" if member.joined else "invited"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
