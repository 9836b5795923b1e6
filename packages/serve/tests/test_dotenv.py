"""The `.env` form: what each way of writing a value means, and that nothing crashes it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_serve.dotenv import DotenvError, parse


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("  export NAME = value  ", "value"),
        ("NAME=", ""),
        ("NAME= # only a comment", ""),
        ("NAME=a b c # comment", "a b c"),
        ("NAME=a#b", "a#b"),
        ("NAME='a # \\n b'", "a # \\n b"),
        ('NAME="a\\nb \\"c\\" \\\\"', 'a\nb "c" \\'),
        ("NAME=postgresql://u:p@h/d?x=y", "postgresql://u:p@h/d?x=y"),
    ],
)
def test_a_line_assigns_its_value(line: str, value: str) -> None:
    assert parse(line) == {"NAME": value}


def test_blank_lines_and_comments_are_nothing_and_the_last_assignment_wins() -> None:
    assert parse("\n# comment\n   \nA=1\nB=2\nA=3\n") == {"A": "3", "B": "2"}


@pytest.mark.parametrize("line", ["no assignment", "1NAME=x", "NAME='open", 'NAME="open', "NAME='a' b", "=x"])
def test_a_malformed_line_is_refused_by_number_without_its_text(line: str) -> None:
    with pytest.raises(DotenvError, match="line 2 is not of the form") as caught:
        parse(f"A=1\n{line}")
    assert caught.value.line == 2
    assert line not in str(caught.value)


@given(st.text())
def test_any_text_gives_assignments_or_a_line_number(text: str) -> None:
    with suppress(DotenvError):
        assert all(isinstance(value, str) for value in parse(text).values())


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_a_quoted_value_comes_back_as_it_was(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'NAME="{quoted}"') == {"NAME": value}
