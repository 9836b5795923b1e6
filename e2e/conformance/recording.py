"""A recorded conversation and how to compare with it: golden events and live frames in, differences out. No I/O.

A name of the recording (a uuid, an id, a key, a token) stands for one of ours, and the same one wherever it comes back.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parent / "data" / "chat-wire-transcript.json"

ADDED_TYPES = frozenset({"chat_saved", "host_status", "delete_space_update"})
"""Messages the recorded clients do not know and ignore (spec §12)."""

ADDED_FIELDS = frozenset(
    {"features", "server_time", "code", "hint", "request", "message_id", "retry_after", "id", "channel_uuid"}
)
"""Fields they ignore, where the recording has none of that name."""

NAMES = frozenset({"uuid", "space_uuid", "channel_uuid", "challenge", "token"})
"""Texts that differ from run to run and stand for the same thing when they come back."""

CHANGING = frozenset({"expires_at", "timestamp", "last_seen"})
"""Values of which only the form can be compared."""


def events() -> list[dict[str, Any]]:
    """`{i, peer, dir, json | raw | note}` in the order they were recorded."""
    recorded: list[dict[str, Any]] = json.loads(RECORDING.read_text())["expected"]["events"]
    return recorded


class Names:
    """What stands for what."""

    def __init__(self) -> None:
        self._ours: dict[tuple[str, Any], Any] = {}

    def learn(self, golden: Any, ours: Any, kind: str = "text") -> None:
        self._ours[kind, golden] = ours

    def get(self, golden: Any, default: Any = None, kind: str = "text") -> Any:
        return self._ours.get((kind, golden), default)

    def translate(self, value: Any, key: str = "", kind: str = "") -> Any:
        """A recorded value in our names; what has no name yet is left as it is."""
        if isinstance(value, dict):
            inner = kind_of(value)
            return {self.get(k, k): self.translate(v, k, inner) for k, v in value.items()}
        if isinstance(value, list):
            return [self.translate(item, key, kind) for item in value]
        if isinstance(value, str):
            return self.get(value, value)
        return self.get(value, value, id_kind(key, kind)) if id_kind(key, kind) else value

    def same(self, golden: Any, ours: Any, kind: str = "text") -> bool:
        """Does the recorded name stand for ours? A new one does from now on."""
        return bool(self._ours.setdefault((kind, golden), ours) == ours)


def kind_of(fields: dict[str, Any]) -> str:
    """What an object with an `id` is."""
    marks = (("envelope", "message"), ("joined", "invite"), ("author_id", "space"), ("allow_voice", "channel"))
    return next((kind for mark, kind in marks if mark in fields), "user" if "username" in fields else "channel")


def id_kind(key: str, kind: str) -> str:
    """Which sort of id a number is, "" when it is none."""
    return {"id": kind, "user_id": "user", "author_id": "user", "space_user_id": "invite"}.get(key, "")


def differences(golden: Any, ours: Any, names: Names, key: str = "", kind: str = "") -> Iterator[str]:
    """Every way in which `ours` is not what was recorded."""
    if golden is None and key != "data":
        if ours not in (None, []):
            yield f"{key}: {ours!r} where the recording has none"
    elif type(golden) is not type(ours):
        yield f"{key}: {ours!r} instead of {golden!r}"
    elif key == "envelope" and "message_id" in golden:
        if ours != names.get(golden["message_id"], golden, "envelope"):
            yield f"{key}: another one than {golden['message_id']}"
    elif isinstance(golden, dict):
        yield from _of_objects(golden, ours, names)
    elif isinstance(golden, list):
        if len(golden) != len(ours):
            yield f"{key}: {len(ours)} items instead of {len(golden)}"
        for left, right in zip(golden, ours, strict=False):
            yield from differences(left, right, names, key, kind)
    elif not _same_value(golden, ours, names, key, kind):
        yield f"{key}: {ours!r} instead of {names.get(golden, golden)!r}"


def _of_objects(golden: dict[str, Any], ours: dict[str, Any], names: Names) -> Iterator[str]:
    if missing := golden.keys() - ours.keys():
        yield f"without {', '.join(sorted(missing))}"
    if added := ours.keys() - golden.keys() - ADDED_FIELDS:
        yield f"with {', '.join(sorted(added))}"
    for name in golden:
        if name in ours:
            yield from differences(golden[name], ours[name], names, name, kind_of(golden))


def _same_value(golden: Any, ours: Any, names: Names, key: str, kind: str) -> bool:
    if key in CHANGING:
        return bool(ours)
    if isinstance(golden, bool):
        return bool(golden == ours)
    if isinstance(golden, int):
        number = id_kind(key, kind)
        return names.same(golden, ours, number) if number else bool(golden == ours)
    if key in NAMES and golden:
        return names.same(golden, ours)
    return bool(names.get(golden, golden) == ours)
