"""Middleware: what every answer carries, and what those who ask too often get."""

from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from parch_serve.middleware import RateLimit, SecurityHeaders
from parch_serve.rates import Rate

HTTP = {"type": "http", "client": ("192.0.2.1", 5)}
WEBSOCKET = {"type": "websocket", "client": ("192.0.2.1", 5)}


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    start = "websocket.accept" if scope["type"] == "websocket" else "http.response.start"
    await send({"type": start, "status": 200, "headers": [(b"x-frame-options", b"SAMEORIGIN")]})
    await send({"type": "http.response.body", "body": b"as it is"})


async def answer(app: ASGIApp, scope: dict[str, Any]) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    await app(dict(scope), receive, send)
    return sent


def headers(message: MutableMapping[str, Any]) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in message["headers"]}


def limited(limit: int) -> RateLimit:
    return RateLimit(ok, Rate(limit, 1), monotonic=lambda: 7.0, unix_time=lambda: 1000.0)


async def test_every_answer_tells_where_the_client_stands() -> None:
    app = limited(2)
    first, second = [headers((await answer(app, HTTP))[0]) for _ in range(2)]
    assert (first["x-rate-limit-limit"], first["x-rate-limit-remaining"]) == ("2", "1")
    assert (second["x-rate-limit-remaining"], second["x-rate-limit-reset"]) == ("0", "1001")


async def test_too_many_requests_get_429_and_when_to_come_back() -> None:
    app = limited(1)
    await answer(app, HTTP)
    start, body = await answer(app, HTTP)
    assert start["status"] == 429
    assert headers(start)["retry-after"] == "1"
    assert headers(start)["x-rate-limit-remaining"] == "0"
    assert msgspec.json.decode(body["body"])["code"] == "rate_limited"
    assert headers(start)["content-length"] == str(len(body["body"]))


async def test_addresses_have_their_own_limit() -> None:
    app = limited(1)
    await answer(app, HTTP)
    assert (await answer(app, HTTP | {"client": ("192.0.2.2", 5)}))[0]["status"] == 200


async def test_a_connection_without_address_is_limited_too() -> None:
    app = limited(1)
    await answer(app, HTTP | {"client": None})
    assert (await answer(app, HTTP | {"client": None}))[0]["status"] == 429


@pytest.mark.parametrize(
    ("extensions", "types"),
    [
        ({}, ["websocket.close"]),
        ({"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
    ],
)
async def test_a_websocket_too_many_is_refused_before_it_is_accepted(
    extensions: dict[str, Any], types: list[str]
) -> None:
    app = limited(1)
    accepted = await answer(app, WEBSOCKET)
    assert headers(accepted[0])["x-rate-limit-limit"] == "1"
    refused = await answer(app, WEBSOCKET | {"extensions": extensions})
    assert [message["type"] for message in refused] == types


async def test_lifespan_passes_both_untouched() -> None:
    for app in (limited(1), SecurityHeaders(ok, "x")):
        for _ in range(3):
            assert len(await answer(app, {"type": "lifespan"})) == 2


async def test_security_headers_are_on_every_answer_unless_it_has_its_own() -> None:
    app = SecurityHeaders(ok, "default-src 'self'")
    for scope in (HTTP, WEBSOCKET):
        found = headers((await answer(app, scope))[0])
        assert found["content-security-policy"] == "default-src 'self'"
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert "camera=()" in found["permissions-policy"]
        assert found["x-frame-options"] == "SAMEORIGIN"


async def test_only_the_head_of_an_answer_is_touched() -> None:
    body = (await answer(SecurityHeaders(limited(1), "x"), HTTP))[1]
    assert body == {"type": "http.response.body", "body": b"as it is"}
