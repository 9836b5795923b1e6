"""A store with many messages, fast: a path and a number in, a host with one big channel among small ones out.

The rows go straight into the tables the store has made: saving a million messages one by one measures something else.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bench.relay.envelopes import Identity

from parch_hostctl.store import Store

SPACE, CHANNEL = "space", "big"
SMALL_CHANNELS = 9
ENVELOPE_BYTES = 300
_CHUNK = 20_000
_START = datetime(2026, 1, 1, tzinfo=UTC)
INSERT = (
    "INSERT INTO messages (channel_uuid, content, user_id, message_id, sender_auth_public_key, timestamp)"
    " VALUES (?, ?, 1, ?, ?, ?)"
)


def fill(path: Path, writer: Identity, messages: int, advance: Callable[[int], None]) -> None:
    """`messages` of ENVELOPE_BYTES, nine in ten of them in CHANNEL; `advance` hears how many were added."""
    with Store.open(path) as store:
        user = store.meet_user(writer.public_key, writer.enc_public_key, "writer")
        store.add_space(SPACE, "Space", user.id)
        for channel in (CHANNEL, *map(_small, range(SMALL_CHANNELS))):
            store.add_channel(channel, channel, SPACE)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    rows = _rows(messages, writer.public_key)
    while chunk := list(islice(rows, _CHUNK)):
        connection.execute("BEGIN")
        connection.executemany(INSERT, chunk)
        connection.execute("COMMIT")
        advance(len(chunk))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _rows(messages: int, sender: str) -> Iterator[tuple[str, str, str, str, str]]:
    padding = "x" * (ENVELOPE_BYTES - len('{"v":1,"n":000000,"ciphertext":""}'))
    for n in range(messages):
        channel = _small(n // 10 % SMALL_CHANNELS) if n % 10 == 9 else CHANNEL
        moment = (_START + timedelta(milliseconds=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield channel, f'{{"v":1,"n":{n},"ciphertext":"{padding}"}}', f"m{n}", sender, moment


def _small(n: int) -> str:
    return f"small-{n}"
