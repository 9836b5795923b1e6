"""docs/protocol.md names every message and every stable error code; `UPDATE_DOCS=1` writes its lists of codes anew."""

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from parch_wire.messages import BROWSER_ACTIONS, HOST_REPLIES, HOST_REQUESTS, RELAY_EVENTS

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "protocol.md"
SOURCES = {
    "wire": ROOT / "packages/wire/src",
    "relay": ROOT / "services/relay/src",
    "host": ROOT / "hostctl/src",
}
CODE = re.compile(r"[a-z]+(_[a-z]+)*\Z")
ELSEWHERE = "(the text of the action that was refused)"


class Row(NamedTuple):
    code: str
    said_by: str
    text: str
    hint: str


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Module-level names and what they stand for."""
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def text_of(node: ast.expr | None, names: dict[str, ast.expr]) -> str:
    """The text of a literal, `…` for what is filled in at run time; empty for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part, names) or "…" for part in parts)
        case ast.Name(id=name) if name in names:
            return text_of(names[name], {})
    return ""


def called(node: ast.Call) -> str:
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def says_no(name: str, said_by: str) -> bool:
    """Whether a call makes a refusal that is sent; a host also has errors that only its owner sees."""
    if said_by == "wire":
        return name == "__init__" or name.endswith("Error")
    return name in ("Refused", "StoreError", "HostError", "rate") or name.endswith("_refused")


def refusals(tree: ast.Module, said_by: str) -> Iterator[Row]:
    """Calls that make a refusal, `(holds, code, text)` checks, and the code given to a host that sends none."""
    names = constants(tree)
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call) and says_no(called(node), said_by):
            parts = node.args[called(node) == "rate" :]
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and not isinstance(node.elts[0], ast.Constant):
            parts = node.elts[1:]
        elif isinstance(node, ast.BoolOp) and getattr(node.values[0], "attr", "") == "code":
            parts = [node.values[1]]
        code, text, hint = (text_of(part, names) for part in [*parts[:3], None, None, None][:3])
        if CODE.match(code) and isinstance(parts[0], ast.Constant):
            yield Row(code, said_by, text or ELSEWHERE, hint)


def http_refusals(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    names = constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in ("Rejected", "_error") and len(node.args) == 3:
            status, code, text = node.args
            if isinstance(status, ast.Constant) and isinstance(status.value, int) and isinstance(code, ast.Constant):
                yield status.value, str(code.value), text_of(text, names)


def trees(said_by: str) -> Iterator[ast.Module]:
    for path in sorted(SOURCES[said_by].rglob("*.py")):
        yield ast.parse(path.read_text())


def joined(texts: Iterator[str]) -> str:
    return " · ".join(dict.fromkeys(text.strip() for text in texts if text)).replace("|", "\\|")


def message_table() -> str:
    rows = [row for said_by in SOURCES for tree in trees(said_by) for row in refusals(tree, said_by)]
    lines = ["| `code` | From | `error` | `hint` |", "|---|---|---|---|"]
    for code in sorted({row.code for row in rows}):
        same = [row for row in rows if row.code == code]
        said_by, text, hint = (joined(getattr(row, field) for row in same) for field in ("said_by", "text", "hint"))
        lines.append(f"| `{code}` | {said_by} | {text} | {hint} |")
    return "\n".join(lines)


def http_table() -> str:
    rows = sorted({row for tree in trees("relay") for row in http_refusals(tree)})
    lines = [f"| {status} | `{code}` | {text} |" for status, code, text in rows]
    return "\n".join(["| Status | `code` | `error` |", "|---|---|---|", *lines])


def codes(table: str) -> list[str]:
    """The first cell in backticks of every row."""
    return sorted(set(re.findall(r"^\|[^`\n]*`([a-z_]+)`", table, re.MULTILINE)))


@pytest.mark.parametrize(("mark", "table"), [("message-codes", message_table), ("http-codes", http_table)])
def test_the_document_lists_every_code(mark: str, table: Callable[[], str]) -> None:
    head, begin, rest = DOCUMENT.read_text().partition(f"<!-- {mark} -->\n")
    listed, end, tail = rest.partition(f"\n<!-- /{mark} -->")
    if os.environ.get("UPDATE_DOCS"):
        listed = table()
        DOCUMENT.write_text(head + begin + listed + end + tail)
    assert codes(listed) == codes(table()), "the source says other codes: run this test once with UPDATE_DOCS=1"


def test_the_document_names_every_message() -> None:
    document = DOCUMENT.read_text()
    words = {*BROWSER_ACTIONS, *HOST_REQUESTS, *HOST_REPLIES, *RELAY_EVENTS}
    assert not {word for word in words if word not in document}
