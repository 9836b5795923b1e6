"""Settings: where a value comes from, what is refused and how, and that secrets are never shown."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, field

from parch_serve.errors import StartupError, startup_errors_exit
from parch_serve.server_settings import ServerSettings
from parch_serve.settings import Secret, SettingError, Settings, StrongSecret, listing, read, variable

STRONG = "0123456789abcdef0123456789abcdef"


class Demo(Settings, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=1, le=65535, description="Public port.")] = field(name="DEMO_PORT", default=8001)
    key: Annotated[StrongSecret, Meta(description="Signs tokens.")] = field(name="DEMO_KEY")
    url: Secret = field(name="DEMO_URL", default="")
    origins: list[str] = field(name="DEMO_ORIGINS", default_factory=list)
    networks: Annotated[list[int] | None, Meta(description="Numbers.")] = field(name="DEMO_NUMBERS", default=None)
    folder: Path | None = field(name="DEMO_FOLDER", default=None)
    level: Literal["low", "high"] = field(name="DEMO_LEVEL", default="low")
    verbose: bool = field(name="DEMO_VERBOSE", default=False)


def demo(**environ: str) -> Demo:
    return read(Demo, {"DEMO_KEY": STRONG} | environ, None)


def test_defaults_apply_and_unknown_variables_are_ignored() -> None:
    settings = demo(SOMETHING_ELSE="x")
    assert (settings.port, settings.origins, settings.level) == (8001, [], "low")


def test_values_are_converted_to_the_type_of_the_field() -> None:
    settings = demo(
        DEMO_PORT=" 80 ", DEMO_ORIGINS="a, b,,c", DEMO_NUMBERS="1,2", DEMO_FOLDER="/srv", DEMO_VERBOSE="true"
    )
    assert (settings.port, settings.origins, settings.networks) == (80, ["a", "b", "c"], [1, 2])
    assert (settings.folder, settings.verbose) == (Path("/srv"), True)


def test_the_environment_beats_a_mounted_file_which_beats_dotenv_which_beats_the_default(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"DEMO_PORT=1\nDEMO_KEY={STRONG}\n")
    mounted = tmp_path / "port"
    mounted.write_text("2\n")
    file = {"DEMO_PORT_FILE": str(mounted)}
    assert read(Demo, {"DEMO_PORT": "3"} | file, dotenv).port == 3
    assert read(Demo, file, dotenv).port == 2
    assert read(Demo, {}, dotenv).port == 1
    assert read(Demo, {"DEMO_KEY": STRONG}, tmp_path / "absent").port == 8001


def test_an_empty_variable_counts_as_unset() -> None:
    assert demo(DEMO_PORT="").port == 8001


def test_a_missing_setting_is_named_with_what_it_is_for() -> None:
    with pytest.raises(SettingError, match=r"^DEMO_KEY is not set.*DEMO_KEY_FILE.*Signs tokens\.$") as caught:
        read(Demo, {}, None)
    assert caught.value.name == "DEMO_KEY"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"DEMO_PORT": "http"}, r"^DEMO_PORT is not usable \('http'\).*int.*default\.$"),
        ({"DEMO_PORT": "70000"}, r"^DEMO_PORT is not usable \('70000'\).*65535"),
        ({"DEMO_NUMBERS": "1,x"}, r"^DEMO_NUMBERS is not usable"),
        ({"DEMO_LEVEL": "mid"}, r"^DEMO_LEVEL is not usable \('mid'\)"),
        ({"DEMO_VERBOSE": "perhaps"}, r"^DEMO_VERBOSE is not usable"),
        ({"DEMO_KEY": "short"}, r"^DEMO_KEY is too short \(5 characters, at least 32 needed\).*openssl"),
        ({"DEMO_KEY": "ab" * 20}, r"^DEMO_KEY is easy to guess"),
        ({"DEMO_PORT_FILE": "/does/not/exist"}, r"^DEMO_PORT_FILE names a file that cannot be read \(No such file"),
        ({"DEMO_PORT_FILE": "/dev/null"}, r"^DEMO_PORT_FILE names /dev/null, which is empty"),
        ({"DEMO_PORT_FILE": "a\0b"}, r"^DEMO_PORT_FILE names a file that cannot be read"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_a_way_out(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        demo(**environ)


def test_a_dotenv_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / ".env"
    broken.write_text("secret without a name")
    with pytest.raises(SettingError, match="line 1 is not of the form NAME=value") as caught:
        read(Demo, {}, broken)
    assert "without" not in str(caught.value)
    with pytest.raises(SettingError, match="cannot be read"):
        read(Demo, {}, tmp_path)


@given(st.text(min_size=1), st.sampled_from(["DEMO_KEY", "DEMO_URL", "DEMO_PORT", "DEMO_ORIGINS", "DEMO_NUMBERS"]))
def test_any_text_is_a_value_or_a_refusal_that_names_the_setting(text: str, name: str) -> None:
    with suppress(SettingError):
        assert isinstance(demo(**{name: text}), Demo)


@given(st.text("xyz0189", min_size=4, max_size=31))
def test_a_refused_secret_is_not_repeated(secret: str) -> None:
    with pytest.raises(SettingError) as caught:
        demo(DEMO_KEY=secret)
    assert secret not in str(caught.value)


def test_secrets_are_masked_in_every_way_of_printing() -> None:
    settings = demo(DEMO_URL="postgresql://u:hunter2@h/d")
    for shown in (repr(settings), str(settings), str(settings.__rich_repr__())):
        assert STRONG not in shown
        assert "hunter2" not in shown
        assert "8001" in shown


def test_the_listing_tells_value_origin_and_purpose(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DEMO_LEVEL=high\n")
    rows = {row.name: row for row in listing(Demo, {"DEMO_KEY": STRONG}, dotenv)}
    assert rows["DEMO_KEY"] == ("DEMO_KEY", "********", "environment", "Signs tokens.")
    assert rows["DEMO_PORT"] == ("DEMO_PORT", "8001", "default", "Public port.")
    assert rows["DEMO_LEVEL"][1:3] == ("'high'", str(dotenv))
    assert rows["DEMO_URL"].value == "''"


def test_a_field_tells_its_variable() -> None:
    assert variable(Demo, "port") == "DEMO_PORT"


def test_every_server_setting_has_a_default_and_a_description() -> None:
    assert all(row.origin == "default" and row.description for row in listing(ServerSettings, {}, None))


@pytest.mark.parametrize("entry", ["*", "proxy.example", "10.0.0.0/33", "10.0.0.1/8"])
def test_a_proxy_that_is_no_address_is_refused(entry: str) -> None:
    with pytest.raises(SettingError, match="TRUSTED_PROXIES has"):
        read(ServerSettings, {"TRUSTED_PROXIES": f"127.0.0.1,{entry}"}, None)


def test_no_proxy_at_all_may_be_trusted() -> None:
    assert read(ServerSettings, {"TRUSTED_PROXIES": ","}, None).trusted_proxies == []


def test_the_exit_limit_must_leave_time_for_the_drain() -> None:
    with pytest.raises(SettingError, match=r"EXIT_SECONDS must be more than .* = 25\."):
        read(ServerSettings, {"PRESTOP_SECONDS": "5", "EXIT_SECONDS": "25"}, None)


def test_a_refusal_ends_the_process_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, startup_errors_exit():
        raise StartupError("It is so. Do that.")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "It is so. Do that.\n"
