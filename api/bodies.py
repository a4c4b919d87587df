"""Bodies of requests: how large they may be, how slowly they may come."""

import asyncio
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = 20.0
_BYTES_A_SECOND = 2000
"""A body may take 20 seconds, and longer as long as this many bytes a second come (as with Apache's mod_reqtimeout)."""
_FORM_BYTES = 65_536
"""What an upload's form may have besides the file."""


class Bodies:
    """Pure ASGI. Reads a body before anything is done for it, so that who sends slowly holds nobody up; an upload is
    read by its route, part by part."""

    def __init__(self, app: ASGIApp, most: int, most_upload: int):
        self.app = app
        self.most = most
        self.most_upload = most_upload + _FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (scope["method"], scope["path"]) == ("POST", "/v1/documents"):
            await self.app(scope, Body(receive, self.most_upload).part, send)
        elif whole := await Body(receive, self.most).whole():
            await self.app(scope, whole, send)


class Body:
    """One as it comes. `most`: bytes, with a stated length or without."""

    def __init__(self, receive: Receive, most: int):
        self._receive = receive
        self._most = most
        self._received = 0
        self._complete = False
        self._started = asyncio.get_running_loop().time()

    async def part(self) -> Message:
        """The next one; once there are no more, the news that who asked is gone. Raises `HTTPException` 408, 413."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._started + _SECONDS + self._received / _BYTES_A_SECOND):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body comes too slowly.") from None
        self._received += len(message.get("body", b""))
        if self._received > self._most:
            raise HTTPException(413, f"The body is too large: {self._most} bytes are allowed.")
        self._complete = not message.get("more_body", False)
        return message

    async def whole(self) -> Receive | None:
        """Gives all parts again, and what was wrong with them. None: who asked is gone."""
        parts: list[Message] = []
        error: HTTPException | None = None
        try:
            while not self._complete:
                parts.append(await self.part())
        except HTTPException as found:  # told from within the application, in the form that this caller reads
            error = found
        if parts and parts[-1]["type"] == "http.disconnect":
            return None
        given = iter(parts)

        async def again() -> Message:
            return await self._again(given, error)

        return again

    async def _again(self, parts: Iterator[Message], error: HTTPException | None) -> Message:
        if message := next(parts, None):
            return message
        if error:
            raise error
        return await self._receive()
