"""The relay's one table, in PostgreSQL: hosts by uuid, their signing keys, who holds them. Edge.

Raises `DatabaseUnavailable` when the database does not answer within its deadline.
"""

from collections.abc import Sequence
from typing import NamedTuple

from parch_serve.postgres import Connection, Database

from .registration import Change, Registration, Row, decide

ONLINE_SECONDS = 90

_ROW = "id, uuid, name, signing_public_key, proven_at IS NOT NULL AS proven"
_ONLINE = "coalesce(online_until > now(), false)"


class Listed(NamedTuple):
    """A host as lists show it."""

    uuid: str
    name: str
    online: bool
    signing_public_key: str = ""
    proven: bool = False


class Registry:
    def __init__(self, database: Database, replica: str) -> None:
        self._database = database
        self._replica = replica

    async def find(self, uuid: str) -> Row | None:
        if "\0" in uuid:  # which PostgreSQL takes for an error
            return None
        row = await self._database.fetchrow(f"SELECT {_ROW} FROM hosts WHERE uuid = $1", uuid)  # noqa: S608
        return None if row is None else Row(*row)

    async def list(self, uuids: Sequence[str] | None = None) -> list[Listed]:
        """The hosts among `uuids`, or all, oldest first."""
        rows = await self._database.fetch(
            f"SELECT uuid, name, {_ONLINE}, signing_public_key, proven_at IS NOT NULL FROM hosts"  # noqa: S608
            " WHERE $1::text[] IS NULL OR uuid = ANY($1) ORDER BY id",
            None if uuids is None else [uuid for uuid in uuids if "\0" not in uuid],
        )
        return [Listed(*row) for row in rows]

    async def register(self, request: Registration, proven: bool, new_uuid: str) -> tuple[Change, int]:
        """Applies a checked registration; returns what was written and the row's id. Raises Rejected."""
        async with self._database.transaction() as connection:
            row = await _locked(connection, request.uuid) if request.uuid else None
            change = decide(request, proven, row, new_uuid)
            written = await connection.fetchval(
                """
                INSERT INTO hosts (uuid, name, signing_public_key, proven_at, pending_name)
                VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END, $5)
                ON CONFLICT (uuid) DO UPDATE SET
                    name = excluded.name, signing_public_key = excluded.signing_public_key,
                    proven_at = CASE WHEN $4 THEN coalesce(hosts.proven_at, now()) END,
                    pending_name = excluded.pending_name
                RETURNING id
                """,
                change.uuid, change.name, change.signing_public_key, change.proven, change.pending_name,
            )  # fmt: skip
        return change, written

    async def proved(self, uuid: str, signing_public_key: str) -> bool:
        """The host has proved this key on a websocket: it owns its row, and a name that waited takes effect.

        False when the row has another key or is gone; then nothing has changed.
        """
        status = await self._database.execute(
            """
            UPDATE hosts SET proven_at = now(), name = coalesce(pending_name, name), pending_name = NULL,
                online_until = now() + make_interval(secs => $3), held_by = $4
            WHERE uuid = $1 AND signing_public_key = $2
            """,
            uuid, signing_public_key, ONLINE_SECONDS, self._replica,
            idempotent=True,
        )  # fmt: skip
        return status != "UPDATE 0"

    async def gone(self, uuid: str) -> None:
        """The host is not connected to this replica any more; another replica's word on it stands."""
        await self._database.execute(
            "UPDATE hosts SET online_until = NULL WHERE uuid = $1 AND held_by = $2",
            uuid, self._replica,
            idempotent=True,
        )  # fmt: skip

    async def keep_online(self, uuids: Sequence[str]) -> None:
        """These hosts are connected to this replica now, and no others."""
        await self._database.execute(
            """
            UPDATE hosts SET online_until = CASE WHEN uuid = ANY($1) THEN now() + make_interval(secs => $2) END
            WHERE held_by = $3 AND (uuid = ANY($1) OR online_until IS NOT NULL)
            """,
            list(uuids), ONLINE_SECONDS, self._replica,
            idempotent=True,
        )  # fmt: skip


async def _locked(connection: Connection, uuid: str) -> Row | None:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", uuid)
    row = await connection.fetchrow(f"SELECT {_ROW} FROM hosts WHERE uuid = $1", uuid)  # noqa: S608
    return None if row is None else Row(*row)
