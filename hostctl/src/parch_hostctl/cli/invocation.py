"""One run of `hostctl`: the flags every command has in; the directory, the settings, the host and its store
out, when asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .. import config, settings
from ..config import HostConfig
from ..output import Output
from ..questions import Questions
from ..settings import Settings
from ..store import Store

DIRECTORY_VARIABLE = "HOSTCTL_CONFIG_DIR"


class Flags(msgspec.Struct, frozen=True):
    """What every command may be told."""

    json: bool = False
    quiet: bool = False
    config_dir: str | None = None
    relay: str | None = None


class Invocation:
    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.out = Output(flags.json, flags.quiet)
        self.directory, self.directory_origin = _directory(flags)

    def settings(self) -> Settings:
        """Flag > environment > hostctl.toml > default. Raises ConfigError."""
        return settings.resolve({"relay": self.flags.relay}, os.environ, settings.read_file(self.directory))

    def identity(self) -> HostConfig:
        """Who this host is. Raises ConfigError."""
        return config.read(self.directory)

    @property
    def database(self) -> Path:
        return config.database_path(self.directory)

    @contextmanager
    def store(self, write: bool = False) -> Iterator[Store]:
        """The store of a host that is set up. Raises ConfigError, StoreError."""
        self.identity()
        with Store.open(self.database, readonly=not write) as store:
            if store.archived:
                self.out.note(f"The old database does not fit and was moved to {store.archived}.", "yellow")
            yield store

    def questions(self, no_input: bool = False) -> Questions:
        """Nobody is asked with --json or --no-input."""
        return Questions(allowed=not (no_input or self.flags.json))


def _directory(flags: Flags) -> tuple[Path, str]:
    """Absolute, so that what is shown and baked in holds wherever it is used."""
    if flags.config_dir:
        return Path(flags.config_dir).expanduser().absolute(), "flag"
    if from_environment := os.environ.get(DIRECTORY_VARIABLE):
        return Path(from_environment).expanduser().absolute(), f"environment {DIRECTORY_VARIABLE}"
    return config.default_directory().absolute(), "default"
