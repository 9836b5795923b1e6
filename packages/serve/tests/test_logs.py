"""Logs as a process writes them: real configuration, real stderr."""

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry import trace

from parch_serve import logs

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_away_from_a_terminal_each_event_is_one_json_object(capsys: Captured) -> None:
    logs.configure()
    structlog.get_logger("parch").info("joined", host="h1", token="hunter2")
    (line,) = lines(capsys)
    assert line["event"] == "joined"
    assert line["level"] == "info"
    assert line["logger"] == "parch"
    assert line["timestamp"].endswith("Z")
    assert (line["host"], line["token"]) == ("h1", "********")


def test_stdlib_loggers_go_the_same_way(capsys: Captured) -> None:
    logs.configure()
    logging.getLogger("uvicorn.error").warning("at %s", "postgresql://u:p@h/d", extra={"color_message": "x"})
    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == ("at postgresql://********@h/d", "uvicorn.error")
    assert "color_message" not in line


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_an_exception_is_logged_without_the_secrets_in_it(capsys: Captured, form: str) -> None:
    logs.configure("info", form)
    try:
        raise ValueError("postgresql://u:hunter2@h/d")
    except ValueError:
        structlog.get_logger("parch").exception("failed")
    text = capsys.readouterr().err
    assert "ValueError: postgresql://********@h/d" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_no_form_shows_secrets(capsys: Captured, form: str) -> None:
    logs.configure("info", form)
    structlog.get_logger("parch").info("signed in", token="hunter2")
    assert "hunter2" not in capsys.readouterr().err


def test_events_below_the_level_are_dropped(capsys: Captured) -> None:
    logs.configure("warning")
    structlog.get_logger("parch").info("a")
    logging.getLogger("other").info("b")
    structlog.get_logger("parch").warning("c")
    assert [line["event"] for line in lines(capsys)] == ["c"]


def test_events_inside_a_span_carry_its_ids(capsys: Captured) -> None:
    logs.configure()
    context = trace.SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        structlog.get_logger("parch").info("inside")
    structlog.get_logger("parch").info("outside")
    inside, outside = lines(capsys)
    assert inside["trace_id"] == f"{0xABC:032x}"
    assert inside["span_id"] == f"{0xDEF:016x}"
    assert "trace_id" not in outside


SCRIPT = "from parch_serve import logs; import structlog; logs.configure(); structlog.get_logger().info('hello', n=1)"


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal_events_are_readable_and_coloured_unless_told_not_to(
    environ: dict[str, str], coloured: bool
) -> None:
    parent, child = pty.openpty()
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=child, check=True, env={"PATH": os.environ["PATH"]} | environ)
    os.close(child)
    text = os.read(parent, 10_000).decode()
    os.close(parent)
    assert "hello" in text
    assert not text.startswith("{")
    assert ("\x1b[" in text) is coloured
