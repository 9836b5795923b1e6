"""`host_config.json`, the host's identity (spec §7.2), read in place: a directory in, a HostConfig out; and back.

Written whole or not at all, mode 0600. A file that cannot be understood is reported and never replaced (spec Q20).
"""

import os
import secrets
from pathlib import Path

import msgspec
import platformdirs

from .errors import ConfigError

CONFIG_FILE = "host_config.json"
DATABASE_FILE = "host_chat_v2.db"
_SECRET_FILES = (CONFIG_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")
_RESTORE = "Restore it from a backup (`hostctl restore`), or move it away and run `hostctl init` for a new host."


class HostConfig(msgspec.Struct, frozen=True):
    """Who this host is. `db_file` is written for the original's sake; the database always lies beside this file."""

    uuid: str = ""
    name: str = ""
    db_file: str = ""
    signing_public_key: str = ""
    signing_private_key: str = ""

    def __repr__(self) -> str:
        return f"HostConfig(uuid={self.uuid!r}, name={self.name!r})"


def default_directory() -> Path:
    """Where the original keeps its files: `~/.config/ParchHost` on Linux."""
    return Path(platformdirs.user_config_dir("ParchHost", appauthor=False, roaming=True))


def database_path(directory: Path) -> Path:
    return directory / DATABASE_FILE


def read(directory: Path) -> HostConfig:
    """The host in `directory`. Raises ConfigError: config_missing, config_corrupt or config_incomplete."""
    path = directory / CONFIG_FILE
    try:
        config = msgspec.json.decode(path.read_bytes(), type=HostConfig)
    except FileNotFoundError:
        raise ConfigError("config_missing", f"There is no host in {directory}.", "Run `hostctl init`.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigError("config_corrupt", f"{path} is damaged; nothing was changed.", _RESTORE) from None
    missing = [key for key in ("uuid", "signing_public_key", "signing_private_key") if not getattr(config, key)]
    if missing:
        raise ConfigError("config_incomplete", f"{path} lacks {', '.join(missing)}; nothing was changed.", _RESTORE)
    return msgspec.structs.replace(config, db_file=str(database_path(directory)))


def write(directory: Path, config: HostConfig, *, replace: bool = False) -> None:
    """Saves `config`, 0600. Unless `replace`, a file that is there is left alone and ConfigError config_exists
    raised."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / CONFIG_FILE
    config = msgspec.structs.replace(config, db_file=str(database_path(directory)))
    text = msgspec.json.format(msgspec.json.encode(config), indent=2)
    if replace:
        write_private(path, text)
        return
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        raise ConfigError("config_exists", f"There is a host in {directory} already.", _RESTORE) from None
    finally:
        draft.unlink()


def write_private(path: Path, content: bytes, *, durable: bool = True) -> None:
    """`path` with this content and mode 0600: the old file or the new one, never half of one; on disk if `durable`."""
    _draft(path, content, durable).replace(path)


def tighten(directory: Path) -> list[str]:
    """Takes other users' access to the keys and the database away; returns a notice for each file it changed."""
    notices = []
    for name in _SECRET_FILES:
        path = directory / name
        if path.exists() and (mode := path.stat().st_mode & 0o777) & 0o077:
            path.chmod(0o600)
            notices.append(f"{path} was open to other users (mode {mode:04o}); it is 0600 now.")
    return notices


def _draft(path: Path, content: bytes, durable: bool = True) -> Path:
    """A file beside `path`."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    return draft
