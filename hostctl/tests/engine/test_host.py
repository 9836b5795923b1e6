"""A whole host behind a relay's port: it serves, announces, refuses what is too much, and stops cleanly."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from parch_hostctl import config, host, keys, owner, status
from parch_hostctl.announcer import POLL_SECONDS
from parch_hostctl.config import HostConfig
from parch_hostctl.errors import ConfigError, LinkError
from parch_hostctl.settings import resolve
from parch_hostctl.status import Event
from parch_hostctl.store import Store, database

HOST_UUID = "6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0"
PRIVATE, PUBLIC = keys.from_seed(bytes(range(32)))


class Running:
    """A host at work on a directory."""

    def __init__(self, directory: Path, relay: Any, environment: dict[str, str]) -> None:
        self.directory = directory
        self.events: list[Event] = []
        self._heard = asyncio.Event()
        settings = resolve(
            {"relay": f"http://{relay.address}"}, {"HOSTCTL_RECONNECT_FIRST_SECONDS": "1"} | environment, {}
        )
        self.task = asyncio.create_task(host.run(directory, settings, self._hear))

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._heard.set()

    async def event(self, kind: str) -> Event:
        """The latest event of this kind, waiting for one at most five seconds."""
        async with asyncio.timeout(5):
            while not (found := [event for event in self.events if event.kind == kind]):
                self._heard.clear()
                await self._heard.wait()
        return found[-1]

    @property
    def store(self) -> Store:
        """What another process opens."""
        return Store.open(config.database_path(self.directory))


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    config.write(tmp_path, HostConfig(HOST_UUID, "Test host", "", PUBLIC, PRIVATE))
    return tmp_path


@pytest.fixture
def running(directory: Path, relay: Any) -> Start:
    @asynccontextmanager
    async def start(**environment: str) -> AsyncIterator[Running]:
        started = Running(directory, relay, environment)
        try:
            yield started
        finally:
            started.task.cancel()
            await asyncio.gather(started.task, return_exceptions=True)

    return start


async def ask(socket: Any, type_: str, person: Any, prefix: str = "", **body: Any) -> tuple[str, Any]:
    await socket.say(type_, {**person.session(prefix), **body})
    reply: tuple[str, Any] = await socket.hear()
    return reply


async def test_a_host_registers_arrives_and_answers(relay: Any, running: Start, alice: Any) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome("save_ack")
        kind, made = await ask(socket, "create_space_request", alice, name="Garden", request_id="1")
        assert (kind, made["request_id"]) == ("create_space_response", "1")
        [sent] = relay.registrations
        assert (sent["uuid"], sent["name"], sent["signing_public_key"]) == (HOST_UUID, "Test host", PUBLIC)
        [space] = started.store.find_spaces("")
        assert space.uuid == made["space"]["uuid"]


async def test_a_message_is_on_disk_when_it_is_acknowledged(relay: Any, running: Start, alice: Any) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome("save_ack")
        _, made = await ask(socket, "create_space_request", alice, name="Garden")
        channel = made["space"]["channels"][0]["uuid"]
        envelope = alice.encrypt([], made["space"]["uuid"], channel, "hi")
        kind, told = await ask(
            socket, "save_chat_message_request", alice, envelope=envelope, channel_uuid=channel, request_id="2"
        )
        assert (kind, told["duplicate"]) == ("save_chat_message_response", False)
        with started.store as other:
            assert json.loads(bytes(other.page_after(channel, 0, 1).messages[0].envelope)) == envelope


async def test_answers_keep_the_order_of_the_questions(relay: Any, running: Start, alice: Any) -> None:
    async with running():
        socket = await relay.next_host()
        await socket.welcome()
        for n in range(100):
            await socket.say("get_dash_data_request", {**alice.session(), "request_id": str(n)})
        assert [(await socket.hear())[1]["request_id"] for _ in range(100)] == [str(n) for n in range(100)]


async def test_a_busy_database_delays_no_health_check_and_a_full_queue_is_refused(
    relay: Any, running: Start, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, release = threading.Event(), threading.Event()
    counts = Store.spaces_of

    def slow(store: Any, user_id: int) -> Any:
        busy.set()
        assert release.wait(10)
        return counts(store, user_id)

    monkeypatch.setattr(Store, "spaces_of", slow)
    async with running(HOSTCTL_QUEUE_REQUESTS="2") as started:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.say("get_dash_data_request", {**alice.session(), "request_id": "0"})
        await asyncio.to_thread(busy.wait, 5)
        for n in (1, 2, 3):
            await socket.say("get_dash_data_request", {**alice.session(), "request_id": str(n)})
        await socket.say("relay_health_check", {"nonce": "n"})
        kind, refusal = await socket.hear()
        assert (kind, refusal["code"], refusal["request_id"]) == ("error", "host_busy", "3")
        assert await socket.hear() == ("relay_health_check_ack", {"nonce": "n"})
        release.set()
        assert [(await socket.hear())[1]["request_id"] for _ in range(3)] == ["0", "1", "2"]
        assert (await started.event("started")).kind == "started"


async def test_changes_of_the_command_line_are_announced_once(relay: Any, running: Start, alice: Any) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome("push")
        await ask(socket, "create_space_request", alice, name="Garden")
        with started.store as other:
            channel = owner.create_channel(other, other.find_spaces("")[0], "new-channel", "roses")
        kind, told = await socket.hear()
        assert (kind, told["client_uuid"], told["channel"]["uuid"]) == ("create_channel_response", "", channel.uuid)
        await started.event("announced")
        with started.store as other:
            assert other.announcements() == []


async def test_changes_made_while_the_host_was_down_are_announced_on_arrival(
    relay: Any, running: Start, directory: Path
) -> None:
    with Store.open(config.database_path(directory)) as store:
        space = owner.create_space(store, "S", "C", "Garden", store.meet_user("A", "E", "ann"))
        owner.create_channel(store, space, "D", "roses")
    async with running():
        socket = await relay.next_host()
        await socket.welcome("push")
        assert (await socket.hear())[1]["channel"]["uuid"] == "D"


async def test_a_relay_that_knows_no_push_is_told_nothing(relay: Any, running: Start, directory: Path) -> None:
    with Store.open(config.database_path(directory)) as store:
        space = owner.create_space(store, "S", "C", "Garden", store.meet_user("A", "E", "ann"))
        owner.create_channel(store, space, "D", "roses")
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome()
        await started.event("announced")
        await socket.say("relay_health_check", {"nonce": "next"})
        assert await socket.hear() == ("relay_health_check_ack", {"nonce": "next"})
        assert started.store.announcements() == []
    assert POLL_SECONDS <= 1


async def test_a_database_held_by_another_program_is_reported_and_waited_for(
    relay: Any, running: Start, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome("push")
        await started.event("connected")
        with started.store as other, other.transaction():
            _, refusal = await ask(socket, "create_space_request", alice, name="Garden", request_id="1")
            assert refusal["code"] == "database_busy"
            assert "in use" in (await started.event("failed")).text
        kind, _ = await ask(socket, "create_space_request", alice, name="Garden", request_id="2")
        assert kind == "create_space_response"


async def test_an_announcement_that_could_not_be_forgotten_is_told_again(
    relay: Any, running: Start, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome("push")
        with started.store as other:
            space = owner.create_space(other, "S", "C", "Garden", other.meet_user("A", "E", "ann"))
            owner.create_channel(other, space, "D", "roses")
            with other.transaction():
                assert (await socket.hear())[1]["channel"]["uuid"] == "D"
                await started.event("failed")
        while (await socket.hear())[1]["channel"]["uuid"] != "D":
            pass
        await started.event("announced")


async def test_a_stop_finishes_what_was_taken(relay: Any, running: Start, alice: Any) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome()
        await started.event("connected")
        for n in range(20):
            await socket.say("create_space_request", {**alice.session(), "name": f"s{n}"})
        assert (await socket.hear())[0] == "create_space_response"
        os.kill(os.getpid(), signal.SIGTERM)
        answered = 1
        with suppress(ConnectionClosed):
            while True:
                answered += (await socket.hear())[0] == "create_space_response"
        async with asyncio.timeout(5):
            await started.task
        with started.store as other:
            assert other.counts().spaces == answered
        assert started.events[-1].kind == "stopped"
        saved = status.load(started.directory)
        assert saved is not None
        assert (saved.state, saved.pid) == ("stopped", os.getpid())


async def test_a_second_run_on_the_same_directory_is_refused(relay: Any, running: Start) -> None:
    async with running() as first:
        await first.event("started")
        async with running() as second:
            with pytest.raises(ConfigError) as refused:
                await second.task
            assert refused.value.code == "already_running"
        assert status.is_running(first.directory)


async def test_a_displaced_host_ends_with_that_reason(relay: Any, running: Start) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome()
        await socket.socket.close(4003, "")
        with pytest.raises(LinkError) as ended:
            await started.task
        assert ended.value.code == "displaced"
        saved = status.load(started.directory)
        assert saved is not None
        assert (saved.state, saved.last_error) == ("stopped", ended.value.text)
        assert not status.is_running(started.directory)


async def test_a_relay_with_another_key_ends_the_run(relay: Any, running: Start) -> None:
    relay.answers = [(409, {"error": "host signing key mismatch for existing host UUID"})]
    async with running() as started:
        with pytest.raises(LinkError) as ended:
            await started.task
        assert ended.value.code == "host_key_mismatch"


async def test_the_status_tells_what_happens(relay: Any, running: Start, alice: Any) -> None:
    async with running() as started:
        socket = await relay.next_host()
        await socket.welcome()
        await started.event("connected")
        await ask(socket, "create_space_request", alice, name="")
        await ask(socket, "get_dash_data_request", alice)
        os.kill(os.getpid(), signal.SIGINT)
        await started.task
    saved = status.load(started.directory)
    assert saved is not None
    assert (saved.host_uuid, saved.connects) == (HOST_UUID, 1)
    assert saved.counters == {"create_space_request": 1, "get_dash_data_request": 1, "refused": 1}


async def test_a_moved_database_and_loose_modes_are_noticed(
    relay: Any, running: Start, directory: Path, original_file: Any
) -> None:
    import sqlite3

    with sqlite3.connect(original_file([("m1", "2025-01-01T00:00:00Z")])) as connection:
        connection.execute("ALTER TABLE channels DROP COLUMN allow_voice")
    connection.close()
    (directory / config.CONFIG_FILE).chmod(0o644)
    async with running() as started:
        await started.event("started")
        texts = [event.text for event in started.events if event.kind == "notice"]
    assert any("0644" in text for text in texts)
    assert any(".legacy." in text for text in texts)


async def test_the_public_host_has_its_space(relay: Any, running: Start) -> None:
    async with running(OFFICIAL_HOST_UUID=HOST_UUID, OFFICIAL_SPACE_UUID="parch") as started:
        await started.event("started")
        assert [channel.name for channel in started.store.channels("parch")] == ["general", "feedback", "announcements"]
