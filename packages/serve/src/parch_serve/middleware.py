"""Pure-ASGI middleware: a request rate per client address, and security headers.

Comes in: an ASGI application and its limits. Goes out: the same application with headers on every answer, and 429
instead of an answer to those who ask too often. Both also cover websocket handshakes (a refused one is closed before it
is accepted: 429 where the server has the `websocket.http.response` extension, else 403).
"""

import math
import time
from collections.abc import Callable, Mapping

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parch_serve.rates import Rate

NO_DEVICES = "camera=(), geolocation=(), microphone=()"


class RateLimit:
    """Answer 429 to a client address that sends more than `rate` allows; tell every client where it stands.

    Headers `X-Rate-Limit-Limit`, `X-Rate-Limit-Remaining`, `X-Rate-Limit-Reset` (unix s), `Retry-After` (s).
    The address is `scope["client"]`, which the server has already taken from trusted proxies alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        rate: Rate,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._rate = rate
        self._monotonic = monotonic
        self._unix_time = unix_time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        now = self._monotonic()
        wait = self._rate.hit(address, now)
        headers = self._headers(address, now)
        if wait is None:
            await self._app(scope, receive, _with_headers(send, headers))
        else:
            await _refuse(scope, send, headers, wait)

    def _headers(self, address: str, now: float) -> dict[str, str]:
        quota = self._rate.quota(address, now)
        return {
            "X-Rate-Limit-Limit": str(self._rate.limit),
            "X-Rate-Limit-Remaining": str(quota.remaining),
            "X-Rate-Limit-Reset": str(math.ceil(self._unix_time() + quota.reset)),
        }


class SecurityHeaders:
    """Put the headers that browsers need to protect people on every answer, unless the answer sets them itself.

    `content_security_policy` and `permissions_policy` are the values of those headers.
    """

    def __init__(self, app: ASGIApp, content_security_policy: str, permissions_policy: str = NO_DEVICES) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": permissions_policy,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, _with_headers(send, self._headers))


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            answer = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in headers.items():
                answer.setdefault(name, value)
            message = {**message, "headers": answer.raw}
        await send(message)

    return send_with_headers


_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


async def _refuse(scope: Scope, send: Send, headers: Mapping[str, str], wait: float) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    seconds = max(1, math.ceil(wait))
    text = f"Too many requests. Try again in {seconds}s"
    body = msgspec.json.encode({"error": text, "code": "rate_limited", "retry_after": seconds})
    answer = MutableHeaders({**headers, "Retry-After": str(seconds), "Content-Type": "application/json"})
    answer["Content-Length"] = str(len(body))
    prefix = "websocket." if scope["type"] == "websocket" else ""
    await send({"type": f"{prefix}http.response.start", "status": 429, "headers": answer.raw})
    await send({"type": f"{prefix}http.response.body", "body": body})
