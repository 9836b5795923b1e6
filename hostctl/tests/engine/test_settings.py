"""Settings: flag over environment over file over default, each with its origin (spec §7.1, §7.9)."""

from pathlib import Path
from typing import Any

import pytest

from parch_hostctl import settings
from parch_hostctl.errors import ConfigError
from parch_hostctl.rules import DEFAULT_LIMITS
from parch_hostctl.settings import SETTINGS, Settings, resolve


def origin(resolved: Settings, name: str) -> str:
    return next(item.origin for item in resolved.origins if item.name == name)


def test_the_defaults_are_the_originals() -> None:
    plain = resolve({}, {}, {})
    assert plain.register_url == "https://chat.parchchat.com/api/register_host"
    assert plain.websocket_url == "wss://chat.parchchat.com/ws"
    assert plain.official_space_uuid == "parch-community"
    assert plain.limits == DEFAULT_LIMITS
    assert {item.origin for item in plain.origins} == {"default"}


def test_each_source_overrules_the_next() -> None:
    file = {"relay_host": "file.example", "relay_scheme": "http", "official_space_name": "From file"}
    environment = {"CHAT_RELAY_HOST": "env.example", "CHAT_RELAY_SCHEME": "https"}
    mixed = resolve({"relay_host": "flag.example"}, environment, file)
    assert (mixed.relay_host, origin(mixed, "relay_host")) == ("flag.example", "flag")
    assert (mixed.relay_scheme, origin(mixed, "relay_scheme")) == ("https", "environment CHAT_RELAY_SCHEME")
    assert (mixed.official_space_name, origin(mixed, "official_space_name")) == ("From file", "file hostctl.toml")


def test_empty_counts_as_unset() -> None:
    empty = resolve({"relay": None}, {"CHAT_RELAY_HOST": "", "OFFICIAL_SPACE_NAME": ""}, {"relay_host": ""})
    assert {item.origin for item in empty.origins} == {"default"}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_variable_works(setting: Any) -> None:
    samples = {"relay": "http://r.example:81", "relay_scheme": "http", "relay_ws_scheme": "ws"}
    sample = samples.get(setting.name, "7")
    for variable in setting.variables:
        assert origin(resolve({}, {variable: sample}, {}), setting.name) == f"environment {variable}"


def test_a_relays_url_stands_for_host_and_schemes_at_its_own_level() -> None:
    by_flag = resolve({"relay": "http://127.0.0.1:8001/"}, {"CHAT_RELAY_HOST": "env.example"}, {})
    assert (by_flag.relay_url, by_flag.websocket_url) == ("http://127.0.0.1:8001", "ws://127.0.0.1:8001/ws")
    assert origin(by_flag, "relay_ws_scheme") == "flag"
    by_file = resolve({}, {"CHAT_RELAY_HOST": "env.example"}, {"relay": "http://file.example"})
    assert (by_file.relay_host, by_file.relay_scheme) == ("env.example", "http")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"CHAT_RELAY_SCHEME": "ftp"}, "relay_scheme"),
        ({"HOSTCTL_RELAY": "chat.example"}, "relay"),
        ({"HOSTCTL_RELAY": "https://user@chat.example"}, "relay"),
        ({"HOSTCTL_RELAY": "https://chat.example:bad"}, "relay"),
        ({"HOSTCTL_RELAY": "https://chat.example/path"}, "relay"),
        ({"HOSTCTL_NAME_LENGTH": "many"}, "name_length"),
        ({"HOSTCTL_NAME_LENGTH": "0"}, "name_length"),
    ],
)
def test_a_bad_value_is_refused_by_name(environment: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve({}, environment, {})
    assert refused.value.code == "invalid_setting"
    assert name in refused.value.text


@pytest.mark.parametrize("file", [{"relay_hots": "x"}, {"relay_host": 7}, {"name_length": True}])
def test_a_bad_file_is_refused(file: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve({}, {}, file)
    assert refused.value.code == "invalid_setting"


def test_the_file_is_optional_toml(tmp_path: Path) -> None:
    assert settings.read_file(tmp_path) == {}
    (tmp_path / settings.FILE).write_text('relay = "https://chat.example"\nname_length = 40\n')
    assert resolve({}, {}, settings.read_file(tmp_path)).limits.name_length == 40
    (tmp_path / settings.FILE).write_text("relay = ")
    with pytest.raises(ConfigError) as refused:
        settings.read_file(tmp_path)
    assert refused.value.code == "invalid_settings_file"
