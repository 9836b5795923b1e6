"""Killed, out of disk, copied while writing: what was acknowledged is on disk, and nothing else was promised.

H-01, H-02, H-06 and H-05's storage half. `HOSTCTL_KILL_ROUNDS` sets the rounds of H-01 (default 20).
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from parch_hostctl import snapshot
from parch_hostctl.store import Store
from parch_hostctl.worker import answer_batch
from parch_wire.messages import Frame

KILL_ROUNDS = int(os.environ.get("HOSTCTL_KILL_ROUNDS", "20"))
WRITER = Path(__file__).with_name("writer_process.py")
TMPFS_BYTES = 2 << 20


@pytest.fixture
def channel(store: Store) -> str:
    store.meet_user("A", "E", "ann")
    store.add_space("S", "space", 1)
    store.add_channel("C", "channel", "S")
    return "C"


@pytest.mark.faults
def test_what_was_acknowledged_survives_kill_9(store: Store, channel: str, database: Path) -> None:
    """H-01: a writer is killed at random instants; 0 acknowledged messages lost, the file is whole every time."""
    chance, acknowledged = random.Random(1), 0
    for round_ in range(KILL_ROUNDS):
        said = _killed_writer(database, round_, chance.uniform(0.0, 0.03))
        assert snapshot.faults(database) == []
        stored = {name for (name,) in store._rows("SELECT message_id FROM messages")}
        assert set(said) <= stored
        acknowledged += len(said)
    assert acknowledged > KILL_ROUNDS
    print(f"\nH-01: {KILL_ROUNDS} kills, {acknowledged} acknowledged, 0 lost, file whole {KILL_ROUNDS}/{KILL_ROUNDS}")


def _killed_writer(database: Path, round_: int, seconds: float) -> list[str]:
    """Lets a writer write for this long after its first acknowledgement; returns all it had acknowledged."""
    command = [sys.executable, str(WRITER), str(database), str(round_)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline()]
        kill = threading.Timer(seconds, writer.kill)
        kill.start()
        said += writer.stdout.readlines()
        kill.join()
    return [line.strip() for line in said if line.endswith("\n")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB where root can mount one; elsewhere an ordinary folder, and the page limit stands in."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.faults
def test_a_full_disk_refuses_clearly_and_recovers(small_disk: Path, host: Any, alice: Any) -> None:
    """H-02: `disk_full` and no acknowledgement; what was acknowledged stays; writing goes on when there is room."""
    mounted = os.path.ismount(small_disk)
    ballast = small_disk / "ballast"
    with Store.open(small_disk / "host_chat_v2.db") as store:
        host.context.records = host.store = store
        space = host.space_of(alice)
        if mounted:
            ballast.write_bytes(b"x" * (TMPFS_BYTES // 2))
        else:
            store._rows(f"PRAGMA max_page_count = {store._number('PRAGMA page_count') + 20}")
        saved, refusal = _fill(host, space, alice)
        assert refusal["code"] == "disk_full"
        assert store.counts().messages == len(saved)
        assert _fill(host, space, alice)[1]["code"] == "disk_full"
        if mounted:
            ballast.unlink()
        else:
            store._rows("PRAGMA max_page_count = 1000000")
        started = time.monotonic()
        [kind] = [frame["type"] for frame in _save(host, space, alice, 1)[1]]
        recovered = time.monotonic() - started
        assert kind == "save_chat_message_response"
        assert recovered < 5
    assert snapshot.faults(small_disk / "host_chat_v2.db") == []
    way = "tmpfs of 2 MiB" if mounted else "max_page_count"
    print(f"\nH-02 ({way}): {len(saved)} acknowledged and stored, then disk_full; writes again after {recovered:.3f} s")


def _save(host: Any, space: Any, sender: Any, count: int) -> tuple[list[str], list[Any]]:
    """Asks for `count` saves in one batch; returns the message ids and the replies."""
    channel = space["channels"][0]["uuid"]
    envelopes = [sender.encrypt([], space["uuid"], channel, "x" * 3000) for _ in range(count)]
    bodies = [{**sender.session(), "channel_uuid": channel, "request_id": "r", "envelope": e} for e in envelopes]
    asked = [Frame("save_chat_message_request", Raw(json.dumps(body).encode())) for body in bodies]
    answers = answer_batch(host.context, asked, lambda error: None)
    return [envelope["message_id"] for envelope in envelopes], [json.loads(text) for [text] in answers]


def _fill(host: Any, space: Any, sender: Any) -> tuple[list[str], Any]:
    """Saves in batches of eight until one is refused; returns what was acknowledged, and the first refusal."""
    acknowledged: list[str] = []
    for _ in range(200):
        names, replies = _save(host, space, sender, 8)
        acknowledged += [
            name for name, reply in zip(names, replies, strict=True) if reply["type"] == "save_chat_message_response"
        ]
        if refused := [reply["data"] for reply in replies if reply["type"] == "error"]:
            return acknowledged, refused[0]
    raise AssertionError("the disk never filled")


@pytest.mark.faults
def test_a_copy_made_while_writing_holds_all_that_was_acknowledged_before(
    store: Store, channel: str, database: Path, tmp_path: Path
) -> None:
    """H-06, the database's part: the copy is one moment of the file, and whole."""
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        with Store.open(database) as writer:
            while not stop.is_set():
                saved = writer.save_message("C", 1, "A", f"m{len(acknowledged)}", "{}", time.time())
                acknowledged.append(saved.id)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(5):
            while len(acknowledged) < 20 * (n + 1):
                time.sleep(0.001)
            before = acknowledged[-1]
            copy = tmp_path / f"copy{n}.db"
            snapshot.copy(database, copy, lambda done, total: None)
            assert snapshot.faults(copy) == []
            with Store.open(copy, readonly=True) as copied:
                ids = [message.id for message in copied.page_after("C", 0, 1_000_000).messages]
            assert ids == list(range(1, len(ids) + 1))
            assert ids[-1] >= before
    finally:
        stop.set()
        thread.join()
    print(f"\nH-06: 5 copies beside {len(acknowledged)} writes, none torn, none short")
