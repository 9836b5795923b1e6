"""Spec §12, our host behind a relay of the original: session facts come in the request, answers go by client_uuid."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chat_client import Identity
from conformance.original_relay import HostLine, OriginalRelay
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from deployment import Host

from parch_wire.encoding import unb64raw

pytestmark = pytest.mark.processes

SESSION = "5e551011-0000-4000-8000-000000000001"


@pytest.fixture
async def relay() -> AsyncIterator[OriginalRelay]:
    async with OriginalRelay() as relay:
        yield relay


@pytest.fixture
async def host(relay: OriginalRelay, tmp_path: Path) -> AsyncIterator[HostLine]:
    """Our host's connection to it."""
    part = Host(tmp_path, relay.url)
    await asyncio.to_thread(part.init)
    part.spawn()
    try:
        yield await relay.host()
    finally:
        await asyncio.to_thread(part.stop)


def session_of(person: Identity, prefix: str = "") -> dict[str, Any]:
    """What a relay of the original says of a session in each request."""
    keys = {f"{prefix}user_public_key": person.public_key, f"{prefix}user_enc_public_key": person.enc_public_key}
    return {f"{prefix}user_id": 0, **keys, "client_uuid": SESSION}


async def created(host: HostLine, ann: Identity) -> dict[str, Any]:
    """A space of Ann's."""
    type_, answer = await host.ask("create_space_request", {**session_of(ann), "name": "Home"})
    assert (type_, answer["client_uuid"]) == ("create_space_response", SESSION)
    return answer


async def test_it_registers_and_enters(relay: OriginalRelay, host: HostLine) -> None:
    assert relay.registered["name"] == "Test host"
    assert not relay.proved["signature"].endswith("=")


async def test_it_acknowledges_a_health_check_with_its_nonce(host: HostLine) -> None:
    assert await host.ask("relay_health_check", {"nonce": "n-1"}) == ("relay_health_check_ack", {"nonce": "n-1"})


async def test_it_answers_the_session_that_asked(host: HostLine) -> None:
    ann = Identity.new()
    type_, answer = await host.ask("get_dash_data_request", {**session_of(ann), "username": "Ann"})
    assert (type_, answer["client_uuid"]) == ("get_dash_data_response", SESSION)
    assert answer["user"]["public_key"] == ann.public_key


async def test_its_tokens_have_the_claims_and_the_form_the_original_verifies(
    relay: OriginalRelay, host: HostLine
) -> None:
    ann = Identity.new()
    capability = (await created(host, ann))["capability"]
    payload, signature = (urlsafe_b64decode(part + "==") for part in capability["token"].split("."))
    key = unb64raw(relay.registered["signing_public_key"], 32)
    Ed25519PublicKey.from_public_bytes(key).verify(signature, payload)
    claims = json.loads(payload)
    assert "=" not in capability["token"]
    assert claims.keys() >= {"v", "host_uuid", "space_uuid", "sub", "scopes", "exp", "iat", "jti", "channel_scope"}
    assert (claims["v"], claims["host_uuid"], claims["sub"]) == (1, relay.registered["uuid"], ann.public_key)
    assert claims["scopes"] == sorted(claims["scopes"])
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - time.time()) < 30
    assert claims["channel_scope"] in ("*", "")


async def test_the_answer_to_delete_space_holds_texts_under_the_two_capital_names(host: HostLine) -> None:
    ann = Identity.new()
    space = (await created(host, ann))["space"]["uuid"]
    answer = await host.ask(
        "delete_space_request", {**session_of(ann, "requester_"), "client_uuid": SESSION, "uuid": space}
    )
    assert answer == ("delete_space_response", {"ClientUUID": SESSION, "SpaceUUID": space})


async def test_a_refusal_names_the_session(host: HostLine) -> None:
    type_, answer = await host.ask("accept_invite_request", {**session_of(Identity.new()), "space_user_id": 404})
    assert (type_, answer["client_uuid"]) == ("error", SESSION)
    assert answer["error"]


async def test_a_message_is_saved_without_a_word_and_shown_in_history(host: HostLine) -> None:
    """A relay of the original expects no answer to a save, and asks for history without saying who reads."""
    ann = Identity.new()
    space = (await created(host, ann))["space"]
    channel = space["channels"][0]["uuid"]
    envelope = ann.encrypt([], space["uuid"], channel, "hello")
    save = {name: value for name, value in session_of(ann).items() if name != "client_uuid"}
    await host.say("save_chat_message_request", {**save, "channel_uuid": channel, "envelope": envelope})
    page = {"channel_uuid": channel, "client_uuid": SESSION, "before_unix_time": "2999-01-01T00:00:00.000Z"}
    type_, answer = await host.ask("get_messages_request", page)
    assert type_ == "get_messages_response"
    assert [message["envelope"] for message in answer["messages"]] == [envelope]


async def test_requests_it_does_not_know_are_left_alone(host: HostLine) -> None:
    await host.say("of_the_future_request", {"client_uuid": SESSION})
    assert (await host.ask("relay_health_check", {"nonce": "n-2"}))[0] == "relay_health_check_ack"
