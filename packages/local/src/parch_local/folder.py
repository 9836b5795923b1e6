"""The folder `.run/`: each part's files, and the settings of the running platform in dotenv form. Edge."""

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class AlreadyRunning(Exception):
    """Another process runs the platform from this folder."""


class RunFolder:
    """Paths under one folder; it and the files with secrets are the owner's alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.env = self.path / "env"
        self.state = self.path / "state.json"
        self.logs = self.path / "logs"
        self.postgres = self.path / "postgres"
        self.host = self.path / "host"
        self._lock = self.path / "lock"

    def prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)

    def hold(self) -> int:
        """Locks the folder for this process until it ends. Raises AlreadyRunning."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyRunning from None
        return handle

    def is_held(self) -> bool:
        if not self._lock.exists():
            return False
        try:
            os.close(self.hold())
        except AlreadyRunning:
            return True
        return False

    def write_env(self, values: Mapping[str, str]) -> None:
        """Replaces `.run/env` (0600) at once."""
        lines = "".join(f'{name}="{value}"\n' for name, value in sorted(values.items()))
        _write(self.env, "# Settings and secrets of the running platform. Not for a commit.\n" + lines)

    def write_state(self, state: Mapping[str, Any]) -> None:
        _write(self.state, json.dumps(state, indent=2) + "\n")

    def read_state(self) -> dict[str, Any]:
        """What the running platform last said of itself; empty when nothing runs."""
        with contextlib.suppress(OSError, ValueError):
            state = json.loads(self.state.read_text())
            return state if isinstance(state, dict) else {}
        return {}


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
