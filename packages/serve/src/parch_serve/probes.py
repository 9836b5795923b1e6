"""Is the process alive, and should it be sent work? Answered over HTTP on the monitoring port.

Comes in: named readiness checks, whether the process has started and is draining, the lag of the event loop.
Goes out: `GET /livez` (200, or 503 when the loop lags too far), `GET /readyz` (200, or 503; JSON with every check),
`GET /metrics` (Prometheus). They are served by the same event loop as the work, so an answer means that it turns.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parch_serve import metrics

CHECK_LIMIT = 2.0
LAG_LIMIT = 5.0
LAG_INTERVAL = 0.5

Check = Callable[[], Awaitable[bool]]


@dataclass
class Health:
    """What the probes report. `checks` maps a name to an async function: may this process be sent work?"""

    checks: dict[str, Check] = field(default_factory=dict)
    started: bool = False
    draining: bool = False
    loop_lag: float = 0.0

    @property
    def live(self) -> bool:
        """Whether the event loop turned in time when last measured (`LAG_LIMIT` seconds)."""
        return self.loop_lag < LAG_LIMIT

    async def readiness(self) -> dict[str, bool]:
        """Run every check, each for at most `CHECK_LIMIT` seconds; ready means that all are true."""
        results = await asyncio.gather(*(_passes(check) for check in self.checks.values()))
        return {"started": self.started, "serving": not self.draining, **dict(zip(self.checks, results, strict=True))}


async def watch_loop(health: Health) -> None:
    """Measure for ever how late the event loop runs a timer, in seconds."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_INTERVAL
        await asyncio.sleep(LAG_INTERVAL)
        health.loop_lag = max(0.0, loop.time() - due)
        metrics.LOOP_LAG.observe(health.loop_lag)


def monitoring_app(health: Health) -> Starlette:
    """Return the application behind the monitoring port."""

    async def livez(request: Request) -> Response:
        return JSONResponse({"loop_lag_seconds": round(health.loop_lag, 3)}, 200 if health.live else 503)

    async def readyz(request: Request) -> Response:
        checks = await health.readiness()
        ready = all(checks.values())
        return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)

    async def exposition(request: Request) -> Response:
        body, content_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", exposition)])


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_LIMIT):
            return await check()
    except Exception:  # a check that fails in any way is a check that does not pass
        return False
