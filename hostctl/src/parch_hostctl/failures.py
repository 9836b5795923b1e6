"""What goes wrong, as people and scripts see it: any exception in, a code, a sentence, a hint and an exit code out.

The codes are stable; the exit codes are documented in docs/hostctl.md. An exit code that is not in `Exit` is a failure.
"""

import errno
from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    PARTIAL = 3
    NOT_FOUND = 4
    CONFLICT = 5
    AUTH = 6
    NETWORK = 7
    UNHEALTHY = 8
    DISPLACED = 9
    INTERRUPTED = 130


class Failure(Exception):
    """A command that could not do what it was asked; nothing was changed unless `text` says so."""

    def __init__(self, code: str, text: str, hint: str = "", exit_code: Exit = Exit.FAILURE) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint
        self.exit_code = exit_code


def usage(text: str, hint: str = "", code: str = "usage") -> Failure:
    """The command line itself asks for something impossible."""
    return Failure(code, text, hint, Exit.USAGE)


def not_found(code: str, text: str, hint: str = "") -> Failure:
    return Failure(code, text, hint, Exit.NOT_FOUND)


def conflict(code: str, text: str, hint: str = "") -> Failure:
    return Failure(code, text, hint, Exit.CONFLICT)


_EXITS = {
    "invalid_setting": Exit.USAGE,
    "invalid_settings_file": Exit.USAGE,
    "invalid_name": Exit.USAGE,
    "invalid_key": Exit.USAGE,
    "config_missing": Exit.NOT_FOUND,
    "database_missing": Exit.NOT_FOUND,
    "unknown_user": Exit.NOT_FOUND,
    "not_a_member": Exit.NOT_FOUND,
    "config_exists": Exit.CONFLICT,
    "already_running": Exit.CONFLICT,
    "already_member": Exit.CONFLICT,
    "already_invited": Exit.CONFLICT,
    "self_invite": Exit.CONFLICT,
    "author_stays": Exit.CONFLICT,
    "limit_reached": Exit.CONFLICT,
    "host_key_mismatch": Exit.AUTH,
    "authentication_failed": Exit.AUTH,
    "registration_refused": Exit.NETWORK,
    "relay_answer_invalid": Exit.NETWORK,
    "relay_unavailable": Exit.NETWORK,
    "relay_unreachable": Exit.NETWORK,
    "displaced": Exit.DISPLACED,
}
"""The exit codes of what the engine refuses; every other code is a plain failure."""


def explain(error: BaseException) -> Failure:
    """The failure behind any exception."""
    match error:
        case Failure():
            return error
        case KeyboardInterrupt():
            return Failure("interrupted", "Stopped.", exit_code=Exit.INTERRUPTED)
        case PermissionError():
            return Failure(
                "permission_denied",
                f"No permission for {error.filename or 'a file'}.",
                "Run hostctl as the user who owns the host's files, or name another directory with --config-dir.",
            )
        case OSError() if error.errno == errno.ENOSPC:
            return Failure("disk_full", "The disk is full.", "Free some space, then try again.")
        case OSError():
            return Failure("io_error", f"{error.strerror or error}: {error.filename or 'input/output'}.")
    code = getattr(error, "code", None)
    if isinstance(code, str) and isinstance(text := getattr(error, "text", None), str):
        return Failure(code, text, getattr(error, "hint", "") or "", _EXITS.get(code, Exit.FAILURE))
    return Failure(
        "internal_error",
        f"hostctl made a mistake: {type(error).__name__}.",
        "Set HOSTCTL_DEBUG=1 and run the command again to see where, then report it.",
    )
