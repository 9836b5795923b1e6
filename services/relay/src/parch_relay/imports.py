"""Copies an original relay's hosts into PostgreSQL: rows in, what became of each out. Repeatable. Edge."""

from collections.abc import Sequence

import msgspec

from parch_serve.postgres import Connection, Database

from .legacy import LegacyHost


class Imported(msgspec.Struct):
    """UUIDs by outcome. `conflicts` are here with another signing key and were left alone."""

    added: list[str] = msgspec.field(default_factory=list)
    completed: list[str] = msgspec.field(default_factory=list)
    unchanged: list[str] = msgspec.field(default_factory=list)
    conflicts: list[str] = msgspec.field(default_factory=list)


async def import_hosts(database: Database, rows: Sequence[LegacyHost], *, dry_run: bool = False) -> Imported:
    """All rows in one transaction; ids are kept where they are free."""
    outcome = Imported()
    async with database.transaction(deadline=60) as connection:
        for row in rows:
            getattr(outcome, await _import(connection, row, dry_run)).append(row.uuid)
        if not dry_run:
            sequence = "pg_get_serial_sequence('hosts', 'id')"
            await connection.execute(f"SELECT setval({sequence}, greatest((SELECT max(id) FROM hosts), 1))")  # noqa: S608
    return outcome


async def _import(connection: Connection, row: LegacyHost, dry_run: bool) -> str:
    known = await connection.fetchval("SELECT signing_public_key FROM hosts WHERE uuid = $1", row.uuid)
    if known is None:
        if not dry_run:
            await _insert(connection, row)
        return "added"
    if known == row.signing_public_key or not row.signing_public_key:
        return "unchanged"
    if known:
        return "conflicts"
    if not dry_run:
        await connection.execute(
            "UPDATE hosts SET signing_public_key = $2 WHERE uuid = $1", row.uuid, row.signing_public_key
        )
    return "completed"


async def _insert(connection: Connection, row: LegacyHost) -> None:
    await connection.execute(
        """
        INSERT INTO hosts (id, uuid, name, signing_public_key)
        SELECT CASE WHEN EXISTS (SELECT FROM hosts WHERE id = $1)
               THEN nextval(pg_get_serial_sequence('hosts', 'id')) ELSE $1 END, $2, $3, $4
        """,
        row.id, row.uuid, row.name, row.signing_public_key,
    )  # fmt: skip
