"""The judgements of `hostctl doctor`: facts in, a verdict with what was seen and how to mend it out. No I/O, no clock.

The probes (probes.py) gather the facts; `examine` runs them in order and skips what depends on something that failed.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

CLOCK_TOLERANCE_SECONDS = 60
LAST_START_SECONDS = 14.0
"""No check begins later than this; none takes longer than 6 s, so all end within 20 s."""
CERTIFICATE_WARNING_DAYS = 14
DISK_FAIL_BYTES = 64 << 20
DISK_WARN_BYTES = 512 << 20


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Finding(msgspec.Struct, frozen=True):
    """What one probe found: the verdict, what was seen, and the command or act that mends it ("" = nothing to mend)."""

    verdict: Verdict
    seen: str
    fix: str = ""


class Check(msgspec.Struct, frozen=True):
    """A finding with its name and how long it took, in milliseconds."""

    name: str
    verdict: Verdict
    seen: str
    fix: str
    took_ms: int


class Probe(msgspec.Struct, frozen=True):
    """One question. `needs` are names of probes that must not have failed or been skipped."""

    name: str
    needs: tuple[str, ...]
    ask: Callable[[], Finding]


def ok(seen: str) -> Finding:
    return Finding(Verdict.OK, seen)


def warn(seen: str, fix: str) -> Finding:
    return Finding(Verdict.WARN, seen, fix)


def fail(seen: str, fix: str) -> Finding:
    return Finding(Verdict.FAIL, seen, fix)


def skip(reason: str) -> Finding:
    return Finding(Verdict.SKIP, reason)


def examine(probes: Sequence[Probe], clock: Callable[[], float]) -> Iterator[Check]:
    """The checks one by one, as they finish; `clock` gives seconds."""
    blamed: dict[str, str] = {}
    began = clock()
    for probe in probes:
        cause = next((blamed[need] for need in probe.needs if need in blamed), "")
        started = clock()
        if cause:
            finding = skip(f"not checked, because {cause} failed")
        elif started - began > LAST_START_SECONDS:
            finding = warn("not checked, because the checks before took too long", "The network is slow: run it again.")
        else:
            finding = probe.ask()
        if finding.verdict in (Verdict.FAIL, Verdict.SKIP):
            blamed[probe.name] = cause or probe.name
        yield Check(probe.name, finding.verdict, finding.seen, finding.fix, round((clock() - started) * 1000))


def healthy(checks: Sequence[Check]) -> bool:
    """Warnings do not make a host ill."""
    return all(check.verdict is not Verdict.FAIL for check in checks)


def judge_modes(directory: Path, directory_mode: int, files: Sequence[tuple[Path, int]], owner: bool) -> Finding:
    """Modes as `stat` gives them; `owner`: everything belongs to the user who asks."""
    loose = [path for path, mode in files if mode & 0o077]
    if loose:
        names = " ".join(f"'{path}'" for path in loose)
        return fail(f"others may read {', '.join(path.name for path in loose)}", f"chmod 600 {names}")
    if directory_mode & 0o022:
        return fail(f"others may write in {directory}", f"chmod 700 '{directory}'")
    if not owner:
        return warn("some files belong to another user", f"chown -R \"$USER\" '{directory}'")
    return ok("only you can read the keys and the database")


def judge_disk(free: int, database: int) -> Finding:
    """`free` and `database` in bytes: a backup needs a second copy of the database."""
    seen = f"{free >> 20} MiB free, database {database >> 20} MiB"
    if free < DISK_FAIL_BYTES:
        return fail(seen, "Free some disk space: messages cannot be stored when it runs out.")
    if free < DISK_WARN_BYTES or free < database:
        return warn(seen, "Free some disk space: there is no room for a backup.")
    return ok(seen)


def judge_clock(relay: float, here: float, round_trip: float) -> Finding:
    """Unix seconds of both clocks; the relay's has whole seconds and is up to `round_trip` old."""
    offset = here - relay
    slack = 1 + round_trip
    if abs(offset) <= CLOCK_TOLERANCE_SECONDS + slack:
        return ok(f"within {max(1, round(abs(offset)))} s of the relay")
    direction = "ahead of" if offset > 0 else "behind"
    return fail(
        f"this clock is {round(abs(offset))} s {direction} the relay's",
        "timedatectl set-ntp true   (access tokens live 300 s: with a wrong clock nobody can write)",
    )


def judge_certificate(days_left: float) -> Finding:
    if days_left < CERTIFICATE_WARNING_DAYS:
        return warn(
            f"the certificate ends in {days_left:.0f} days", "Ask the relay's operator to renew the certificate."
        )
    return ok(f"the certificate is valid for {days_left:.0f} days")


_TLS_FAULTS = {
    9: ("the certificate is not valid yet", "Check this machine's clock, then ask the relay's operator."),
    10: (
        "the certificate has expired",
        "Ask the relay's operator to renew the certificate; check this machine's clock.",
    ),
    18: ("the certificate is self-signed", "If you trust this relay: export SSL_CERT_FILE=/path/to/its-ca.pem"),
    19: (
        "the certificate comes from an unknown authority",
        "If you trust it: export SSL_CERT_FILE=/path/to/its-ca.pem",
    ),
    20: (
        "the certificate comes from an unknown authority",
        "If you trust it: export SSL_CERT_FILE=/path/to/its-ca.pem",
    ),
    62: ("the certificate is for another name", "Check the relay's address: hostctl config show --origin"),
    64: ("the certificate is for another address", "Use the relay's name in place of its address."),
}
"""By OpenSSL's X509_V_ERR_* numbers."""


def judge_refused_certificate(verify_code: int, detail: str) -> Finding:
    known = _TLS_FAULTS.get(verify_code)
    return fail(*known) if known else fail(f"the certificate is refused: {detail}", "Ask the relay's operator.")


def judge_presence(running_here: bool, online: bool) -> Finding:
    """Does the relay see what is true? `online` is the relay's word."""
    match running_here, online:
        case True, True:
            return ok("running here, and the relay sees it")
        case True, False:
            return fail("running here, but the relay does not see it", "Look at its log, then restart it: hostctl run")
        case False, True:
            return warn(
                "not running here, yet the relay sees it online",
                "Another machine runs this host: stop it there before you start it here.",
            )
        case _:
            return ok("not running; start it with: hostctl run")
