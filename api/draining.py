"""Stopping without cutting anybody off: what is under way is finished, what comes meanwhile is told to come again."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

from retriever.errors import TenkyoError

DRAIN_SECONDS = 20.0
_POLL_SECONDS = 0.02


class Stopping(TenkyoError):
    """The service is about to stop."""

    def __init__(self) -> None:
        super().__init__("The service is about to stop. Try again when it is back.")


class Traffic:
    """Requests under way, and whether the service is about to stop."""

    def __init__(self) -> None:
        self.under_way = 0
        self.stopping = False

    async def ended(self) -> None:
        while self.under_way:
            await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def drained(traffic: Traffic, seconds: float = DRAIN_SECONDS) -> AsyncIterator[None]:
    """SIGTERM and Ctrl-C reach the server only when no request is under way, or after some seconds, or when they come
    again. The server must have set its handlers before, as uvicorn does."""
    if threading.current_thread() is not threading.main_thread():  # in tests: no signal comes there
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    waiting: set[asyncio.Task[None]] = set()

    def hand_on(sig: int, frame: FrameType | None = None) -> None:
        if callable(handler := handlers[signal.Signals(sig)]):
            handler(sig, frame)

    async def hand_on_later(sig: int) -> None:
        await asyncio.wait([asyncio.ensure_future(traffic.ended())], timeout=seconds)
        hand_on(sig)

    def begin(sig: int, frame: FrameType | None) -> None:
        if traffic.stopping:
            hand_on(sig, frame)
            return
        traffic.stopping = True
        loop.call_soon_threadsafe(lambda: waiting.add(loop.create_task(hand_on_later(sig))))

    for sig in handlers:
        signal.signal(sig, begin)
    yield
