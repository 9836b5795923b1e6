"""What is sent to register, what answers mean, and a real exchange (spec §2.4; docs/protocol.md §2.8)."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_hostctl.errors import LinkError, Unreachable
from parch_hostctl.registration import Registered, judge, register, request_body
from parch_wire.challenge import check_signature, registration_message

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
NOW = 1_795_000_000.9


def test_the_request_proves_the_key() -> None:
    body = request_body("u", "Häuschen", KEY, NOW)
    assert (body["uuid"], body["name"], body["signing_public_key"]) == ("u", "Häuschen", PUBLIC)
    assert body["proof"]["issued_at"] == 1_795_000_000
    signed = registration_message("u", PUBLIC, "Häuschen", 1_795_000_000)
    check_signature(KEY.public_key().public_bytes_raw(), body["proof"]["signature"], signed)


@pytest.mark.parametrize(("status", "new"), [(200, False), (201, True)])
def test_a_host_the_relay_takes(status: int, new: bool) -> None:
    answer = b'{"id":1,"uuid":"u","name":"n","signing_public_key":"k","online":false}'
    assert judge(status, answer, "u") == judge(status, answer, "") == Registered("u", new)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_refusals_that_stay(status: int) -> None:
    with pytest.raises(LinkError) as refused:
        judge(status, b'{"error":"no"}', "u")
    assert refused.value.code == ("host_key_mismatch" if status == 409 else "registration_refused")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"uuid":"another"}'),
        (200, b'{"uuid":""}'),
        (201, b"<html>"),
        (201, b"[]"),
        (429, b"Too many requests"),
        (500, b'{"error":"Failed to register host"}'),
        (502, b""),
    ],
)
def test_answers_that_may_be_better_next_time(status: int, body: bytes) -> None:
    with pytest.raises(Unreachable):
        judge(status, body, "u")


@pytest.fixture
def relay() -> Iterator[Callable[[int, Any], tuple[str, list[Any]]]]:
    """Starts an HTTP server that gives one answer; returns its URL and what it was sent."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(status: int, answer: Any) -> tuple[str, list[Any]]:
        heard: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/api/register_host", heard

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_registering_over_http(relay: Callable[[int, Any], tuple[str, list[Any]]]) -> None:
    url, heard = relay(201, {"uuid": "fresh"})
    assert register(url, "", "My host", KEY, NOW) == Registered("fresh", new=True)
    assert heard == [request_body("", "My host", KEY, NOW)]


def test_a_refusal_over_http(relay: Callable[[int, Any], tuple[str, list[Any]]]) -> None:
    url, _ = relay(409, {"error": "host signing key mismatch for existing host UUID"})
    with pytest.raises(LinkError):
        register(url, "u", "My host", KEY, NOW)


def test_nobody_there() -> None:
    with pytest.raises(Unreachable) as refused:
        register("http://127.0.0.1:1/api/register_host", "u", "My host", KEY, NOW)
    assert refused.value.code == "relay_unreachable"
