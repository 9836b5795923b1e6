"""The life of a real process: start, refusal, signals, drain, exit codes."""

import signal
import socket
import threading
import time

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .conftest import Service, Start

pytestmark = pytest.mark.processes


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ended(service: Service) -> int:
    return service.process.wait(20)


def test_a_started_service_is_ready_and_tells_its_build(start: Start) -> None:
    service = start()
    assert service.get("/").status_code == 200
    answer = service.probe("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"started": True, "serving": True})
    assert 'parch_build_info{python="3' in service.probe("/metrics").text


def test_the_public_port_shows_neither_probes_nor_the_servers_name(start: Start) -> None:
    service = start()
    assert [service.get(path).status_code for path in ("/metrics", "/livez", "/readyz")] == [404] * 3
    assert "server" not in service.get("/").headers


def test_while_it_starts_it_is_alive_but_neither_ready_nor_listening(start: Start) -> None:
    service = start(until="starting", DEMO_STARTUP="hang")
    assert service.probe("/livez").status_code == 200
    assert service.probe("/readyz").status_code == 503
    assert not listens(service.port)
    service.terminate()
    service.says("shut down")
    assert ended(service) == 0


def test_the_drain_is_not_ready_then_not_listening_then_done(start: Start) -> None:
    service = start()
    with connect(f"ws://127.0.0.1:{service.port}/ws") as websocket:
        websocket.send("a")
        assert websocket.recv() == "a"
        service.terminate()
        assert service.says("draining") == "draining 20"
        answer = service.probe("/readyz")
        assert (answer.status_code, answer.json()["checks"]["serving"]) == (503, False)
        assert service.probe("/livez").status_code == 200
        assert not listens(service.port)
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    service.go_on()
    service.says("shut down")
    assert ended(service) == 0


def test_before_it_stops_listening_it_waits_for_those_who_have_not_heard(start: Start) -> None:
    service = start(PRESTOP_SECONDS="1")
    service.terminate()
    while service.probe("/readyz").status_code == 200:
        pass
    assert service.get("/").status_code == 200
    service.says("draining")
    assert not listens(service.port)


def test_an_open_request_is_answered_before_the_end(start: Start) -> None:
    service = start()
    answers: list[httpx2.Response] = []
    asking = threading.Thread(target=lambda: answers.append(service.get("/slow", timeout=20)))
    asking.start()
    service.says("request")
    service.terminate(signal.SIGINT)
    service.go_on()
    asking.join(20)
    assert answers[0].text == "finished"
    assert ended(service) == 0


def test_a_second_signal_ends_at_once(start: Start) -> None:
    service = start(DEMO_DRAIN="block")
    service.terminate()
    service.says("draining")
    service.terminate()
    assert ended(service) == -signal.SIGTERM


@pytest.mark.parametrize("fault", ["hang", "fail"])
def test_a_drain_that_never_ends_or_fails_does_not_keep_the_rest_from_ending_well(start: Start, fault: str) -> None:
    service = start(DEMO_DRAIN=fault, DRAIN_SECONDS="0.2")
    service.terminate()
    service.says("shut down")
    assert ended(service) == 0
    assert "drain_failed" in service.errors()


def test_after_the_exit_limit_it_ends_even_when_the_loop_does_not_turn(start: Start) -> None:
    service = start(DEMO_DRAIN="block", DRAIN_SECONDS="0.5", EXIT_SECONDS="1")
    began = time.monotonic()
    service.terminate()
    assert ended(service) == 1
    assert 1 <= time.monotonic() - began < 3
    assert "EXIT_SECONDS=1" in service.errors()


@pytest.mark.parametrize("name", ["DEMO_PORT", "METRICS_PORT"])
def test_a_taken_port_is_one_sentence(start: Start, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = start(until="", **{name: str(port)}, METRICS_HOST="127.0.0.1")
        assert ended(service) == 1
    sentence = service.errors()
    assert sentence.startswith(f"Cannot listen on 127.0.0.1 port {port}: Address already in use.")
    assert f"set {name} to another port" in sentence
    assert sentence.count("\n") == 1


def test_a_start_that_is_refused_is_one_sentence(start: Start) -> None:
    service = start(until="shut down", DEMO_STARTUP="refuse")
    assert ended(service) == 1
    assert service.errors() == "The demo refuses. Set DEMO_STARTUP to nothing.\n"


def test_without_hooks_and_monitoring_it_serves_and_ends_well(start: Start) -> None:
    service = start(METRICS_PORT="0", DEMO_BARE="true")
    assert service.get("/").status_code == 200
    service.terminate()
    assert ended(service) == 0


def test_of_two_that_bind_one_port_at_the_same_moment_the_second_ends_with_one_sentence(start: Start) -> None:
    with socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind(("127.0.0.1", 0))
        service = start(until="starting", DEMO_STARTUP="wait", DEMO_PORT=str(first.getsockname()[1]))
        first.listen()
        service.go_on()
        assert ended(service) == 1
    sentence = service.errors()
    assert sentence.startswith("Cannot listen on 127.0.0.1 port")
    assert sentence.count("\n") == 1


def test_a_client_that_never_finishes_its_request_is_cut_off(start: Start) -> None:
    service = start(REQUEST_SECONDS="0.2")
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
        assert client.recv(1000) == b""


def test_it_listens_on_ipv6_too(start: Start) -> None:
    service = start(LISTEN_HOST="::")
    assert httpx2.get(f"http://[::1]:{service.port}/").text == "::1"
    assert service.get("/").status_code == 200
    service.terminate()
    service.go_on()
    assert ended(service) == 0


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        (None, "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1, 10.0.0.9", "192.0.2.1"),
        ("6.6.6.6, 2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_trusted_proxy_is_believed_about_the_nearest_address_it_does_not_run(
    start: Start, forwarded: str | None, seen: str
) -> None:
    service = start(TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert service.get("/", headers=headers).text == seen


def test_anybody_else_is_not_believed(start: Start) -> None:
    service = start(TRUSTED_PROXIES="10.0.0.0/8")
    assert service.get("/", headers={"X-Forwarded-For": "6.6.6.6"}).text == "127.0.0.1"
