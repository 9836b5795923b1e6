"""Proof of identity on a socket: a message and this socket's challenge in, proved facts or a refusal out. Pure.

Order of checks and texts as in spec §3.4; keys are taken in canonical form only (spec Q23, Q24).
"""

import hmac

from msgspec import Raw

from parch_wire.challenge import browser_auth_message, check_signature, host_auth_message
from parch_wire.errors import ChallengeError, InvalidBody, InvalidKey
from parch_wire.identity import check_auth_public_key, check_enc_public_key, clip, normalise_username, session_user_id
from parch_wire.messages import FEATURES, AuthPubkey, AuthPubkeySuccess, Challenge, HostAuth, frame, parse

from .session import Refused, Session, State

DEVICE_ID_BYTES = 128
DEVICE_NAME_BYTES = 80
_KIND = "authentication-error"


def greet(session: Session, now: float) -> list[bytes]:
    """What a socket is sent once it has joined a host."""
    frames = [frame("join_ack", "Joined host successfully"), _challenge("auth_challenge", session.challenge, now)]
    if session.candidate:
        frames.append(_challenge("host_auth_challenge", session.host_challenge, now))
    return frames


def _challenge(type_: str, challenge: str, now: float) -> bytes:
    return frame(type_, Challenge(challenge=challenge, features=list(FEATURES), server_time=int(now)))


def prove_browser(session: Session, raw: Raw) -> bytes:
    """Sets the session's identity and returns `auth_pubkey_success`. Raises Refused; then the session is unchanged."""
    try:
        body = parse(AuthPubkey, raw)
    except InvalidBody as error:
        raise _refused("invalid_body", "Invalid auth payload", error.text) from None
    if not (body.public_key.strip() and body.signature.strip()):
        raise _refused("missing_key", "Missing public key or signature", "Send public_key and signature.")
    if not body.enc_public_key.strip():
        raise _refused("missing_enc_key", "Missing encryption public key", "Send enc_public_key.")
    if session.candidate:
        raise _refused("origin_required", "Only a host may connect without Origin", "Answer host_auth_challenge.")
    _check_challenge(session.challenge, body.challenge, "Invalid auth challenge")
    try:
        key = check_auth_public_key(body.public_key)
    except InvalidKey as error:
        raise _refused("invalid_public_key", "Invalid public key format", error.text) from None
    message = browser_auth_message(session.host_uuid, body.challenge, body.enc_public_key)
    _check_signature(key, body.signature, message, "Invalid signature format", "Invalid signature")
    try:
        check_enc_public_key(body.enc_public_key)
    except InvalidKey as error:
        raise _refused("invalid_enc_key", "Invalid encryption public key", error.text) from None
    _identify(session, body)
    return frame(
        "auth_pubkey_success",
        AuthPubkeySuccess(
            user_id=session.user_id,
            username=session.username,
            public_key=session.public_key,
            enc_public_key=session.enc_public_key,
        ),
    )


def _identify(session: Session, body: AuthPubkey) -> None:
    session.challenge = ""
    session.state = State.AUTHED
    session.public_key = body.public_key
    session.enc_public_key = body.enc_public_key
    session.username = normalise_username(body.username, body.public_key)
    session.user_id = session_user_id(body.public_key)
    session.device_id = clip(body.device_id, DEVICE_ID_BYTES) or f"unknown-{session.client_uuid}"
    session.device_name = clip(body.device_name, DEVICE_NAME_BYTES) or "Unknown Device"


def prove_host(session: Session, raw: Raw, signing_key: bytes) -> frozenset[str]:
    """Makes the session the host's author and returns the features it speaks. Raises Refused."""
    try:
        body = parse(HostAuth, raw)
    except InvalidBody as error:
        raise _refused("invalid_body", "Invalid host auth payload", error.text) from None
    if not session.candidate:
        hint = 'Join with role "host" and without an Origin header.'
        raise _refused("not_a_host", "Host auth not allowed for this connection", hint)
    _check_challenge(session.host_challenge, body.challenge, "Invalid host auth challenge")
    message = host_auth_message(session.host_uuid, body.challenge)
    _check_signature(
        signing_key, body.signature, message, "Invalid host auth signature format", "Invalid host auth signature"
    )
    session.host_challenge = ""
    session.state = State.AUTHOR
    return frozenset(body.features) & frozenset(FEATURES)


def _check_challenge(sent: str, answered: str, text: str) -> None:
    if not sent or not hmac.compare_digest(sent.encode(), answered.encode("utf-8", "replace")):
        raise _refused("invalid_challenge", text, "Sign the challenge this connection was sent last.")


def _check_signature(key: bytes, signature: str, message: bytes, malformed: str, wrong: str) -> None:
    try:
        check_signature(key, signature, message)
    except ChallengeError as error:
        text = malformed if error.code == "invalid_signature_format" else wrong
        raise _refused(error.code, text, error.hint) from None


def _refused(code: str, text: str, hint: str) -> Refused:
    return Refused(code, text, hint, kind=_KIND)
