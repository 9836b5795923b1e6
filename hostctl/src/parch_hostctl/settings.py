"""What the owner may set, and where each value came from: flags, environment and `hostctl.toml` in, Settings out.

Precedence: flag > environment > file > default; an empty text counts as unset. Every variable of the original works
(spec §7.1, §7.9). The configuration directory itself is not in the file that lies in it.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from .errors import ConfigError
from .rules import Limits

FILE = "hostctl.toml"


class Setting(msgspec.Struct, frozen=True):
    """One value with its name in the file, its variables (the first that is set counts), and what it is for."""

    name: str
    variables: tuple[str, ...]
    default: str | int
    about: str


SETTINGS = (
    Setting("relay", ("HOSTCTL_RELAY",), "", "URL of the relay; stands for the next three"),
    Setting("relay_host", ("CHAT_RELAY_HOST",), "chat.parchchat.com", "host[:port] of the relay"),
    Setting("relay_scheme", ("CHAT_RELAY_SCHEME",), "https", "https or http"),
    Setting("relay_ws_scheme", ("CHAT_RELAY_WS_SCHEME",), "wss", "wss or ws"),
    Setting("official_host_uuid", ("OFFICIAL_HOST_UUID",), "5837a5c3-5268-45e1-9ea4-ee87d959d067", "the public host"),
    Setting("official_space_uuid", ("OFFICIAL_SPACE_UUID",), "parch-community", "its space"),
    Setting("official_space_name", ("OFFICIAL_SPACE_NAME",), "Parch Community", "the name of that space"),
    Setting("name_length", ("HOSTCTL_NAME_LENGTH",), 80, "longest name of a space or channel, in characters"),
    Setting("spaces_per_user", ("HOSTCTL_SPACES_PER_USER",), 100, "spaces one person may create here"),
    Setting("channels_per_space", ("HOSTCTL_CHANNELS_PER_SPACE",), 200, "channels one space may have"),
    Setting("space_members", ("HOSTCTL_SPACE_MEMBERS",), 512, "people in a space: a message is sealed for each"),
    Setting("reconnect_first_seconds", ("HOSTCTL_RECONNECT_FIRST_SECONDS",), 15, "longest first wait after a loss"),
    Setting("reconnect_cap_seconds", ("HOSTCTL_RECONNECT_CAP_SECONDS",), 60, "longest wait between two attempts"),
    Setting("ping_seconds", ("HOSTCTL_PING_SECONDS",), 15, "between two pings, and the longest wait for an answer"),
    Setting("queue_requests", ("HOSTCTL_QUEUE_REQUESTS",), 1000, "requests waiting for the database before refusing"),
    Setting("queue_megabytes", ("HOSTCTL_QUEUE_MEGABYTES",), 64, "the same, by size"),
)

_CHOICES = {"relay_scheme": ("https", "http"), "relay_ws_scheme": ("wss", "ws")}
_FROM_URL = {"https": "wss", "http": "ws"}


class Origin(msgspec.Struct, frozen=True):
    """A value and where it came from: `flag`, `environment NAME`, `file PATH` or `default`."""

    name: str
    value: str | int
    origin: str
    about: str


class Settings(msgspec.Struct, frozen=True):
    """All values by name; see SETTINGS."""

    relay_host: str
    relay_scheme: str
    relay_ws_scheme: str
    official_host_uuid: str
    official_space_uuid: str
    official_space_name: str
    limits: Limits
    reconnect_first_seconds: int
    reconnect_cap_seconds: int
    ping_seconds: int
    queue_requests: int
    queue_bytes: int
    origins: tuple[Origin, ...]

    @property
    def register_url(self) -> str:
        return f"{self.relay_scheme}://{self.relay_host}/api/register_host"

    @property
    def websocket_url(self) -> str:
        return f"{self.relay_ws_scheme}://{self.relay_host}/ws"

    @property
    def relay_url(self) -> str:
        return f"{self.relay_scheme}://{self.relay_host}"


def read_file(directory: Path) -> dict[str, Any]:
    """`hostctl.toml` in `directory`, {} when there is none. Raises ConfigError invalid_settings_file."""
    path = directory / FILE
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("invalid_settings_file", f"{path} is not TOML: {error}", "Mend the file.") from None


def resolve(flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]) -> Settings:
    """Every setting by precedence. Raises ConfigError that names the bad one."""
    if unknown := sorted(file.keys() - {setting.name for setting in SETTINGS}):
        raise ConfigError("invalid_setting", f"{FILE} sets {unknown[0]!r}, which is no setting.", "Remove it.")
    levels = [_flags(flags), _environment(environment), _file(file)]
    origins = [_origin(setting, [_expanded(level) for level in levels]) for setting in SETTINGS]
    values: dict[str, Any] = {origin.name: origin.value for origin in origins}
    limits = Limits(**{field: values[field] for field in Limits.__struct_fields__})
    own = {field: values[field] for field in Settings.__struct_fields__ if field in values}
    return Settings(**own, limits=limits, queue_bytes=values["queue_megabytes"] << 20, origins=tuple(origins))


Level = dict[str, tuple[Any, str]]
"""Values of one source, each with its origin."""


def _flags(flags: Mapping[str, Any]) -> Level:
    return {name: (value, "flag") for name, value in flags.items() if value not in (None, "")}


def _environment(environment: Mapping[str, str]) -> Level:
    return {
        setting.name: (environment[variable], f"environment {variable}")
        for setting in SETTINGS
        for variable in reversed(setting.variables)
        if environment.get(variable)
    }


def _file(file: Mapping[str, Any]) -> Level:
    return {name: (value, f"file {FILE}") for name, value in file.items() if value != ""}


def _expanded(level: Level) -> Level:
    """A relay's URL stands for host and both schemes, at its own level."""
    if "relay" not in level:
        return level
    url, origin = level["relay"]
    try:
        parts = urlsplit(str(url))
        valid = parts.scheme in _FROM_URL and bool(parts.hostname) and parts.path in ("", "/")
        valid = valid and not (parts.query or parts.fragment or parts.username) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise _bad("relay", origin, "is no URL such as https://chat.example")
    meant = {"relay_host": parts.netloc, "relay_scheme": parts.scheme, "relay_ws_scheme": _FROM_URL[parts.scheme]}
    return level | {name: (value, origin) for name, value in meant.items()}


def _origin(setting: Setting, levels: list[Level]) -> Origin:
    value, origin = next(
        (level[setting.name] for level in levels if setting.name in level), (setting.default, "default")
    )
    return Origin(setting.name, _checked(setting, value, origin), origin, setting.about)


def _checked(setting: Setting, value: Any, origin: str) -> str | int:
    if isinstance(setting.default, int):
        if not str(value).isdecimal() or not 0 < int(value) <= 1_000_000:
            raise _bad(setting.name, origin, "is no whole number from 1 to 1000000")
        return int(value)
    if setting.name in _CHOICES and value not in _CHOICES[setting.name]:
        raise _bad(setting.name, origin, f"is none of {', '.join(_CHOICES[setting.name])}")
    if not isinstance(value, str):
        raise _bad(setting.name, origin, "is no text")
    return value


def _bad(name: str, origin: str, why: str) -> ConfigError:
    return ConfigError("invalid_setting", f"{name} ({origin}) {why}.", "See `hostctl config show --origin`.")
