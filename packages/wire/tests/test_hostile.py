"""Whatever arrives, decoding answers with a body, with None or with InvalidBody, and soon (catalogue W-10, W-11).

`WIRE_EXAMPLES` sets how many bodies the random tests decode (the catalogue's number is 200,000).
"""

import gc
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parch_wire.body import MAX_OBJECTS, Body, frame, open_frame, parse
from parch_wire.browser import AuthPubkey, CreateSpace, JoinHost
from parch_wire.errors import InvalidBody
from parch_wire.host import HostAuth
from parch_wire.messages import BROWSER_ACTIONS, HOST_REPLIES, HOST_REQUESTS, RELAY_EVENTS

VECTORS = Path(__file__).parent / "vectors"
FRAME_BYTES = 262_144  # the largest frame a relay takes
EXAMPLES = int(os.environ.get("WIRE_EXAMPLES", "20000"))
TABLES: list[dict[str, Any]] = [BROWSER_ACTIONS, HOST_REQUESTS, HOST_REPLIES, RELAY_EVENTS]
TYPES: list[type[Body]] = [JoinHost, AuthPubkey, HostAuth]
TYPES += dict.fromkeys(cls for table in TABLES for cls in table.values())
RECORDED = [
    json.dumps(event["json"], ensure_ascii=False).encode()
    for event in json.loads((VECTORS / "chat-wire-transcript.json").read_text())["expected"]["events"]
    if "json" in event and len(str(event["json"])) < 2_000
]
tally: Counter[str] = Counter()


def decode(cls: type[Body], data: bytes) -> str:
    """What became of `data` as a frame of `cls`; what was read can be written."""
    opened = open_frame(data)
    if opened is None:
        return "ignored"
    try:
        body = parse(cls, opened.data)
    except InvalidBody:
        return "refused"
    assert open_frame(frame(opened.type, body)) is not None
    return "read"


def decode_as_every_type(data: bytes) -> None:
    tally.update(decode(cls, data) for cls in TYPES)


def settled(cls: type[Body], data: bytes) -> bytes:
    """`data` read and written once."""
    return frame("x", parse(cls, data))


random_tests = settings(
    max_examples=max(1, EXAMPLES // (2 * len(TYPES))),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
names = st.sampled_from(sorted({name for cls in TYPES for name in cls.__struct_encode_fields__}))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), names
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(names, st.text(max_size=4)), inner, max_size=8)
    ),
    max_leaves=12,
)
patches = st.sampled_from(
    [b"", b"null", b"1.0", b"-0", b"1e999", b'"', b"{", b"[", b"}", b"]", b",", b"\\ud800", b"\xff", b"\0"]
)
edits = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 12),
        patches,
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@random_tests
@given(st.dictionaries(names, values, max_size=12))
def random_bodies(body: dict[str, Any]) -> None:
    decode_as_every_type(json.dumps({"type": "x", "data": body}).encode())


@given(st.sampled_from(TYPES), st.dictionaries(names, values, max_size=12))
def test_a_body_settles_when_it_is_first_read(cls: type[Body], fields: dict[str, Any]) -> None:
    """Reading what was written changes nothing more."""
    with suppress(InvalidBody):
        once = settled(cls, json.dumps(fields).encode())
        opened = open_frame(once)
        assert opened is not None
        assert settled(cls, bytes(opened.data)) == once


@random_tests
@given(st.sampled_from(RECORDED), edits)
def damaged_recordings(data: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for place, length, patch in changes:
        at = place % (len(data) + 1)
        data = data[:at] + patch + data[at + length :]
    decode_as_every_type(data)


def test_random_and_damaged_bodies_are_read_or_refused_as_every_type() -> None:
    random_bodies()
    damaged_recordings()
    print(f"W-10: {tally.total()} random and damaged bodies over {len(TYPES)} types: {dict(tally)}")
    assert set(tally) == {"ignored", "refused", "read"}


def wrap(data: str) -> bytes:
    return f'{{"type":"x","data":{data}}}'.encode()


def fill(item: Callable[[int], str]) -> str:
    """As many items as the largest frame holds."""
    parts: list[str] = []
    size = 100
    while size < FRAME_BYTES:
        parts.append(item(len(parts)))
        size += len(parts[-1].encode()) + 1
    return ",".join(parts[:-1])


LONGEST = "just few enough objects"
ADVERSARIAL = {
    "empty": b"",
    "only spaces": b" " * FRAME_BYTES,
    "one brace": b"{",
    "closing brace": b"}",
    "nul bytes": bytes(FRAME_BYTES),
    "byte order mark": b"\xef\xbb\xbf" + wrap("{}"),
    "utf-16": wrap("{}").decode().encode("utf-16"),
    "overlong utf-8": wrap('"\xc0\xaf"').decode().encode("latin-1"),
    "raw surrogate": b'{"type":"\xed\xa0\x80"}',
    "escaped lone surrogate": wrap('{"name":"\\ud800"}'),
    "swapped surrogates": wrap('{"name":"\\udc00\\ud800"}'),
    "half an escape": wrap('{"name":"\\u12'),
    "control character": wrap('{"name":"\n"}'),
    "two values": wrap("{}") * 2,
    "trailing comma": wrap('{"name":"a",}'),
    "comment": wrap('{} /* "a" */'),
    "single quotes": wrap("{'name':'a'}"),
    "infinity": wrap('{"id":Infinity}'),
    "not a number": wrap('{"id":NaN}'),
    "not a number as text": wrap('{"id":"NaN"}'),
    "huge exponent": wrap('{"id":1e999999999}'),
    "huge integer": wrap('{"id":' + "9" * 200_000 + "}"),
    "long fraction": wrap('{"id":0.' + "1" * 200_000 + "}"),
    "minus zero": wrap('{"id":-0}'),
    "leading zero": wrap('{"id":01}'),
    "hexadecimal": wrap('{"id":0x1}'),
    "duplicate keys": wrap('{"name":"a","name":"b"}'),
    "duplicate type": b'{"type":"a","type":"b","data":{}}',
    "duplicate unknown keys": wrap("{" + fill(lambda n: '"x":0') + "}"),
    "prototype key": wrap('{"__proto__":{"name":"a"}}'),
    "place of unknown fields": wrap('{"(extra)":{"name":"a"}}'),
    "deep lists": b"[" * 100_000,
    "deep lists in data": wrap("[" * 100_000 + "]" * 100_000),
    "deep lists in a field": wrap('{"name":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep lists in an unknown field": wrap('{"new":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep objects": wrap('{"a":' * 40_000 + "1" + "}" * 40_000),
    "deep beside null": wrap('{"name":null,"new":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep envelope": wrap('{"envelope":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "many keys": wrap("{" + fill(lambda n: f'"{n:x}":0') + "}"),
    "many spaced keys": wrap("{" + fill(lambda n: f'"{n:x}" :0') + "}"),
    "many keys beside null": wrap('{"name":null,' + fill(lambda n: f'"{n:x}":0') + "}"),
    "just few enough keys": wrap('{"name":null,' + ",".join(f'"{n:x}":0' for n in range(Body.MAX_VALUES)) + "}"),
    LONGEST: wrap('{"spaces":[{}' + ",{}" * (MAX_OBJECTS - 3) + "]}"),
    "just few enough messages": wrap('{"messages":[0' + ",0" * HOST_REPLIES["get_messages_response"].MAX_VALUES + "]}"),
    "many nulls": wrap('{"channels":[' + fill(lambda n: "null") + '],"spaces":[' + "null]}"),
    "many empty objects": wrap('{"spaces":[' + fill(lambda n: "{}") + "]}"),
    "many small lists": wrap('{"spaces":[' + fill(lambda n: "[]") + "]}"),
    "many floats": wrap('{"id":1.0,"x":[' + fill(lambda n: "1.0") + "]}"),
    "long text": wrap('{"name":"' + "a" * (FRAME_BYTES - 100) + '"}'),
    "long escapes": wrap('{"name":"' + "\\u00e9" * 40_000 + '"}'),
}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without the cost of other tests' garbage and of measuring coverage."""
    tracer = sys.gettrace()
    gc.collect()
    gc.disable()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
        gc.enable()


def milliseconds(cls: type[Body], data: bytes) -> float:
    """CPU time a peer spends on a frame of `cls`, the best of five runs."""
    runs = []
    with undisturbed():
        for _ in range(5):
            start = time.thread_time()
            opened = open_frame(data)
            with suppress(InvalidBody):
                parse(cls, opened.data if opened else b"")
            runs.append(1e3 * (time.thread_time() - start))
    return min(runs)


@pytest.mark.parametrize("data", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_adversarial_frames_are_read_or_refused_as_every_type(data: bytes) -> None:
    decode_as_every_type(data)


@pytest.mark.parametrize("word", ["get_dash_data_response", "get_messages_response", "create_space_response", "error"])
def test_no_frame_costs_more_than_10_ms(word: str) -> None:
    frames = {name: data for name, data in ADVERSARIAL.items() if name != LONGEST}
    slowest, name = max((milliseconds(HOST_REPLIES[word], data), name) for name, data in frames.items())
    print(f"W-11: {len(frames)} adversarial frames as {word}, slowest {slowest:.1f} ms ({name})")
    assert slowest <= 10


def test_the_longest_dashboard_is_read_within_25_ms() -> None:
    """As many spaces as a body may hold: real work that only an authenticated host can make."""
    spent = milliseconds(HOST_REPLIES["get_dash_data_response"], ADVERSARIAL[LONGEST])
    print(f"W-11: {LONGEST}: {spent:.1f} ms")
    assert spent <= 25


def test_a_million_keys_are_refused_before_they_are_read() -> None:
    """Ten times what a relay lets in; a peer without that limit survives it too."""
    body = ("{" + ",".join(f'"{n:x}":0' for n in range(1_000_000)) + "}").encode()
    with pytest.raises(InvalidBody, match="more than"):
        parse(CreateSpace, body)
    start = time.thread_time()
    with suppress(InvalidBody):
        parse(CreateSpace, body)
    print(
        f"W-11: an object of 10^6 keys ({len(body) >> 20} MiB) refused in {1e3 * (time.thread_time() - start):.1f} ms"
    )
