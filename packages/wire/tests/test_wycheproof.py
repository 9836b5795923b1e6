"""Project Wycheproof's and RFC 8032's vectors through the checks and primitives this product uses (catalogue E-06).

Every test must come out as it is marked. "acceptable" ones may go either way; which way is printed.
"""

import json
from base64 import urlsafe_b64decode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_public_key

from parch_wire.challenge import check_signature
from parch_wire.encoding import b64raw
from parch_wire.errors import ChallengeError, InvalidKey
from parch_wire.identity import check_enc_public_key

VECTORS = Path(__file__).parent / "vectors"
WYCHEPROOF = VECTORS / "wycheproof"
RFC_8032 = json.loads((VECTORS / "ed25519-rfc8032.json").read_text())["tests"]
GCM_NONCE_BYTES = range(8, 129)  # what the library takes; the wire uses 12


def rows(name: str, count: int) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = json.loads((WYCHEPROOF / name).read_text())["tests"]
    assert len(tests) == count
    return tests


def report(name: str, verdicts: list[tuple[str, bool]]) -> None:
    """Prints what came out and fails on a verdict that is not as marked."""
    counts = Counter(f"{marked} {'taken' if taken else 'refused'}" for marked, taken in verdicts)
    print(f"E-06 {name}: {len(verdicts)} tests, {dict(counts)}")
    assert ("valid", False) not in verdicts
    assert ("invalid", True) not in verdicts


def signature_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        check_signature(public, b64raw(signature), message)
    except ChallengeError:
        return False
    return True


def usable(spki: bytes) -> bool:
    try:
        check_enc_public_key(b64raw(spki))
    except InvalidKey:
        return False
    return True


def agree(scalar: bytes, spki: bytes) -> str:
    """The ECDH secret, as an envelope's reader computes it."""
    peer = load_der_public_key(spki)
    assert isinstance(peer, EllipticCurvePublicKey)
    return derive_private_key(int.from_bytes(scalar, "big"), SECP256R1()).exchange(ECDH(), peer).hex()


def b64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_ed25519_signatures() -> None:
    verdicts = [
        (t["result"], signature_holds(*(bytes.fromhex(t[key]) for key in ("public", "sig", "msg"))))
        for t in rows("ed25519.json", 210)
    ]
    report("ed25519", verdicts)


def test_p256_keys_as_spki() -> None:
    """Of a key's many DER forms the wire has one; the rest are refused even where they name a valid point."""
    verdicts = []
    for t in rows("ecdh_p256_spki.json", 612):
        public, scalar = bytes.fromhex(t["public"]), bytes.fromhex(t["private"])
        verdicts.append((t["result"], usable(public)))
        if usable(public):
            assert agree(scalar[-32:], public) == t["shared"]
    report("ecdh P-256 SPKI", verdicts)


def test_p256_keys_as_a_browser_has_them() -> None:
    """The vectors give a curve and coordinates; on the wire the one header says the curve."""
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    verdicts = []
    for t in rows("ecdh_p256_webcrypto.json", 353):
        spki = head + b64url(t["x"]) + b64url(t["y"])
        taken = t["crv"] == "P-256" and usable(spki)
        verdicts.append((t["result"], taken))
        if taken:
            assert agree(b64url(t["d"]), spki) == t["shared"]
    report("ecdh P-256 webcrypto", verdicts)


def opens(t: dict[str, Any]) -> bool:
    key, iv, aad, message, ciphertext, tag = (bytes.fromhex(t[k]) for k in ("key", "iv", "aad", "msg", "ct", "tag"))
    try:
        return AESGCM(key).decrypt(iv, ciphertext + tag, aad) == message
    except InvalidTag:
        return False


def test_aes_gcm() -> None:
    tests = rows("aes_gcm.json", 316)
    taken = [t for t in tests if len(t["iv"]) // 2 in GCM_NONCE_BYTES]
    report("aes_gcm", [(t["result"], opens(t)) for t in taken])
    refused = [t for t in tests if t not in taken]
    for t in refused:
        with pytest.raises(ValueError, match="Nonce"):
            opens(t)
    print(f"E-06 aes_gcm: {len(refused)} more, with nonces shorter than 8 or longer than 128 bytes, are refused unread")


def expands(t: dict[str, Any]) -> bool:
    ikm, salt, info, okm = (bytes.fromhex(t[k]) for k in ("ikm", "salt", "info", "okm"))
    try:
        return HKDF(SHA256(), t["size"], salt, info).derive(ikm) == okm
    except ValueError:
        return False


def test_hkdf_sha256() -> None:
    report("hkdf_sha256", [(t["result"], expands(t)) for t in rows("hkdf_sha256.json", 86)])


@pytest.mark.parametrize("test", RFC_8032, ids=range(1, 5))
def test_rfc_8032(test: dict[str, str]) -> None:
    secret, message, public, signature = (bytes.fromhex(test[k]) for k in ("secret", "message", "public", "signature"))
    key = Ed25519PrivateKey.from_private_bytes(secret)
    assert key.public_key().public_bytes_raw() == public
    assert key.sign(message) == signature
    assert signature_holds(public, signature, message)
    assert not signature_holds(public, signature, message + b"\0")
