"""The outermost layer: gives each request an id, each response its headers, and tells the log and the metrics."""

import logging
import random
import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.draining import Traffic
from api.metrics import Metrics
from api.noted import Noted, request
from api.problems import unexpected

log = logging.getLogger("tenkyo.requests")
CLIENT_GONE = 499
"""In the log and the metrics: who asked went away before there was an answer."""
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Of whatever is no page; pages bring a policy of their own."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every response that doesn't say otherwise. No Strict-Transport-Security: TLS ends in the proxy before us, which
alone knows whether its name will always have it."""
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Observed:
    """Pure ASGI. What goes wrong unexpectedly ends here, as a problem with the request's id."""

    def __init__(self, app: ASGIApp, metrics: Metrics, traffic: Traffic):
        self.app = app
        self.metrics = metrics
        self.traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        noted, started, status = Noted(new_request_id()), time.perf_counter(), CLIENT_GONE
        scope.setdefault("state", {})["request_id"] = noted.request_id
        token = request.set(noted)

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = completed(message.get("headers", ()), noted.request_id)
            await send(message)

        self.traffic.under_way += 1
        self.metrics.began()
        try:
            await self.app(scope, receive, named)
        except Exception as error:
            if status != CLIENT_GONE:  # half of the answer is sent: all that is left is to break off
                log.error("request %s broke off", noted.request_id)
                raise
            response = await unexpected(Request(scope), error)
            await response(scope, receive, named)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.ended(noted, scope["method"], status, seconds)
            tell(noted, scope["method"], status, seconds)
            request.reset(token)
            self.traffic.under_way -= 1


def new_request_id() -> str:
    """It is no secret."""
    return f"{random.getrandbits(64):016x}"


def completed(own: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """A response's headers, with those that each of them has."""
    there = {name.lower() for name, _ in own}
    if b"etag" in there:  # a file of the page's: it is the same for everybody
        there.add(b"cache-control")
    added = [header for header in _HEADERS if header[0] not in there]
    return [*own, *added, (b"x-request-id", request_id.encode())]


def tell(noted: Noted, method: str, status: int, seconds: float) -> None:
    """One line a request. It names the route, never the path, the query, the body, an address or a key's secret."""
    if not log.isEnabledFor(logging.INFO):
        return
    spent = round(1000 * seconds, 3)
    fields = {"request_id": noted.request_id, "method": method, "route": noted.route, "status": status, "ms": spent}
    fields["key"] = noted.key_id
    if noted.waited:
        fields["waited_ms"] = round(1000 * noted.waited, 3)
    if noted.shed:
        fields["shed"] = noted.shed
    if noted.stages:
        fields["stages_ms"] = noted.stages
    if noted.outcome:
        fields |= {"outcome": noted.outcome, "mode": noted.mode, "degraded": noted.degraded}
    log.info(
        "%s %s %s in %s ms, request %s", method, noted.route, status, spent, noted.request_id, extra={"fields": fields}
    )
