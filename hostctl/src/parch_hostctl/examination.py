"""The patient of `hostctl doctor`: a host's directory and its settings in, the probes in the order they are asked out.

Gathers facts from files and the network; what they mean is judged in doctor.py and probes.py. Changes nothing.
"""

import http.client
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import config, keys, probes, snapshot, status
from . import doctor as judge
from .config import HostConfig
from .doctor import Finding, Probe
from .errors import HostError
from .failures import Failure, explain
from .settings import Settings
from .store import Store, schema
from .views import amount

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

INTEGRITY_SECONDS = 5.0
"""Longest integrity check of the database; a larger one is left to `hostctl backup verify`."""

_RESTORE = "hostctl restore FILE --force"


class Patient:
    """The host under examination: what its probes share, asked for once."""

    def __init__(self, directory: Path, resolve: Callable[[], Settings]) -> None:
        self.directory = directory
        self.database = config.database_path(directory)
        self._resolve = resolve
        self._identity = HostConfig()
        self._settings: Settings | None = None
        self._address = probes.Address("https", "", 443)
        self._health: probes.Answer | None = None
        self._known_as = ""
        self._online = False

    def examination(self) -> Sequence[Probe]:
        return [
            Probe("settings", (), self._read_settings),
            Probe("config", (), self._config),
            Probe("modes", ("config",), self._modes),
            Probe("keys", ("config",), self._keys),
            Probe("disk", (), self._disk),
            Probe("database", ("config",), self._database),
            Probe("dns", ("settings",), lambda: probes.resolve(self._address)),
            Probe("tcp", ("dns",), lambda: probes.reach(self._address)),
            Probe("tls", ("tcp",), lambda: probes.secure(self._address, time.time())),
            Probe("relay", ("tls",), self._relay),
            Probe("clock", ("relay",), self._clock),
            Probe("known", ("config", "relay"), self._known),
            Probe("relay key", ("keys", "known"), self._relay_key),
            Probe("presence", ("known",), self._presence),
            Probe("websocket", ("relay key", "presence"), self._websocket),
        ]

    def _read_settings(self) -> Finding:
        try:
            self._settings = self._resolve()
            self._address = probes.address_of(self._settings.relay_url)
        except (HostError, ValueError) as error:
            return judge.fail(str(error), getattr(error, "hint", "") or "hostctl config show --origin")
        return judge.ok(f"the relay is {self._settings.relay_url}")

    def _config(self) -> Finding:
        try:
            self._identity = config.read(self.directory)
        except (HostError, OSError) as error:
            failure = explain(error)
            return judge.fail(failure.text, failure.hint)
        return judge.ok(f'"{self._identity.name}" in {self.directory}')

    def _modes(self) -> Finding:
        names = (config.CONFIG_FILE, config.DATABASE_FILE, f"{config.DATABASE_FILE}-wal", f"{config.DATABASE_FILE}-shm")
        paths = [path for name in names if (path := self.directory / name).exists()]
        owner = all(path.stat().st_uid == os.geteuid() for path in paths)
        files = [(path, path.stat().st_mode) for path in paths]
        return judge.judge_modes(self.directory, self.directory.stat().st_mode, files, owner)

    def _keys(self) -> Finding:
        try:
            self._key()
        except HostError as error:
            return judge.fail(error.text, _RESTORE + "   (a new key would be refused by the relay)")
        return judge.ok("the private key belongs to the public key")

    def _key(self) -> "Ed25519PrivateKey":
        return keys.signing_key(self._identity.signing_private_key, self._identity.signing_public_key)

    def _disk(self) -> Finding:
        there = next(folder for folder in (self.directory, *self.directory.parents) if folder.exists())
        database = self.database.stat().st_size if self.database.exists() else 0
        return judge.judge_disk(shutil.disk_usage(there).free, database)

    def _database(self) -> Finding:
        try:
            if found := snapshot.faults(self.database, INTEGRITY_SECONDS):
                return judge.fail(f"the database is damaged: {found[0]}", _RESTORE)
            there = snapshot.columns(self.database)
            missing = [table for table in snapshot.TABLES if table not in there]
            if misfit := schema.incompatible(there, set()) or (missing and f"it lacks table {missing[0]}"):
                return judge.fail(f"the database is not a host's: {misfit}", _RESTORE)
            with Store.open(self.database, readonly=True) as store:
                counts = store.counts()
        except TimeoutError:
            return judge.ok(f"opens; too large to check whole in {INTEGRITY_SECONDS:.0f} s")
        except (HostError, Failure) as error:
            return judge.fail(error.text, error.hint)
        return judge.ok(f"sound: {amount(counts.spaces, 'space')}, {amount(counts.messages, 'message')}")

    def _relay(self) -> Finding:
        finding, self._health = self._ask("GET", "/healthz", None, probes.health)
        return finding

    def _clock(self) -> Finding:
        return probes.clock(self._health) if self._health else judge.skip("needs: relay")

    def _known(self) -> Finding:
        return self._ask("GET", f"/api/host/{self._identity.uuid}", None, self._named)[0]

    def _named(self, answer: probes.Answer) -> Finding:
        self._known_as = probes.name_in(answer)
        return probes.known(answer, self._identity.name)

    def _relay_key(self) -> Finding:
        """Registering what the relay has already changes nothing there and tells whether the key is the same."""
        body = {
            "uuid": self._identity.uuid,
            "name": self._known_as,
            "signing_public_key": self._identity.signing_public_key,
        }
        return self._ask("POST", "/api/register_host", body, probes.key)[0]

    def _presence(self) -> Finding:
        running = status.is_running(self.directory)
        return self._ask(
            "POST", "/api/hosts_by_uuids", {"uuids": [self._identity.uuid]}, lambda answer: self._seen(answer, running)
        )[0]

    def _seen(self, answer: probes.Answer, running: bool) -> Finding:
        self._online = probes.is_online(answer)
        return judge.judge_presence(running, self._online)

    def _websocket(self) -> Finding:
        if self._online:
            return judge.skip("the host is connected already; trying would displace it")
        from .key_probe import prove

        assert self._settings is not None
        return prove(self._settings.websocket_url, self._identity.uuid, self._key())

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, judged: Callable[[probes.Answer], Finding]
    ) -> tuple[Finding, probes.Answer | None]:
        try:
            answer = probes.fetch(self._address, method, path, body)
        except (OSError, http.client.HTTPException) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            return judge.fail(
                f"{path} does not answer: {reason}", "The relay is ill: ask its operator, then try again."
            ), None
        return judged(answer), answer
