"""Who somebody is: key texts are checked, names normalised, session numbers derived."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from parch_wire.encoding import b64raw, unb64raw
from parch_wire.errors import InvalidKey
from parch_wire.identity import (
    USERNAME_BYTES,
    check_auth_public_key,
    check_enc_public_key,
    clip,
    normalise_username,
    session_user_id,
)

VECTORS = Path(__file__).parent / "vectors"
IDENTITIES = json.loads((VECTORS / "chat-identities.json").read_text())["inputs"]["identities"]
NAMES = json.loads((VECTORS / "chat-username-normalize.json").read_text())["expected"]["rows"]
SESSIONS = json.loads((VECTORS / "chat-session-user-id.json").read_text())
ALICE = IDENTITIES["alice"]["enc_public_key_spki_b64"]


def spki(key: ec.EllipticCurvePublicKey | x25519.X25519PublicKey) -> str:
    return b64raw(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def changed(position: int, byte: int) -> str:
    der = bytearray(unb64raw(ALICE))
    der[position] = byte
    return b64raw(bytes(der))


@pytest.mark.parametrize("person", IDENTITIES.values(), ids=lambda person: person["username"])
def test_recorded_identities_are_accepted(person: dict[str, str]) -> None:
    assert check_auth_public_key(person["auth_public_key_b64"]).hex() == person["auth_public_key_hex"]
    check_enc_public_key(person["enc_public_key_spki_b64"])


@pytest.mark.parametrize(
    "text", ["", "AAAA", IDENTITIES["alice"]["auth_public_key_b64"] + "=", "é" * 43, "A" * 42 + "B"]
)
def test_other_texts_are_no_identity(text: str) -> None:
    with pytest.raises(InvalidKey, match="Not an Ed25519 public key") as refusal:
        check_auth_public_key(text)
    assert refusal.value.code == "invalid_key"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expected 91 bytes"),
        (ALICE + "==", "not unpadded"),
        (spki(ec.generate_private_key(ec.SECP384R1()).public_key()), "Expected 91 bytes"),
        (spki(ec.generate_private_key(ec.SECP256K1()).public_key()), "Expected 91 bytes"),
        (spki(x25519.X25519PrivateKey.generate().public_key()), "Expected 91 bytes"),
        (changed(22, 0x08), "another kind"),
        (changed(90, 0), "not a point on the curve"),
        (changed(26, 6), "not a point on the curve"),
        (b64raw(unb64raw(ALICE)[:27] + bytes(64)), "not a point on the curve"),
    ],
    ids=["empty", "padded", "P-384", "secp256k1", "X25519", "other-oid", "off-curve", "hybrid-form", "zero-point"],
)
def test_an_encryption_key_nobody_can_use_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidKey, match=why):
        check_enc_public_key(text)


def test_a_compressed_encryption_key_is_refused() -> None:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    compressed = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed
    with pytest.raises(InvalidKey, match="Expected 91 bytes"):
        check_enc_public_key(b64raw(der))


@pytest.mark.parametrize("row", NAMES, ids=lambda row: repr(row["username"]))
def test_usernames_normalise_as_recorded(row: dict[str, Any]) -> None:
    """A row with a replacement character was cut inside a character; here the cut falls before it."""
    recorded = row["result_as_json"].replace("\N{REPLACEMENT CHARACTER}", "")
    assert normalise_username(row["username"], row["public_key"]) == recorded


@given(st.text(), st.text(alphabet="Aa0+/", min_size=8))
def test_every_username_has_text_and_fits(name: str, public_key: str) -> None:
    result = normalise_username(name, public_key)
    assert 0 < len(result.encode()) <= USERNAME_BYTES


def test_lone_surrogates_in_a_name_become_question_marks() -> None:
    assert normalise_username("a\ud800", "k") == "a?"


@pytest.mark.parametrize(("text", "limit", "kept"), [("  ab ", 9, "ab"), ("aé", 2, "a"), ("aé", 3, "aé"), ("", 3, "")])
def test_a_text_is_clipped_between_characters(text: str, limit: int, kept: str) -> None:
    assert clip(text, limit) == kept


def test_session_numbers_are_as_recorded() -> None:
    keys, numbers = SESSIONS["inputs"]["public_keys"], SESSIONS["expected"]["user_ids"]
    assert [session_user_id(key) for key in keys] == numbers


def test_a_session_number_is_never_zero() -> None:
    """The text was searched for: the low 31 bits of its FNV-1a hash are zero."""
    assert session_user_id("GkkzFD") == 1
