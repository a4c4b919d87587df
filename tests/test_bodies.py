"""Bodies that are too large, too slow or never complete."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from api import bodies
from api.bodies import Bodies


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def received(messages: Sequence[Message], path: str = "/v1/ask") -> list[Message | int]:
    """What an application gets, one message after the other, with its number of parts that were read before; or the
    status of the error."""
    found: list[Message | int] = []
    given = iter(messages)
    read: list[Message] = []

    async def receive() -> Message:
        if message := next(given, None):
            read.append(message)
            return message
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(len(read))
        try:
            while True:
                found.append(message := await receive())
                if not message.get("more_body"):
                    return
        except HTTPException as error:
            found.append(error.status_code)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": path}
    asyncio.run(Bodies(application, 10, 20)(scope, receive, send))
    return found


def test_a_body_is_read_before_anything_is_done_for_it() -> None:
    whole = [part(b"12345"), part(b"67890"), part(b"", more=False)]
    assert received(whole) == [3, *whole]


def test_an_upload_is_read_by_its_route() -> None:
    whole = [part(b"x" * 20), part(b"y" * 65_536, more=False)]
    assert received(whole, "/v1/documents") == [0, *whole]
    assert received([*whole[:1], part(b"y" * 65_537)], "/v1/documents") == [0, whole[0], 413]


def test_a_body_that_is_too_large_is_read_no_further() -> None:
    assert received([part(b"12345"), part(b"678901"), part(b"never read")]) == [2, part(b"12345"), 413]


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/documents"])
def test_a_body_that_comes_too_slowly_is_not_waited_for(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_SECONDS", 0.0)
    monkeypatch.setattr(bodies, "_BYTES_A_SECOND", 1e9)
    assert received([part(b"12345")], path)[-1] == 408


def test_who_sends_fast_enough_has_as_long_as_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_SECONDS", 0.0)
    monkeypatch.setattr(bodies, "_BYTES_A_SECOND", 1e-3)
    assert received([part(b"12345"), part(b"6", more=False)]) == [2, part(b"12345"), part(b"6", more=False)]


def test_for_who_is_gone_before_the_end_nothing_is_done() -> None:
    assert received([part(b"12345"), GONE]) == []
