"""Proof of identity on a socket, of browsers and of hosts."""

from typing import Any

import pytest

from parch_relay.handshake import greet, prove_browser, prove_host
from parch_relay.session import Session, State
from parch_wire.challenge import host_auth_message
from parch_wire.encoding import b64raw
from parch_wire.identity import session_user_id
from parch_wire.messages import FEATURES

from .builders import ANNA, BEN, HOST, HOST_KEY, NOW, Outbox, opened, raw, refusal

CHALLENGE, HOST_CHALLENGE = "browser-challenge", "host-challenge"
SIGNING_KEY = HOST_KEY.public_key().public_bytes_raw()


@pytest.fixture
def socket() -> Session:
    return Session("c1", Outbox(), host_uuid=HOST, state=State.JOINED, challenge=CHALLENGE)


@pytest.fixture
def candidate(socket: Session) -> Session:
    socket.candidate, socket.host_challenge = True, HOST_CHALLENGE
    return socket


def auth(**fields: Any) -> dict[str, Any]:
    """A valid `auth_pubkey` by Anna; `fields` replaces what it says."""
    return {
        "public_key": ANNA.public_key,
        "enc_public_key": ANNA.enc_public_key,
        "device_id": "device-1",
        "device_name": "Desk",
        "username": "Anna",
        "challenge": CHALLENGE,
        "signature": ANNA.auth_signature(HOST, CHALLENGE),
    } | fields


def host_auth(**fields: Any) -> dict[str, Any]:
    signature = b64raw(HOST_KEY.sign(host_auth_message(HOST, HOST_CHALLENGE)))
    return {"challenge": HOST_CHALLENGE, "signature": signature, "features": ["push"]} | fields


def signed_for(enc_public_key: str) -> dict[str, Any]:
    """A body whose signature is good and whose encryption key is `enc_public_key`."""
    text = f"parch-chat-auth:{HOST}:{CHALLENGE}:{enc_public_key}".encode()
    return auth(enc_public_key=enc_public_key, signature=ANNA.sign(text))


def test_a_browser_is_greeted_with_one_challenge(socket: Session) -> None:
    ack, challenge = (opened(frame) for frame in greet(socket, NOW))
    assert ack == ("join_ack", "Joined host successfully")
    expected = {"challenge": CHALLENGE, "features": list(FEATURES), "server_time": int(NOW)}
    assert challenge == ("auth_challenge", expected)


def test_a_host_is_greeted_with_its_own_challenge_last(candidate: Session) -> None:
    types = [opened(frame)[0] for frame in greet(candidate, NOW)]
    assert types == ["join_ack", "auth_challenge", "host_auth_challenge"]
    assert opened(greet(candidate, NOW)[2])[1]["challenge"] == HOST_CHALLENGE


def test_a_signature_over_the_challenge_proves_an_identity(socket: Session) -> None:
    type_, success = opened(prove_browser(socket, raw(auth())))
    assert type_ == "auth_pubkey_success"
    assert success == {
        "user_id": session_user_id(ANNA.public_key),
        "username": "Anna",
        "public_key": ANNA.public_key,
        "enc_public_key": ANNA.enc_public_key,
    }


def test_who_has_proved_is_authenticated_as_that_identity(socket: Session) -> None:
    prove_browser(socket, raw(auth()))
    assert (socket.state, socket.public_key) == (State.AUTHED, ANNA.public_key)
    assert (socket.device_id, socket.device_name) == ("device-1", "Desk")


def test_a_challenge_is_good_for_one_proof(socket: Session) -> None:
    """Q31: the same proof does not hold twice on one socket."""
    prove_browser(socket, raw(auth()))
    assert refusal(prove_browser, socket, raw(auth())).code == "invalid_challenge"


def test_what_is_left_out_gets_a_name(socket: Session) -> None:
    prove_browser(socket, raw(auth(device_id=" ", device_name="", username=" ")))
    assert (socket.device_id, socket.device_name) == ("unknown-c1", "Unknown Device")
    assert socket.username == f"user-{ANNA.public_key[:8]}"


def test_names_are_cut_to_their_limits(socket: Session) -> None:
    """Q15: lengths are limited."""
    prove_browser(socket, raw(auth(device_id="d" * 500, device_name="n" * 500, username="u" * 500)))
    assert [len(name) for name in (socket.device_id, socket.device_name, socket.username)] == [128, 80, 40]


REFUSED_BROWSERS = [
    (["no object"], "invalid_body", "Invalid auth payload"),
    (auth(public_key=7), "invalid_body", "Invalid auth payload"),
    (auth(public_key=" "), "missing_key", "Missing public key or signature"),
    (auth(signature=""), "missing_key", "Missing public key or signature"),
    (auth(enc_public_key=" "), "missing_enc_key", "Missing encryption public key"),
    (auth(challenge="another"), "invalid_challenge", "Invalid auth challenge"),
    (auth(challenge=""), "invalid_challenge", "Invalid auth challenge"),
    (auth(public_key=ANNA.public_key + "="), "invalid_public_key", "Invalid public key format"),
    (auth(public_key="AAAA"), "invalid_public_key", "Invalid public key format"),
    (auth(signature="not base64!"), "invalid_signature_format", "Invalid signature format"),
    (auth(public_key=BEN.public_key), "invalid_signature", "Invalid signature"),
    (auth(enc_public_key=BEN.enc_public_key), "invalid_signature", "Invalid signature"),
    (signed_for("garbage"), "invalid_enc_key", "Invalid encryption public key"),
    (signed_for(ANNA.enc_public_key[:-4] + "AAAA"), "invalid_enc_key", "Invalid encryption public key"),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED_BROWSERS)
def test_a_bad_proof_is_refused_by_name(socket: Session, body: Any, code: str, text: str) -> None:
    """Q23: keys are taken in one text only; Q24: an encryption key nobody can use is not taken."""
    refused = refusal(prove_browser, socket, raw(body))
    assert (refused.kind, refused.code, refused.text) == ("authentication-error", code, text)
    assert refused.hint


@pytest.mark.parametrize("body", [body for body, _, _ in REFUSED_BROWSERS])
def test_a_refused_proof_leaves_the_socket_as_it_was(socket: Session, body: Any) -> None:
    refusal(prove_browser, socket, raw(body))
    assert (socket.state, socket.public_key, socket.challenge) == (State.JOINED, "", CHALLENGE)


def test_who_came_as_a_host_cannot_be_a_browser(candidate: Session) -> None:
    assert refusal(prove_browser, candidate, raw(auth())).code == "origin_required"


def test_the_hosts_key_over_its_challenge_makes_the_author(candidate: Session) -> None:
    assert prove_host(candidate, raw(host_auth()), SIGNING_KEY) == {"push"}
    assert candidate.state is State.AUTHOR


def test_only_features_this_relay_knows_are_agreed_on(candidate: Session) -> None:
    body = host_auth(features=["save_ack", "from the future"])
    assert prove_host(candidate, raw(body), SIGNING_KEY) == {"save_ack"}


def test_an_old_host_has_no_features(candidate: Session) -> None:
    body = host_auth()
    del body["features"]
    assert prove_host(candidate, raw(body), SIGNING_KEY) == frozenset()


def test_a_host_challenge_is_good_for_one_proof(candidate: Session) -> None:
    """Q31"""
    prove_host(candidate, raw(host_auth()), SIGNING_KEY)
    assert refusal(prove_host, candidate, raw(host_auth()), SIGNING_KEY).code == "invalid_challenge"


REFUSED_HOSTS = [
    ("no object", "invalid_body", "Invalid host auth payload"),
    (host_auth(challenge=CHALLENGE), "invalid_challenge", "Invalid host auth challenge"),
    (host_auth(signature="AAAA"), "invalid_signature_format", "Invalid host auth signature format"),
    (host_auth(signature=ANNA.sign(b"another")), "invalid_signature", "Invalid host auth signature"),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED_HOSTS)
def test_a_bad_host_proof_is_refused_by_name(candidate: Session, body: Any, code: str, text: str) -> None:
    refused = refusal(prove_host, candidate, raw(body), SIGNING_KEY)
    assert (refused.kind, refused.code, refused.text) == ("authentication-error", code, text)
    assert (candidate.state, candidate.host_challenge) == (State.JOINED, HOST_CHALLENGE)


def test_a_browser_cannot_become_the_host_even_with_its_key(socket: Session) -> None:
    socket.host_challenge = HOST_CHALLENGE
    assert refusal(prove_host, socket, raw(host_auth()), SIGNING_KEY).code == "not_a_host"
