"""The signing pair (spec §4.1): the layout of the original, checked against its own vector."""

import pytest

from parch_hostctl import keys
from parch_hostctl.errors import ConfigError
from parch_wire.challenge import host_auth_message
from parch_wire.encoding import b64raw, unb64raw

SEED = bytes(range(32))
PRIVATE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA"
PUBLIC = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"


def test_a_pair_is_written_as_the_original_does() -> None:
    assert keys.from_seed(SEED) == (PRIVATE, PUBLIC)
    assert len(unb64raw(PRIVATE)) == 64


def test_the_signature_is_the_originals() -> None:
    message = host_auth_message("6f1d2c3b-4a59-4e68-8776-95a4b3c2d1e0", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
    assert b64raw(keys.signing_key(PRIVATE, PUBLIC).sign(message)) == (
        "pWDiNica2NW/YjvXVH5+IB9HYzhACSppBe+A1Wq/A/PV093KuX4i0/nIe452CHRbuE5MoVMiZSWTy4App3i3AA"
    )


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("", PUBLIC),
        ("not base64!", PUBLIC),
        (b64raw(SEED), PUBLIC),
        (PRIVATE, b64raw(SEED)),
        (b64raw(SEED + SEED), b64raw(SEED)),
    ],
)
def test_texts_that_are_no_pair_are_refused_without_showing_them(private: str, public: str) -> None:
    with pytest.raises(ConfigError) as refused:
        keys.signing_key(private, public)
    assert refused.value.code == "invalid_signing_key"
    assert not private or private not in refused.value.text + refused.value.hint
