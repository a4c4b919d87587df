"""Generated answers, through the HTTP service and a real HTTP server that behaves like a chat endpoint."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from browser import listening
from endpoint import Endpoint, Reply, serving
from fastapi.testclient import TestClient
from test_metrics import samples

from api.answers.generate import Draft, Writer, drafts
from api.app import create_app
from api.citations.quotes import squeeze
from api.connections import Connection
from api.schemas import AnswerOut, AskIn, SentenceOut
from api.service import Service
from api.settings import Settings
from ingest.language_model import LanguageModel

QUESTION = "2023年末時点の中国のAIコア産業の規模はいくらですか"
TRUE = "2023年末までに、中国のAIコア産業の規模は5,784億元に達しました[1]。"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture
def open_client(service: Service, home: Path, endpoint: Endpoint) -> Iterator[Callable[..., TestClient]]:
    """An application that writes with the endpoint, or with another one."""
    with ExitStack() as stack:

        def opened(base_url: str = endpoint.base_url, **options: Any) -> TestClient:
            writing = copy(service)
            writing.writer = Writer(LanguageModel(base_url, "tiny", "secret-key"), **{"timeout_s": 5.0, **options})
            app = create_app(Settings(home=home), writing)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield opened


@pytest.fixture
def client(open_client: Callable[..., TestClient]) -> TestClient:
    return open_client()


def ask(client: TestClient, question: str = QUESTION, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/ask", json={"question": question, "store": False, **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_supported_sentence_is_shown_with_the_quote_that_it_rests_on(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply(TRUE)
    answer = ask(client)
    assert (answer["mode"], answer["language_model"], answer["degraded"]) == ("generative", "tiny", None)
    assert answer["answer"] == TRUE.replace("[1]。", "。[1]")
    sentence = answer["sentences"][0]
    assert sentence["support"] == "supported"
    assert answer["answer"][sentence["start"] : sentence["end"]] == sentence["text"]
    quoted = answer["citations"][sentence["citations"][0] - 1]
    assert "5,784億元" in quoted["quote"]
    source = client.get(f"/v1/documents/{quoted['doc_id']}/source").text
    assert squeeze("".join(source[a:b] for a, b in quoted["spans"])) == squeeze(quoted["quote"])
    assert answer["short_answer"]["text"] == "5,784億元"


@pytest.mark.parametrize(
    "reply",
    [
        "2023年末までに、中国のAIコア産業の規模は5,874億元に達しました[1]。",
        "2024年末までに、中国のAIコア産業の規模は5,784億元に達しました[1]。",
        "2023年末までに、中国のAIコア産業の規模は5,784億ドルに達しました[1]。",
        "2023年末までに、中国のAIコア産業の規模は5,784億元に達しませんでした[1]。",
        "2023年末までに、アメリカのAIコア産業の規模は5,784億元に達しました[1]。",
        "2023年末までに、中国のAIコア産業の規模は5,784億元に達しました[99]。",
        "2023年末までに、中国のAIコア産業の規模は5,784億元に達しました。",
        "人工知能は人類の未来を明るくする素晴らしい技術です[1]。",
    ],
    ids="figure year currency negation place invented-citation no-citation topic".split(),
)
def test_what_the_passages_do_not_say_is_never_shown(client: TestClient, endpoint: Endpoint, reply: str) -> None:
    endpoint.default = Reply(reply)
    answer = ask(client)
    assert answer["mode"] == "extractive"
    assert answer["degraded"] == (
        "The answer is extractive: the passages support nothing that the language model wrote."
    )
    assert reply[:30] not in answer["answer"]


def test_an_unsupported_sentence_beside_a_supported_one_is_left_out(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply(f"{TRUE}\nこれは世界で最も大きい規模です[1]。")
    answer = ask(client)
    assert [s["support"] for s in answer["sentences"]] == ["supported"]
    assert answer["degraded"].startswith("1 sentence of the language model left out")


def test_an_unsupported_sentence_can_be_flagged_instead(
    open_client: Callable[..., TestClient], endpoint: Endpoint
) -> None:
    endpoint.default = Reply(f"{TRUE}\nこれは世界で最も大きい規模です[1]。")
    answer = ask(open_client(flag=True))
    assert [(s["support"], bool(s["citations"])) for s in answer["sentences"]] == [
        ("supported", True),
        ("unsupported", False),
    ]
    assert answer["answer"].endswith("これは世界で最も大きい規模です。［資料で確認できず］")


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (
            "How large was China's core AI industry at the end of 2023?",
            "By the end of 2023 the scale of China's core AI industry had reached 578.4 billion yuan [1].",
        ),
        ("2023年底中国人工智能核心产业规模有多大？", "截至2023年底，中国人工智能核心产业规模达到5784亿元[1]。"),
    ],
)
def test_an_answer_in_the_askers_language(client: TestClient, endpoint: Endpoint, question: str, reply: str) -> None:
    endpoint.default = Reply(reply)
    answer = ask(client, question)
    assert (answer["mode"], answer["answer_language"]) == ("generative", answer["language"])
    assert {"en": "English", "zh": "Simplified Chinese"}[answer["language"]] in endpoint.prompt


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=500, raw="out of memory at 10.0.0.7"), "answered 500."),
        (Reply(status=429, raw="slow down"), "answered 429."),
        (Reply(TRUE, cut_after=3), "broke off before the end of its reply."),
        (Reply(TRUE, finish="length"), "broke off before the end of its reply."),
        (Reply(""), "sent an empty reply."),
        (Reply(raw="<html>hello</html>"), "broke off before the end of its reply."),
        (Reply("あ" * 5000), "wrote more than 4000 characters."),
    ],
)
def test_a_failing_endpoint_leaves_the_extractive_answer(
    client: TestClient, endpoint: Endpoint, reply: Reply, reason: str
) -> None:
    endpoint.default = reply
    answer = ask(client)
    assert (answer["mode"], answer["answered"]) == ("extractive", True)
    assert answer["degraded"] == f"The answer is extractive: the language model {reason}"
    assert {s["support"] for s in answer["sentences"]} == {"verbatim"}


def test_a_slow_endpoint_is_not_waited_for(open_client: Callable[..., TestClient], endpoint: Endpoint) -> None:
    endpoint.default = Reply(TRUE, pause_s=0.2)
    answer = ask(open_client(timeout_s=0.5))
    assert answer["degraded"] == "The answer is extractive: the language model took longer than 0.5 s."


def test_an_endpoint_that_is_not_there(open_client: Callable[..., TestClient]) -> None:
    answer = ask(open_client("http://127.0.0.1:9/v1"))
    assert answer["degraded"] == "The answer is extractive: the language model can't be reached."


def test_the_endpoint_is_not_asked_where_the_evidence_is_too_weak(client: TestClient, endpoint: Endpoint) -> None:
    answer = ask(client, "今日の東京の天気はどうですか")
    assert (answer["answered"], answer["mode"], endpoint.asked) == (False, "extractive", [])


def test_a_model_that_finds_no_answer_says_so(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply("NO_ANSWER")
    answer = ask(client)
    assert (answer["answered"], answer["answer"], answer["citations"]) == (False, None, [])
    assert answer["abstention"]["reason"].startswith("言語モデルは")
    assert answer["abstention"]["nearest"]


def test_extractive_mode_asks_no_model(client: TestClient, endpoint: Endpoint) -> None:
    assert ask(client, mode="extractive")["mode"] == "extractive"
    assert endpoint.asked == []


def events(client: TestClient, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True, "store": False, **fields}) as got:
        blocks = got.read().decode().strip().split("\n\n")
    lines = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


def test_sentences_are_streamed_and_the_end_is_the_whole_answer(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply(f"{TRUE}\nこれは世界で最も大きい規模です[1]。")
    got = events(client)
    assert [name for name, _ in got] == ["retrieval", "sentence", "done"]
    assert got[1][1] == got[2][1]["sentences"][0]


def test_a_stream_that_fails_midway_ends_with_the_extractive_answer(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply(f"{TRUE}\n次の文は途中で切れてしまい、", cut_after=12)
    got = events(client)
    assert [name for name, _ in got][-1] == "done"
    assert (got[-1][1]["mode"], bool(got[-1][1]["degraded"])) == ("extractive", True)


def test_an_asker_who_goes_away_stops_the_model(service: Service, endpoint: Endpoint) -> None:
    endpoint.default = Reply(TRUE * 50, pause_s=0.02)
    writing = copy(service)
    writing.writer = Writer(LanguageModel(endpoint.base_url, "tiny"))

    async def listen_briefly() -> None:
        with anyio.CancelScope() as scope:
            async for event in writing.events(AskIn(question=QUESTION, store=False)):
                if isinstance(event, SentenceOut):
                    scope.cancel()

    anyio.run(listen_briefly)
    assert endpoint.gone.wait(5)
    assert writing.written_now == 0


def test_a_reader_who_leaves_in_mid_stream_leaves_nothing_behind(
    service: Service, home: Path, endpoint: Endpoint
) -> None:
    endpoint.default = Reply(TRUE * 50, pause_s=0.02)
    writing = copy(service)
    writing.writer = Writer(LanguageModel(endpoint.base_url, "tiny"))
    app = create_app(Settings(home=home), writing)

    def at_work() -> float:
        return samples(app.state.metrics.exposition([]).decode())[("tenkyo_requests_in_flight", ())]

    with listening(app, http=Connection) as address:
        asked = {"question": QUESTION, "stream": True, "store": False}
        with httpx2.stream("POST", f"{address}/v1/ask", json=asked, timeout=60) as response:
            assert "event: sentence" in response.iter_lines()
            assert (at_work(), writing.written_now) == (1, 1)
        assert endpoint.gone.wait(5)
        deadline = time.monotonic() + 60
        while at_work():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert writing.written_now == 0


def test_only_so_many_answers_are_written_at_a_time(
    service: Service, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are extractive, at once, and say so."""
    monkeypatch.setattr("api.service.MOST_WRITTEN", 2)
    endpoint.default = Reply(TRUE)
    writing = copy(service)
    writing.writer = Writer(LanguageModel(endpoint.base_url, "tiny"))

    async def ask_all() -> list[AnswerOut]:
        asked = [writing.answered(AskIn(question=QUESTION, store=False)) for _ in range(3)]
        return await asyncio.gather(*asked)

    *written, last = anyio.run(ask_all)
    assert {answer.mode for answer in written} == {"generative"}
    assert (last.mode, last.answered) == ("extractive", True)
    assert last.degraded == "The answer is extractive: the language model has enough to write already."
    assert (len(endpoint.asked), writing.written_now) == (2, 0)


def test_the_key_is_sent_and_never_shown(
    client: TestClient, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.default = Reply(status=401, raw="wrong key: secret")
    with caplog.at_level(logging.DEBUG, "tenkyo"):
        answer = ask(client)
    assert endpoint.keys == ["Bearer secret-key"]
    assert "secret-key" not in json.dumps(answer) + caplog.text
    assert endpoint.base_url not in json.dumps(answer)


def test_passages_are_fenced_and_nothing_in_them_ends_the_fence(client: TestClient, endpoint: Endpoint) -> None:
    endpoint.default = Reply(TRUE)
    ask(client)
    assert endpoint.prompt.count("</passage>") == endpoint.prompt.count("<passage number=") + 1  # the instructions'
    assert endpoint.prompt.rstrip().endswith(QUESTION)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            "規模は5,784億元[1]、企業は4,500社です[2][3]。次に進む。[1]",
            [Draft("規模は5,784億元、企業は4,500社です。", (1, 2, 3)), Draft("次に進む。", (1,))],
        ),
        (
            "The U.S. rose 2.5% [1]. Baidu Inc. fell [2, 3].\n- **Bold** claim [4]",
            [
                Draft("The U.S. rose 2.5%.", (1,)),
                Draft("Baidu Inc. fell.", (2, 3)),
                Draft("Bold claim", (4,)),
            ],
        ),
        (
            "规模达5784亿元【1】。\n\n企业超4500家［2］。",
            [Draft("规模达5784亿元。", (1,)), Draft("企业超4500家。", (2,))],
        ),
        ("\u200b[1]\n", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_reply_falls_into_the_same_sentences_however_it_arrives(reply: str, expected: list[Draft], size: int) -> None:
    async def pieces() -> AsyncIterator[str]:
        for i in range(0, len(reply), size):
            yield reply[i : i + size]

    async def read() -> list[Draft]:
        return [draft async for draft in drafts(pieces())]

    assert anyio.run(read) == expected
