"""What the answers of a network mean to the doctor."""

import threading

import pytest

from parch_hostctl import probes
from parch_hostctl.probes import Address, Answer


def answer(status: int = 200, body: bytes = b"{}", date: str = "Thu, 01 Jan 1970 00:16:40 GMT") -> Answer:
    return Answer(status, body, date, at=1000.0, took=0.1)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://chat.example", Address("https", "chat.example", 443)),
        ("http://127.0.0.1:8001/", Address("http", "127.0.0.1", 8001)),
        ("http://[::1]", Address("http", "::1", 80)),
    ],
)
def test_a_url_becomes_an_address(url: str, address: Address) -> None:
    assert probes.address_of(url) == address


@pytest.mark.parametrize("url", ["chat.example", "ftp://chat.example", "https://", "https://chat.example:99999"])
def test_what_is_no_relay_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        probes.address_of(url)


@pytest.mark.parametrize(
    ("name", "loopback"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)]
)
def test_plain_http_is_for_this_machine_only(name: str, loopback: bool) -> None:
    assert probes.secure(Address("http", name, 80), now=0).verdict == ("ok" if loopback else "warn")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status":"no"}', b"\xff"])
def test_only_a_relay_says_that_it_is_well(body: bytes) -> None:
    assert probes.health(answer(body=b'{"status":"ok"}')).verdict == "ok"
    assert probes.health(answer(body=body)).verdict == "fail"


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_relay_without_a_clock_is_a_warning(date: str) -> None:
    assert probes.clock(answer()).verdict == "ok"
    assert probes.clock(answer(date=date)).verdict == "warn"


@pytest.mark.parametrize(("status", "verdict"), [(200, "ok"), (409, "fail"), (500, "fail")])
def test_the_relay_judges_the_key(status: int, verdict: str) -> None:
    assert probes.key(answer(status)).verdict == verdict


@pytest.mark.parametrize(("status", "verdict"), [(200, "ok"), (404, "fail"), (500, "fail")])
def test_the_relay_knows_the_host_or_not(status: int, verdict: str) -> None:
    assert probes.known(answer(status, b'{"name":"Ann"}'), "Ann").verdict == verdict


@pytest.mark.parametrize(
    ("body", "online"),
    [
        (b'{"hosts":[{"online":1}]}', True),
        (b'{"hosts":[{"online":0}]}', False),
        (b'{"hosts":null}', False),
        (b'{"hosts":[1]}', False),
    ],
)
def test_presence_is_read_from_the_list_of_hosts(body: bytes, online: bool) -> None:
    assert probes.is_online(answer(body=body)) is online


def test_a_port_that_swallows_everything_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def swallow(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", swallow)
    assert "does not answer" in probes.reach(Address("http", "127.0.0.1", 1)).seen


def test_a_network_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("socket.create_connection", away)
    assert probes.reach(Address("http", "127.0.0.1", 1)).seen.endswith("Network is unreachable")


def test_a_call_without_a_time_limit_gets_one() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError):
        probes._within(0.01, never.wait)
    never.set()
    with pytest.raises(ZeroDivisionError):
        probes._within(5, lambda: 1 // 0)
