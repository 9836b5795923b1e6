"""The `.env` file form. Comes in: text. Goes out: the variables it assigns.

One assignment a line: `NAME=value`, `export NAME=value`, `NAME='as it is'`, `NAME="with \\n escapes"`; `#` starts a
comment at the start of a line or after a space. Nothing is expanded or executed.
"""

import re

_BLANK = re.compile(r"\s*(?:#.*)?")
_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
        (?:'(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>(?:[^'"\s\#].*?)?))
        \s*(?:(?<=\s)\#.*)?""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class DotenvError(ValueError):
    """A line is not an assignment; `line` is its number, counted from 1. The text of the line is not repeated."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not of the form NAME=value")
        self.line = line


def parse(text: str) -> dict[str, str]:
    """Return name → value; the last assignment of a name wins. Raises `DotenvError`."""
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if _BLANK.fullmatch(line):
            continue
        assignment = _ASSIGNMENT.fullmatch(line)
        if assignment is None:
            raise DotenvError(number)
        values[assignment["name"]] = _value(assignment)
    return values


def _value(assignment: re.Match[str]) -> str:
    if assignment["single"] is not None:
        return assignment["single"]
    if assignment["double"] is not None:
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), assignment["double"])
    return assignment["bare"]
