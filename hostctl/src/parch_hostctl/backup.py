"""Backups: a host's configuration and database in, one sealed file out; and back into a directory of files, checked.

The plain text of the sealed file (sealed_file.py) is a tar stream of `manifest.json`, `host_config.json` (with
the keys), `hostctl.toml` if there is one, and `host_chat_v2.db`. Nothing from a backup is used before its last
byte has proved authentic and the database has passed SQLite's integrity check.
"""

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from . import snapshot
from .config import CONFIG_FILE, DATABASE_FILE
from .failures import conflict
from .sealed_file import SCRYPT_N, OpeningReader, SealingWriter, damaged
from .settings import FILE as SETTINGS_FILE

FORMAT = 1
HOST_FILES = (DATABASE_FILE, SETTINGS_FILE, CONFIG_FILE)
_MANIFEST = "manifest.json"
_BLOCK = 1 << 20

Advance = Callable[[int, int], None]


class Manifest(msgspec.Struct):
    """What a backup says of itself. `created_at` is RFC 3339 UTC, `rows` counts the rows of each table."""

    format: int
    created_at: str
    version: str
    host_uuid: str
    host_name: str
    rows: dict[str, int]


def write(
    target: Path,
    passphrase: bytes,
    texts: Mapping[str, bytes],
    database: Path,
    manifest: Manifest,
    salt: bytes,
    advance: Advance,
    n: int = SCRYPT_N,
) -> None:
    """Writes `target` (0600) whole or not at all. `texts` are the small files by name; nobody may write to
    `database`."""
    with replacing(target) as sink:
        sealed = SealingWriter(sink, passphrase, salt, n)
        with tarfile.open(fileobj=cast(BinaryIO, sealed), mode="w|") as archive, database.open("rb") as pages:
            _add(archive, _MANIFEST, io.BytesIO(msgspec.json.encode(manifest)))
            for name, text in texts.items():
                _add(archive, name, io.BytesIO(text))
            _add(archive, DATABASE_FILE, _Watched(pages, advance))
        sealed.close()


def unpack(source: Path, passphrase: bytes, folder: Path, advance: Advance) -> Manifest:
    """Writes the backup's configuration and database into `folder` and proves them whole. Raises Failure."""
    with source.open("rb") as sealed:
        reader = OpeningReader(cast(BinaryIO, _Watched(sealed, advance)), passphrase)
        try:
            with tarfile.open(fileobj=cast(BinaryIO, reader), mode="r|") as archive:
                texts = {member.name: _extract(archive, member, folder) for member in archive}
            manifest = msgspec.json.decode(texts[_MANIFEST], type=Manifest)
        except (tarfile.TarError, msgspec.MsgspecError, KeyError):
            raise damaged("its contents are not those of a host") from None
        reader.drain()
    _prove(folder, manifest)
    return manifest


def place(unpacked: Path, directory: Path, aside: Path) -> list[Path]:
    """Moves unpacked files into `directory`, what is in their way into `aside`; both on one disk. Returns what
    was moved aside.

    The configuration goes first on the way out and last on the way in: whenever this is cut short, the
    directory holds a whole host or none, never half of one and half of another. When a move fails, everything
    moves back.
    """
    moved: list[tuple[Path, Path]] = []
    old = [directory / name for name in (*reversed(HOST_FILES), f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")]
    plan = [(path, aside / path.name) for path in old if path.exists()]
    displaced = [target for _, target in plan]
    plan += [(unpacked / name, directory / name) for name in HOST_FILES if (unpacked / name).exists()]
    if displaced:
        aside.mkdir(mode=0o700)
    try:
        for origin, target in plan:
            origin.rename(target)
            moved.append((origin, target))
    except OSError:
        for origin, target in reversed(moved):
            target.rename(origin)
        raise
    sync_directory(directory)
    return displaced


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file (0600) that takes `target`'s place, on disk, when the block ends well, and leaves no trace
    otherwise."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        Path(name).replace(target)
        sync_directory(target.parent)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """A private folder on the disk of `directory`, which is made (0700) when missing and left only if it got files."""
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=directory) as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):  # not empty: the host has moved in
            for folder_made in made:
                folder_made.rmdir()


def refuse_existing(target: Path, force: bool) -> None:
    if target.exists() and not force:
        raise conflict("file_exists", f"{target} exists already.", "Choose another name, or add --force.")


def sync_directory(directory: Path) -> None:
    """Makes renames in `directory` outlive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Watched:
    """A file object that tells how far it has been read."""

    def __init__(self, source: BinaryIO, advance: Advance) -> None:
        self._source = source
        self._advance = advance
        self.size = os.fstat(source.fileno()).st_size

    def read(self, count: int = -1) -> bytes:
        data = self._source.read(count)
        self._advance(self._source.tell(), self.size)
        return data


def _add(archive: tarfile.TarFile, name: str, content: Any) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.size if isinstance(content, _Watched) else len(content.getvalue())
    entry.mode = 0o600
    archive.addfile(entry, content)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> bytes:
    """Writes one entry, 0600; returns its bytes when it is the manifest. Other names are refused."""
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or member.name not in (_MANIFEST, *HOST_FILES):
        raise damaged(f"it holds {member.name!r}")
    if member.name == _MANIFEST:
        return content.read(_BLOCK)
    descriptor = os.open(folder / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        while block := content.read(_BLOCK):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return b""


def _prove(folder: Path, manifest: Manifest) -> None:
    for name in (CONFIG_FILE, DATABASE_FILE):
        if not (folder / name).is_file():
            raise damaged(f"{name} is missing")
    if found := snapshot.faults(folder / DATABASE_FILE):
        raise damaged(f"its database: {found[0]}")
    if snapshot.rows(folder / DATABASE_FILE) != manifest.rows:
        raise damaged("its database has other rows than were saved")
