"""Messages to send: identities and a channel in, `chat` frames with valid signed v1 envelopes of 2 kB out.

Nobody decrypts here, so ciphertexts and wrapped keys are random bytes of the right length.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from parch_wire.encoding import b64raw
from parch_wire.envelope import ALGORITHM, Envelope, WrappedKey, canonical_texts

ENVELOPE_BYTES = 2048
WRAPPED_KEYS = 4


class Place(NamedTuple):
    """One channel."""

    host_uuid: str
    space_uuid: str
    channel_uuid: str


class Identity:
    """One person's keys."""

    def __init__(self) -> None:
        self._signing = Ed25519PrivateKey.generate()
        self.public_key = b64raw(self._signing.public_key().public_bytes_raw())
        agreement = generate_private_key(SECP256R1()).public_key()
        self.enc_public_key = b64raw(agreement.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def sign(self, message: bytes) -> str:
        """b64raw of the Ed25519 signature."""
        return b64raw(self._signing.sign(message))


class Message(NamedTuple):
    """A `chat` frame and the id of its envelope, by which its deliveries are known."""

    message_id: bytes
    frame: bytes


def message(sender: Identity, recipients: Sequence[str], place: Place, token: str) -> Message:
    """A new message from `sender`, its key wrapped for `recipients` (public keys), its envelope of 2,048 bytes."""
    unsigned = _unsigned(sender, recipients, place, b"")
    missing = ENVELOPE_BYTES - len(msgspec.json.encode(unsigned)) - len("A" * 86)
    unsigned = _unsigned(sender, recipients, place, os.urandom(missing * 3 // 4))
    signature = sender.sign(next(canonical_texts(unsigned)))
    envelope = msgspec.structs.replace(unsigned, sig=signature)
    data = {"envelope": envelope, "capability_token": token}
    return Message(envelope.message_id.encode(), msgspec.json.encode({"type": "chat", "data": data}))


def _unsigned(sender: Identity, recipients: Sequence[str], place: Place, content: bytes) -> Envelope:
    return Envelope(
        v=1,
        alg=ALGORITHM,
        message_id=b64raw(os.urandom(16)),
        sender_timestamp="2026-01-02T03:04:05.678Z",
        space_uuid=place.space_uuid,
        channel_uuid=place.channel_uuid,
        sender_auth_public_key=sender.public_key,
        sender_enc_public_key=sender.enc_public_key,
        content_iv=b64raw(os.urandom(12)),
        ciphertext=b64raw(content),
        wrapped_keys=[_wrapped(public_key) for public_key in recipients],
        sig="",
    )


def _wrapped(public_key: str) -> WrappedKey:
    return WrappedKey(public_key, b64raw(os.urandom(12)), b64raw(os.urandom(48)))
