"""Base64 has one text per value: what `b64raw` writes is read back, every other text is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_wire.encoding import b64raw, b64url, unb64raw, unb64url
from parch_wire.errors import InvalidEncoding


@given(st.binary(max_size=200))
def test_bytes_survive_both_alphabets(data: bytes) -> None:
    assert unb64raw(b64raw(data)) == data
    assert unb64url(b64url(data), len(data)) == data


@given(st.text(alphabet="Aa0+/-_=é\n ", max_size=12))
def test_a_text_is_either_refused_or_the_only_one_for_its_bytes(text: str) -> None:
    for decode, encode in ((unb64raw, b64raw), (unb64url, b64url)):
        try:
            data = decode(text)
        except InvalidEncoding:
            continue
        assert encode(data) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("QQ==", "not unpadded"),
        ("Q Q", "not unpadded"),
        ("QUJD\n", "not unpadded"),
        ("-_", "not unpadded"),
        ("QUJDR", "length is impossible"),
        ("QR", "unused bits"),
    ],
)
def test_other_texts_are_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidEncoding, match=why) as refusal:
        unb64raw(text)
    assert refusal.value.code == "invalid_encoding"
    assert refusal.value.hint


def test_the_url_safe_alphabet_is_its_own() -> None:
    assert unb64url("-_-_") == unb64raw("+/+/")
    with pytest.raises(InvalidEncoding):
        unb64url("+/+/")


def test_a_wrong_length_is_refused() -> None:
    with pytest.raises(InvalidEncoding, match="Expected 32 bytes, got 3"):
        unb64raw("QUJD", 32)
