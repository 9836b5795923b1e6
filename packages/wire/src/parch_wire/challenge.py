"""Proof of key possession: a challenge and names in, the exact bytes to sign out; and the verdict on a signature.

Sources: spec §4.1, §3.4; registration proof: docs/protocol.md §2.8.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .encoding import unb64raw
from .errors import ChallengeError, InvalidEncoding

CHALLENGE_BYTES = 24
PROOF_WINDOW_SECONDS = 300


def browser_auth_message(host_uuid: str, challenge: str, enc_public_key: str) -> bytes:
    """What a browser signs with its Ed25519 key in `auth_pubkey`."""
    return f"parch-chat-auth:{host_uuid}:{challenge}:{enc_public_key}".encode()


def host_auth_message(host_uuid: str, challenge: str) -> bytes:
    """What a host signs with its signing key in `host_auth`."""
    return f"parch-host-auth:{host_uuid}:{challenge}".encode()


def registration_message(uuid: str, signing_public_key: str, name: str, issued_at: int) -> bytes:
    """What a host signs in the `proof` of `register_host`; `issued_at` is unix seconds."""
    return f"parch-register-host:{uuid}:{signing_public_key}:{name}:{issued_at}".encode()


def check_signature(public_key: bytes, signature: str, message: bytes) -> None:
    """Raises ChallengeError unless `signature` (b64raw, 64 bytes) is `public_key`'s over `message`."""
    try:
        raw = unb64raw(signature, 64)
    except InvalidEncoding:
        raise ChallengeError("invalid_signature_format", "Invalid signature format") from None
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, message)
    except (InvalidSignature, ValueError):
        raise ChallengeError("invalid_signature", "Invalid signature") from None
