"""Who somebody is: key texts and names in, checked keys, normalised names and session numbers out.

An identity is the canonical text of a raw Ed25519 public key (spec §4.1); everything else about a person is a hint.
"""

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from .encoding import unb64raw
from .errors import InvalidEncoding, InvalidKey

USERNAME_BYTES = 40
_P256_SPKI_BYTES = 91
_P256_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def check_auth_public_key(text: str) -> bytes:
    """The 32 raw bytes of a canonical Ed25519 public key text. Raises InvalidKey."""
    try:
        return unb64raw(text, 32)
    except InvalidEncoding as error:
        raise InvalidKey(f"Not an Ed25519 public key: {error.text}") from None


def check_enc_public_key(text: str) -> None:
    """Raises InvalidKey unless `text` is b64raw SPKI DER of an uncompressed P-256 point on the curve (spec Q24)."""
    try:
        der = unb64raw(text, _P256_SPKI_BYTES)
    except InvalidEncoding as error:
        raise InvalidKey(f"Not a P-256 public key: {error.text}") from None
    head, point = der[: len(_P256_SPKI_HEAD)], der[len(_P256_SPKI_HEAD) :]
    if head != _P256_SPKI_HEAD:
        raise InvalidKey("Not a P-256 public key: it is of another kind.")
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError:
        raise InvalidKey("Not a P-256 public key: the bytes are not a point on the curve.") from None


def normalise_username(name: str, public_key: str) -> str:
    """Trimmed; blank becomes `user-` and 8 characters of the key; cut to 40 bytes between code points (spec §4.4)."""
    name = name.strip() or "user-" + public_key[:8]
    return name.encode("utf-8", "replace")[:USERNAME_BYTES].decode("utf-8", "ignore")


def clip(text: str, limit: int) -> str:
    """`text` trimmed and cut to `limit` bytes of UTF-8 between code points."""
    return text.strip().encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def session_user_id(public_key: str) -> int:
    """FNV-1a-32 of the key text, 31 bits, never 0: the number old clients see before the host gave one (spec §4.5)."""
    value = 0x811C9DC5
    for byte in public_key.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value & 0x7FFFFFFF or 1
