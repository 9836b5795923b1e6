"""Why a process refuses to start.

Goes out: `StartupError` and its kinds. Their text is one or two sentences for the person who runs the process: what is
wrong and what to do. It never holds a secret.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StartupError(Exception):
    """The process cannot start; `str(error)` says why and what to do."""


@contextmanager
def startup_errors_exit() -> Iterator[None]:
    """Turn a `StartupError` inside the block into its sentence on stderr and exit code 1."""
    try:
        yield
    except StartupError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
