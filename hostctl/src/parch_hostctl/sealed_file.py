"""Files sealed with a passphrase: plain bytes and a passphrase in, a stream nobody can read, change, cut or
reorder out; and back.

    magic "PARCHBK\\n" · version u16 · header length u16 · header (JSON: scrypt cost, salt, chunk size)
    HMAC-SHA256 over all of the above
    chunks of AES-256-GCM: nonce = chunk number (11 bytes, big endian) · 1 if this is the last chunk, else 0

The chunks are the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): a missing, doubled, moved or
cut chunk does not decrypt. Scrypt (RFC 7914) makes 64 bytes of the passphrase and a fresh salt: one key for the
header, one for the chunks, so a nonce never meets the same key twice, and a wrong passphrase is told apart from
damage.
"""

import hashlib
import hmac
from typing import BinaryIO, Protocol

import msgspec

from .failures import Exit, Failure

MAGIC = b"PARCHBK\n"
VERSION = 1
SALT_BYTES = 16
CHUNK_BYTES = 64 * 1024
SCRYPT_N = 1 << 17
"""128 MiB and about half a second for each guess of a passphrase."""
MAX_SCRYPT_N = 1 << 19
MAX_CHUNK_BYTES = 1 << 20
_TAG_BYTES = 16


class Header(msgspec.Struct):
    """How the keys are made and how the plain text is cut. `salt` is base64 in the file."""

    n: int
    r: int
    p: int
    salt: bytes
    chunk: int

    def bounded(self) -> bool:
        """Refuses costs that would let a hostile file exhaust the reader's memory."""
        power_of_two = self.n & (self.n - 1) == 0
        costs = 2 <= self.n <= MAX_SCRYPT_N and power_of_two and self.r == 8 and 1 <= self.p <= 4
        return costs and len(self.salt) >= SALT_BYTES and 1 <= self.chunk <= MAX_CHUNK_BYTES


class Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class SealingWriter:
    """A write-only file object; `close` seals the last chunk and must be called, or the file will not open again."""

    def __init__(self, sink: BinaryIO, passphrase: bytes, salt: bytes, n: int = SCRYPT_N) -> None:
        header = Header(n=n, r=8, p=1, salt=salt, chunk=CHUNK_BYTES)
        start = _start(msgspec.json.encode(header))
        self._cipher, tag = _keys(passphrase, header, start)
        self._sink = sink
        self._pending = bytearray()
        self._number = 0
        sink.write(start + tag)

    def write(self, data: bytes) -> int:
        self._pending += data
        while len(self._pending) > CHUNK_BYTES:
            self._seal(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._pending), last=True)

    def _seal(self, chunk: bytes, last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_nonce(self._number, last), chunk, None))
        self._number += 1


class OpeningReader:
    """A read-only file object over a sealed file. Every byte it gives is authentic; the end is authentic too.

    Raises Failure: `not_a_backup`, `backup_version`, `wrong_passphrase`, `backup_damaged`.
    """

    def __init__(self, source: BinaryIO, passphrase: bytes) -> None:
        start, header = _read_start(source)
        self._cipher, tag = _keys(passphrase, header, start)
        if not hmac.compare_digest(tag, source.read(len(tag))):
            raise Failure(
                "wrong_passphrase",
                "The passphrase does not open this file.",
                "Try again; passphrases differ in case and in spaces.",
                Exit.AUTH,
            )
        self._source = source
        self._sealed_bytes = header.chunk + _TAG_BYTES
        self._next = source.read(self._sealed_bytes)
        self._plain = b""
        self._number = 0
        self._ended = False

    def read(self, count: int) -> bytes:
        """Up to `count` bytes; fewer only at the end."""
        parts = []
        while count and (self._plain or self._open_chunk()):
            part, self._plain = self._plain[:count], self._plain[count:]
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def drain(self) -> None:
        """Reads to the authentic end, so that a cut file is noticed."""
        while self.read(MAX_CHUNK_BYTES):
            pass

    def _open_chunk(self) -> bool:
        if self._ended:
            return False
        chunk, self._next = self._next, self._source.read(self._sealed_bytes)
        self._ended = not self._next
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, self._ended), chunk, None)
        except Exception:  # InvalidTag, or ValueError for a stump shorter than a tag: both mean damage
            raise damaged(f"part {self._number + 1} is not what was written") from None
        self._number += 1
        return bool(self._plain)


def damaged(detail: str) -> Failure:
    return Failure("backup_damaged", f"The backup is damaged: {detail}.", "Use another copy of the backup.")


def _start(header: bytes) -> bytes:
    return MAGIC + VERSION.to_bytes(2, "big") + len(header).to_bytes(2, "big") + header


def _read_start(source: BinaryIO) -> tuple[bytes, Header]:
    fixed = source.read(len(MAGIC) + 4)
    if fixed[: len(MAGIC)] != MAGIC or len(fixed) < len(MAGIC) + 4:
        raise Failure("not_a_backup", "This file is no hostctl backup.", "Give a file that `hostctl backup` wrote.")
    version = int.from_bytes(fixed[-4:-2], "big")
    if version != VERSION:
        raise Failure(
            "backup_version", f"The backup has format {version}; this hostctl reads {VERSION}.", "Update hostctl."
        )
    text = source.read(int.from_bytes(fixed[-2:], "big"))
    try:
        header = msgspec.json.decode(text, type=Header)
    except msgspec.MsgspecError:
        raise damaged("its header cannot be read") from None
    if not header.bounded():
        raise damaged("its header asks for impossible costs")
    return fixed + text, header


def _keys(passphrase: bytes, header: Header, start: bytes) -> tuple[Cipher, bytes]:
    """The cipher of the chunks, and the tag of the header."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    both = Scrypt(salt=header.salt, length=64, n=header.n, r=header.r, p=header.p).derive(passphrase)
    return AESGCM(both[:32]), hmac.digest(both[32:], start, hashlib.sha256)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
