"""The questions `hostctl doctor` asks the network: an address in, facts turned into findings out. Every
question has a time limit.

Only the standard library: a doctor must not depend on what may be ill.
"""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from .doctor import Finding, fail, judge_certificate, judge_clock, judge_refused_certificate, ok, warn

SECONDS = 3.0
"""Longest wait for one answer of the network."""

T = TypeVar("T")


class Address(msgspec.Struct, frozen=True):
    """Where a relay listens."""

    scheme: str
    name: str
    port: int

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        if self.name == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return False


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer; `at` and `took` in seconds."""

    status: int
    body: bytes
    date: str
    at: float
    took: float


def address_of(url: str) -> Address:
    """The address in an http(s) URL. Raises ValueError when there is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(url)
    return Address(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def resolve(address: Address) -> Finding:
    """Does the relay's name have an address?"""
    try:
        found = _within(SECONDS, lambda: socket.getaddrinfo(address.name, address.port, type=socket.SOCK_STREAM))
    except TimeoutError:
        return fail(f"no DNS server answers for {address.name}", "Check this machine's network and DNS settings.")
    except (OSError, UnicodeError):
        return fail(
            f"{address.name} has no address",
            "Check the relay's name: hostctl config show --origin, and this machine's DNS settings.",
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    return ok(f"{address.name} is {', '.join(addresses[:3])}")


def reach(address: Address) -> Finding:
    """Does something listen there?"""
    where = f"{address.name} port {address.port}"
    try:
        socket.create_connection((address.name, address.port), SECONDS).close()
    except TimeoutError:
        return fail(
            f"{where} does not answer",
            "A firewall may drop the traffic: allow it outwards, or ask the relay's operator.",
        )
    except ConnectionRefusedError:
        return fail(
            f"{where} refuses connections", "The relay is down or listens elsewhere: hostctl config show --origin"
        )
    except OSError as error:
        return fail(f"{where} cannot be reached: {error.strerror or error}", "Check this machine's network.")
    return ok(f"{where} accepts connections")


def secure(address: Address, now: float) -> Finding:
    """Is the certificate good, and for how long?"""
    if not address.secure:
        if address.is_loopback:
            return ok("plain http, on this machine only")
        return warn(
            "plain http: anybody on the way sees who talks to whom",
            "export CHAT_RELAY_SCHEME=https CHAT_RELAY_WS_SCHEME=wss",
        )
    try:
        certificate = _certificate(address)
    except ssl.SSLCertVerificationError as error:
        return judge_refused_certificate(error.verify_code, error.verify_message)
    except (ssl.SSLError, OSError) as error:
        return fail(f"no TLS there: {error}", "Check the relay's scheme and port: hostctl config show --origin")
    return judge_certificate((ssl.cert_time_to_seconds(certificate["notAfter"]) - now) / 86400)


def health(answer: Answer) -> Finding:
    if answer.status == 200 and _json(answer).get("status") == "ok":
        return ok(f"answers in {answer.took * 1000:.0f} ms")
    return fail(
        f"/healthz says {answer.status}",
        "What listens there is not a healthy Parch relay: hostctl config show --origin",
    )


def clock(answer: Answer) -> Finding:
    try:
        there = parsedate_to_datetime(answer.date).timestamp()
    except (TypeError, ValueError):
        return warn("the relay does not tell its time", "Ask the relay's operator to let the Date header through.")
    return judge_clock(there, answer.at, answer.took)


def known(answer: Answer, name: str) -> Finding:
    """Does the relay know this host, under this name? `answer` is that of GET /api/host/<uuid>."""
    if answer.status == 404:
        return fail("the relay does not know this host", "hostctl run   (registers the host again)")
    if answer.status != 200:
        return fail(f"the relay says {answer.status} when asked for this host", "Ask the relay's operator.")
    there = name_in(answer)
    if there != name:
        return warn(f'the relay calls this host "{there}", not "{name}"', "hostctl run   (tells the relay the name)")
    return ok(f'known as "{there}"')


def name_in(answer: Answer) -> str:
    """The name in an answer of GET /api/host/<uuid>."""
    return str(_json(answer).get("name", ""))


def is_online(answer: Answer) -> bool:
    """Does an answer of POST /api/hosts_by_uuids about one host say that it is connected?"""
    hosts = _json(answer).get("hosts") or []
    return any(isinstance(host, dict) and host.get("online") == 1 for host in hosts)


def key(answer: Answer) -> Finding:
    """Does the relay hold this host's key? `answer` is that of registering once more what the relay already has."""
    match answer.status:
        case 200:
            return ok("the relay holds this host's public key")
        case 409:
            return fail(
                "the relay holds another public key for this host",
                "Restore the backup that has the right keys: hostctl restore FILE --force",
            )
        case status:
            return fail(f"the relay says {status} when shown this host's key", "Ask the relay's operator.")


def fetch(address: Address, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
    """One HTTP request with JSON, answered in full within 2 × SECONDS. Raises OSError or http.client.HTTPException."""
    return _within(2 * SECONDS, lambda: _fetch(address, method, path, body))


def _fetch(address: Address, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
    kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    connection = kind(address.name, address.port, timeout=SECONDS)
    started = time.monotonic()
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        response = connection.getresponse()
        content = response.read(1 << 20)
        took = time.monotonic() - started
        return Answer(response.status, content, response.getheader("Date", ""), time.time(), took)
    finally:
        connection.close()


def _certificate(address: Address) -> dict[str, Any]:
    context = ssl.create_default_context()
    with (
        socket.create_connection((address.name, address.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=address.name) as wrapped,
    ):
        return dict(wrapped.getpeercert() or {})


def _json(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _within(seconds: float, act: Callable[[], T]) -> T:
    """The result of `act`, or TimeoutError; for calls of the system that have no time limit of their own."""
    box: list[T | BaseException] = []

    def run() -> None:
        try:
            box.append(act())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not box:
        raise TimeoutError
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]
