"""--json on every command: one document that its published schema describes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parch_hostctl.cli.app import MODULES, load
from parch_hostctl.cli.command import RESULTS

Run = Callable[..., Any]
Fits = Callable[[str, Any], None]
PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "hostctl.json"


def test_the_published_schemas_are_those_of_the_program(published: dict[str, Any]) -> None:
    assert json.loads(PUBLISHED.read_text()) == published, "run: hostctl schema > docs/schemas/hostctl.json"


def test_every_command_has_a_schema_and_a_place_in_the_help(hostctl: Run) -> None:
    load([])
    assert {name.split()[0] for name in RESULTS} == set(MODULES)
    shown = hostctl("--help").stdout
    assert all(f"\n  {name} " in shown for name in MODULES)


def test_every_command_has_help_with_an_example(hostctl: Run, published: dict[str, Any]) -> None:
    for name in published["commands"]:
        done = hostctl(*name.split(), "--help")
        assert done.code == 0
        assert "\nExample\n  " in done.stdout, name
        assert "--json" in done.stdout, name
        assert hostctl(*name.split(), "-h").stdout == done.stdout


COMMANDS = [
    "init --no-input",
    "status",
    "spaces list",
    "spaces show Home",
    "spaces add Extra",
    "spaces remove Home --yes",
    "channels list",
    "channels show general",
    "channels add Home more",
    "channels remove general --yes",
    "members list",
    "members show {ann}",
    "members add Home {bob}",
    "members remove Home {ann} --yes",
    "invites list",
    "invites show Home {carol}",
    "invites add Home {bob}",
    "invites remove Home {carol} --yes",
    "invite --space Home",
    "messages list general --limit 3",
    "messages show general 3",
    "messages remove general 3 --yes",
    "backup create {tmp}/b --passphrase-file {tmp}/pass",
    "backup verify {tmp}/saved --passphrase-file {tmp}/pass",
    "restore {tmp}/saved --passphrase-file {tmp}/pass --force",
    "import {tmp}/host --config-dir {tmp}/copy",
    "doctor",
    "service status",
    "service install --dry-run",
    "config show",
    "config path",
    "version",
    "completion bash",
]


@pytest.fixture
def full(host: Run, written: Any, ann: str, tmp_path: Path) -> Run:
    """A host with people, messages and an invite."""
    (tmp_path / "pass").write_text("correct horse")
    host("members", "add", "Home", ann)
    host("invites", "add", "Home", "C" * 42 + "A")
    return host


@pytest.mark.parametrize("line", COMMANDS)
def test_the_document_of_a_command_fits_its_schema(
    full: Run, fits: Fits, ann: str, bob: str, tmp_path: Path, line: str
) -> None:
    words = line.format(ann=ann, bob=bob, carol="C" * 42 + "A", tmp=tmp_path).split()
    if "saved" in line:
        full("backup", "create", f"{tmp_path}/saved", "--passphrase-file", f"{tmp_path}/pass")
    done = full(*words, "--json")
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    command = max((name for name in RESULTS if line.startswith(name)), key=len)
    fits(command, done.json)


def test_the_list_above_covers_every_command(published: dict[str, Any]) -> None:
    elsewhere = {"run", "service uninstall", "schema"}
    tried = {name for name in published["commands"] if any(line.startswith(name) for line in COMMANDS)}
    assert set(published["commands"]) == tried | elsewhere


def test_the_schema_of_one_command_can_be_asked_for(hostctl: Run) -> None:
    schema = hostctl("schema", "spaces", "list").json
    assert schema["$ref"] == "#/$defs/SpaceList"
    assert hostctl("schema", "--json").json["commands"]["spaces list"] == {"$ref": "#/$defs/SpaceList"}
