"""The worker: many requests, one commit, and faults that stay with the request that made them."""

import asyncio
import threading
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode

from parch_hostctl.errors import StoreError
from parch_hostctl.worker import Worker, answer_batch
from parch_wire.messages import Frame, open_frame


def create_space(person: Any, name: str) -> Frame:
    return Frame("create_space_request", Raw(encode({**person.session(), "name": name})))


def kinds(answers: Any) -> list[str]:
    return [frame.type for frames in answers for text in frames if (frame := open_frame(text))]


def no_fault(error: Exception) -> None:
    raise AssertionError from error


def test_a_batch_is_one_commit(host: Any, alice: Any, database: Any) -> None:
    reader = type(host.store).open(database, readonly=True)
    before = reader.data_version()
    answers = answer_batch(host.context, [create_space(alice, f"s{n}") for n in range(10)], no_fault)
    assert kinds(answers) == ["create_space_response"] * 10
    assert reader.data_version() == before + 1
    reader.close()


def test_a_refusal_in_a_batch_takes_nothing_with_it(host: Any, alice: Any) -> None:
    batch = [create_space(alice, name) for name in ("a", "", "b")]
    answers = answer_batch(host.context, batch, no_fault)
    assert kinds(answers) == ["create_space_response", "error", "create_space_response"]
    assert host.store.counts().spaces == 2


def test_a_mistake_stays_with_its_request(host: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a mistake in this program is like this, so one is put in."""
    add_channel = type(host.store).add_channel

    def fails_for_b(store: Any, uuid: str, name: str, space_uuid: str) -> Any:
        if store.space(space_uuid).name == "b":
            raise ZeroDivisionError
        return add_channel(store, uuid, name, space_uuid)

    monkeypatch.setattr(type(host.store), "add_channel", fails_for_b)
    reported: list[Exception] = []
    answers = answer_batch(host.context, [create_space(alice, name) for name in "abc"], reported.append)
    assert kinds(answers) == ["create_space_response", "error", "create_space_response"]
    assert b'"code":"internal_error"' in answers[1][0]
    assert [type(error) for error in reported] == [ZeroDivisionError]
    assert [space.name for space in host.store.find_spaces("")] == ["a", "c"]


def test_a_database_that_cannot_says_so(host: Any, alice: Any, database: Any) -> None:
    host.store._run("PRAGMA busy_timeout = 1")
    reported: list[Exception] = []
    with type(host.store).open(database) as other, other.transaction():
        answers = answer_batch(host.context, [create_space(alice, name) for name in "ab"], reported.append)
    assert kinds(answers) == ["error", "error"]
    assert b'"code":"database_busy"' in answers[0][0]
    assert [type(error) for error in reported] == [StoreError, StoreError]


async def test_the_loop_stays_free_while_the_database_works() -> None:
    worker, release = Worker(), threading.Event()
    waiting = asyncio.create_task(worker.call(release.wait, timeout=10))
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    assert await waiting is True
    worker.close()
