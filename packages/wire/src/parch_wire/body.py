"""Message bodies: JSON in, typed structs out, and back. Unknown fields are kept, old peers' `null` reads as empty.

Every frame is one JSON object `{"type": str, "data": any}` (spec §3.1).
"""

from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Raw

from .errors import InvalidBody

B = TypeVar("B", bound="Body")
Bad = (msgspec.DecodeError, UnicodeError, RecursionError)

MAX_OBJECTS = 8_192
"""How many objects a body may hold, counted by their braces: reading each costs time. 1 MiB of members holds 4,000."""

_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_any = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])


class Frame(msgspec.Struct, frozen=True):
    """One message before its body is read."""

    type: str = ""
    data: Raw = Raw(b"null")


_frame = msgspec.json.Decoder(Frame)


class Body(msgspec.Struct, kw_only=True):
    """The `data` of a message. `extra` holds the JSON of fields this version does not know; they are written back."""

    OMIT_EMPTY: ClassVar[frozenset[str]] = frozenset()
    MAX_VALUES: ClassVar[int] = 8_192
    """How many values (counted by their commas) it may hold."""

    extra: dict[str, Raw] = msgspec.field(default_factory=dict, name="(extra)")


def open_frame(text: str | bytes) -> Frame | None:
    """The frame in `text`, or None when it is not a JSON object in UTF-8 with a text type (spec §3.1: ignored)."""
    try:
        if isinstance(text, bytes):
            text = text.decode()
        return _frame.decode(text)
    except Bad:
        return None


def parse(cls: type[B], raw: Raw | bytes) -> B:
    """`raw` as a `cls`. Missing fields are empty, `null` is empty, `1.0` is 1 (spec §3.1). Raises InvalidBody."""
    text = bytes(raw)
    if text.count(b",") > cls.MAX_VALUES or text.count(b"{") > MAX_OBJECTS:
        raise InvalidBody(f"it holds more than {cls.MAX_VALUES} values or {MAX_OBJECTS} objects")
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.json.Decoder(cls)
    try:
        try:
            body: B = decoder.decode(raw)
        except msgspec.ValidationError:
            raw = _lenient(raw)
            body = decoder.decode(raw)
        _keep_extra(body, raw)
    except Bad as error:
        raise InvalidBody(str(error)) from None
    return body


def frame(type_: str, body: Body | str | dict[str, Any]) -> bytes:
    """One wire frame, ending in a newline."""
    return _encoder.encode({"type": type_, "data": plain(body)}) + b"\n"


def plain(value: Any) -> Any:
    """`value` as what the JSON encoder writes: known fields win over kept ones, omit-empty fields are left out."""
    if isinstance(value, Body):
        out: dict[str, Any] = dict(value.extra)
        for name, wire_name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            item = getattr(value, name)
            if name == "extra" or item is msgspec.UNSET or (not item and name in value.OMIT_EMPTY):
                continue
            out[wire_name] = plain(item)
        return out
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _lenient(raw: Raw | bytes) -> bytes:
    value = _any.decode(raw)
    return _encoder.encode({} if value is None else _normal(value))


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: v if k == "envelope" else _normal(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_normal(item) for item in value if item is not None]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _keep_extra(body: Body, raw: Raw | bytes) -> None:
    fields = _fields.decode(raw)
    for name, wire_name in zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True):
        value, value_raw = getattr(body, name), fields.pop(wire_name, None)
        if value_raw is None:
            continue
        if isinstance(value, Body):
            _keep_extra(value, value_raw)
        elif isinstance(value, list) and value and isinstance(value[0], Body):
            for item, item_raw in zip(value, _items.decode(value_raw), strict=True):
                _keep_extra(item, item_raw)
    body.extra = fields
