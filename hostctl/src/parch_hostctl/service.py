"""A systemd service: where things are in, the text of its unit and the commands around it out. No I/O here.

The unit holds absolute paths only and the settings it was installed with, so the service reads the same files
as the person who tried `hostctl` before. Exit codes that another try cannot mend (2 usage, 6 auth, 9 displaced)
do not restart it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from .settings import SETTINGS

UNIT_FOLDER = Path("/etc/systemd/system")
KEPT_SETTINGS = (
    *(variable for setting in SETTINGS for variable in setting.variables),
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""What the unit takes over from the environment it is installed in."""

_FOR_ALL = """\
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""
_FOR_SYSTEM = """\
CapabilityBoundingSet=
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
"""


class Service(msgspec.Struct, frozen=True):
    """One installed host. `user` is set for a system service only; a user service runs as its owner."""

    name: str
    command: tuple[str, ...]
    config_dir: Path
    settings: Mapping[str, str]
    user: str = ""

    @property
    def file_name(self) -> str:
        return f"{self.name}.service"


def unit_text(service: Service) -> str:
    """The unit file. Source: systemd.service(5), systemd.exec(5), systemd.unit(5)."""
    return f"""\
[Unit]
Description=Parch host in {str(service.config_dir).replace("%", "%%")}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={_command((*service.command, "--config-dir", str(service.config_dir), "run"))}
{_settings(service.settings)}{_identity(service)}Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 6 9
WatchdogSec=60
TimeoutStopSec=30
{_FOR_ALL}{_confined(service)}
[Install]
WantedBy={"multi-user.target" if service.user else "default.target"}
"""


def unit_folder(system: bool, config_home: Path) -> Path:
    """Where units of this kind live; `config_home` is the user's XDG config folder."""
    return UNIT_FOLDER if system else config_home / "systemd" / "user"


def manager(system: bool, *words: str) -> tuple[str, ...]:
    """A systemctl command line."""
    return ("systemctl", *(() if system else ("--user",)), *words)


def kept_settings(env: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The settings to bake in: the environment's, overruled by the ones given as flags."""
    kept = {name: env[name] for name in KEPT_SETTINGS if env.get(name)}
    return {**kept, **given}


def _settings(settings: Mapping[str, str]) -> str:
    return "".join(f"Environment={_word(f'{name}={value}')}\n" for name, value in sorted(settings.items()))


def _identity(service: Service) -> str:
    return f"User={service.user}\n" if service.user else ""


def _confined(service: Service) -> str:
    """Mount namespaces need a privileged manager, so only a system service is confined to its own directory."""
    if not service.user:
        return ""
    return f"{_FOR_SYSTEM}ReadWritePaths={_word(str(service.config_dir))}\n"


def _command(words: Sequence[str]) -> str:
    """A command line; systemd would otherwise put variables in place of `$`."""
    return " ".join(_word(word.replace("$", "$$")) for word in words)


def _word(word: str) -> str:
    """One word of a unit file; systemd would otherwise put specifiers in place of `%`."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"' if any(character in word for character in " \t\"'\\;\n") else escaped
