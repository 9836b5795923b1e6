"""hostctl run as a process, and hostctl service around it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl.cli import services

Run = Callable[..., Any]


@contextmanager
def running(directory: Path, *words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`hostctl run`; ended by its process id when the block is left."""
    line = [sys.executable, "-P", "-m", "parch_hostctl", "--config-dir", str(directory), "run", *words]
    everything = {**os.environ, **env}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=everything) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def lines_until(child: subprocess.Popen[str], word: str) -> list[str]:
    """What the process prints, up to the line with `word`."""
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if word in line:
            return lines
    raise AssertionError(f"{word!r} never came: {lines} {child.stderr.read() if child.stderr else ''}")


def test_run_connects_logs_lines_and_stops_on_sigterm(host: Run, directory: Path) -> None:
    with running(directory) as child:
        lines = lines_until(child, " connected: ")
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30) == 0
        assert child.stdout is not None
        assert "stopped" in child.stdout.read()
    assert all(line[10] == "T" and line[19] == "Z" for line in lines)


def test_run_with_json_prints_one_event_a_line(host: Run, directory: Path, fits: Callable[[str, Any], None]) -> None:
    with running(directory, "--json") as child:
        for line in lines_until(child, '"connected"'):
            fits("run", json.loads(line))
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0


def test_systemd_hears_ready_watchdog_and_stopping(host: Run, directory: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(tmp_path / "notify"))
        hears.settimeout(30)
        with running(directory, NOTIFY_SOCKET=str(tmp_path / "notify")) as child:
            heard = [hears.recv(4096).decode()]
            while not {"READY=1", "WATCHDOG=1"} <= {text.split("\n")[0] for text in heard}:
                heard.append(hears.recv(4096).decode())
            child.send_signal(signal.SIGTERM)
            while heard[-1] != "STOPPING=1":
                heard.append(hears.recv(4096).decode())
            assert child.wait(timeout=30) == 0


def test_a_second_run_in_one_directory_is_refused(host: Run, directory: Path) -> None:
    with running(directory) as child:
        lines_until(child, "connected")
        second = host("run", "--json")
        assert (second.code, second.error["code"]) == (5, "already_running")
        status = host("status", "--json").json
        assert (status["running"], status["state"], status["pid"]) == (True, "connected", child.pid)
        assert host("doctor", "--json").code == 0
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=30)


def test_what_the_command_line_changes_reaches_the_relay(host: Run, directory: Path, relay: Any) -> None:
    with running(directory) as child:
        lines_until(child, " connected: ")
        added = host("channels", "add", "Home", "plans", "--json").json["channel"]
        lines_until(child, " announced: ")
        told = next(said for said in relay.heard if said["type"] == "create_channel_response")
        assert told["data"]["channel"]["uuid"] == added["uuid"]
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=30)


def test_a_displaced_host_ends_with_9(host: Run, directory: Path, relay: Any) -> None:
    relay.displace = True
    with running(directory, "--json") as child:
        assert child.wait(timeout=30) == 9
        assert child.stderr is not None
        assert json.loads(child.stderr.read())["code"] == "displaced"


def test_a_refused_key_ends_with_6(host: Run, directory: Path, relay: Any) -> None:
    relay.refuse_auth = True
    with running(directory, "--json") as child:
        assert child.wait(timeout=30) == 6


def test_a_dry_run_prints_the_unit_and_where_it_goes(host: Run, directory: Path, tmp_path: Path) -> None:
    done = host("service", "install", "--dry-run")
    assert f"ExecStart={sys.executable} -P -m parch_hostctl --config-dir {directory} run\n" in done.stdout
    assert f"Unit file: {tmp_path}/.config/systemd/user/hostctl.service" in done.stderr
    assert not (tmp_path / ".config" / "systemd").exists()


def test_a_host_that_is_not_ready_is_not_installed(host: Run, directory: Path) -> None:
    (directory / "host_config.json").chmod(0o644)
    done = host("service", "install", "--dry-run", "--json")
    assert (done.code, done.error["code"]) == (8, "not_ready")
    assert "chmod 600" in done.error["hint"]


def test_a_relay_given_as_flag_is_baked_in(host: Run, relay: Any) -> None:
    unit = host("service", "install", "--dry-run", "--relay", relay.url, "--json").json["unit"]
    assert f"Environment=HOSTCTL_RELAY={relay.url}\n" in unit


def test_a_system_service_runs_as_who_owns_the_files(host: Run, directory: Path) -> None:
    done = host("service", "install", "--dry-run", "--system", "--json").json
    assert done["path"] == "/etc/systemd/system/hostctl.service"
    assert done["user"] == directory.owner()


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A systemctl that notes what it is asked; returns its notes."""
    (tmp_path / "bin").mkdir()
    notes = tmp_path / "notes"
    program = tmp_path / "bin" / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {notes}\ncase "$2" in is-*) echo active;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(services, "SYSTEMD_RUNS", tmp_path)
    return notes


def test_install_enables_and_uninstall_disables_the_unit(host: Run, systemctl: Path, tmp_path: Path) -> None:
    installed = host("service", "install", "--name", "hostctl-home", "--json").json
    unit = Path(installed["path"])
    assert unit == tmp_path / ".config" / "systemd" / "user" / "hostctl-home.service"
    assert unit.read_text() == installed["unit"]
    assert host("service", "status", "--name", "hostctl-home", "--json").json["active"] == "active"
    assert host("service", "uninstall", "--name", "hostctl-home", "--dry-run").stdout.startswith("Would remove")
    assert host("service", "uninstall", "--name", "hostctl-home").code == 2
    assert unit.exists()
    assert host("service", "uninstall", "--name", "hostctl-home", "--yes", "--json").json["removed"] is True
    assert not unit.exists()
    asked = systemctl.read_text().splitlines()
    assert asked[:2] == ["--user daemon-reload", "--user enable --now hostctl-home.service"]
    assert asked[-2:] == ["--user disable --now hostctl-home.service", "--user daemon-reload"]


def test_without_systemd_the_command_to_supervise_is_named(
    host: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(services, "SYSTEMD_RUNS", tmp_path / "nothing")
    done = host("service", "install", "--json")
    assert done.error["code"] == "systemd_missing"
    assert " run" in done.error["hint"]


def test_what_systemctl_refuses_is_told(host: Run, systemctl: Path) -> None:
    program = systemctl.parent / "bin" / "systemctl"
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    done = host("service", "install", "--json")
    assert done.error["code"] == "systemctl_failed"
    assert "Failed to connect to bus" in done.error["message"]
