"""Settings, read once from the environment.

Comes in: a frozen `Settings` struct whose fields carry the variable's name, the environment, a `.env` file.
Goes out: an instance, or a `SettingError` that names the setting and says what to do.

    class RelaySettings(Settings, frozen=True, kw_only=True):
        port: Annotated[int, Meta(ge=1, le=65535)] = field(name="CHAT_RELAY_PORT", default=8001)
        database_url: Annotated[Secret, Meta(description="PostgreSQL URL.")] = field(name="DATABASE_URL")
        origins: list[str] = field(name="ORIGINS", default_factory=list)

Precedence: environment `NAME` > file named by environment `NAME_FILE` (a mounted secret) > `.env` > default. An empty
variable counts as unset. Lists are comma separated. Variables that no field names are ignored.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from parch_serve.dotenv import DotenvError, parse
from parch_serve.errors import StartupError

SECRET_LENGTH = 32
SECRET_DISTINCT = 8
MASK = "********"

Secret = Annotated[str, Meta(extra={"secret": True})]
"""Never shown; any text will do (a password or URL that somebody else chose)."""

StrongSecret = Annotated[str, Meta(extra={"secret": True, "strong": True})]
"""Never shown, and refused when it can be guessed: under 32 characters or under 8 different ones."""


class SettingError(StartupError):
    """A setting is missing, malformed or weak. `name` is the variable; the text never holds a secret's value."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every settings struct: secrets are masked wherever the struct is printed."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(field.name, _shown(field, getattr(self, field.name))) for field in msgspec.structs.fields(self)]


class Listed(NamedTuple):
    """One row of `listing`: the variable, its value (masked when secret), where it came from, what it is for."""

    name: str
    value: str
    origin: str
    description: str


class _Source(NamedTuple):
    label: str
    variables: Mapping[str, str]


S = TypeVar("S", bound=Settings)


def read(cls: type[S], environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> S:
    """Read every field of `cls`. `dotenv` is a file that may be absent, or None for none. Raises `SettingError`."""
    sources = _sources(environ, dotenv)
    found = {field.name: _read(field, sources) for field in msgspec.structs.fields(cls)}
    return cls(**{name: value for name, (value, _) in found.items()})


def listing(cls: type[Settings], environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> list[Listed]:
    """List every setting of `cls` with its value and origin, in order of declaration. Raises `SettingError`."""
    sources = _sources(environ, dotenv)
    rows = []
    for field in msgspec.structs.fields(cls):
        value, origin = _read(field, sources)
        description = next((meta.description for meta in _metas(field.type) if meta.description), "")
        rows.append(Listed(field.encode_name, _shown(field, value), origin, description))
    return rows


def variable(settings: Settings | type[Settings], attribute: str) -> str:
    """Return the environment name of a field, for messages about it."""
    return next(field.encode_name for field in msgspec.structs.fields(settings) if field.name == attribute)


def _sources(environ: Mapping[str, str], path: Path | None) -> list[_Source]:
    sources = [_Source("environment", environ)]
    if path is not None:
        sources.append(_Source(str(path), _dotenv(path)))
    return sources


def _dotenv(path: Path) -> dict[str, str]:
    try:
        return parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except DotenvError as error:
        raise SettingError(str(path), f"cannot be used: {error}. Correct or remove that line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(str(path), f"cannot be read ({_reason(error)}). Make it readable or remove it.") from None


def _read(field: msgspec.structs.FieldInfo, sources: Sequence[_Source]) -> tuple[Any, str]:
    for source in sources:
        if text := source.variables.get(field.encode_name):
            return _convert(field, text), source.label
        if path := source.variables.get(f"{field.encode_name}_FILE"):
            return _convert(field, _mounted(f"{field.encode_name}_FILE", path)), path
    if field.required:
        description = "".join(f" {meta.description}" for meta in _metas(field.type) if meta.description)
        raise SettingError(
            field.encode_name,
            f"is not set. Set it in the environment, in .env, or as {field.encode_name}_FILE.{description}",
        )
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default, "default"


def _mounted(name: str, path: str) -> str:
    try:
        text = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SettingError(name, f"names a file that cannot be read ({_reason(error)}). Correct the path.") from None
    if not text:
        raise SettingError(name, f"names {path}, which is empty. Put the value into that file.")
    return text


def _convert(field: msgspec.structs.FieldInfo, text: str) -> Any:
    value: str | list[str] = text
    if _is_list(field.type):
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif not _flag(field, "secret"):
        value = text.strip()
    try:
        converted = msgspec.convert(value, field.type, strict=False, dec_hook=lambda kind, raw: kind(raw))
    except msgspec.ValidationError as error:
        raise SettingError(field.encode_name, _refusal(field, text, error)) from None
    if _flag(field, "strong"):
        _check_strength(field.encode_name, text)
    return converted


def _refusal(field: msgspec.structs.FieldInfo, text: str, error: Exception) -> str:
    shown = "" if _flag(field, "secret") else f" ({text!r})"
    reason = "" if "Invalid enum value" in str(error) and not shown else f": {error}"
    way_out = "" if field.required else ", or leave it unset for the default"
    return f"is not usable{shown}{reason}. Correct it{way_out}."


def _check_strength(name: str, text: str) -> None:
    advice = "Make one with `openssl rand -hex 32`."
    if len(text) < SECRET_LENGTH:
        raise SettingError(name, f"is too short ({len(text)} characters, at least {SECRET_LENGTH} needed). {advice}")
    if len(set(text)) < SECRET_DISTINCT:
        raise SettingError(name, f"is easy to guess (under {SECRET_DISTINCT} different characters). {advice}")


def _shown(field: msgspec.structs.FieldInfo, value: object) -> str:
    if not _flag(field, "secret"):
        return repr(value)
    return MASK if value else "''"


def _flag(field: msgspec.structs.FieldInfo, name: str) -> bool:
    return any((meta.extra or {}).get(name) for meta in _metas(field.type))


def _metas(kind: Any) -> Iterator[Meta]:
    if get_origin(kind) is Annotated:
        yield from (item for item in kind.__metadata__ if isinstance(item, Meta))
        yield from _metas(kind.__origin__)
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _metas(member)


def _is_list(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return _is_list(kind.__origin__)
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_list(member) for member in get_args(kind))
    return (get_origin(kind) or kind) in (list, tuple, set, frozenset)


def _reason(error: Exception) -> str:
    return error.strerror or "unknown reason" if isinstance(error, OSError) else "it is not UTF-8 text"
