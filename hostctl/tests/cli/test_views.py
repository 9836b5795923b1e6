"""Plain text of results, and text of strangers made harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_hostctl.views import Cell, Facts, Table, Verbatim, amount, duration, plain, printable, size


def test_a_table_in_a_pipe_is_rows_of_cells_separated_by_tabs() -> None:
    assert plain(Table(("id", "name"), [("1", Cell("ann", "green")), ("2", "bob")])) == "1\tann\n2\tbob\n"


def test_facts_in_a_pipe_are_label_and_value() -> None:
    assert (
        plain(Facts([("relay", "https://chat.example"), ("state", Cell("up", "green"))]))
        == "relay\thttps://chat.example\nstate\tup\n"
    )


def test_text_stands_for_itself() -> None:
    assert plain("hello") == "hello\n"
    assert plain("") == ""
    assert plain(Verbatim("a\n\tb\n")) == "a\n\tb\n"
    assert plain("no\x1b[2J") == "no\\x1b[2J\n"


def test_a_cell_cannot_break_its_row() -> None:
    assert plain(Table(("name",), [("a\tb\nc",)])) == "a\\tb\\nc\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 👩‍🚀", "Zoë 👩‍🚀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eevil", "\\u202eevil"),
        ("a\u2028b", "a\\u2028b"),
        ("bell\x07", "bell\\x07"),
        ("\x9b2J", "\\x9b2J"),
    ],
)
def test_control_and_bidi_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_printable_moves_the_cursor(text: str) -> None:
    assert all(character.isprintable() or character == "\u200d" for character in printable(text))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (300 << 20, "300 MiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_rounded_for_people(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (90061, "1 d 1 h"), (3600, "1 h")])
def test_durations_show_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nouns_agree_with_their_number() -> None:
    assert (amount(1, "space"), amount(0, "space")) == ("1 space", "0 spaces")
