"""A sealed file opens with its passphrase, whole, in order and unchanged, or not at all."""

import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_hostctl import sealed_file
from parch_hostctl.failures import Exit, Failure
from parch_hostctl.sealed_file import CHUNK_BYTES, MAGIC, OpeningReader, SealingWriter

PASSPHRASE = b"correct horse battery staple"
SALT = bytes(range(16))
CHEAP = 2
SEALED_CHUNK = CHUNK_BYTES + 16


def seal(plain: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    sink = io.BytesIO()
    writer = SealingWriter(sink, passphrase, SALT, n=CHEAP)
    for start in range(0, len(plain), 50_000):
        writer.write(plain[start : start + 50_000])
    writer.close()
    return sink.getvalue()


def unseal(sealed: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    reader = OpeningReader(io.BytesIO(sealed), passphrase)
    plain = b"".join(iter(lambda: reader.read(10_000), b""))
    reader.drain()
    return plain


def refusal(sealed: bytes, passphrase: bytes = PASSPHRASE) -> Failure:
    with pytest.raises(Failure) as caught:
        unseal(sealed, passphrase)
    return caught.value


def body_of(sealed: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the chunks, and the chunks."""
    start = len(MAGIC) + 4 + int.from_bytes(sealed[10:12], "big") + 32
    body = sealed[start:]
    return sealed[:start], [body[i : i + SEALED_CHUNK] for i in range(0, len(body), SEALED_CHUNK)]


PLAIN = bytes(i * 7 & 0xFF for i in range(CHUNK_BYTES)) * 3 + b"the end"
SEALED = seal(PLAIN)
HEAD, CHUNKS = body_of(SEALED)


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_sealed_comes_back(length: int) -> None:
    plain = b"x" * length
    assert unseal(seal(plain)) == plain


def test_the_plain_text_is_nowhere_in_the_file() -> None:
    assert PLAIN[:32] not in SEALED
    assert PASSPHRASE not in SEALED


def test_another_passphrase_is_told_apart_from_damage() -> None:
    failure = refusal(SEALED, b"Correct horse battery staple")
    assert (failure.code, failure.exit_code) == ("wrong_passphrase", Exit.AUTH)


@pytest.mark.parametrize(
    "chunks",
    [
        CHUNKS[:-1],
        CHUNKS[:1],
        [],
        [*CHUNKS[:-1], CHUNKS[-1][:-1]],
        [*CHUNKS[:-1], CHUNKS[-1][:5]],
        [CHUNKS[1], CHUNKS[0], *CHUNKS[2:]],
        [CHUNKS[0], CHUNKS[0], *CHUNKS[1:]],
        CHUNKS[1:],
        [*CHUNKS, CHUNKS[-1]],
        [*CHUNKS, b"\0"],
    ],
    ids=[
        "last lost",
        "first only",
        "none",
        "cut",
        "stump",
        "swapped",
        "doubled",
        "first lost",
        "last twice",
        "appended",
    ],
)
def test_chunks_that_are_cut_moved_or_added_are_damage(chunks: list[bytes]) -> None:
    assert refusal(HEAD + b"".join(chunks)).code == "backup_damaged"


def test_chunks_of_another_file_of_the_same_passphrase_are_damage() -> None:
    sink = io.BytesIO()
    other = SealingWriter(sink, PASSPHRASE, bytes(16), n=CHEAP)
    other.write(PLAIN)
    other.close()
    _, foreign = body_of(sink.getvalue())
    assert refusal(HEAD + b"".join([foreign[0], *CHUNKS[1:]])).code == "backup_damaged"


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= change
    assert refusal(bytes(changed)).code in {"backup_damaged", "wrong_passphrase", "not_a_backup", "backup_version"}


@given(st.binary(max_size=200))
def test_any_file_is_refused_with_a_reason(junk: bytes) -> None:
    assert refusal(junk).code == "not_a_backup"
    assert refusal(MAGIC + b"\0\1" + junk).code in {"backup_damaged", "not_a_backup"}


def test_a_newer_format_asks_for_a_newer_program() -> None:
    assert refusal(MAGIC + b"\0\2\0\0").code == "backup_version"


@pytest.mark.parametrize(
    "change", [{"n": 1 << 30}, {"n": 3}, {"n": 0}, {"p": 99}, {"r": 1 << 20}, {"chunk": 1 << 30}, {"chunk": 0}]
)
def test_a_header_cannot_ask_for_unbounded_work(change: dict[str, int]) -> None:
    header = {"n": 2, "r": 8, "p": 1, "salt": "AAAAAAAAAAAAAAAAAAAAAA==", "chunk": CHUNK_BYTES, **change}
    text = msgspec.json.encode(header)
    failure = refusal(MAGIC + b"\0\1" + len(text).to_bytes(2, "big") + text + bytes(64))
    assert failure.code == "backup_damaged"


def test_the_default_cost_is_what_owasp_asks_for_scrypt() -> None:
    assert sealed_file.SCRYPT_N >= 1 << 17
