"""The systemd unit: its golden text, its quoting, and systemd's own opinion of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from parch_hostctl.service import Service, kept_settings, manager, unit_folder, unit_text

COMMAND = ("/opt/parch/bin/python", "-P", "-m", "parch_hostctl")
SYSTEM = Service("hostctl", COMMAND, Path("/var/lib/parch"), {"CHAT_RELAY_HOST": "chat.example"}, user="parch")
USER = Service("hostctl-home", COMMAND, Path("/home/ann/.config/ParchHost"), {})

GOLDEN = """\
[Unit]
Description=Parch host in /home/ann/.config/ParchHost
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=/opt/parch/bin/python -P -m parch_hostctl --config-dir /home/ann/.config/ParchHost run
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 6 9
WatchdogSec=60
TimeoutStopSec=30
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=default.target
"""


def test_a_user_unit_is_the_golden_text() -> None:
    assert unit_text(USER) == GOLDEN


def test_a_system_unit_runs_as_its_user_and_may_write_in_its_directory_only() -> None:
    lines = unit_text(SYSTEM).splitlines()
    for expected in (
        "User=parch",
        "Environment=CHAT_RELAY_HOST=chat.example",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        "ReadWritePaths=/var/lib/parch",
        "CapabilityBoundingSet=",
        "WantedBy=multi-user.target",
    ):
        assert expected in lines


def test_paths_with_spaces_percents_and_dollars_reach_the_program_unchanged() -> None:
    odd = Service("odd", ("/opt/a b/python",), Path('/srv/50% $HOME/"x"'), {"SSL_CERT_FILE": "/a $b/100%"})
    text = unit_text(odd)
    assert 'ExecStart="/opt/a b/python" --config-dir "/srv/50%% $$HOME/\\"x\\"" run' in text
    assert 'Environment="SSL_CERT_FILE=/a $b/100%%"' in text


if shutil.which("systemd-analyze"):

    @pytest.mark.parametrize("service", [SYSTEM, USER], ids=["system", "user"])
    def test_systemd_finds_nothing_wrong_with_the_unit(service: Service, tmp_path: Path) -> None:
        unit = tmp_path / service.file_name
        unit.write_text(unit_text(service).replace(COMMAND[0], "/bin/true").replace("User=parch", "User=root"))
        scope = () if service.user else ("--user",)
        done = subprocess.run(
            ["systemd-analyze", *scope, "verify", "--man=no", str(unit)],
            capture_output=True,
            text=True,
            timeout=60,
            env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        complaints = [line for line in done.stderr.splitlines() if service.file_name in line]
        assert complaints == []


def test_settings_of_the_shell_are_kept_and_flags_overrule_them() -> None:
    env = {"CHAT_RELAY_HOST": "a", "CHAT_RELAY_SCHEME": "http", "HOME": "/root", "OFFICIAL_SPACE_NAME": ""}
    assert kept_settings(env, {"CHAT_RELAY_HOST": "b"}) == {"CHAT_RELAY_HOST": "b", "CHAT_RELAY_SCHEME": "http"}


def test_units_live_where_systemd_looks() -> None:
    assert unit_folder(True, Path("/x")) == Path("/etc/systemd/system")
    assert unit_folder(False, Path("/home/ann/.config")) == Path("/home/ann/.config/systemd/user")
    assert manager(False, "daemon-reload") == ("systemctl", "--user", "daemon-reload")
    assert manager(True, "start", "x") == ("systemctl", "start", "x")
