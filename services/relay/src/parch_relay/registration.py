"""Who may register or rename a host: a request and the row in, a change or a refusal out. Pure (spec §2.4, Q14).

A host that proves its key owns its row. Hosts that cannot prove it here (the original's) register as they always did;
what they change waits until they prove the key on the websocket.
"""

import uuid
from typing import NamedTuple

import msgspec

from parch_wire.challenge import PROOF_WINDOW_SECONDS, check_signature, registration_message
from parch_wire.errors import ChallengeError, InvalidKey
from parch_wire.identity import check_auth_public_key
from parch_wire.messages import Int

MAX_NAME = 120


class Proof(msgspec.Struct):
    issued_at: Int
    signature: str


class Registration(msgspec.Struct):
    """The body of `POST /api/register_host`."""

    name: str = ""
    signing_public_key: str = ""
    uuid: str = ""
    proof: Proof | None = None


class Row(NamedTuple):
    """What the table says of a host."""

    id: int
    uuid: str
    name: str
    signing_public_key: str
    proven: bool


class Rejected(Exception):
    """A registration that changes nothing: HTTP status, stable code, sentence."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Change(NamedTuple):
    """What to write. `status` is 201 for a new row; `pending_name` waits for a proof; None leaves a column alone."""

    status: int
    uuid: str
    name: str
    signing_public_key: str
    proven: bool
    pending_name: str | None = None


def checked(request: Registration, now: float) -> tuple[Registration, bool]:
    """The request, trimmed and within limits, and whether it carries a valid proof. Raises Rejected (400)."""
    clean = Registration(
        name=request.name.strip(), signing_public_key=request.signing_public_key.strip(), uuid=request.uuid.strip()
    )
    if not clean.signing_public_key:
        raise Rejected(400, "missing_key", "signing_public_key is required")
    if not 1 <= len(clean.name) <= MAX_NAME or "\0" in clean.name:
        raise Rejected(400, "invalid_name", f"name must have 1 to {MAX_NAME} characters")
    if clean.uuid and not _parses(clean.uuid):
        raise Rejected(400, "invalid_uuid", "uuid must be a valid UUID")
    try:
        key = check_auth_public_key(clean.signing_public_key)
    except InvalidKey as error:
        raise Rejected(400, "invalid_key", f"signing_public_key: {error.text}") from None
    if request.proof is None:
        return clean, False
    _check_proof(request, request.proof, key, now)
    return clean, True


def _check_proof(request: Registration, proof: Proof, key: bytes, now: float) -> None:
    if abs(now - proof.issued_at) > PROOF_WINDOW_SECONDS:
        text = f"proof.issued_at must be within {PROOF_WINDOW_SECONDS} seconds of now; check the host's clock"
        raise Rejected(400, "proof_expired", text)
    message = registration_message(request.uuid, request.signing_public_key, request.name, proof.issued_at)
    try:
        check_signature(key, proof.signature, message)
    except ChallengeError as error:
        raise Rejected(400, error.code, f"proof.signature: {error.text}") from None


def decide(request: Registration, proven: bool, row: Row | None, new_uuid: str) -> Change:
    """What a checked request does to the row it names. Raises Rejected (409)."""
    if row is None:
        return Change(201, request.uuid or new_uuid, request.name, request.signing_public_key, proven)
    if row.signing_public_key not in ("", request.signing_public_key):
        if row.proven or not proven:
            raise Rejected(409, "key_mismatch", "host signing key mismatch for existing host UUID")
        return Change(200, row.uuid, request.name, request.signing_public_key, True)
    if proven or not row.proven:
        return Change(200, row.uuid, request.name, request.signing_public_key, proven or row.proven)
    pending = None if request.name == row.name else request.name
    return Change(200, row.uuid, row.name, row.signing_public_key, True, pending)


def _parses(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
