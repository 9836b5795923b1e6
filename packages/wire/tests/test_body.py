"""Frames and bodies: what is read, what is refused, and that nothing a newer peer says gets lost."""

import json

import pytest
from msgspec import UNSET, Raw

from parch_wire.body import MAX_OBJECTS, Body, Frame, frame, open_frame, parse, plain
from parch_wire.browser import CreateSpace, DashDataPayload, GetMessages
from parch_wire.errors import InvalidBody
from parch_wire.objects import Channel, Space


def test_a_frame_is_opened_without_reading_its_data() -> None:
    assert open_frame('{"type":"chat","data":{"a":[1]},"new":1}') == Frame("chat", Raw(b'{"a":[1]}'))
    assert open_frame(b'{"data":1,"type":"chat"}\n') == Frame("chat", Raw(b"1"))


@pytest.mark.parametrize("text", ['{"data":1}', "{}"])
def test_a_frame_without_a_type_has_an_empty_one(text: str) -> None:
    opened = open_frame(text)
    assert opened is not None
    assert opened.type == ""


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", "1", "null", '{"type":1}', '{"type":null}', '{"type":"a"} x', '{"type":"a","data":NaN}'],
)
def test_what_is_no_frame_is_none(text: str) -> None:
    assert open_frame(text) is None
    assert open_frame(text.encode()) is None


@pytest.mark.parametrize("text", [b'{"type":"\xff"}', b'{"type":"a","data":"\xed\xa0\x80"}', '{"type":"\ud800"}'])
def test_a_frame_that_is_not_utf_8_is_none(text: str | bytes) -> None:
    assert open_frame(text) is None


@pytest.mark.parametrize("data", [b"{}", b"null", b'{"name":null}'])
def test_what_is_missing_or_null_is_empty(data: bytes) -> None:
    assert parse(CreateSpace, data) == CreateSpace()


def test_nulls_in_lists_are_left_out() -> None:
    assert parse(Space, b'{"channels":[null,{"id":1,"name":null}],"users":null}').channels == [Channel(id=1)]


@pytest.mark.parametrize(("text", "number"), [(b"7", 7), (b"7.0", 7), (b"7e2", 700), (b"-0.0", 0), (b"null", 0)])
def test_integral_numbers_are_integers(text: bytes, number: int) -> None:
    assert parse(Channel, b'{"id":' + text + b"}").id == number


@pytest.mark.parametrize("text", [b"7.5", b'"7"', b"true", b"1e400", b"9223372036854775808", b"[]", b"NaN", b"-"])
def test_other_numbers_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidBody, match="does not fit its type") as refusal:
        parse(Channel, b'{"id":' + text + b"}")
    assert refusal.value.code == "invalid_body"


def test_a_body_may_be_old_in_one_place_and_new_in_another() -> None:
    """Reading `null` as empty keeps an envelope as it is and the unknown fields beside it."""
    text = b'{"id":1.0,"name":null,"new":{"a":[1]},"envelope":{"n":1.0,"z":null}}'
    assert json.loads(frame("x", parse(Channel, text)))["data"] == {
        "id": 1,
        "uuid": "",
        "name": "",
        "space_uuid": "",
        "allow_voice": 0,
        "new": {"a": [1]},
        "envelope": {"n": 1.0, "z": None},
    }


def test_unknown_fields_are_kept_in_bodies_within_bodies() -> None:
    text = b'{"user":{"id":1,"new":1},"spaces":[{"id":2,"channels":[{"id":3,"new":2}]},{"new":3}]}'
    out = json.loads(frame("x", parse(DashDataPayload, text)))["data"]
    assert out["user"] == {"id": 1, "username": "", "new": 1}
    assert out["spaces"][0]["channels"] == [plain(Channel(id=3)) | {"new": 2}]
    assert out["spaces"][1]["new"] == 3


def test_fields_left_out_when_empty_are_written_when_set() -> None:
    assert b"limit" not in frame("get_messages", GetMessages())
    assert b'"limit":5' in frame("get_messages", GetMessages(limit=5))


def test_a_field_that_is_not_set_is_not_written() -> None:
    class Late(Body):
        name: str | None = None

    assert plain(Late(name=UNSET)) == {}  # type: ignore[arg-type]


def test_nobody_can_name_the_place_where_unknown_fields_are_kept() -> None:
    """Else a peer could set fields behind the back of whoever reads them."""
    body = parse(GetMessages, b'{"(extra)":{"limit":99}}')
    assert body.extra == {}
    assert b"99" not in frame("get_messages", body)


def test_known_fields_win_over_kept_ones() -> None:
    assert plain(CreateSpace(name="mine", extra={"name": Raw(b'"theirs"')})) == {"name": "mine"}


@pytest.mark.parametrize("data", ["", {"a": 1}])
def test_a_frame_carries_text_or_an_object(data: str | dict[str, int]) -> None:
    written = frame("x", data)
    assert written.endswith(b"}\n")
    assert json.loads(written) == {"type": "x", "data": data}


def test_a_body_of_too_many_values_is_refused() -> None:
    """Counted before any is read."""
    many = ",".join(f'"{n}":0' for n in range(CreateSpace.MAX_VALUES + 2))
    with pytest.raises(InvalidBody, match="more than 8192 values"):
        parse(CreateSpace, f"{{{many}}}".encode())


def test_a_body_of_too_many_objects_is_refused() -> None:
    many = ",".join(["{}"] * MAX_OBJECTS)
    with pytest.raises(InvalidBody, match="8192 objects"):
        parse(DashDataPayload, f'{{"spaces":[{many}]}}'.encode())
