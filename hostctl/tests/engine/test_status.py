"""What a running host says of itself, and that there is only one."""

import stat
from pathlib import Path

import pytest

from parch_hostctl import status
from parch_hostctl.errors import ConfigError
from parch_hostctl.reporter import Reporter
from parch_hostctl.status import Event, Status


def test_the_status_follows_the_events(tmp_path: Path) -> None:
    heard: list[Event] = []
    reporter = Reporter(tmp_path, Status(7, "u", "https://r", 1.0), heard.append)
    for kind in ("started", "connected", "failed", "disconnected", "connected"):
        reporter.say(kind, f"text of {kind}")
    reporter.count("get_messages_request")
    reporter.count("get_messages_request", 2)
    reporter.say("alive", "")
    saved = status.load(tmp_path)
    assert saved is not None
    assert (saved.pid, saved.state, saved.connects) == (7, "connected", 2)
    assert saved.last_error == "text of disconnected"
    assert saved.counters == {"get_messages_request": 3}
    assert saved.connected_since == heard[4].at
    assert stat.S_IMODE((tmp_path / status.STATUS_FILE).stat().st_mode) == 0o600
    reporter.say("stopped", "")
    stopped = status.load(tmp_path)
    assert stopped is not None
    assert (stopped.state, stopped.connected_since) == ("stopped", 0)


def test_a_status_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    heard: list[Event] = []
    Reporter(tmp_path / "gone", Status(7, "u", "https://r", 1.0), heard.append).say("started", "")
    assert len(heard) == 1


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b'{"pid":"x"}'])
def test_a_status_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / status.STATUS_FILE).write_bytes(content)
    assert status.load(tmp_path) is None


def test_a_directory_has_one_running_host(tmp_path: Path) -> None:
    assert not status.is_running(tmp_path)
    with status.sole(tmp_path):
        assert status.is_running(tmp_path)
        with pytest.raises(ConfigError) as refused, status.sole(tmp_path):
            pass
        assert refused.value.code == "already_running"
    assert not status.is_running(tmp_path)
