"""`hostctl doctor`: every check with what was seen and how to mend it; the same checks guard `hostctl service
install`."""

import time
from collections.abc import Iterator

from ..doctor import Check, Verdict, examine, healthy
from ..failures import Exit, Failure
from ..views import Cell, amount
from .command import Result, command
from .invocation import Invocation
from .show_config import PANEL

_MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARN: ("!", "yellow"),
    Verdict.FAIL: ("✗", "bold red"),
    Verdict.SKIP: ("·", "dim"),
}


class Diagnosis(Result):
    """`healthy` is true unless a check failed; warnings do not count."""

    healthy: bool
    checks: list[Check]

    def exit_code(self) -> Exit:
        return Exit.OK if self.healthy else Exit.UNHEALTHY


@command("doctor", "hostctl doctor --json | jq '.checks[] | select(.verdict == \"fail\")'", PANEL)
def doctor(call: Invocation) -> Diagnosis:
    """Check everything from files to relay, and say how to mend it.

    Takes 20 seconds at most and changes nothing. Ends with 8 when a check failed.
    """
    checks = []
    for check in _examine(call):
        checks.append(check)
        _tell(call, check)
    failed = sum(check.verdict is Verdict.FAIL for check in checks)
    warned = sum(check.verdict is Verdict.WARN for check in checks)
    well = f"Nothing failed; {amount(warned, 'warning')}." if warned else "All is well."
    call.out.note("\n" + (f"{failed} of {len(checks)} checks failed." if failed else well), "bold")
    return Diagnosis(healthy(checks), checks)


def preflight(call: Invocation) -> None:
    """Raises Failure when a check that a service needs fails."""
    checks = list(_examine(call))
    for check in checks:
        if check.verdict in (Verdict.FAIL, Verdict.WARN):
            call.out.note(f"{check.verdict}: {check.name}: {check.seen}", "yellow")
    failed = [check for check in checks if check.verdict is Verdict.FAIL]
    if failed:
        raise Failure(
            "not_ready",
            f"The host is not ready to run: {failed[0].name}: {failed[0].seen}.",
            f"{failed[0].fix}   (or --skip-checks)",
            Exit.UNHEALTHY,
        )


def _tell(call: Invocation, check: Check) -> None:
    if call.out.json:
        return
    mark, style = _MARKS[check.verdict]
    cells: list[str | Cell] = [Cell(mark, style), Cell(f"{check.name:<12}", "bold"), check.seen]
    call.out.line(cells, (check.verdict, check.name, check.seen, check.fix))
    if check.fix and call.out.rich:
        call.out.line((" ", " " * 12, Cell(f"→ {check.fix}", style)), ())


def _examine(call: Invocation) -> Iterator[Check]:
    from ..examination import Patient

    return examine(Patient(call.directory, call.settings).examination(), time.monotonic)
