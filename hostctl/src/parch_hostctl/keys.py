"""The host's Ed25519 signing pair (spec §4.1): key text of the configuration in, a usable key out; and a new pair.

The private text is b64raw of 64 bytes, seed then public key; the public text is b64raw of the 32 raw bytes.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.encoding import b64raw, unb64raw
from parch_wire.errors import InvalidEncoding

from .errors import ConfigError

SEED_BYTES = 32


def from_seed(seed: bytes) -> tuple[str, str]:
    """The private and public text of the pair made from 32 random bytes."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return b64raw(seed + public), b64raw(public)


def signing_key(private_text: str, public_text: str) -> Ed25519PrivateKey:
    """The key behind the two texts of the configuration. Raises ConfigError unless they are one pair."""
    try:
        raw = unb64raw(private_text, 2 * SEED_BYTES)
    except InvalidEncoding:
        raise _unusable("is not the base64 of 64 bytes") from None
    if from_seed(raw[:SEED_BYTES]) != (private_text, public_text):
        raise _unusable("does not belong to signing_public_key")
    return Ed25519PrivateKey.from_private_bytes(raw[:SEED_BYTES])


def _unusable(why: str) -> ConfigError:
    return ConfigError(
        "invalid_signing_key",
        f"signing_private_key in host_config.json {why}.",
        "Restore host_config.json from a backup; a new key would be refused by the relay.",
    )
