"""The benchmarks of load, in small: servers of a few lines, answers that are made up."""

import asyncio
import json
import os
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from eval import arrivals, overload, soak, switches
from eval.arrivals import Answer, Arrivals, Sent
from eval.load import Load, Server, written


async def serve(asked: Counter[bytes], busy: int = 0) -> asyncio.Server:
    """Says 200, 503 to the first `busy` ones, and nothing at /silent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1]
                asked[path] += 1
                if path == b"/silent":
                    break
                status = 503 if sum(asked.values()) <= busy else 200
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


def port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def sent(paths: list[str], rate: float, seconds: float, busy: int = 0) -> tuple[list[Answer], Counter[bytes]]:
    async def run() -> tuple[list[Answer], Counter[bytes]]:
        asked: Counter[bytes] = Counter()
        async with await serve(asked, busy) as server:
            found = Arrivals(port(server))
            await found.by_the_clock([written(path) for path in paths], rate, seconds)
            found.close()
        return sorted(found.answers, key=lambda answer: answer.due), asked

    return asyncio.run(run())


def test_requests_are_sent_by_the_clock_whatever_comes_of_them() -> None:
    answers, asked = sent(["/a", "/b"], rate=100, seconds=0.25, busy=3)
    assert [answer.due for answer in answers] == [number / 100 for number in range(25)]
    assert Counter(answer.status for answer in answers) == {200: 22, 503: 3}
    assert asked == {b"/a": 13, b"/b": 12}


def test_a_connection_that_breaks_is_a_failed_request_and_no_more() -> None:
    answers, _ = sent(["/a", "/silent"], rate=50, seconds=0.2)
    assert [answer.status for answer in answers] == [200, 0] * 5


def test_who_can_have_no_connection_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST_OPEN", 0)
    answers, asked = sent(["/a"], rate=100, seconds=0.03)
    assert ([answer.status for answer in answers], asked) == ([0, 0, 0], Counter())


def test_the_health_is_asked_besides_and_what_comes_after() -> None:
    async def run() -> Sent:
        async with await serve(Counter()) as server:
            return await arrivals.run(Server(port(server), os.getpid()), [("/a", {"n": 1})], 20, 0.3, 0.1)

    found = asyncio.run(run())
    assert sum(answer.probe for answer in found.answers) == 3
    assert sum(not answer.probe and answer.due < 0.3 for answer in found.answers) == 6
    assert any(answer.due >= 0.3 for answer in found.answers)
    assert {answer.status for answer in found.answers} == {200}


def test_it_has_recovered_with_the_first_of_enough_good_answers() -> None:
    good = [Answer(10 + number / 10, 5.0, 200) for number in range(60)]
    assert overload.recovered(good, 10, 8) == 0
    slow, refused = list(good), list(good)
    slow[7] = Answer(10.7, 9.0, 200)
    refused[3] = Answer(10.3, 1.0, 503)
    assert overload.recovered(slow, 10, 8) == pytest.approx(0.8)
    assert overload.recovered(refused, 10, 8) == pytest.approx(0.4)
    assert overload.recovered(good[: overload.CALM - 1], 10, 8) is None


def test_an_overload_is_summed_up() -> None:
    during = [Answer(number / 100, ms, status) for number, (ms, status) in enumerate([(20.0, 200), (2.0, 503)] * 50)]
    other = [Answer(0.5, 1.0, 0), Answer(0.1, 3.0, 200, True), Answer(0.2, 4.0, 200, True), Answer(0.3, 1.0, 503, True)]
    after = [Answer(1 + number / 100, 4.0, 200) for number in range(30)]
    capacity, unloaded = Load(100, 1.0, 9.0, 9.0, 0.1, 1.0), Load(100, 1.0, 3.0, 5.0, 0.1, 1.0)
    found = overload.summed_up(capacity, unloaded, 500.0, 1.0, Sent((*during, *other, *after), 0.2, 0.625))
    assert (found.goodput, len(found.refused), found.other, found.failed_probes) == (50, 50, 1, 1)
    assert found.recovered == 0
    rows = overload.table(found).splitlines()
    assert "| answered | 50 requests/s: 50% of the capacity |" in rows
    assert "| per second of processor | 80: 80% |" in rows
    assert "| their latency | p50 20 ms, p99 20 ms: 4.0 times |" in rows
    assert "| /healthz | 2 times, p50 4 ms, p99 4 ms, 1 failed |" in rows


TEXTS = {"1": {"a": "売上は10億元である。"}, "2": {"a": "売上は20億元である。"}}


def cited(generation: str, quote: str) -> tuple[int, dict[str, Any]]:
    return 200, {"index_generation": generation, "citations": [{"doc_id": "a", "spans": [[3, 7]], "quote": quote}]}


def test_an_answer_that_mixes_generations_is_found() -> None:
    whole = [cited("1", "10億元"), cited("2", "20億元"), cited("2", "２０億元".translate({0xFF12: "2", 0xFF10: "0"}))]
    assert switches.summed_up([*whole, (503, {})], TEXTS) == switches.Switched(3, 2, 1, 0)
    nearest = {"index_generation": "2", "abstention": {"nearest": cited("1", "10億元")[1]["citations"]}}
    hits = {"index_generation": "1", "hits": [{"doc_id": "a", "spans": [[0, 2], [3, 7]], "text": "売上 20億元"}]}
    mixed = [cited("1", "20億元"), cited("3", "20億元"), (200, nearest), (200, hits)]
    assert switches.summed_up(mixed, TEXTS).mixed == 4


def test_the_question_about_what_changes_comes_now_and_then_by_search_and_by_ask() -> None:
    own = json.dumps(switches.QUESTION).encode()
    requests = switches.asked(["a"] * 8)
    assert sum(own in request for request in requests) == 4
    assert {request.split()[1] for request in requests if own in request} == {b"/v1/search", b"/v1/ask"}


def test_what_is_asked_for_half_an_hour_is_the_same_each_time() -> None:
    drawn = soak.mix(["質問"], ["a"])
    assert drawn == soak.mix(["質問"], ["a"])
    expected = Counter(status for _, status in drawn)
    assert expected.keys() == {200, 404, 422}
    assert sum(body is not None and body.get("store", False) for (_, body), _ in drawn) > 500


def test_growth_is_told_from_when_all_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    class Growing:
        port = 0

        def __init__(self) -> None:
            self._memory = iter([100.0, 150.0, 190.0, 198.0, 200.0, 201.0, 203.0])

        def memory(self) -> float:
            return next(self._memory)

    async def run() -> soak.Soak:
        asked: Counter[bytes] = Counter()
        async with await serve(asked, busy=4) as server:
            measured = Growing()
            measured.port = port(server)
            found = soak.Soak(measured, [(("/a", None), 200), ((soak.ASK, {"question": "x"}), 422)])  # type: ignore[arg-type]
            await found.run(7, 0.1)
        return found

    monkeypatch.setattr(soak, "RATE", 20)
    found = asyncio.run(run())
    assert found.growth == pytest.approx(0.015)
    assert sum(found.ends.values()) == 14
    assert found.ends["shed"] in range(2, 5)
    assert found.cut >= 1
    assert "100, 150, 190, 198, 200, 201, 203\n\nFrom minute 5 to the end: +1.5%." in found.told()
