"""What the probes answer: each check by name, and nothing that fails can make them fail."""

import asyncio
import time

import httpx2
import pytest
from prometheus_client import REGISTRY

from parch_serve import probes
from parch_serve.probes import Health, monitoring_app, watch_loop


async def ask(health: Health, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(monitoring_app(health))
    async with httpx2.AsyncClient(transport=transport, base_url="http://probe") as client:
        return await client.get(path)


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def broken() -> bool:
    raise RuntimeError("a check with a fault")


async def never() -> bool:
    await asyncio.Event().wait()
    return True


async def test_ready_means_started_not_draining_and_every_check_true() -> None:
    health = Health({"database": yes})
    assert (await ask(health, "/readyz")).status_code == 503
    health.started = True
    answer = await ask(health, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"started": True, "serving": True, "database": True}}
    health.draining = True
    assert (await ask(health, "/readyz")).status_code == 503


@pytest.mark.parametrize("check", [no, broken, never])
async def test_a_check_that_fails_in_any_way_is_named(check: probes.Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "CHECK_LIMIT", 0.05)
    health = Health({"bus": check, "database": yes}, started=True)
    answer = await ask(health, "/readyz")
    assert answer.status_code == 503
    assert (answer.json()["checks"]["bus"], answer.json()["checks"]["database"]) == (False, True)


async def test_alive_means_that_the_loop_turns_in_time() -> None:
    health = Health({"database": no}, draining=True)
    assert (await ask(health, "/livez")).status_code == 200
    health.loop_lag = probes.LAG_LIMIT
    assert (await ask(health, "/livez")).status_code == 503


async def test_the_watch_measures_a_loop_that_was_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "LAG_INTERVAL", 0.01)
    before = _lag_seconds()
    watching = asyncio.create_task(watch_loop(Health()))
    await asyncio.sleep(0)  # the watch sets its timer
    time.sleep(0.2)  # noqa: ASYNC251 - holds up the loop
    await asyncio.sleep(0.02)
    watching.cancel()
    assert 0.15 < _lag_seconds() - before < 2


def _lag_seconds() -> float:
    return REGISTRY.get_sample_value("parch_event_loop_lag_seconds_sum") or 0.0


async def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    plain = await ask(Health(), "/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "process_cpu_seconds_total" in plain.text
    assert "parch_event_loop_lag_seconds_bucket" in plain.text
