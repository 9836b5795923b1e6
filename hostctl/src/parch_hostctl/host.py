"""A running host: settings and a directory in; it serves its relay until it is stopped. Nothing else knows all parts.

link → intake → worker thread (answer, commit) → link; the announcer adds what the command line changed meanwhile.
"""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import config, keys, official, status
from .announcer import Announcer
from .config import HostConfig
from .context import Context
from .errors import HostError, StoreError
from .intake import Intake
from .link import Link, Waits
from .registration import Registered, register
from .reporter import OnEvent, Reporter
from .settings import Settings
from .store import Store
from .worker import Worker

ALIVE_SECONDS = 10.0
DRAIN_SECONDS = 10.0


async def run(directory: Path, settings: Settings, on_event: OnEvent) -> None:
    """Serves until SIGTERM, SIGINT or cancellation, then finishes what it took. Raises HostError, e.g. `displaced`."""
    identity = config.read(directory)
    key = keys.signing_key(identity.signing_private_key, identity.signing_public_key)
    with status.sole(directory):
        state = status.Status(os.getpid(), identity.uuid, settings.relay_url, time.time())
        reporter = Reporter(directory, state, on_event)
        for text in config.tighten(directory):
            reporter.say("notice", text)
        worker = Worker()
        try:
            store = await worker.call(Store.open, config.database_path(directory))
            try:
                await _serve(settings, identity, key, store, worker, reporter)
            finally:
                await worker.call(store.close)
        except HostError as error:
            reporter.remember(error.text)
            raise
        finally:
            worker.close()
            reporter.say("stopped", "The host has stopped.")


async def _serve(
    settings: Settings, identity: HostConfig, key: Ed25519PrivateKey, store: Store, worker: Worker, reporter: Reporter
) -> None:
    if store.archived:
        reporter.say("notice", f"The old database does not fit and was moved to {store.archived}.")
    context = _context(settings, identity, key, store)
    if context.official_space:
        await worker.call(official.seed, store, context.official_space, settings.official_space_name)
    intake = Intake(context, worker, reporter, settings.queue_requests, settings.queue_bytes)
    link = _link(settings, identity, key, intake, reporter)
    parts = (link.run(), intake.run(), Announcer(store, worker, link, reporter).run(), _beat(store, worker, reporter))
    tasks = [asyncio.create_task(part) for part in parts]
    reporter.say("started", f"Host {identity.uuid} serves {settings.relay_url}.")
    try:
        with _stop_signals() as stop:
            asked_to_stop = asyncio.create_task(stop.wait())
            await asyncio.wait([asked_to_stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            asked_to_stop.cancel()
            if not any(task.done() for task in tasks):
                with suppress(TimeoutError):
                    await asyncio.wait_for(intake.close(), DRAIN_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


def _context(settings: Settings, identity: HostConfig, key: Ed25519PrivateKey, store: Store) -> Context:
    return Context(
        store,
        host_uuid=identity.uuid,
        signing_key=key,
        now=time.time,
        new_uuid=lambda: str(uuid.uuid4()),
        limits=settings.limits,
        official_space=settings.official_space_uuid if identity.uuid == settings.official_host_uuid else "",
    )


def _link(settings: Settings, identity: HostConfig, key: Ed25519PrivateKey, intake: Intake, reporter: Reporter) -> Link:
    def make_known() -> Registered:
        return register(settings.register_url, identity.uuid, identity.name, key, time.time())

    return Link(
        settings.websocket_url,
        identity.uuid,
        key,
        register=make_known,
        take=intake.take,
        say=reporter.say,
        waits=Waits(settings.reconnect_first_seconds, settings.reconnect_cap_seconds, settings.ping_seconds),
    )


async def _beat(store: Store, worker: Worker, reporter: Reporter) -> NoReturn:
    """Shows that the loop and the database thread answer, for a watchdog."""
    while True:
        with suppress(StoreError):
            await worker.call(store.data_version)
            reporter.say("alive", "")
        await asyncio.sleep(ALIVE_SECONDS)


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Set by SIGTERM and SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    kinds = (signal.SIGTERM, signal.SIGINT)
    for kind in kinds:
        loop.add_signal_handler(kind, stop.set)
    try:
        yield stop
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)
