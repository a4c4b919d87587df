"""/mcp, for agents. What it needs takes a second to load, and memory: the first agent that comes waits for it."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from api.service import Service

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class Agents:
    """Answers at /mcp for one application."""

    def __init__(self, current: Callable[[], Service], most_body_bytes: int):
        self._current = current
        self._most_body_bytes = most_body_bytes
        self._wanted = asyncio.Event()
        self._sessions: asyncio.Future[StreamableHTTPSessionManager] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold_sessions())

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wanted.set()
        either: list[asyncio.Future[Any]] = [self._sessions, self._task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._sessions.done():
            self._task.result()  # raises what kept them from being opened
        await self._sessions.result().handle_request(scope, receive, send)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _hold_sessions(self) -> None:
        """In a task of its own, as who opens them has to close them."""
        await self._wanted.wait()
        await asyncio.to_thread(importlib.import_module, "api.tools")
        from api.tools import open_sessions

        async with open_sessions(self._current, self._most_body_bytes) as sessions:
            self._sessions.set_result(sessions)
            await asyncio.Event().wait()


@asynccontextmanager
async def agents(current: Callable[[], Service], most_body_bytes: int) -> AsyncIterator[Agents]:
    found = Agents(current, most_body_bytes)
    try:
        yield found
    finally:
        await found.close()


class Endpoint:
    """Hands a request at /mcp to the agents' sessions of the running application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here: Agents = scope["app"].state.agents
        await here.answer(scope, receive, send)
