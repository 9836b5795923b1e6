"""`parch-local` as a person uses it: real PostgreSQL, relay and host, started and stopped by the command."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes


class Command:
    """`parch-local` on ports and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "CHAT_RELAY_PORT": str(free_port()),
            "METRICS_PORT": str(free_port()),
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        self.environment.pop("DATABASE_URL", None)

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self.argv(*arguments), env=self.environment, capture_output=True, text=True, check=False)

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "parch_local", *arguments, "--folder", str(self.folder)]

    def host_uuid(self) -> str:
        config: dict[str, str] = json.loads((self.folder / "host" / "host_config.json").read_text())
        return config["uuid"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path / "run")
    yield command
    command("down")


def test_it_starts_detached_answers_and_stops(command: Command) -> None:
    up = command("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "Parch is running" in up.stdout
    url = re.search(r"http://127\.0\.0\.1:\d+/client\n", up.stdout)
    assert url is not None
    with urllib.request.urlopen(url.group().strip()) as page:
        assert page.status == 200

    again = command("up")
    assert (again.returncode, "runs already" in again.stderr) == (0, True)
    assert command("status").returncode == 0

    first = command.host_uuid()
    assert command("down").returncode == 0
    assert command("status").returncode == 1
    assert command("up", "--detach").returncode == 0
    assert command.host_uuid() == first


def test_ctrl_c_stops_everything(command: Command) -> None:
    process = subprocess.Popen(
        command.argv("up"), env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Parch is running" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Stopped" in err) == (0, True)
    assert command("down").stderr.strip() == "Nothing runs here."


def host_pid(command: Command) -> int:
    status: dict[str, int] = json.loads((command.folder / "host" / "host_status.json").read_text())
    return status["pid"]


def test_a_part_that_is_killed_is_started_again(command: Command) -> None:
    assert command("up", "--detach").returncode == 0
    killed = host_pid(command)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while host_pid(command) == killed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host_pid(command) != killed
    assert "The host ended with exit code -9; it is started again." in (command.folder / "logs" / "up.log").read_text()


def test_a_part_that_will_not_stay_up_ends_the_platform_and_says_why(command: Command) -> None:
    """The host's keys are damaged while it runs: it cannot start again."""
    process = subprocess.Popen(
        command.argv("up"), env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Parch is running" in line:
            break
    (command.folder / "host" / "host_config.json").write_text("{")
    os.kill(host_pid(command), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The host keeps ending" in err


def test_a_taken_port_is_one_sentence(command: Command) -> None:
    with socket.create_server(("0.0.0.0", int(command.environment["CHAT_RELAY_PORT"]))):
        up = command("up")
    assert up.returncode == 1
    assert "is taken by another program" in up.stderr
    assert "Traceback" not in up.stderr


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_port_that_is_none_is_refused(command: Command, port: str) -> None:
    command.environment["METRICS_PORT"] = port
    up = command("up")
    assert (up.returncode, "METRICS_PORT must be a port number" in up.stderr) == (1, True)


def test_a_detached_start_that_fails_says_why(command: Command) -> None:
    command.environment["DATABASE_URL"] = "nonsense"
    up = command("up", "--detach")
    assert up.returncode == 1
    assert "DATABASE_URL" in up.stderr
