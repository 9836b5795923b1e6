"""The v1 envelope (spec §6): JSON bytes in, a checked shape, its canonical bytes and a verdict on its signature out.

Nothing here can decrypt. Fields nobody here knows are ignored; they are not covered by the signature.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from .collation import root_key
from .encoding import unb64raw
from .errors import EnvelopeError, InvalidEncoding

ALGORITHM = "p256-hkdf-aesgcm+ed25519"
MAX_BYTES = 131_072
MAX_WRAPPED_KEYS = 512

Key32 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]\Z")]  # 43 characters, canonical
_Iv = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{16}\Z")]
_Word = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,128}\Z")]
_P256Spki = Annotated[str, Meta(pattern=r"^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}\Z")]


class WrappedKey(msgspec.Struct, frozen=True):
    """The message key, sealed for one recipient."""

    recipient_auth_public_key: Key32
    iv: _Iv
    ciphertext: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{64}\Z")]


class _Signed(msgspec.Struct, frozen=True):
    """The signed keys in their signed order."""

    v: Annotated[int, Meta(ge=1, le=1)]
    alg: Annotated[str, Meta(pattern="^" + re.escape(ALGORITHM) + r"\Z")]
    message_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{22}\Z")]
    sender_timestamp: Annotated[str, Meta(pattern=r"^[0-9TZ:.+-]{1,40}\Z")]
    space_uuid: _Word
    channel_uuid: _Word
    sender_auth_public_key: Key32
    sender_enc_public_key: _P256Spki
    content_iv: _Iv
    ciphertext: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{22,}\Z")]
    wrapped_keys: Annotated[list[WrappedKey], Meta(min_length=1, max_length=MAX_WRAPPED_KEYS)]


class Envelope(_Signed, frozen=True):
    """A v1 envelope whose shape has been checked."""

    sig: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{86}\Z")]


_decoder = msgspec.json.Decoder(Envelope)
_encoder = msgspec.json.Encoder()
_SIG_KEY = b',"sig":"'


def read(raw: bytes | msgspec.Raw) -> Envelope:
    """The envelope in `raw`. Raises EnvelopeError with the texts of spec §8.3, or one that names the field."""
    data = bytes(raw)
    if len(data) > MAX_BYTES:
        raise EnvelopeError(
            "envelope_too_large",
            f"encrypted envelope exceeds {MAX_BYTES} bytes",
            "Send a shorter message or split the file.",
        )
    try:
        envelope = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _explain(data, error)
    if len({key.recipient_auth_public_key for key in envelope.wrapped_keys}) != len(envelope.wrapped_keys):
        raise EnvelopeError(
            "duplicate_recipient", "invalid wrapped_keys: a recipient appears twice", "Wrap the key once each."
        )
    return envelope


def _explain(data: bytes, error: Exception) -> NoReturn:
    hint = "Build the envelope as docs/protocol.md describes it."
    try:
        fields: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        fields = None
    if not fields or not isinstance(fields, dict):
        raise EnvelopeError("missing_envelope", "missing encrypted envelope", hint) from None
    wrapped = fields.get("wrapped_keys")
    if not isinstance(wrapped, list):
        raise EnvelopeError("invalid_wrapped_keys", "invalid wrapped_keys format", hint) from None
    if not 1 <= len(wrapped) <= MAX_WRAPPED_KEYS:
        raise EnvelopeError(
            "wrapped_keys_count", "invalid wrapped_keys count", f"Wrap for 1 to {MAX_WRAPPED_KEYS} members."
        ) from None
    raise EnvelopeError("invalid_envelope", f"invalid encrypted envelope: {error}", hint) from None


def verify(envelope: Envelope) -> None:
    """Raises EnvelopeError unless the sender signed the envelope, in one of the three orders of spec §6.4."""
    try:
        signature = unb64raw(envelope.sig, 64)
        key = Ed25519PublicKey.from_public_bytes(unb64raw(envelope.sender_auth_public_key, 32))
    except (InvalidEncoding, ValueError):
        raise _forged() from None
    for text in canonical_texts(envelope):
        try:
            key.verify(signature, text)
        except InvalidSignature:
            continue
        return
    raise _forged()


def _forged() -> EnvelopeError:
    return EnvelopeError(
        "invalid_message_signature",
        "Invalid message signature",
        "Sign the envelope with the key it names as its sender.",
    )


def canonical_texts(envelope: Envelope) -> Iterator[bytes]:
    """The texts a v1 sender may have signed, each once: keys in root-collation order, as received, in byte order."""
    received = envelope.wrapped_keys
    root = sorted(received, key=lambda key: root_key(key.recipient_auth_public_key))
    yield canonical(envelope, root)
    if received != root:
        yield canonical(envelope, received)
    by_byte = sorted(received, key=lambda key: key.recipient_auth_public_key)
    if by_byte not in (root, received):
        yield canonical(envelope, by_byte)


def canonical(envelope: Envelope, wrapped_keys: list[WrappedKey]) -> bytes:
    """The signed text of `envelope`, its wrapped keys in the order given: compact JSON of the eleven signed keys."""
    if wrapped_keys is not envelope.wrapped_keys:
        envelope = msgspec.structs.replace(envelope, wrapped_keys=wrapped_keys)
    whole = _encoder.encode(envelope)
    return whole[: whole.rindex(_SIG_KEY)] + b"}"
