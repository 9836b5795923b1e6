"""`hostctl config`: every setting with its value and origin, and where the files are. Never a private key."""

from typing import Annotated

import msgspec
import typer

from .. import config
from ..settings import FILE
from ..views import Facts, Table, View
from .command import Result, command, group
from .invocation import Invocation

PANEL = "Look closer"
group("config", "Settings, and where they come from.", PANEL)


class SettingRow(msgspec.Struct):
    """`origin` is flag, environment NAME, file NAME or default."""

    name: str
    value: str | int
    origin: str
    about: str


class ConfigShown(Result):
    """`uuid`, `name` and `signing_public_key` are null when there is no host in the directory yet."""

    config_dir: str
    config_dir_origin: str
    uuid: str | None
    name: str | None
    signing_public_key: str | None
    settings: list[SettingRow]

    def views(self) -> tuple[View, ...]:
        rows = [(row.name, str(row.value), row.origin) for row in self.settings]
        host = [("host name", self.name or "", "host_config.json"), ("host id", self.uuid or "", "host_config.json")]
        key = [("signing_public_key", self.signing_public_key or "", "host_config.json")]
        directory = [("config_dir", self.config_dir, self.config_dir_origin)]
        return (Table(("Setting", "Value", "Origin"), [*directory, *(host + key if self.uuid else []), *rows]),)


class ConfigShownPlain(ConfigShown):
    """The same without origins."""

    def views(self) -> tuple[View, ...]:
        (table,) = super().views()
        assert isinstance(table, Table)
        return (Facts([(str(row[0]), row[1]) for row in table.rows]),)


class ConfigPath(Result):
    config_dir: str
    config_file: str
    database: str
    settings_file: str
    origin: str

    def views(self) -> tuple[View, ...]:
        return (self.config_dir,)


@command("config show", "hostctl config show --origin")
def show(
    call: Invocation, origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False
) -> ConfigShown:
    """Show all settings. Flags win over the environment, it over hostctl.toml, that over defaults."""
    chosen = call.settings()
    there = (call.directory / config.CONFIG_FILE).exists()
    identity = call.identity() if there else None
    return (ConfigShown if origin else ConfigShownPlain)(
        config_dir=str(call.directory),
        config_dir_origin=call.directory_origin,
        uuid=identity.uuid if identity else None,
        name=identity.name if identity else None,
        signing_public_key=identity.signing_public_key if identity else None,
        settings=[SettingRow(one.name, one.value, one.origin, one.about) for one in chosen.origins],
    )


@command("config path", 'ls -l "$(hostctl config path)"')
def path(call: Invocation) -> ConfigPath:
    """Print the directory that holds the host's files."""
    return ConfigPath(
        config_dir=str(call.directory),
        config_file=str(call.directory / config.CONFIG_FILE),
        database=str(call.database),
        settings_file=str(call.directory / FILE),
        origin=call.directory_origin,
    )
