"""`hostctl import`: a host of the original program, copied into another directory with its id, its keys and all
its rows."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from .. import backup, config, settings, snapshot
from .. import status as host_status
from ..failures import Failure, conflict, usage
from ..store import Store
from ..views import Facts, Table, View
from .backups import PANEL
from .command import DryRun, Result, command
from .invocation import Invocation
from .moments import file_stamp


class ImportedTable(msgspec.Struct):
    """Rows in the source and in the copy; the copy may have fewer where the source holds the same membership twice."""

    table: str
    found: int
    copied: int


class Imported(Result):
    """`imported` is false in a dry run."""

    source: str
    config_dir: str
    uuid: str
    name: str
    tables: list[ImportedTable]
    imported: bool

    def views(self) -> tuple[View, ...]:
        verb = "Copied to" if self.imported else "Would be copied to"
        rows = [(row.table, str(row.found), str(row.copied)) for row in self.tables]
        facts = Facts([("Host", f"{self.name} ({self.uuid})"), ("From", self.source), (verb, self.config_dir)])
        return facts, Table(("Table", "Found", "Copied"), rows)


@command("import", "hostctl import ~/.config/ParchHost --config-dir /srv/parch --dry-run", PANEL)
def import_host(
    call: Invocation,
    source: Annotated[Path, typer.Argument(help="The directory with host_config.json.", metavar="DIR")],
    dry_run: DryRun = False,
) -> Imported:
    """Copy a host of the original program into another directory.

    Keeps its id, its keys and all its rows; changes nothing in the source. Stop the original first, so that no
    message comes in after the copy. Without this command hostctl reads the original's directory in place: it is
    the default one.
    """
    from .. import keys

    origin = source.expanduser().absolute()
    if origin.resolve() == call.directory.resolve():
        raise usage(
            f"{origin} is where hostctl reads already.", "Nothing to import; or give --config-dir.", "same_directory"
        )
    if host_status.is_running(origin):
        raise conflict("already_running", f"The host in {origin} is running.", "Stop it, then try again.")
    identity = config.read(origin)
    keys.signing_key(identity.signing_private_key, identity.signing_public_key)
    if (call.directory / config.CONFIG_FILE).exists():
        raise conflict("config_exists", f"There is a host in {call.directory} already.", "Give another --config-dir.")
    with backup.staging(call.directory) as folder:
        tables = _copy(call, origin, folder)
        config.write(folder, identity)
        if (origin / settings.FILE).exists():
            config.write_private(folder / settings.FILE, (origin / settings.FILE).read_bytes())
        if not dry_run:
            backup.place(folder, call.directory, call.directory / f"replaced-{file_stamp(time.time())}")
    if not dry_run:
        config.write(call.directory, identity, replace=True)
        call.out.hint("Never run both copies. Check this one:  hostctl doctor    then start it:  hostctl run")
    return Imported(str(origin), str(call.directory), identity.uuid, identity.name, tables, imported=not dry_run)


def _copy(call: Invocation, origin: Path, folder: Path) -> list[ImportedTable]:
    """The database, brought up to date, in `folder`; and the rows of both."""
    copied = config.database_path(folder)
    with call.out.progress("Copying the database") as advance:
        snapshot.copy(config.database_path(origin), copied, advance)
    if found := snapshot.faults(copied):
        raise Failure(
            "database_corrupt", f"The database in {origin} is damaged: {found[0]}.", "Restore a backup of it first."
        )
    before = snapshot.rows(copied)
    with Store.open(copied) as store:
        if store.archived:
            raise Failure(
                "database_incompatible", f"The database in {origin} is of an older kind.", "Start without it."
            )
    after = snapshot.rows(copied)
    return [ImportedTable(name, before.get(name, 0), after[name]) for name in snapshot.TABLES]
