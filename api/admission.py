"""The queue before the answers: one request begins its work in each turn of the event loop, a few wait, the rest is
told at once to come again.

Many at once may wait, as a burst is over soon. A queue that doesn't end is no burst: it would only make everybody wait,
so that it is kept short from then on (Nichols & Jacobson, Controlling Queue Delay, https://doi.org/10.1145/2208917.2209336,
tell the two apart in the same way).

A search or an answer takes some milliseconds of processor and never waits within them, so that who has begun is done
before the next one begins. What then waits for something else (a language model, a reader) keeps nobody from beginning.
"""

import asyncio
import time
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from api.draining import Stopping, Traffic
from api.metrics import Metrics
from api.noted import Noted, request
from api.refusals import Shed, send_away

FREE = frozenset({"/healthz", "/readyz", "/metrics", "/web", "/docs/files"})
"""Routes that cost little, or tell how the service does: they never wait, nor are they refused."""
BURST_SECONDS = 0.5
STANDING = 0.25
"""A queue that is older than that is kept to this share of its length. 6 of 24 wait, on average, as long as 6 answers
take: some three times as long as one of the longest."""
WAIT_SECONDS = 10.0
"""Who has waited longer is told so instead of answered: a queue lasts so long only where the process stood still."""
_FULL = Shed("full", "overloaded", "More is asked than can be answered now. Try again soon.", 1)
_LATE = Shed("late", "overloaded", "This request has waited too long. Try again soon.", 1)
_STOPPING = Shed("stopping", "stopping", str(Stopping()), 5)


class Queue:
    """First come, first served. `most`: requests that may wait."""

    def __init__(self, most: int, traffic: Traffic, metrics: Metrics):
        self.most = most
        self.traffic = traffic
        self.metrics = metrics
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._since = 0.0

    def shed(self, route: str) -> Shed | None:
        """Of who needn't even come in: asked before anything is done for a request, as refusing must cost little."""
        if route in FREE:
            return None
        if self.traffic.stopping:
            return _STOPPING
        return _FULL if self._taken and len(self._waiting) >= self._room() else None

    def _room(self) -> float:
        standing = self._waiting and time.perf_counter() - self._since > BURST_SECONDS
        return self.most * STANDING if standing else self.most

    async def turn(self, noted: Noted) -> Shed | None:
        """Waits for it, if there aren't too many before."""
        if shed := self.shed(noted.route):
            return shed
        noted.waited = 0.0
        if not self._taken:
            self._taken = True
            asyncio.get_running_loop().call_soon(self._next)
            return None
        turn, came = asyncio.get_running_loop().create_future(), time.perf_counter()
        if not self._waiting:
            self._since = came
        self._waiting.append(turn)
        self.metrics.waiting(1)
        try:
            await turn
        finally:
            self.metrics.waiting(-1)
        noted.waited = time.perf_counter() - came
        return _LATE if noted.waited > WAIT_SECONDS else None

    def _next(self) -> None:
        """The loop goes through what is ready in order: when it comes here again, this one's work is done, and what
        came meanwhile has been read."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else who waited is gone
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._next)
                return
        self._taken = False


class Gate:
    """Pure ASGI. Hands a request on when it is its turn."""

    def __init__(self, app: ASGIApp, queue: Queue):
        self.app = app
        self.queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        noted = request.get()
        if scope["type"] == "http" and noted and noted.route not in FREE and (shed := await self.queue.turn(noted)):
            await send_away(shed, scope, send)
        else:
            await self.app(scope, receive, send)
