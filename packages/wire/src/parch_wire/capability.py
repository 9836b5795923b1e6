"""Space capability tokens (spec §5): claims and a signing key in, a token out; a token and expectations in, claims out.

token = b64url(payload) "." b64url(Ed25519 over the payload bytes); payload = JSON.
"""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .encoding import b64url, unb64url
from .errors import CapabilityError, InvalidEncoding

VERSION = 1
TTL_SECONDS = 300
SKEW_SECONDS = 90
ANY_CHANNEL = "*"
MEMBER_SCOPES = ("join_channel", "read_history", "send_message")
AUTHOR_SCOPES = tuple(
    sorted((*MEMBER_SCOPES, "create_channel", "delete_channel", "invite_user", "remove_space_user", "delete_space"))
)


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a host grants: `scopes` in `space_uuid` of `host_uuid` to `sub`, from `iat` until `exp` (unix s)."""

    v: int = VERSION
    host_uuid: str = ""
    space_uuid: str = ""
    sub: str = ""
    scopes: tuple[str, ...] = ()
    exp: int = 0
    iat: int = 0
    jti: str = ""
    channel_scope: str = ""


_decoder = msgspec.json.Decoder(Claims)


def issue(key: Ed25519PrivateKey, claims: Claims) -> str:
    """The token that carries `claims`, signed by the host's key."""
    payload = msgspec.json.encode(claims)
    return f"{b64url(payload)}.{b64url(key.sign(payload))}"


def open_token(token: str, host_key: bytes) -> Claims:
    """The claims of a token signed by `host_key` (32 raw bytes); time is not judged. Raises CapabilityError."""
    payload, signature = _split(token.strip())
    try:
        Ed25519PublicKey.from_public_bytes(host_key).verify(signature, payload)
    except (InvalidSignature, ValueError):
        raise CapabilityError("token_signature", "The token is not signed by this host.") from None
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CapabilityError("token_malformed", "The token's payload is not a claims object.") from None


def _split(token: str) -> tuple[bytes, bytes]:
    parts = token.split(".")
    if len(parts) != 2:
        raise CapabilityError("token_malformed", "A token has two parts.")
    try:
        return unb64url(parts[0]), unb64url(parts[1], 64)
    except InvalidEncoding as error:
        raise CapabilityError("token_malformed", f"The token is not URL-safe base64: {error.text}") from None


def check_claims(
    claims: Claims,
    *,
    host_uuid: str,
    space_uuid: str,
    subject: str,
    scope: str,
    now: float,
    channel_uuid: str | None = None,
) -> None:
    """Raises CapabilityError unless `claims` let `subject` do `scope` there at `now` (unix s). Order as spec §5."""
    channel = claims.channel_scope.strip()
    checks = (
        (bool(subject.strip()), "token_subject", "There is no identity to check the token against."),
        (claims.v == VERSION, "token_version", "The token is of another version."),
        (claims.host_uuid == host_uuid, "token_host", "The token is of another host."),
        (claims.space_uuid == space_uuid, "token_space", "The token is of another space."),
        (claims.sub == subject, "token_subject", "The token is of another identity."),
        (claims.exp > 0 and now < claims.exp, "token_expired", "The token has expired."),
        (
            claims.iat <= now + SKEW_SECONDS,
            "token_early",
            "The token was issued in the future; check the host's clock.",
        ),
        (scope in claims.scopes, "token_scope", f"The token does not allow {scope}."),
        (
            channel_uuid is None or channel in ("", ANY_CHANNEL, channel_uuid),
            "token_channel",
            "The token is of another channel.",
        ),
    )
    for holds, code, text in checks:
        if not holds:
            raise CapabilityError(code, text)


def verify(
    token: str,
    host_key: bytes,
    *,
    host_uuid: str,
    space_uuid: str,
    subject: str,
    scope: str,
    now: float,
    channel_uuid: str | None = None,
) -> Claims:
    """`open_token`, then `check_claims`."""
    claims = open_token(token, host_key)
    check_claims(
        claims,
        host_uuid=host_uuid,
        space_uuid=space_uuid,
        subject=subject,
        scope=scope,
        now=now,
        channel_uuid=channel_uuid,
    )
    return claims
