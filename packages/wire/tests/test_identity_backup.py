"""Recorded identity backups open with their passphrase. Browsers read and write them; this keeps their format known."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from parch_wire.encoding import unb64raw
from parch_wire.identity import check_auth_public_key, check_enc_public_key

VECTORS = Path(__file__).parent / "vectors"
FILES = [json.loads((VECTORS / f"chat-identity-backup{kind}.json").read_text()) for kind in ("", "-unicode")]


def derive(backup: dict[str, Any], passphrase: str) -> bytes:
    salt = unb64raw(backup["kdf"]["salt"], 16)
    return PBKDF2HMAC(SHA256(), 32, salt, backup["kdf"]["iterations"]).derive(passphrase.encode())


def decrypt(backup: dict[str, Any], key: bytes) -> str:
    cipher = backup["cipher"]
    return AESGCM(key).decrypt(unb64raw(cipher["iv"], 12), unb64raw(cipher["ciphertext"]), None).decode()


@pytest.mark.parametrize("file", FILES, ids=["ascii", "unicode"])
def test_a_recorded_backup_opens(file: dict[str, Any]) -> None:
    given, expected = file["inputs"], file["expected"]
    backup = json.loads(given["backup_text"])
    assert backup == given["backup"]
    key = derive(backup, given["passphrase"])
    assert key.hex() == expected["derived_aes_key_hex"]
    assert decrypt(backup, key) == expected["plaintext_json"]
    identity = json.loads(expected["plaintext_json"])
    assert identity == expected["identity"]
    check_auth_public_key(identity["publicKey"])
    check_enc_public_key(identity["encPublicKey"])


@pytest.mark.parametrize("file", FILES, ids=["ascii", "unicode"])
def test_a_wrong_passphrase_or_a_changed_byte_opens_nothing(file: dict[str, Any]) -> None:
    given, errors = file["inputs"], {error["why"]: error for error in file["expected"]["errors"]}
    wrong = derive(given["backup"], errors["wrong passphrase"]["passphrase"])
    with pytest.raises(InvalidTag):
        decrypt(given["backup"], wrong)
    flipped = json.loads(errors["ciphertext flipped"]["backup_text"])
    with pytest.raises(InvalidTag):
        decrypt(flipped, derive(flipped, given["passphrase"]))
