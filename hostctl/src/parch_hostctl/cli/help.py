"""What `--help` shows: a command of typer in, its page of text out. Drawn here because typer's own way imports
a Markdown parser.

Headings are bold and names coloured where `paint` allows it; lines are wrapped to the width of the terminal.
"""

import inspect
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

HEADING, NAME, PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"
MAX_WIDTH = 100

Row = tuple[str, str]


def page(command: Any, context: Any, width: int, paint: bool) -> str:
    """`command` is a typer command or group, `width` in columns."""
    width = min(width, MAX_WIDTH)
    parts = [_prose(command.help or "", width), f"{_bold('Usage', paint)}  {_usage(command, context)}"]
    sections: dict[str, list[Row]] = {}
    for parameter in command.get_params(context):
        heading = "Arguments" if parameter.param_type_name == "argument" else parameter.rich_help_panel or "Options"
        sections.setdefault(heading, []).append((_names(parameter), parameter.help or ""))
    for name in getattr(command, "commands", ()) and command.list_commands(context):
        sub = command.get_command(context, name)
        sections.setdefault(sub.rich_help_panel or "Commands", []).append((name, _first_paragraph(sub.help or "")))
    for heading in sorted(sections, key=_late):
        parts.append(f"{_bold(heading, paint)}\n{_table(sections[heading], width, paint)}")
    if command.epilog:
        parts.append(f"{_bold('Example', paint)}\n" + textwrap.indent(command.epilog, "  "))
    return "\n\n".join(part for part in parts if part)


def _late(heading: str) -> int:
    """Arguments first, then what a command has for itself, then what every command has."""
    return {"Arguments": 0, "Options": 2, "Flags of every command": 3}.get(heading, 1)


def _usage(command: Any, context: Any) -> str:
    arguments = [p.metavar or p.name.upper() for p in command.get_params(context) if p.param_type_name == "argument"]
    if hasattr(command, "commands"):
        arguments = ["COMMAND"]
    return " ".join([context.command_path, "[OPTIONS]", *arguments])


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    short = [name for name in parameter.opts if not name.startswith("--")]
    long = [name for name in [*parameter.opts, *parameter.secondary_opts] if name.startswith("--")]
    value = "" if parameter.is_flag else " " + (parameter.metavar or parameter.name.upper())
    return ", ".join([*short, "/".join(long)]) + value


def _table(rows: Sequence[Row], width: int, paint: bool) -> str:
    column = min(28, max(len(name) for name, _ in rows)) + 2
    return "\n".join(_row(name, text, column, width, paint) for name, text in rows)


def _row(name: str, text: str, column: int, width: int, paint: bool) -> str:
    lines = textwrap.wrap(text, max(20, width - column - 2)) or [""]
    shown = f"{NAME}{name}{PLAIN}" if paint else name
    beside = "" if len(name) >= column else " " * (column - len(name)) + lines.pop(0)
    return "\n".join([f"  {shown}{beside}".rstrip(), *(" " * (column + 2) + line for line in lines)])


def _prose(text: str, width: int) -> str:
    return "\n\n".join(textwrap.fill(paragraph, width) for paragraph in _paragraphs(text))


def _first_paragraph(text: str) -> str:
    return next(iter(_paragraphs(text)), "")


def _paragraphs(text: str) -> Iterable[str]:
    return (" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _bold(text: str, paint: bool) -> str:
    return f"{HEADING}{text}{PLAIN}" if paint else text
