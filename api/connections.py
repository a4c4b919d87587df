"""Connections over HTTP that nobody can hold for ever: uvicorn's own limits begin only after the first answer."""

import asyncio
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.door import Door
from api.problems import described

MOST = 512
"""At a time, of one process: half of the files that a process may have open on most systems."""
_HEAD_SECONDS = 10.0
_HEAD_BYTES = 65_536
_READ_SECONDS = 15.0
_READ_BYTES = 15_000
"""Who reads less than this in that time doesn't read."""


class _Answered:
    """Stands for the cycle of a request that was answered at once."""

    response_complete = True

    def __init__(self) -> None:
        self.message_event = asyncio.Event()


_ANSWERED = _Answered()


class Connection(HttpToolsProtocol):
    """Ends where the head of a request doesn't come, or an answer isn't read. What an application is still sent of a
    body it looks after itself (`api/bodies.py`)."""

    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _in_message = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST:
            self._shed("connections")
            self._break_off(503, "overloaded", "Too many connections are open. Try again soon.")
        else:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._read_timer):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_head, self._in_message, self._head_bytes = True, True, 0
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._in_head = False
        is_next = self.cycle is None or self.cycle.response_complete
        if not (is_next and (refusal := self._refusal())):
            super().on_headers_complete()
            return
        self.cycle = cast(RequestResponseCycle, _ANSWERED)  # what comes of its body is passed over
        keep = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        common = b"".join(b"%s: %s\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(STATUS_LINE[503] + common + (b"" if keep else b"connection: close\r\n") + refusal)
        if not keep:
            self.transport.close()
        self.on_response_complete()

    def _refusal(self) -> bytes | None:
        door: Door | None = self.app_state.get("door")
        path = httptools.parse_url(self.url).path
        return door.refusal(self.parser.get_method().decode(), path.decode("latin-1")) if door and path else None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self not in self.connections:  # it is a websocket's now
            return
        if not self._in_head and not (self._in_message and self.cycle.response_complete):  # nothing is to come
            self._stop_head_timer()
            return
        self._head_timer = self._head_timer or self.loop.call_later(_HEAD_SECONDS, self._head_is_late)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._break_off(431, "head_too_large", f"The head is too large: {_HEAD_BYTES} bytes are allowed.")

    def handle_websocket_upgrade(self) -> None:
        self._stop_head_timer()
        super().handle_websocket_upgrade()

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        """Of a new request, or what still comes of one that is answered already."""
        self._head_timer = None
        if self.transport.is_closing():
            return
        self._shed("slow")
        if self._in_head and self._head_bytes and (self.cycle is None or self.cycle.response_complete):
            self._break_off(408, "request_timeout", "The request comes too slowly.")
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_reader()

    def _watch_reader(self) -> None:
        """Closing alone would wait until all is read."""
        if not self._read_timer and (left := self.transport.get_write_buffer_size()):
            self._read_timer = self.loop.call_later(_READ_SECONDS, self._look_at_reader, left)

    def _look_at_reader(self, before: int) -> None:
        """Nothing is written to a connection that doesn't take it: what is less now has been read."""
        self._read_timer = None
        left = self.transport.get_write_buffer_size()
        if left and before - left < _READ_BYTES:
            self._shed("slow")
            self.transport.abort()
        else:
            self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._read_timer:
            self._read_timer.cancel()
            self._read_timer = None

    def _break_off(self, status: int, code: str, detail: str) -> None:
        """There is no request yet that could have an id."""
        body = described(status, code, detail, None, None).model_dump_json(exclude_none=True).encode()
        retry = b"retry-after: 1\r\n" if status == 503 else b""
        kind = b"content-type: application/problem+json\r\nconnection: close\r\n"
        self.transport.write(STATUS_LINE[status] + kind + retry + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _shed(self, reason: str) -> None:
        self.app_state["metrics"].shed(reason)
