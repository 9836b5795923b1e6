"""Where words go: results to stdout, talk to stderr, and how both look on what they are connected to.

In: the streams, the environment and the flags `--json` and `--quiet`. Out: JSON documents; or tables, colours,
progress bars and questions on a terminal; or plain lines in a pipe. `NO_COLOR`, `FORCE_COLOR` and `TERM=dumb`
are honoured. rich is imported only when something is to be painted.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from .failures import Failure
from .views import Cell, Facts, Table, View, plain, printable, text_of

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int, int], None]
"""Progress so far: units done, units in all (0 = not known)."""


def painted(stream: TextIO, env: Mapping[str, str]) -> bool:
    """May this stream get tables, colours and bars?"""
    if env.get("FORCE_COLOR"):
        return True
    return stream.isatty() and env.get("TERM", "") != "dumb"


def coloured(stream: TextIO, env: Mapping[str, str]) -> bool:
    """May this stream get colours?"""
    return painted(stream, env) and not env.get("NO_COLOR")


class Output:
    """The only way a command speaks."""

    def __init__(self, json: bool = False, quiet: bool = False, env: Mapping[str, str] = os.environ) -> None:
        self.json = json
        self.quiet = quiet or json
        self._env = env
        self._hints: list[tuple[str, str]] = []
        self.rich = not json and painted(sys.stdout, env)
        self._rich_talk = not json and painted(sys.stderr, env)

    def emit(self, result: msgspec.Struct, views: tuple[View, ...]) -> None:
        """The result of a command: one JSON document, or its views."""
        if self.json:
            document = msgspec.json.encode(result)
            self._write((msgspec.json.format(document, indent=2) if sys.stdout.isatty() else document).decode() + "\n")
            return
        for view in views:
            self.show(view)
        sys.stdout.flush()
        for hint in self._hints:
            self.note(*hint)

    def event(self, event: msgspec.Struct, cells: Sequence[str | Cell], line: str) -> None:
        """One of many results, at once: a JSON document on one line, painted cells, or the line."""
        if self.json:
            self._write(msgspec.json.encode(event).decode() + "\n")
        elif self.rich:
            self.line(cells, ())
        else:
            self._write(printable(line) + "\n")
        sys.stdout.flush()

    def line(self, painted_cells: Sequence[str | Cell], plain_cells: Sequence[str]) -> None:
        """One line at once: painted on a terminal, cells separated by tabs in a pipe."""
        if not self.rich:
            self._write(plain(Table((), [plain_cells])))
            return
        from rich.text import Text

        parts = (Text(text_of(cell), style=getattr(cell, "style", "")) for cell in painted_cells)
        self._console(stderr=False).print(Text("  ").join(parts), soft_wrap=True)

    def show(self, view: View) -> None:
        if isinstance(view, Table) and not view.rows:
            self.note(view.empty)
        elif self.rich and isinstance(view, Table | Facts):
            self._console(stderr=False).print(_paint(view))
        else:
            self._write(plain(view))

    def picture(self, draw: Callable[[str], str], text: str) -> None:
        """Half blocks for a person's eyes or camera: on a terminal only, white on black where colours are allowed."""
        if not self.rich or not sys.stdout.isatty():
            return
        from rich.text import Text

        console = self._console(stderr=False)
        console.print(Text(draw(text), style="" if console.no_color else "bright_white on black"), soft_wrap=True)

    def note(self, text: str, style: str = "dim") -> None:
        """Talk: what happened, what to do next. Not with --quiet, not with --json."""
        if not text or self.quiet:
            return
        text = "\n".join(map(printable, text.split("\n")))
        if self._rich_talk:
            self._console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr)

    def hint(self, text: str, style: str = "dim") -> None:
        """Talk that belongs behind the result: what to do next."""
        self._hints.append((text, style))

    def fail(self, failure: Failure) -> None:
        """The reason why a command ends without result."""
        if self.json:
            shape = {"code": failure.code, "message": failure.text, "hint": failure.hint}
            print(msgspec.json.encode(shape).decode(), file=sys.stderr)
            return
        self._complain("error", "bold red", printable(failure.text))
        if failure.hint:
            self._complain("  try", "bold", printable(failure.hint))

    def _complain(self, label: str, style: str, text: str) -> None:
        if not self._rich_talk:
            print(f"{label}: {text}", file=sys.stderr)
            return
        from rich.text import Text

        line = Text.assemble((f"{label}: ", style), text)
        self._console(stderr=True).print(line, soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """A bar on stderr while the block runs; silent when stderr is no terminal."""
        if self.quiet or not self._rich_talk or not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console(stderr=True), transient=True) as bars:
            task = bars.add_task(what, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total or None)

    def _console(self, stderr: bool) -> "Console":
        from rich.console import Console

        forced = True if self._env.get("FORCE_COLOR") else None
        return Console(stderr=stderr, force_terminal=forced, no_color=bool(self._env.get("NO_COLOR")))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def _paint(view: Table | Facts) -> Any:
    from rich import box
    from rich import table as rich_table
    from rich.text import Text

    def cell(value: Any) -> Text:
        return Text(text_of(value), style=getattr(value, "style", ""))

    if isinstance(view, Facts):
        grid = rich_table.Table.grid(padding=(0, 2))
        for label, value in view.pairs:
            grid.add_row(Text(label, style="dim"), cell(value))
        return grid
    painted_table = rich_table.Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in view.columns:
        painted_table.add_column(column, overflow="fold")
    for row in view.rows:
        painted_table.add_row(*map(cell, row))
    return painted_table
