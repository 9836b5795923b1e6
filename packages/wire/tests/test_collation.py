"""Wrapped keys sort as browsers under root collation sort them."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from parch_wire.collation import root_key

VECTORS = Path(__file__).parent / "vectors"
SORTS = json.loads((VECTORS / "chat-canonical-sort.json").read_text())


def test_texts_sort_as_recorded() -> None:
    assert sorted(SORTS["inputs"]["keys"], key=root_key) == SORTS["expected"]["sorted_root"]


def test_root_order_is_not_byte_order() -> None:
    assert sorted(SORTS["inputs"]["keys"]) == SORTS["expected"]["sorted_bytewise"]
    assert SORTS["expected"]["sorted_root"] != SORTS["expected"]["sorted_bytewise"]


def test_single_characters_sort_as_recorded() -> None:
    order = SORTS["expected"]["icu_root_single_char_order"]
    assert "".join(sorted(set(order), key=root_key)) == order


@given(st.text(max_size=6), st.text(max_size=6))
def test_different_texts_never_tie(one: str, other: str) -> None:
    assert (root_key(one) == root_key(other)) == (one == other)
