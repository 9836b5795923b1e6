"""The program `hostctl`: a command line in, an exit code out. Nobody ever sees a traceback, unless
HOSTCTL_DEBUG is set."""

import os
import sys
from collections.abc import Sequence

from .failures import Exit, Failure, explain, usage


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; `arguments` are sys.argv without the program's name."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget_stdout()
        return Exit.FAILURE
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("HOSTCTL_DEBUG"):
            raise
        return _complain(_explained(error), words)


def _run(words: list[str]) -> int:
    from .cli.app import load

    app = load(words)
    if "_HOSTCTL_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    code = app(words, prog_name="hostctl", standalone_mode=False, complete_var="_HOSTCTL_COMPLETE")
    return code if isinstance(code, int) else Exit.OK


def _explained(error: BaseException) -> Failure:
    from typer import Abort
    from typer.exceptions import TyperException

    if isinstance(error, Abort):
        error = KeyboardInterrupt()
    if isinstance(error, TyperException):
        text = error.format_message().replace("Value error, ", "")
        return usage(text.rstrip(".") + ".", "Run it with --help.")
    return explain(error)


def _complain(failure: Failure, words: list[str]) -> int:
    from .output import Output

    Output(json="--json" in words).fail(failure)
    return failure.exit_code


def _forget_stdout() -> None:
    """The reader of our stdout has left; keep the interpreter from complaining when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
