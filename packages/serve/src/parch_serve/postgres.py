"""PostgreSQL behind a pool that survives a restart of the database.

Comes in: a `postgresql://` URL (also `?host=/socket/dir`), statements, deadlines in seconds. Goes out: records, or
`DatabaseUnavailable` when no usable connection was had in time. Errors that the statement itself caused (a constraint,
a syntax error) stay asyncpg's own.

A connection that cannot be opened is tried again with jittered backoff until the deadline. A connection lost while a
statement ran leaves its outcome unknown: only statements that may run twice are repeated (`fetch…`, and `execute` with
`idempotent=True`). Nothing inside `transaction` is repeated.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg  # type: ignore[import-untyped]

from parch_serve.backoff import delays
from parch_serve.errors import StartupError

Pool: TypeAlias = Any  # asyncpg.Pool; asyncpg ships no types
Connection: TypeAlias = Any  # asyncpg.Connection
Record: TypeAlias = Any  # asyncpg.Record: indexed by column name or position

T = TypeVar("T")

DEADLINE = 5.0
START_LIMIT = 60.0
_RELEASE_LIMIT = 1.0

_CONNECTION_LOST = (
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # the server has said goodbye, but its end of file is still to come
)
_NOT_OPENED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)  # OSError includes TimeoutError


class DatabaseUnavailable(Exception):
    """No usable connection within the deadline, or the connection broke while a statement ran. Worth a later retry."""


class _Broken(Exception):
    """The connection failed; `sent` when a statement may have reached the server."""

    def __init__(self, sent: bool) -> None:
        self.sent = sent


class Database:
    """A pool of connections to one PostgreSQL database.

    `deadline` bounds each call, retries included. `behind_pgbouncer` turns off what a transaction-pooling PgBouncer
    cannot carry: prepared statements and session parameters.
    """

    def __init__(
        self,
        url: str,
        *,
        max_size: int = 10,
        deadline: float = DEADLINE,
        behind_pgbouncer: bool = False,
    ) -> None:
        self._url = url
        self._max_size = max_size
        self._deadline = deadline
        self._behind_pgbouncer = behind_pgbouncer
        self._pool: Pool | None = None

    async def connect(self, limit: float = START_LIMIT) -> None:
        """Open the pool, waiting up to `limit` seconds for the server. Raises `StartupError`."""
        self._pool = await wait_for_server(self._open_pool, limit)

    async def close(self) -> None:
        """Close every connection; those still in use after a second are cut."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_RELEASE_LIMIT):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def fetch(self, query: str, *args: object, deadline: float | None = None) -> list[Record]:
        """Return all rows. The statement may run twice."""
        return await self._call(lambda connection: connection.fetch(query, *args), deadline, idempotent=True)

    async def fetchrow(self, query: str, *args: object, deadline: float | None = None) -> Record | None:
        """Return the first row or None. The statement may run twice."""
        return await self._call(lambda connection: connection.fetchrow(query, *args), deadline, idempotent=True)

    async def fetchval(self, query: str, *args: object, deadline: float | None = None) -> Any:
        """Return the first column of the first row or None. The statement may run twice."""
        return await self._call(lambda connection: connection.fetchval(query, *args), deadline, idempotent=True)

    async def execute(self, query: str, *args: object, deadline: float | None = None, idempotent: bool = False) -> str:
        """Run a statement and return its status, such as `UPDATE 1`. It runs twice only when `idempotent`."""
        return await self._call(lambda connection: connection.execute(query, *args), deadline, idempotent)

    @asynccontextmanager
    async def transaction(self, *, deadline: float | None = None) -> AsyncIterator[Connection]:
        """Run the block in one transaction: committed at its end, rolled back when it raises or takes too long."""
        ends = self._ends(deadline)
        try:
            async with (
                self._connection_with_retry(ends) as connection,
                asyncio.timeout_at(ends),
                _transaction(connection),
            ):
                yield connection
        except _Broken as error:
            raise _unavailable(error) from error.__cause__

    async def ready(self) -> bool:
        """Return whether the database answers within a second."""
        try:
            return bool(await self.fetchval("SELECT true", deadline=1.0))
        except DatabaseUnavailable:
            return False

    @property
    def connections(self) -> tuple[int, int]:
        """(open, of them idle) connections of the pool."""
        return (self._pool.get_size(), self._pool.get_idle_size()) if self._pool else (0, 0)

    async def _open_pool(self) -> Pool:
        options: dict[str, Any] = {"min_size": 0, "max_size": self._max_size, "timeout": self._deadline}
        if self._behind_pgbouncer:
            options["statement_cache_size"] = 0
        else:  # a statement nobody waits for any more must not run on
            options["server_settings"] = {"statement_timeout": str(int((self._deadline + 1) * 1000))}
        pool = await asyncpg.create_pool(self._url, **options)
        try:
            await pool.fetchval("SELECT true")  # the pool itself connects only when asked
        except BaseException:
            pool.terminate()
            raise
        return pool

    def _ends(self, deadline: float | None) -> float:
        return asyncio.get_running_loop().time() + (self._deadline if deadline is None else deadline)

    async def _call(self, work: Callable[[Connection], Awaitable[T]], deadline: float | None, idempotent: bool) -> T:
        ends = self._ends(deadline)
        for delay in delays():
            try:
                async with self._connection(ends) as connection, asyncio.timeout_at(ends):
                    return await work(connection)
            except _Broken as error:
                if error.sent and not idempotent:
                    raise _unavailable(error) from error.__cause__
                await _pause(delay, ends, error)
        raise AssertionError

    @asynccontextmanager
    async def _connection_with_retry(self, ends: float) -> AsyncIterator[Connection]:
        for delay in delays():
            try:
                async with self._connection(ends) as connection:
                    yield connection
                    return
            except _Broken as error:
                if error.sent:
                    raise
                await _pause(delay, ends, error)

    @asynccontextmanager
    async def _connection(self, ends: float) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise DatabaseUnavailable("The database connection is closed.")
        try:
            connection = await self._pool.acquire(timeout=max(0.001, ends - asyncio.get_running_loop().time()))
        except _NOT_OPENED as error:
            raise _Broken(sent=False) from error
        try:
            yield connection
        except asyncio.CancelledError:
            _cut(connection)
            raise
        except _CONNECTION_LOST as error:
            _cut(connection)
            raise _Broken(sent=True) from error
        except (OSError, asyncpg.InterfaceError) as error:
            if _is_closed(connection):
                raise _Broken(sent=True) from error
            raise
        finally:
            with suppress(*_NOT_OPENED):
                await self._pool_release(connection)

    async def _pool_release(self, connection: Connection) -> None:
        if self._pool is not None:
            await self._pool.release(connection, timeout=_RELEASE_LIMIT)


async def wait_for_server(open_connection: Callable[[], Awaitable[T]], limit: float) -> T:
    """Call `open_connection` until it succeeds, for up to `limit` seconds. Raises `StartupError`."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + limit
    for delay in delays():
        try:
            async with asyncio.timeout_at(ends):
                return await open_connection()
        except ValueError:
            raise StartupError(
                "DATABASE_URL is not a usable PostgreSQL URL. Use the form "
                "postgresql://user:password@host:5432/database, special characters percent-encoded."
            ) from None
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise StartupError(f"DATABASE_URL: the database refused the login ({error}). Correct it.") from None
        except _NOT_OPENED as error:
            if loop.time() + delay >= ends:
                raise StartupError(
                    f"DATABASE_URL: no answer from the database within {limit:g} s ({_reason(error)}). "
                    "Start the database or correct the URL."
                ) from None
        await asyncio.sleep(delay)
    raise AssertionError


@asynccontextmanager
async def _transaction(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise  # the connection is cut, which rolls back
    except BaseException:
        with suppress(*_NOT_OPENED):
            await transaction.rollback()
        raise
    else:
        await transaction.commit()


def _cut(connection: Connection) -> None:
    """End the connection without waiting for a server that may not answer."""
    with suppress(asyncpg.InterfaceError):  # the pool has already taken it back
        connection.terminate()


def _is_closed(connection: Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has already taken it back
        return True


async def _pause(delay: float, ends: float, error: _Broken) -> None:
    if asyncio.get_running_loop().time() + delay >= ends:
        raise _unavailable(error) from error.__cause__
    await asyncio.sleep(delay)


def _unavailable(error: _Broken) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"The database is not available ({_reason(error.__cause__)}).")


def _reason(error: BaseException | None) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
