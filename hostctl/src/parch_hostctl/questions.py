"""What is asked of the person in front: a question in, an answer out. Every question has a flag that answers it
beforehand.

Questions go to stderr, so that stdout stays data. A passphrase comes from the keyboard, a file or stdin: never
from the command line or the environment, where other processes could read it.
"""

import getpass
import sys
from pathlib import Path

from .failures import Failure, usage
from .views import printable


class Questions:
    """What is asked of the person in front; every question has a flag that answers it beforehand."""

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed and sys.stdin.isatty()

    def ask(self, question: str, default: str, flag: str) -> str:
        """The answer, or `default` on a bare Enter. Without a person the default stands; without both it is a
        failure."""
        if not self.allowed:
            if default:
                return default
            raise usage(f"{question}: nobody is here to answer.", f"Give {flag}.", "answer_needed")
        answer = _read(f"{question} [{default}]: " if default else f"{question}: ")
        return answer or default or self.ask(question, default, flag)

    def confirm(self, question: str, yes: bool) -> None:
        """Returns when the person agrees; raises Failure otherwise."""
        if yes:
            return
        if not self.allowed:
            raise usage(f"{question} Nobody is here to confirm.", "Add --yes to go ahead.", "confirmation_needed")
        if _read(f"{question} [y/N]: ").lower() not in ("y", "yes"):
            raise Failure("declined", "Nothing was changed.")

    def passphrase(self, file: Path | None, repeat: bool) -> bytes:
        """From `file` (first line; "-" is stdin), else typed twice (`repeat`) or once. Never from argv or the
        environment."""
        if file is not None:
            return _first_line(file)
        if not self.allowed:
            raise usage(
                "A passphrase is needed and nobody is here to type it.",
                "Give --passphrase-file FILE, or --passphrase-file - to read it from stdin.",
                "passphrase_needed",
            )
        typed = _typed("Passphrase: ")
        if repeat and _typed("Once more: ") != typed:
            raise usage("The two passphrases differ.", "Type the same one twice.", "passphrase_mismatch")
        return typed


def _first_line(file: Path) -> bytes:
    try:
        data = sys.stdin.buffer.readline() if str(file) == "-" else file.read_bytes().partition(b"\n")[0]
    except OSError as error:
        raise usage(
            f"Cannot read the passphrase file {file}: {error.strerror}.", code="passphrase_unreadable"
        ) from None
    return _not_blank(data.rstrip(b"\r\n"))


def _typed(prompt: str) -> bytes:
    return _not_blank(getpass.getpass(prompt, stream=sys.stderr).encode())


def _not_blank(passphrase: bytes) -> bytes:
    if not passphrase:
        raise usage("The passphrase is empty.", "Choose one with at least 12 characters.", "passphrase_empty")
    return passphrase


def _read(prompt: str) -> str:
    print(printable(prompt), end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip()
