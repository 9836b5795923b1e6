"""Space capability tokens: which ones open what was asked for. Catalogue W-14: 0 of 10,000 damaged tokens do."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.capability import (
    AUTHOR_SCOPES,
    MEMBER_SCOPES,
    SKEW_SECONDS,
    TTL_SECONDS,
    Claims,
    check_claims,
    issue,
    open_token,
    verify,
)
from parch_wire.encoding import b64url, unb64raw, unb64url
from parch_wire.errors import CapabilityError

VECTORS = Path(__file__).parent / "vectors"
FILE = json.loads((VECTORS / "chat-capability-token.json").read_text())
GIVEN: dict[str, Any] = FILE["inputs"]
CASES: list[dict[str, Any]] = FILE["expected"]["verify_cases"]
KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GIVEN["signing_seed_hex"]))
HOST_KEY = unb64raw(GIVEN["host_signing_public_key"], 32)
HOST_KEYS = {  # the rows whose difference is the host's key
    "host key missing": b"",
    "host key not base64": b"not base64",
    "host key wrong length": HOST_KEY[:31],
    "other host key": Ed25519PrivateKey.generate().public_key().public_bytes_raw(),
}
CODES = {
    "missing authenticated public key": "token_subject",
    "missing capability token": "token_malformed",
    "malformed capability token": "token_malformed",
    "invalid capability payload": "token_malformed",
    "invalid capability signature length": "token_malformed",
    "invalid capability signature": "token_signature",
    "missing host signing key": "token_signature",
    "invalid host signing key": "token_signature",
    "invalid host signing key length": "token_signature",
    "unsupported capability version": "token_version",
    "capability host mismatch": "token_host",
    "capability space mismatch": "token_space",
    "capability subject mismatch": "token_subject",
    "capability expired": "token_expired",
    "capability issued-at is invalid": "token_early",
    "capability scope denied": "token_scope",
    "capability channel mismatch": "token_channel",
}
EARLIER = {"bad signature alphabet": "token_malformed", "scopes null": "token_malformed"}  # refused a step sooner here
NOW = 1_800_000_100
ASKED: dict[str, Any] = {
    "host_uuid": GIVEN["host_uuid"],
    "space_uuid": GIVEN["space_uuid"],
    "subject": GIVEN["subject_public_key"],
    "scope": "send_message",
    "now": NOW,
    "channel_uuid": GIVEN["channel_uuid"],
}
CLAIMS = Claims(
    host_uuid=ASKED["host_uuid"],
    space_uuid=ASKED["space_uuid"],
    sub=ASKED["subject"],
    scopes=MEMBER_SCOPES,
    iat=NOW,
    exp=NOW + TTL_SECONDS,
    jti="1",
    channel_scope="*",
)


def test_there_are_34_recorded_cases() -> None:
    assert len(CASES) == 34


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_tokens_are_judged_as_recorded(case: dict[str, Any]) -> None:
    asked = ASKED | {
        "subject": case["session_public_key"],
        "scope": case["required_scope"],
        "now": case["now_unix"],
        "channel_uuid": case["channel_uuid"] or None,
    }
    host_key = HOST_KEYS.get(case["case"], HOST_KEY)
    if case["ok"]:
        assert verify(case["token"], host_key, **asked).host_uuid == GIVEN["host_uuid"]
        return
    with pytest.raises(CapabilityError) as refusal:
        verify(case["token"], host_key, **asked)
    assert refusal.value.code == EARLIER.get(case["case"], CODES[case["error"]])
    assert refusal.value.hint


def test_an_issued_token_has_the_recorded_bytes() -> None:
    """Ed25519 is deterministic and the claims keep their order, so a reissued token is the same text."""
    recorded = GIVEN["tokens"]["fixed_admin"]
    claims = msgspec.json.decode(recorded["payload_json"], type=Claims)
    assert issue(KEY, claims) == recorded["token"]
    assert claims.scopes == AUTHOR_SCOPES
    assert claims.exp - claims.iat == TTL_SECONDS


@pytest.mark.parametrize("person", ["live_member", "live_admin"])
def test_tokens_of_the_original_carry_the_known_scopes(person: str) -> None:
    claims = open_token(GIVEN[person]["token"], HOST_KEY)
    assert claims.scopes == {"live_member": MEMBER_SCOPES, "live_admin": AUTHOR_SCOPES}[person]
    assert claims.exp == GIVEN[person]["expires_at"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"host_uuid": "another"}, "token_host"),
        ({"space_uuid": "another"}, "token_space"),
        ({"subject": "another"}, "token_subject"),
        ({"scope": "delete_space"}, "token_scope"),
        ({"now": NOW + TTL_SECONDS}, "token_expired"),
    ],
)
def test_a_token_opens_nothing_else(change: dict[str, Any], code: str) -> None:
    token = issue(KEY, CLAIMS)
    verify(token, HOST_KEY, **ASKED)
    with pytest.raises(CapabilityError) as refusal:
        verify(token, HOST_KEY, **(ASKED | change))
    assert refusal.value.code == code


def test_a_host_clock_may_run_90_seconds_ahead_and_a_token_never_outlives_its_end() -> None:
    check_claims(CLAIMS, **(ASKED | {"now": NOW - SKEW_SECONDS}))
    check_claims(CLAIMS, **(ASKED | {"now": NOW + TTL_SECONDS - 0.001}))
    with pytest.raises(CapabilityError, match="future"):
        check_claims(CLAIMS, **(ASKED | {"now": NOW - SKEW_SECONDS - 0.001}))
    with pytest.raises(CapabilityError, match="expired"):
        check_claims(CLAIMS, **(ASKED | {"now": NOW + TTL_SECONDS}))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b'{"v":"1"}', b'{"v":1.5}', b'{"a":' + b"[" * 10_000])
def test_a_signed_payload_that_is_no_claims_object_is_refused(payload: bytes) -> None:
    token = f"{b64url(payload)}.{b64url(KEY.sign(payload))}"
    with pytest.raises(CapabilityError) as refusal:
        open_token(token, HOST_KEY)
    assert refusal.value.code == "token_malformed"


def damaged(data: bytes, bit: int) -> bytes:
    """`data` with one bit turned over."""
    copy = bytearray(data)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


def damaged_tokens(token: str, how_many: int) -> Iterator[str]:
    """First every bit of the token's text, then bits of its decoded parts drawn at random."""
    for bit in range(8 * len(token)):
        yield damaged(token.encode(), bit).decode("latin-1")
    parts = [unb64url(part) for part in token.split(".")]
    draw = random.Random(14)
    for _ in range(how_many - 8 * len(token)):
        index = draw.randrange(2)
        bit = draw.randrange(8 * len(parts[index]))
        yield ".".join(b64url(damaged(part, bit) if i == index else part) for i, part in enumerate(parts))


def test_no_damaged_token_is_accepted() -> None:
    refused = Counter[str]()
    for text in damaged_tokens(issue(KEY, CLAIMS), 10_000):
        with pytest.raises(CapabilityError) as refusal:
            verify(text, HOST_KEY, **ASKED)
        refused[refusal.value.code] += 1
    print(f"W-14: {refused.total()} damaged tokens, 0 accepted; refused as {dict(refused)}")
    assert refused.total() == 10_000
