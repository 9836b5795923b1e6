"""Base64 as the wire writes it (spec §"Conventions"): bytes in, unpadded text out, and back.

Decoding takes only the canonical text: one text per value, so that texts can be compared in place of keys (spec Q23).
"""

import base64
import binascii
import re

from .errors import InvalidEncoding

_STANDARD = re.compile(r"[A-Za-z0-9+/]*\Z")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*\Z")


def b64raw(data: bytes) -> str:
    """Standard alphabet, no padding."""
    return base64.b64encode(data).decode().rstrip("=")


def b64url(data: bytes) -> str:
    """URL-safe alphabet, no padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64raw(text: str, length: int | None = None) -> bytes:
    """The bytes of canonical `b64raw` text, `length` of them if given.

    Raises InvalidEncoding on padding, other characters, unused bits that are set, or another length.
    """
    if _STANDARD.match(text) is None:
        raise InvalidEncoding("The text is not unpadded base64.")
    return _decode(text, text, length)


def unb64url(text: str, length: int | None = None) -> bytes:
    """As `unb64raw`, in the URL-safe alphabet."""
    if _URL_SAFE.match(text) is None:
        raise InvalidEncoding("The text is not unpadded URL-safe base64.")
    return _decode(text, text.translate(_TO_STANDARD), length)


_TO_STANDARD = str.maketrans("-_", "+/")


def _decode(text: str, standard: str, length: int | None) -> bytes:
    try:
        data = base64.b64decode(standard + "=" * (-len(text) % 4))
    except binascii.Error:
        raise InvalidEncoding("The text is not base64: its length is impossible.") from None
    if b64raw(data) != standard:
        raise InvalidEncoding("The text is not canonical base64: unused bits are set.")
    if length is not None and len(data) != length:
        raise InvalidEncoding(f"Expected {length} bytes, got {len(data)}.")
    return data
