"""The queue before the answers: who begins when, who waits, who is sent away."""

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from test_metrics import samples

from api import admission
from api.admission import Gate, Queue
from api.app import create_app
from api.draining import Traffic
from api.metrics import Metrics
from api.noted import Noted, request
from api.settings import Settings

ASK = "/v1/ask"


class Work:
    """An application that notes in which turn of the loop each request begins. `held`: paths that wait for `done`."""

    def __init__(self, held: Sequence[str] = ()):
        self.turn = 0
        self.began: list[tuple[str, int]] = []
        self.done = asyncio.Event()
        self._held = held
        asyncio.get_running_loop().call_soon(self._count)

    def _count(self) -> None:
        self.turn += 1
        asyncio.get_running_loop().call_soon(self._count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.began.append((scope["path"], self.turn))
        if scope["path"] in self._held:
            await self.done.wait()
        await send({"type": "http.response.start", "status": 200})


async def nothing() -> Message:
    raise AssertionError("the body was read")


async def ask(gate: Gate, path: str, route: str = ASK) -> tuple[int, Noted]:
    """The status, and what was noted."""
    noted, sent = Noted("0123", route), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    request.set(noted)
    await gate({"type": "http", "path": path, "method": "POST", "headers": []}, nothing, send)
    return sent[0]["status"], noted


def queue(most: int) -> Queue:
    return Queue(most, Traffic(), Metrics())


def waiting(found: Queue) -> float:
    return samples(found.metrics.exposition([]).decode())[("tenkyo_requests_waiting", ())]


def test_one_begins_in_each_turn_of_the_loop_a_few_wait_in_order_and_the_rest_is_sent_away() -> None:
    async def run() -> tuple[list[int], list[tuple[str, int]], list[Noted]]:
        work = Work()
        gate = Gate(work, queue(3))
        found = await asyncio.gather(*(ask(gate, str(number)) for number in range(6)), ask(gate, "health", "/healthz"))
        assert waiting(gate.queue) == 0
        return [status for status, _ in found], work.began, [noted for _, noted in found]

    statuses, began, noted = asyncio.run(run())
    assert statuses == [200, 200, 200, 200, 503, 503, 200]
    assert [path for path, _ in began] == ["0", "health", "1", "2", "3"]
    turns = [turn for path, turn in began if path != "health"]
    assert all(later > earlier for earlier, later in pairwise(turns))
    assert [one.shed for one in noted] == [None] * 4 + ["full"] * 2 + [None]
    assert noted[0].waited == 0
    assert noted[1].waited
    assert noted[6].waited is None


def test_a_queue_that_does_not_end_is_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[int]:
        gate = Gate(Work(), queue(8))
        burst = [asyncio.create_task(ask(gate, str(number))) for number in range(5)]
        await asyncio.sleep(0)
        monkeypatch.setattr(admission, "BURST_SECONDS", 0)
        later = await ask(gate, "later")
        assert [status for status, _ in await asyncio.gather(*burst)] == [200] * 5
        return [later[0], (await ask(gate, "anew"))[0]]

    assert asyncio.run(run()) == [503, 200]


def test_who_waits_for_something_else_holds_up_nobody() -> None:
    async def run() -> list[str]:
        work = Work(held=["slow", "slower"])
        gate = Gate(work, queue(3))
        asked = [asyncio.create_task(ask(gate, path)) for path in ("slow", "slower", "quick")]
        assert (await asked[2])[0] == 200
        assert not asked[0].done() and not asked[1].done()
        work.done.set()
        assert [status for status, _ in await asyncio.gather(*asked)] == [200] * 3
        return [path for path, _ in work.began]

    assert asyncio.run(run()) == ["slow", "slower", "quick"]


def test_who_went_away_while_waiting_leaves_the_place_to_others() -> None:
    async def run() -> list[str]:
        work = Work()
        gate = Gate(work, queue(2))
        asked = [asyncio.create_task(ask(gate, path)) for path in "abc"]
        await asyncio.sleep(0)
        asked[1].cancel()
        assert [status for status, _ in await asyncio.gather(asked[0], asked[2])] == [200, 200]
        assert waiting(gate.queue) == 0
        assert (await ask(gate, "d"))[0] == 200
        return [path for path, _ in work.began]

    assert asyncio.run(run()) == ["a", "c", "d"]


def test_who_has_waited_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0)

    async def run() -> list[tuple[int, str | None]]:
        gate = Gate(Work(), queue(3))
        found = await asyncio.gather(*(ask(gate, path) for path in "ab"))
        return [(status, noted.shed) for status, noted in found]

    assert asyncio.run(run()) == [(200, None), (503, "late")]


def test_who_came_before_the_stop_is_answered() -> None:
    async def run() -> list[tuple[int, str | None]]:
        gate = Gate(Work(), queue(3))
        before = [asyncio.create_task(ask(gate, path)) for path in "abc"]
        await asyncio.sleep(0)
        gate.queue.traffic.stopping = True
        found = [await ask(gate, "d"), await ask(gate, "e", "/healthz"), *await asyncio.gather(*before)]
        return [(status, noted.shed) for status, noted in found]

    assert asyncio.run(run()) == [(503, "stopping"), (200, None)] + [(200, None)] * 3


def test_what_is_sent_away_is_told_so_in_the_callers_form_counted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before its body is read, or its key looked up."""
    caplog.set_level("INFO", "tenkyo.requests")
    app = create_app(Settings(home=tmp_path, most_waiting=0))

    async def called(path: str, method: str = "POST") -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "query_string": b""}
        scope |= {"headers": [(b"host", b"localhost")], "scheme": "http", "server": ("127.0.0.1", 80)}
        await app(scope, empty, send)
        return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])

    async def run() -> list[tuple[int, dict[bytes, bytes], dict[str, Any]]]:
        return await asyncio.gather(called("/none", "GET"), called(ASK), called("/v1/chat/completions"))

    missing, problem, chat = asyncio.run(run())
    assert missing[0] == 404
    status, headers, body = problem
    assert (status, body["status"], body["code"], body["title"]) == (503, 503, "overloaded", "Service Unavailable")
    assert headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-request-id"].decode() == body["request_id"]
    assert (chat[0], chat[2]["error"]["code"], chat[2]["error"]["type"]) == (503, "overloaded", "server_error")
    assert chat[1][b"content-type"] == b"application/json"
    found = samples(app.state.metrics.exposition([]).decode())
    assert found[("tenkyo_shed_requests_total", (("reason", "full"),))] == 2
    assert found[("tenkyo_wait_seconds_count", ())] == 1
    requests = ("tenkyo_requests_total", (("method", "POST"), ("route", ASK), ("status", "503")))
    assert found[requests] == 1
    lines = [vars(record)["fields"] for record in caplog.records]
    assert [line.get("shed") for line in lines] == [None, "full", "full"]


async def empty() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
