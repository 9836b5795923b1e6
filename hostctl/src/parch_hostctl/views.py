"""How results look, apart from any terminal: a `View` in, plain text out.

A terminal shows a table or a list of facts with colours (output.py); a pipe gets one row a line, cells
separated by tabs, without a heading. Text that came from other people is made harmless first: no control
characters, no bidirectional overrides.
"""

from collections.abc import Iterable, Sequence

import msgspec

_EMOJI_JOINER = "\u200d"


class Cell(msgspec.Struct, frozen=True):
    """One text with a style of the terminal, such as "green" or "bold red"; a pipe sees the text alone."""

    text: str
    style: str = ""


class Table(msgspec.Struct, frozen=True):
    """Rows of equal kind. `empty` is said, on stderr, when there is none."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | Cell]]
    empty: str = ""


class Facts(msgspec.Struct, frozen=True):
    """Named values of one thing, in order."""

    pairs: Sequence[tuple[str, str | Cell]]


class Verbatim(msgspec.Struct, frozen=True):
    """A text of ours that must not be touched, such as a script."""

    text: str


View = Table | Facts | Verbatim | str
"""A `str` is one sentence, which may quote names that other people chose."""


def printable(text: str) -> str:
    """`text` with every character that could move the cursor, hide or reorder text written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character.isprintable() or character == _EMOJI_JOINER:
        return character
    return character.encode("unicode_escape").decode()


def plain(view: View) -> str:
    """What a pipe gets: ends with a line break unless it is empty."""
    match view:
        case Table():
            return _lines(view.rows)
        case Facts():
            return _lines(view.pairs)
        case Verbatim():
            return view.text
        case _:
            return printable(view) + "\n" if view else ""


def text_of(cell: str | Cell) -> str:
    return printable(cell.text if isinstance(cell, Cell) else cell)


def _lines(rows: Iterable[Sequence[str | Cell]]) -> str:
    return "".join("\t".join(map(text_of, row)) + "\n" for row in rows)


def size(count: int) -> str:
    """Bytes for people: 1536 → "1.5 KiB"."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds for people: 90061 → "1 d 1 h"."""
    left = int(seconds)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, length)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def amount(count: int, noun: str) -> str:
    """(1, "space") → "1 space", (2, "space") → "2 spaces"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
