"""hostctl doctor at a real relay: each injected fault is named exactly, with a fix; a healthy host raises no alarm."""

import datetime
import json
import os
import shutil
import socket
import sqlite3
import ssl
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from parch_hostctl import keys, probes
from parch_hostctl.status import sole
from parch_wire.encoding import b64raw

Run = Callable[..., Any]
Checks = dict[str, dict[str, Any]]
Fault = Callable[[Any, Path, pytest.MonkeyPatch], None]

DATABASE = "host_chat_v2.db"


def examined(hostctl: Run) -> tuple[int, Checks]:
    done = hostctl("doctor", "--json")
    return done.code, {check["name"]: check for check in done.json["checks"]}


def failures(checks: Checks) -> list[str]:
    return [name for name, check in checks.items() if check["verdict"] == "fail"]


def test_a_healthy_host_raises_no_alarm(host: Run) -> None:
    code, checks = examined(host)
    assert (code, {check["verdict"] for check in checks.values()}) == (0, {"ok"})
    assert len(checks) == 15


def test_the_doctor_changes_nothing(host: Run, relay: Any, directory: Path) -> None:
    hosts = json.dumps(relay.hosts)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    examined(host)
    assert json.dumps(relay.hosts) == hosts
    assert {name: (directory / name).read_bytes() for name in files} == files


def edit(directory: Path, **changes: str) -> None:
    path = directory / "host_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def missing_config(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    (directory / "host_config.json").unlink()


def corrupt_config(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    (directory / "host_config.json").write_text("{")


def incomplete_config(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    edit(directory, signing_private_key="")


def loose_key(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    (directory / "host_config.json").chmod(0o644)


def loose_directory(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    directory.chmod(0o777)


def mixed_keys(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    edit(directory, signing_public_key=b64raw(bytes(32)))


def other_key(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    private, public = keys.from_seed(bytes(32))
    edit(directory, signing_public_key=public, signing_private_key=private)


def missing_database(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    for path in directory.glob(f"{DATABASE}*"):
        path.unlink()


def corrupt_database(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    pages = bytearray((directory / DATABASE).read_bytes())
    pages[4096 : 3 * 4096] = os.urandom(2 * 4096)
    (directory / DATABASE).write_bytes(pages)


def foreign_database(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    (directory / DATABASE).write_text("no database at all, but long enough to be taken for one" * 20)


def empty_database(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    missing_database(_, directory, __)
    (directory / DATABASE).touch(0o600)


def old_database(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(directory / DATABASE) as database:
        database.execute("ALTER TABLE channels DROP COLUMN allow_voice")
    database.close()


def full_disk(_: Any, __: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 1 << 20))


def unknown_name(_: Any, __: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_RELAY_HOST", "no-such-relay.invalid")


def silent_dns(_: Any, __: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: __import__("threading").Event().wait(5))


def relay_down(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.shutdown()
    relay.server_close()


def relay_ill(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.health = 503


def clock_ahead(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.clock_offset = -120.0


def clock_behind(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.clock_offset = 3600.0


def unknown_host(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.hosts.clear()


def refused_login(relay: Any, _: Path, __: pytest.MonkeyPatch) -> None:
    relay.refuse_auth = True


def bad_setting(_: Any, __: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_RELAY_SCHEME", "gopher")


def bad_settings_file(_: Any, directory: Path, __: pytest.MonkeyPatch) -> None:
    (directory / "hostctl.toml").write_text("relay_host = ")


@pytest.mark.parametrize(
    ("fault", "check", "seen", "fix"),
    [
        (missing_config, "config", "There is no host", "hostctl init"),
        (corrupt_config, "config", "damaged", "hostctl restore"),
        (incomplete_config, "config", "lacks signing_private_key", "hostctl restore"),
        (loose_key, "modes", "others may read host_config.json", "chmod 600"),
        (loose_directory, "modes", "others may write", "chmod 700"),
        (mixed_keys, "keys", "does not belong to signing_public_key", "hostctl restore"),
        (other_key, "relay key", "holds another public key", "hostctl restore"),
        (missing_database, "database", "no database", "hostctl init"),
        (corrupt_database, "database", "damaged", "hostctl restore"),
        (foreign_database, "database", "not a database", "hostctl restore"),
        (empty_database, "database", "lacks table chat_users", "hostctl restore"),
        (old_database, "database", "table channels lacks allow_voice", "hostctl restore"),
        (full_disk, "disk", "1 MiB free", "Free some disk space"),
        (unknown_name, "dns", "has no address", "hostctl config show --origin"),
        (silent_dns, "dns", "no DNS server answers", "DNS settings"),
        (relay_down, "tcp", "refuses connections", "hostctl config show --origin"),
        (relay_ill, "relay", "/healthz says 503", "healthy Parch relay"),
        (clock_ahead, "clock", "ahead of the relay's", "timedatectl"),
        (clock_behind, "clock", "behind the relay's", "timedatectl"),
        (unknown_host, "known", "does not know this host", "hostctl run"),
        (refused_login, "websocket", "refuses the key", "hostctl restore"),
        (bad_setting, "settings", "relay_scheme", "hostctl config show"),
        (bad_settings_file, "settings", "not TOML", "Mend the file"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_fault_is_named_exactly_with_a_fix(
    host: Run, relay: Any, directory: Path, monkeypatch: pytest.MonkeyPatch,
    fault: Fault, check: str, seen: str, fix: str,
) -> None:  # fmt: skip
    fault(relay, directory, monkeypatch)
    code, checks = examined(host)
    assert (code, failures(checks)) == (8, [check])
    assert seen in checks[check]["seen"]
    assert fix in checks[check]["fix"]
    skipped = [one for one in checks.values() if one["verdict"] == "skip"]
    assert all(one["seen"] == f"not checked, because {check} failed" for one in skipped)


def test_a_host_that_runs_elsewhere_is_a_warning_and_is_not_displaced(host: Run, relay: Any) -> None:
    relay.online.update(relay.hosts)
    code, checks = examined(host)
    assert (code, checks["presence"]["verdict"], checks["websocket"]["verdict"]) == (0, "warn", "skip")
    assert relay.heard == []


def test_a_host_that_runs_here_unseen_by_the_relay_is_a_failure(host: Run, directory: Path) -> None:
    with sole(directory):
        code, checks = examined(host)
    assert (code, failures(checks)) == (8, ["presence"])


def test_another_name_at_the_relay_is_a_warning(host: Run, directory: Path) -> None:
    edit(directory, name="Renamed")
    code, checks = examined(host)
    assert (code, checks["known"]["verdict"]) == (0, "warn")


def test_a_relay_that_never_answers_is_given_up_in_time(host: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HOSTCTL_RELAY", f"http://127.0.0.1:{silent.getsockname()[1]}")
        _, checks = examined(host)
    assert failures(checks) == ["relay"]
    assert "no answer in time" in checks["relay"]["seen"]
    assert sum(check["took_ms"] for check in checks.values()) < 5000


def test_what_is_well_is_printed_in_a_pipe_one_check_a_line(host: Run) -> None:
    rows = [line.split("\t") for line in host("doctor").stdout.splitlines()]
    assert len(rows) == 15
    assert {len(row) for row in rows} == {4}


class Certificates:
    """A certificate authority of the test's own, and certificates for localhost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.authority = self._sign("Test authority", self.key, days=30, ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.authority.public_bytes(serialization.Encoding.PEM))

    def context(self, days: float, name: str = "localhost", self_signed: bool = False) -> ssl.SSLContext:
        """A server's; `days` until the certificate ends."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, days, signer=key if self_signed else self.key)
        file = self.folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, days: float, ca: bool = False,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = self.authority.subject if signer is self.key and not ca else subject
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key((signer or key).public_key())
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(key_id, critical=False)
            .add_extension(by, critical=False)
            .sign(signer or key, hashes.SHA256())
        )


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    made = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def secure_relay(relay: Any, secure: Callable[[ssl.SSLContext], Any]) -> Callable[[ssl.SSLContext], Any]:
    """`secure_relay(context)`: a relay behind TLS that knows the same hosts."""

    def start(context: ssl.SSLContext) -> Any:
        started = secure(context)
        started.hosts = relay.hosts
        return started

    return start


def test_a_healthy_relay_behind_tls_raises_no_alarm(
    host: Run, certificates: Certificates, secure_relay: Callable[[ssl.SSLContext], Any]
) -> None:
    relay = secure_relay(certificates.context(days=90))
    done = host("doctor", "--json", "--relay", relay.url)
    assert (done.code, {check["verdict"] for check in done.json["checks"]}) == (0, {"ok"})


@pytest.mark.parametrize(
    ("days", "name", "self_signed", "verdict", "seen"),
    [
        (-1, "localhost", False, "fail", "has expired"),
        (90, "localhost", True, "fail", "is self-signed"),
        (90, "other.example", False, "fail", "is for another name"),
        (7, "localhost", False, "warn", "ends in 7 days"),
    ],
)
def test_a_certificate_that_is_not_good_says_why(
    host: Run, certificates: Certificates, secure_relay: Callable[[ssl.SSLContext], Any],
    days: int, name: str, self_signed: bool, verdict: str, seen: str,
) -> None:  # fmt: skip
    relay = secure_relay(certificates.context(days, name, self_signed))
    checks = {check["name"]: check for check in host("doctor", "--json", "--relay", relay.url).json["checks"]}
    assert (checks["tls"]["verdict"], failures(checks)) == (verdict, ["tls"] if verdict == "fail" else [])
    assert seen in checks["tls"]["seen"]
    assert checks["tls"]["fix"]


def test_an_authority_nobody_knows_is_named(
    host: Run,
    certificates: Certificates,
    secure_relay: Callable[[ssl.SSLContext], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay = secure_relay(certificates.context(days=90))
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    checks = {check["name"]: check for check in host("doctor", "--json", "--relay", relay.url).json["checks"]}
    assert "unknown authority" in checks["tls"]["seen"]
    assert "SSL_CERT_FILE" in checks["tls"]["fix"]


def test_http_where_https_was_meant_is_named(host: Run, relay: Any) -> None:
    checks = {
        check["name"]: check
        for check in host("doctor", "--json", "--relay", relay.url.replace("http:", "https:")).json["checks"]
    }
    assert failures(checks) == ["tls"]
    assert "no TLS there" in checks["tls"]["seen"]
