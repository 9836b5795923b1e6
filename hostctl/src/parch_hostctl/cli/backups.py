"""`hostctl backup`, `hostctl backup verify` and `hostctl restore`: the whole host in one sealed file, and back.

All of them work while the host runs, except a restore over it.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from .. import backup, config, settings, snapshot
from .. import status as host_status
from ..backup import Manifest
from ..failures import conflict, not_found
from ..sealed_file import SALT_BYTES
from ..views import Facts, Table, View, size
from .command import DefaultsToCreate, DryRun, Result, command, group
from .invocation import Invocation
from .moments import file_stamp, moment

PANEL = "Safety"
group("backup", "Save the whole host in one encrypted file, and check such files.", PANEL, DefaultsToCreate)

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Read the passphrase from this file; - is stdin.", metavar="FILE"),
]
BackupFile = Annotated[Path, typer.Argument(help="A file that hostctl backup wrote.", metavar="FILE")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


class BackupMade(Result):
    """`file` is absolute; `bytes` its size; `rows` counts what it holds by table."""

    file: str
    bytes: int
    host_uuid: str
    host_name: str
    created_at: str
    rows: dict[str, int]

    def views(self) -> tuple[View, ...]:
        return (
            Facts([("Saved", self.file), ("Size", size(self.bytes)), ("Messages", str(self.rows.get("messages", 0)))]),
        )


class BackupVerified(Result):
    """The file opens, is whole, and its database is sound."""

    file: str
    host_uuid: str
    host_name: str
    created_at: str
    version: str
    rows: dict[str, int]

    def views(self) -> tuple[View, ...]:
        facts = Facts(
            [
                ("Host", f"{self.host_name} ({self.host_uuid})"),
                ("Saved at", self.created_at),
                ("State", "whole and sound"),
            ]
        )
        return facts, _rows(self.rows)


class Restored(Result):
    """`restored` is false in a dry run. `aside` is where the replaced files went, null when nothing was replaced."""

    config_dir: str
    host_uuid: str
    host_name: str
    created_at: str
    rows: dict[str, int]
    restored: bool
    aside: str | None

    def views(self) -> tuple[View, ...]:
        verb = "Restored to" if self.restored else "Would be restored to"
        pairs = [("Host", f"{self.host_name} ({self.host_uuid})"), ("As of", self.created_at), (verb, self.config_dir)]
        if self.aside:
            pairs.append(("Replaced files are in", self.aside))
        return Facts(pairs), _rows(self.rows)


@command("backup create", "hostctl backup ~/parch.backup\nhostctl backup --passphrase-file ~/.parch-passphrase")
def create(
    call: Invocation,
    file: Annotated[
        Path | None, typer.Argument(help="Where to save; a new name in this folder by default.", metavar="[FILE]")
    ] = None,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
) -> BackupMade:
    """Save configuration, keys and database in one encrypted file. The host may run meanwhile.

    Without the passphrase nobody can open the file, you included: keep both, apart.
    """
    from importlib.metadata import version

    identity = call.identity()
    target = (file or Path(f"parch-{identity.uuid[:8]}-{file_stamp(time.time())}.backup")).expanduser().absolute()
    backup.refuse_existing(target, force)
    if not target.parent.is_dir():
        raise not_found("folder_missing", f"There is no folder {target.parent}.", f"mkdir -p '{target.parent}'")
    passphrase = call.questions().passphrase(passphrase_file, repeat=True)
    with tempfile.TemporaryDirectory(prefix=".snapshot-", dir=target.parent) as folder:
        copy = Path(folder) / config.DATABASE_FILE
        with call.out.progress("Copying the database") as advance:
            snapshot.copy(call.database, copy, advance)
        manifest = Manifest(
            backup.FORMAT,
            moment(time.time()),
            version("parch-hostctl"),
            identity.uuid,
            identity.name,
            snapshot.rows(copy),
        )
        with call.out.progress("Encrypting") as advance:
            salt = os.urandom(SALT_BYTES)
            backup.write(target, passphrase, _texts(call.directory), copy, manifest, salt, advance)
    call.out.hint(f"Check it now and then:  hostctl backup verify '{target}'")
    return BackupMade(
        str(target), target.stat().st_size, identity.uuid, identity.name, manifest.created_at, manifest.rows
    )


@command("backup verify", "hostctl backup verify ~/parch.backup --json")
def verify(call: Invocation, file: BackupFile, passphrase_file: PassphraseFile = None) -> BackupVerified:
    """Prove that a backup can be restored: decrypt all of it and check its database, on a copy."""
    source = _existing(file)
    passphrase = call.questions().passphrase(passphrase_file, repeat=False)
    with tempfile.TemporaryDirectory(prefix="hostctl-verify-") as folder, call.out.progress("Checking") as advance:
        manifest = backup.unpack(source, passphrase, Path(folder), advance)
    return BackupVerified(
        str(source), manifest.host_uuid, manifest.host_name, manifest.created_at, manifest.version, manifest.rows
    )


@command(
    "restore", "hostctl restore ~/parch.backup\nhostctl restore ~/parch.backup --config-dir /srv/parch --dry-run", PANEL
)
def restore(
    call: Invocation,
    file: BackupFile,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> Restored:
    """Bring a host back from a backup, on this machine or a new one.

    A host that is there is replaced with --force only; its files are kept beside the new ones.
    """
    source, there = _existing(file), (call.directory / config.CONFIG_FILE).exists()
    if there and not (force or dry_run):
        raise conflict("config_exists", f"There is a host in {call.directory} already.", "Add --force to replace it.")
    if host_status.is_running(call.directory):
        raise conflict("already_running", f"The host in {call.directory} is running.", "Stop it, then try again.")
    passphrase = call.questions().passphrase(passphrase_file, repeat=False)
    with backup.staging(call.directory) as folder:
        with call.out.progress("Decrypting") as advance:
            manifest = backup.unpack(source, passphrase, folder, advance)
        aside = call.directory / f"replaced-{file_stamp(time.time())}"
        moved: list[Path] = []
        if not dry_run:
            with host_status.sole(call.directory):
                moved = backup.place(folder, call.directory, aside)
    if not dry_run:
        call.out.hint("Check it:  hostctl doctor    then start it:  hostctl run")
    return Restored(
        config_dir=str(call.directory),
        host_uuid=manifest.host_uuid,
        host_name=manifest.host_name,
        created_at=manifest.created_at,
        rows=manifest.rows,
        restored=not dry_run,
        aside=str(aside) if moved else None,
    )


def _texts(directory: Path) -> dict[str, bytes]:
    files = (directory / config.CONFIG_FILE, directory / settings.FILE)
    return {path.name: path.read_bytes() for path in files if path.exists()}


def _existing(file: Path) -> Path:
    source = file.expanduser().absolute()
    if not source.is_file():
        raise not_found("file_missing", f"There is no file {source}.", "Give the path of a backup.")
    return source


def _rows(rows: dict[str, int]) -> Table:
    return Table(("Table", "Rows"), [(name, str(count)) for name, count in rows.items()])
