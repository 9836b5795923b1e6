"""Who may register and rename a host over HTTP (Q14)."""

import time
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scripted_host import FULL, ScriptedHost

from parch_wire.challenge import registration_message
from parch_wire.encoding import b64raw

pytestmark = pytest.mark.processes
Data = dict[str, Any]


def public(key: Ed25519PrivateKey) -> str:
    return b64raw(key.public_key().public_bytes_raw())


def request(
    key: Ed25519PrivateKey, name: str = "Our club", uuid: str = "", *, proof: bool = False, age: int = 0
) -> Data:
    """A body of `register_host`, with a proof made `age` seconds ago if wanted."""
    body: Data = {"name": name, "signing_public_key": public(key), "uuid": uuid}
    if proof:
        issued_at = int(time.time()) - age
        message = registration_message(uuid, public(key), name, issued_at)
        body["proof"] = {"issued_at": issued_at, "signature": b64raw(key.sign(message))}
    return body


def name_of(http: httpx2.Client, uuid: str) -> str:
    return str(http.get(f"/api/host/{uuid}").json()["name"])


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.mark.parametrize("proof", [False, True])
def test_a_new_host_gets_a_uuid(http: httpx2.Client, key: Ed25519PrivateKey, proof: bool) -> None:
    answer = http.post("/api/register_host", json=request(key, proof=proof))
    host = answer.json()
    assert answer.status_code == 201
    assert len(host.pop("uuid")) == 36
    assert host.pop("id") > 0
    assert host == {"name": "Our club", "signing_public_key": public(key), "online": False}


@pytest.mark.parametrize("spelling", [str, lambda uuid: uuid.hex, lambda uuid: f"{{{uuid}}}", lambda uuid: uuid.urn])
def test_a_uuid_is_kept_as_it_was_sent(http: httpx2.Client, key: Ed25519PrivateKey, spelling: Any) -> None:
    uuid = spelling(uuid4())
    answer = http.post("/api/register_host", json=request(key, uuid=f" {uuid} ") | {"name": " Our club "})
    assert (answer.status_code, answer.json()["uuid"], answer.json()["name"]) == (201, uuid, "Our club")


def test_until_somebody_has_proved_the_key_a_name_changes_at_once(http: httpx2.Client, key: Ed25519PrivateKey) -> None:
    """As it always was; hosts that cannot prove anything here go on as before."""
    uuid = http.post("/api/register_host", json=request(key)).json()["uuid"]
    answer = http.post("/api/register_host", json=request(key, "New name", uuid))
    assert (answer.status_code, answer.json()["name"], name_of(http, uuid)) == (200, "New name", "New name")


async def test_a_new_name_without_proof_waits_until_the_host_proves_its_key(
    http: httpx2.Client, host: ScriptedHost
) -> None:
    answer = http.post("/api/register_host", json=request(host.key, "Mocked", host.uuid))
    assert (answer.status_code, name_of(http, host.uuid)) == (200, "Scripted")
    await host.disconnect()
    async with ScriptedHost(host.relay_url, host.uuid, host.key, FULL):
        assert name_of(http, host.uuid) == "Mocked"


async def test_a_new_name_with_proof_takes_effect_at_once(http: httpx2.Client, host: ScriptedHost) -> None:
    answer = http.post("/api/register_host", json=request(host.key, "New name", host.uuid, proof=True))
    assert (answer.status_code, answer.json()["name"], name_of(http, host.uuid)) == (200, "New name", "New name")


def test_a_proof_takes_over_a_row_nobody_has_ever_proved(http: httpx2.Client, key: Ed25519PrivateKey) -> None:
    squatter = Ed25519PrivateKey.generate()
    uuid = http.post("/api/register_host", json=request(squatter)).json()["uuid"]
    refused = http.post("/api/register_host", json=request(key, uuid=uuid))
    assert (refused.status_code, refused.json()["code"]) == (409, "key_mismatch")
    taken = http.post("/api/register_host", json=request(key, uuid=uuid, proof=True))
    assert (taken.status_code, taken.json()["signing_public_key"]) == (200, public(key))


def test_a_proved_row_is_not_taken_over_even_with_a_proof(http: httpx2.Client, key: Ed25519PrivateKey) -> None:
    uuid = http.post("/api/register_host", json=request(key, proof=True)).json()["uuid"]
    other = Ed25519PrivateKey.generate()
    refused = http.post("/api/register_host", json=request(other, uuid=uuid, proof=True))
    assert refused.status_code == 409
    assert refused.json() == {"error": "host signing key mismatch for existing host UUID", "code": "key_mismatch"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "invalid_name"),
        ({"name": "  "}, "invalid_name"),
        ({"name": "x" * 121}, "invalid_name"),
        ({"signing_public_key": "  "}, "missing_key"),
        ({"signing_public_key": "too short"}, "invalid_key"),
        ({"uuid": "not one"}, "invalid_uuid"),
        ({"proof": {"issued_at": 0, "signature": ""}}, "proof_expired"),
        ({"name": 7}, "invalid_body"),
        ({"proof": "mine"}, "invalid_body"),
    ],
)
def test_a_request_that_cannot_be_right_is_the_clients_error(
    http: httpx2.Client, key: Ed25519PrivateKey, change: Data, code: str
) -> None:
    answer = http.post("/api/register_host", json=request(key) | change)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 60_000])
def test_a_body_that_is_no_object_is_the_clients_error(http: httpx2.Client, body: bytes) -> None:
    answer = http.post("/api/register_host", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


def test_a_proof_of_another_name_is_refused(http: httpx2.Client, key: Ed25519PrivateKey) -> None:
    answer = http.post("/api/register_host", json=request(key, proof=True) | {"name": "Another"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


def test_an_old_proof_is_refused(http: httpx2.Client, key: Ed25519PrivateKey) -> None:
    answer = http.post("/api/register_host", json=request(key, proof=True, age=301))
    assert (answer.status_code, answer.json()["code"]) == (400, "proof_expired")
