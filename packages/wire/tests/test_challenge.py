"""Proof of key possession: the exact bytes that are signed, and which signatures are taken."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.challenge import browser_auth_message, check_signature, host_auth_message, registration_message
from parch_wire.encoding import b64raw, unb64raw
from parch_wire.errors import ChallengeError, InvalidKey
from parch_wire.identity import check_auth_public_key

VECTORS = Path(__file__).parent / "vectors"
BROWSER = json.loads((VECTORS / "chat-auth-signature.json").read_text())
HOST = json.loads((VECTORS / "chat-host-auth-signature.json").read_text())


def judge(public_key: str, enc_public_key: str, signature: str, challenge: str) -> str:
    """The text a relay answers an `auth_pubkey` with; empty when it is accepted."""
    if challenge != BROWSER["inputs"]["challenge"]:
        return "Invalid auth challenge"
    try:
        key = check_auth_public_key(public_key)
        check_signature(key, signature, browser_auth_message(BROWSER["inputs"]["host_uuid"], challenge, enc_public_key))
    except InvalidKey:
        return "Invalid public key format"
    except ChallengeError as error:
        return error.text
    return ""


def test_a_browser_signs_the_recorded_bytes() -> None:
    given, expected = BROWSER["inputs"], BROWSER["expected"]
    message = browser_auth_message(given["host_uuid"], given["challenge"], given["enc_public_key"])
    assert message.decode() == expected["message"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["auth_private_seed_hex"]))
    assert b64raw(key.sign(message)) == expected["signature_b64_std_nopad"]


def test_a_host_signs_the_recorded_bytes() -> None:
    given, expected = HOST["inputs"], HOST["expected"]
    message = host_auth_message(given["host_uuid"], given["challenge"])
    assert message.decode() == expected["message"]
    seed = unb64raw(given["config_signing_private_key"], 64)[:32]
    assert seed.hex() == given["signing_seed_hex"]
    assert b64raw(Ed25519PrivateKey.from_private_bytes(seed).sign(message)) == expected["signature_b64_std_nopad"]
    check_signature(unb64raw(given["config_signing_public_key"], 32), expected["signature_b64_std_nopad"], message)


def test_the_recorded_login_is_accepted() -> None:
    data = BROWSER["expected"]["auth_pubkey_frame"]["data"]
    assert judge(data["public_key"], data["enc_public_key"], data["signature"], data["challenge"]) == ""


@pytest.mark.parametrize("case", BROWSER["expected"]["negative"], ids=lambda case: case["why"])
def test_recorded_refusals(case: dict[str, Any]) -> None:
    fields = BROWSER["expected"]["auth_pubkey_frame"]["data"] | case
    assert (
        judge(fields["public_key"], fields["enc_public_key"], fields["signature"], fields["challenge"]) == case["error"]
    )


def test_a_proof_of_registration_names_everything_it_changes() -> None:
    assert registration_message("u", "k", "My host", 1800000000) == b"parch-register-host:u:k:My host:1800000000"


def test_a_key_that_is_not_a_key_proves_nothing() -> None:
    with pytest.raises(ChallengeError) as refusal:
        check_signature(b"short", b64raw(bytes(64)), b"")
    assert refusal.value.code == "invalid_signature"
