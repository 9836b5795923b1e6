"""A browser's keys: text and recipients in, a signed v1 envelope out, and back (spec §6).

Only for tests: private keys live in plain memory. The signed text is built here from the description of the wire, not
with the product's code, so that the two check each other.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from parch_wire.challenge import browser_auth_message
from parch_wire.collation import root_key
from parch_wire.encoding import b64raw, unb64raw

SIGNED_KEYS = (
    "v",
    "alg",
    "message_id",
    "sender_timestamp",
    "space_uuid",
    "channel_uuid",
    "sender_auth_public_key",
    "sender_enc_public_key",
    "content_iv",
    "ciphertext",
    "wrapped_keys",
)
WRAPPED_KEYS = ("recipient_auth_public_key", "iv", "ciphertext")


class Recipient(NamedTuple):
    """Whom a message is sealed for: b64raw Ed25519 public key, b64raw P-256 SPKI."""

    public_key: str
    enc_public_key: str


class Identity:
    """One person: an Ed25519 pair that signs, a P-256 pair that agrees on keys."""

    def __init__(self, signing: Ed25519PrivateKey, agreement: EllipticCurvePrivateKey) -> None:
        self.signing = signing
        self.agreement = agreement
        self._wrap_keys: dict[tuple[str, ...], AESGCM] = {}

    @classmethod
    def new(cls) -> "Identity":
        return cls(Ed25519PrivateKey.generate(), generate_private_key(SECP256R1()))

    @classmethod
    def from_hex(cls, seed: str, scalar: str) -> "Identity":
        """From an Ed25519 seed and a P-256 scalar, both in hex."""
        return cls(
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)),
            derive_private_key(int(scalar, 16), SECP256R1()),
        )

    @cached_property
    def public_key(self) -> str:
        return b64raw(self.signing.public_key().public_bytes_raw())

    @cached_property
    def enc_public_key(self) -> str:
        key = self.agreement.public_key()
        return b64raw(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.public_key, self.enc_public_key)

    def sign(self, message: bytes) -> str:
        """b64raw of the Ed25519 signature."""
        return b64raw(self.signing.sign(message))

    def auth_signature(self, host_uuid: str, challenge: str) -> str:
        """What `auth_pubkey` carries as proof of this identity."""
        return self.sign(browser_auth_message(host_uuid, challenge, self.enc_public_key))

    def encrypt(self, recipients: Iterable[Recipient], space_uuid: str, channel_uuid: str, text: str) -> dict[str, Any]:
        """A signed v1 envelope of `text` for `recipients` and this identity itself, under a fresh message key."""
        message_key, iv = os.urandom(32), os.urandom(12)
        envelope: dict[str, Any] = {
            "v": 1,
            "alg": "p256-hkdf-aesgcm+ed25519",
            "message_id": b64raw(os.urandom(16)),
            "sender_timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "space_uuid": space_uuid,
            "channel_uuid": channel_uuid,
            "sender_auth_public_key": self.public_key,
            "sender_enc_public_key": self.enc_public_key,
            "content_iv": b64raw(iv),
            "ciphertext": b64raw(AESGCM(message_key).encrypt(iv, text.encode(), None)),
        }
        unique: dict[str, Recipient] = {}
        for recipient in (*recipients, self.recipient):
            unique.setdefault(recipient.public_key, recipient)
        envelope["wrapped_keys"] = sorted(
            (self._wrap(message_key, recipient, space_uuid, channel_uuid) for recipient in unique.values()),
            key=lambda wrapped: root_key(wrapped["recipient_auth_public_key"]),
        )
        return self.signed(envelope)

    def signed(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """`envelope` with this identity's signature over it, as a browser under root collation signs."""
        return {**envelope, "sig": self.sign(signed_text(envelope))}

    def decrypt(self, envelope: Mapping[str, Any]) -> str:
        """The text of an envelope. Raises StopIteration when it is not for us, InvalidTag when it was changed.

        The signature is not looked at.
        """
        sender = envelope["sender_auth_public_key"]
        wrapped = next(w for w in envelope["wrapped_keys"] if w["recipient_auth_public_key"] == self.public_key)
        wrap_key = self.wrap_key(
            envelope["sender_enc_public_key"], sender, envelope["space_uuid"], envelope["channel_uuid"]
        )
        message_key = wrap_key.decrypt(unb64raw(wrapped["iv"]), unb64raw(wrapped["ciphertext"]), None)
        iv, ciphertext = unb64raw(envelope["content_iv"]), unb64raw(envelope["ciphertext"])
        return AESGCM(message_key).decrypt(iv, ciphertext, None).decode()

    def wrap_key(self, enc_public_key: str, sender: str, space_uuid: str, channel_uuid: str) -> AESGCM:
        """The key shared with the owner of `enc_public_key` for messages of `sender` in one channel; kept once made."""
        name = (enc_public_key, sender, space_uuid, channel_uuid)
        if name not in self._wrap_keys:
            peer = load_der_public_key(unb64raw(enc_public_key))
            assert isinstance(peer, EllipticCurvePublicKey)
            shared = self.agreement.exchange(ECDH(), peer)
            self._wrap_keys[name] = AESGCM(hkdf(shared, sender, space_uuid, channel_uuid))
        return self._wrap_keys[name]

    def _wrap(self, message_key: bytes, recipient: Recipient, space_uuid: str, channel_uuid: str) -> dict[str, str]:
        iv = os.urandom(12)
        key = self.wrap_key(recipient.enc_public_key, self.public_key, space_uuid, channel_uuid)
        return {
            "recipient_auth_public_key": recipient.public_key,
            "iv": b64raw(iv),
            "ciphertext": b64raw(key.encrypt(iv, message_key, None)),
        }


def hkdf(shared: bytes, sender: str, space_uuid: str, channel_uuid: str) -> bytes:
    """The 32 bytes of a wrap key from an ECDH secret (spec §6.3)."""
    salt = f"parch-e2ee-wrap-salt:{space_uuid}:{channel_uuid}".encode()
    return HKDF(SHA256(), 32, salt, f"parch-e2ee-wrap-info:{sender}".encode()).derive(shared)


def signed_text(envelope: Mapping[str, Any]) -> bytes:
    """The canonical text of an envelope, its wrapped keys in root-collation order (spec §6.4)."""
    wrapped = sorted(envelope["wrapped_keys"], key=lambda key: root_key(key["recipient_auth_public_key"]))
    signed = {key: envelope[key] for key in SIGNED_KEYS}
    signed["wrapped_keys"] = [{key: item[key] for key in WRAPPED_KEYS} for item in wrapped]
    return json.dumps(signed, separators=(",", ":"), ensure_ascii=False).encode()
