"""The doctor's judgements: each fault gets its own words and a fix; what is well stays unmentioned."""

from pathlib import Path

import pytest

from parch_hostctl import doctor
from parch_hostctl.doctor import Check, Finding, Probe, Verdict

HOME = Path("/h")


def names(checks: list[Check]) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in checks}


def test_what_depends_on_a_failure_is_skipped_and_says_why() -> None:
    probes = [
        Probe("dns", (), lambda: doctor.fail("no address", "mend it")),
        Probe("tcp", ("dns",), lambda: doctor.ok("never asked")),
        Probe("tls", ("tcp",), lambda: doctor.ok("never asked")),
        Probe("disk", (), lambda: doctor.ok("plenty")),
    ]
    checks = list(doctor.examine(probes, clock=lambda: 0.0))
    assert names(checks) == {"dns": "fail", "tcp": "skip", "tls": "skip", "disk": "ok"}
    assert checks[1].seen == "not checked, because dns failed"


def test_a_warning_stops_nothing_and_is_no_illness() -> None:
    probes = [Probe("a", (), lambda: doctor.warn("hm", "look")), Probe("b", ("a",), lambda: doctor.ok("fine"))]
    checks = list(doctor.examine(probes, clock=lambda: 0.0))
    assert names(checks) == {"a": "warn", "b": "ok"}
    assert doctor.healthy(checks)
    assert not doctor.healthy([*checks, Check("c", Verdict.FAIL, "", "", 0)])


def test_a_check_tells_how_long_it_took() -> None:
    ticks = iter([0.5, 1.0, 1.25])
    assert next(doctor.examine([Probe("a", (), lambda: doctor.ok(""))], lambda: next(ticks))).took_ms == 250


@pytest.mark.parametrize(
    ("directory_mode", "file_mode", "owner", "verdict", "fix"),
    [
        (0o700, 0o600, True, "ok", ""),
        (0o755, 0o400, True, "ok", ""),
        (0o700, 0o644, True, "fail", "chmod 600 '/h/key'"),
        (0o777, 0o600, True, "fail", "chmod 700 '/h'"),
        (0o700, 0o600, False, "warn", "chown -R \"$USER\" '/h'"),
    ],
)
def test_file_modes(directory_mode: int, file_mode: int, owner: bool, verdict: str, fix: str) -> None:
    finding = doctor.judge_modes(HOME, directory_mode, [(HOME / "key", file_mode)], owner)
    assert (finding.verdict, finding.fix) == (verdict, fix)


@pytest.mark.parametrize(
    ("free", "database", "verdict"),
    [(1 << 40, 1 << 30, "ok"), (1 << 30, 2 << 30, "warn"), (100 << 20, 0, "warn"), (1 << 20, 0, "fail")],
)
def test_disk_space(free: int, database: int, verdict: str) -> None:
    assert doctor.judge_disk(free, database).verdict == verdict


@pytest.mark.parametrize(
    ("here", "verdict", "word"),
    [(1000.9, "ok", "within"), (1061.0, "ok", "within"), (1063.0, "fail", "ahead"), (900.0, "fail", "behind")],
)
def test_the_clock_may_differ_by_a_minute(here: float, verdict: str, word: str) -> None:
    finding = doctor.judge_clock(relay=1000.0, here=here, round_trip=0.1)
    assert finding.verdict == verdict
    assert word in finding.seen


def test_a_certificate_is_announced_before_it_ends() -> None:
    assert doctor.judge_certificate(90).verdict == "ok"
    assert doctor.judge_certificate(13).verdict == "warn"


@pytest.mark.parametrize(
    ("code", "word"), [(9, "yet"), (10, "expired"), (18, "self-signed"), (62, "another name"), (7, "bad signature")]
)
def test_a_refused_certificate_says_why(code: int, word: str) -> None:
    finding = doctor.judge_refused_certificate(code, "bad signature")
    assert finding.verdict == "fail"
    assert word in finding.seen
    assert finding.fix


@pytest.mark.parametrize(
    ("here", "online", "verdict"),
    [(True, True, "ok"), (True, False, "fail"), (False, True, "warn"), (False, False, "ok")],
)
def test_the_relay_must_see_what_is_true(here: bool, online: bool, verdict: str) -> None:
    assert doctor.judge_presence(here, online).verdict == verdict


def test_no_check_begins_when_time_is_up() -> None:
    ticks = iter([0.0, 0.0, 15.0, 15.0, 15.0])
    probes = [Probe("slow", (), lambda: doctor.ok("at last")), Probe("late", (), lambda: doctor.fail("", ""))]
    checks = list(doctor.examine(probes, lambda: next(ticks)))
    assert names(checks) == {"slow": "ok", "late": "warn"}
    assert "took too long" in checks[1].seen


def test_a_skip_is_not_a_failure() -> None:
    assert doctor.skip("because") == Finding(Verdict.SKIP, "because")
