"""The command line of the relay: `parch-relay serve`, and the table of hosts for those who run it. Edge."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from parch_serve import migrations
from parch_serve.errors import StartupError
from parch_serve.postgres import Database, DatabaseUnavailable
from parch_serve.settings import listing, read

from .app import MIGRATIONS, MIGRATIONS_TABLE, RelayService
from .imports import import_hosts
from .legacy import LegacyFileError, read_hosts
from .registration import Registration, Rejected, checked
from .registry import Listed, Registry
from .settings import RelaySettings

T = TypeVar("T")

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The Parch chat relay.")
hosts = typer.Typer(no_args_is_help=True, help="The hosts this relay knows.")
cli.add_typer(hosts, name="hosts")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """The console script."""
    cli()


@cli.command()
def serve() -> None:
    """Serve until SIGTERM. Settings come from the environment; see `parch-relay settings`."""
    RelayService(_settings()).run()


@cli.command()
def settings(json: Json = False) -> None:
    """Show every setting, its value and where that comes from. Secrets are masked."""
    rows = listing(RelaySettings, os.environ)
    if json:
        _print_json([row._asdict() for row in rows])
        return
    _print_table(("Setting", "Value", "From", "What it is"), [tuple(row) for row in rows])


@hosts.command("list")
def list_hosts(json: Json = False) -> None:
    """List the hosts, oldest first."""
    found = _with_registry(lambda registry: registry.list())
    if json:
        _print_json([row._asdict() for row in found])
        return
    _print_table(("UUID", "Name", "Online", "Key proven", "Signing public key"), [_row(host) for host in found])


@hosts.command()
def add(
    name: Annotated[str, typer.Argument(help="The host's name.")],
    signing_public_key: Annotated[str, typer.Argument(help="Its Ed25519 public key, base64 without padding.")],
    uuid: Annotated[str, typer.Option(help="Its UUID; a new one when left out.")] = "",
    json: Json = False,
) -> None:
    """Add a host row, or rename one whose key is the same.

    Example: parch-relay hosts add "Our club" A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg
    """

    async def work(registry: Registry) -> tuple[str, bool]:
        request, _ = checked(Registration(name=name, signing_public_key=signing_public_key, uuid=uuid), time.time())
        change, _ = await registry.register(request, False, str(uuid4()))
        return change.uuid, change.status == 201

    added, new = _with_registry(work)
    if json:
        _print_json({"uuid": added, "new": new})
    else:
        typer.echo(added)


@hosts.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The original relay's chat_relay.db.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    json: Json = False,
) -> None:
    """Copy the hosts of an original relay. May be repeated; nothing that is here is lost or overwritten."""
    try:
        rows = read_hosts(file)
    except LegacyFileError as error:
        raise _fail(str(error)) from None
    outcome = _with_database(lambda database: import_hosts(database, rows, dry_run=dry_run))
    if json:
        _print_json(outcome)
    else:
        verb = "Would import" if dry_run else "Imported"
        typer.echo(
            f"{verb} {len(outcome.added)} of {len(rows)} hosts; {len(outcome.unchanged)} were here already, "
            f"{len(outcome.completed)} got their missing key."
        )
        for uuid in outcome.conflicts:
            typer.echo(f"Left alone: {uuid} is here with another signing key.", err=True)
    if outcome.conflicts:
        raise typer.Exit(3)


def _settings() -> RelaySettings:
    try:
        return read(RelaySettings, os.environ)
    except StartupError as error:
        raise _fail(str(error)) from None


def _with_registry(work: Callable[[Registry], Awaitable[T]]) -> T:
    return _with_database(lambda database: work(Registry(database, "command")))


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    url = _settings().database_url

    async def run() -> T:
        await migrations.apply(url, MIGRATIONS, MIGRATIONS_TABLE)
        database = Database(url)
        await database.connect()
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (StartupError, DatabaseUnavailable, Rejected) as error:
        raise _fail(str(error)) from None


def _fail(text: str) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(1)


def _row(host: Listed) -> tuple[str, ...]:
    return host.uuid, host.name, _yes(host.online), _yes(host.proven), host.signing_public_key or "none"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _print_json(value: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    console = Console(markup=False, emoji=False)
    rows = [tuple(map(_plain, row)) for row in rows]
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _plain(text: str) -> str:
    """Strangers choose names of hosts: none may steer the terminal or break a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
