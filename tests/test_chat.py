"""The chat endpoint, with the official client and a real port."""

from collections.abc import Iterator
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from browser import listening
from endpoint import Endpoint, Reply, serving

from api import reply as written
from api import schemas
from api.answers.generate import Writer
from api.app import create_app
from api.service import Service
from api.settings import Settings
from ingest.language_model import LanguageModel

QUESTION = "露光装置の国産比率は？"
SENTENCE = "一方で、露光装置に関しては依然として海外依存が強く、国産比率は 1%未満にとどまっています。"
PLACE = "/documents/004_17361f999aa8c8f0#1736-1782"
TITLE = "2025年度第2回 アジア立志塾開催報告"
SCALE = "2023年末時点の中国のAIコア産業の規模はいくらですか"
TRUE = "2023年末までに、中国のAIコア産業の規模は5,784億元に達しました[1]。"


def client_of(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def address(service: Service, home: Path) -> Iterator[str]:
    with listening(create_app(Settings(home=home), service)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[openai.OpenAI]:
    with client_of(address) as client:
        yield client


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture
def writing(service: Service, home: Path, endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    """A client of an application that writes with the endpoint."""
    with ExitStack() as stack:
        other = copy(service)
        other.writer = Writer(LanguageModel(endpoint.base_url, "tiny"), 5.0)
        address = stack.enter_context(listening(create_app(Settings(home=home), other)))
        yield stack.enter_context(client_of(address))


def ask(client: openai.OpenAI, *turns: str, **options: Any) -> Any:
    """`turns`: what the user and the assistant say in turn."""
    roles = ("user", "assistant")
    messages: Any = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]
    return client.chat.completions.create(**{"model": "tenkyo", "messages": messages} | options)


def test_an_answer_with_its_marks_sources_and_annotations(client: openai.OpenAI, address: str) -> None:
    got = ask(client, QUESTION)
    message = got.choices[0].message
    assert message.content == (f"1%未満[1]\n\n{SENTENCE}[1]\n\n出典\n\n- [1] {TITLE} (2025-09-25) <{address}{PLACE}>\n")
    assert [(a.type, a.url_citation.url, a.url_citation.title) for a in message.annotations] == [
        ("url_citation", f"{address}{PLACE}", TITLE)
    ] * 3
    places = [(a.url_citation.start_index, a.url_citation.end_index) for a in message.annotations]
    assert {message.content[start:end] for start, end in places} == {"[1]"}
    assert httpx2.get(message.annotations[0].url_citation.url).status_code == 200
    assert (got.object, got.model, got.choices[0].finish_reason) == ("chat.completion", "tenkyo", "stop")
    answer = schemas.AnswerOut.model_validate(got.tenkyo)
    assert (answer.question, answer.citations[0].quote, answer.answer_id) == (QUESTION, SENTENCE, None)


def test_a_stream_says_the_same_sentence_by_sentence(client: openai.OpenAI) -> None:
    whole = ask(client, QUESTION)
    chunks = list(ask(client, QUESTION, stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks]
    assert pieces[:3] == ["", "1%未満[1]\n\n", f"{SENTENCE}[1]"]
    assert "".join(piece or "" for piece in pieces) == whole.choices[0].message.content
    last = chunks[-1]
    assert last.choices[0].delta.annotations == [a.model_dump() for a in whole.choices[0].message.annotations]
    assert last.choices[0].finish_reason == "stop"
    assert last.tenkyo["citations"] == whole.tenkyo["citations"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_ends_as_openai_ends_its_own(address: str) -> None:
    body = {"model": "tenkyo", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    lines = httpx2.post(f"{address}/v1/chat/completions", json=body).text.strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    assert '"delta":{"role":"assistant","content":""},"finish_reason":null' in lines[0]


def test_a_follow_up_uses_the_conversation_and_says_how(client: openai.OpenAI) -> None:
    before = ask(client, "快手のKlingとは何ですか").choices[0].message.content
    got = ask(client, "快手のKlingとは何ですか", before, "それはいつ公開された？")
    assert got.tenkyo["question"] == "快手 Kling それはいつ公開された？"
    assert "2024年6月の公開以来" in got.choices[0].message.content
    assert got.choices[0].message.content.endswith(
        "会話を踏まえ、次の質問として答えました：快手 Kling それはいつ公開された？\n"
    )
    assert ask(client, "快手のKlingとは何ですか", before, QUESTION).tenkyo["question"] == QUESTION


def test_a_follow_up_is_answered_in_its_own_language(client: openai.OpenAI) -> None:
    got = ask(client, "快手のKlingとは何ですか", "…", "When was it released?")
    assert (got.tenkyo["question"], got.tenkyo["language"]) == ("快手 Kling When was it released?", "en")
    assert "\n\nSources\n\n- [1]" in got.choices[0].message.content


def test_an_abstention_says_so_with_the_nearest_places(client: openai.OpenAI, address: str) -> None:
    got = ask(client, "今日の東京の天気は？")
    message = got.choices[0].message
    nearest = got.tenkyo["abstention"]["nearest"]
    assert message.content.startswith("収録文書には見当たりません。")
    assert f"- [1] {nearest[0]['title']}" in message.content
    assert len(message.annotations) == len(nearest) > 0
    assert message.annotations[0].url_citation.url.startswith(f"{address}/documents/")


def test_content_parts_and_what_is_not_used_are_taken(client: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages: Any = [
        {"role": "system", "content": "Answer like a pirate."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]},
    ]
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    got = client.chat.completions.create(
        model="tenkyo-extractive", messages=messages, temperature=0.3, max_tokens=5, tools=[tool], n=2, user="me"
    )
    assert got.choices[0].message.content == ask(client, QUESTION).choices[0].message.content


def test_an_answer_is_kept_where_the_client_asks_for_it(client: openai.OpenAI, address: str) -> None:
    answer_id = ask(client, QUESTION, store=True).tenkyo["answer_id"]
    assert httpx2.get(f"{address}/v1/answers/{answer_id}").json()["question"] == QUESTION


def test_models(client: openai.OpenAI, writing: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tenkyo", "tenkyo-extractive"]
    assert [model.id for model in writing.models.list()] == ["tenkyo", "tenkyo-extractive", "tenkyo-generative"]
    assert client.models.retrieve("tenkyo").owned_by == "tenkyo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("tenkyo-generative")


@pytest.mark.parametrize(
    ("options", "status", "code", "param"),
    [
        ({"model": "gpt-5"}, 404, "model_not_found", "model"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, None, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, None, "messages"),
        ({"messages": [{"role": "user", "content": "長" * 2001}]}, 400, "context_length_exceeded", "messages"),
        ({"messages": "hello"}, 400, None, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 1_100_000}]}, 413, None, None),
    ],
    ids="model system blank long text large".split(),
)
def test_errors_are_those_of_openai(
    client: openai.OpenAI, options: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, QUESTION, **options)
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (status, code, param)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.message.startswith(f"Error code: {status}")


def test_a_body_that_is_no_json_or_names_no_model(address: str) -> None:
    for content, param in ((b"{", None), (b'{"messages": []}', "model")):
        headers = {"content-type": "application/json"}
        response = httpx2.post(f"{address}/v1/chat/completions", content=content, headers=headers)
        assert response.status_code == 400
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
        assert param is None or response.json()["error"]["param"] == param


def test_without_an_index_the_client_is_told(tmp_path: Path) -> None:
    with listening(create_app(Settings(home=tmp_path))) as address, client_of(address) as client:
        with pytest.raises(openai.InternalServerError) as refused:
            ask(client, QUESTION)
        assert (refused.value.status_code, refused.value.code) == (503, "no_index")
        assert refused.value.response.headers["Retry-After"] == "5"


def test_a_language_model_writes_and_each_sentence_is_sent_as_it_comes(
    writing: openai.OpenAI, endpoint: Endpoint
) -> None:
    endpoint.default = Reply(f"{TRUE}\nこれは世界で最も大きい規模です[1]。")
    chunks = list(ask(writing, SCALE, stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks]
    assert pieces[1] == "2023年末までに、中国のAIコア産業の規模は5,784億元に達しました。[1]"
    assert (chunks[-1].tenkyo["mode"], len(chunks[-1].choices[0].delta.annotations)) == ("generative", 2)
    whole = ask(writing, SCALE, model="tenkyo-generative")
    assert whole.choices[0].message.content.startswith(f"5,784億元[1]\n\n{pieces[1]}\n\n出典\n")
    assert ask(writing, SCALE, model="tenkyo-extractive").tenkyo["mode"] == "extractive"


def test_what_a_failing_language_model_wrote_is_withdrawn(writing: openai.OpenAI, endpoint: Endpoint) -> None:
    endpoint.default = Reply(f"{TRUE}\n次の文は途中で切れてしまい、", cut_after=12)
    chunks = list(ask(writing, SCALE, stream=True))
    content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "\n\n言語モデルが書いた以上の文は取り下げます。\n\n5,784億元[1]\n\n" in content
    for annotation in chunks[-1].choices[0].delta.annotations:
        place = annotation["url_citation"]
        assert content[place["start_index"] : place["end_index"]].strip("[]").isdigit()
        assert place["start_index"] > content.index("取り下げ")


def test_a_client_that_goes_away_stops_the_language_model(writing: openai.OpenAI, endpoint: Endpoint) -> None:
    endpoint.default = Reply(TRUE * 50, pause_s=0.02)
    with ask(writing, SCALE, stream=True) as stream:
        assert [next(stream).choices[0].delta.content for _ in range(2)][1]
    assert endpoint.gone.wait(5)


def test_a_quote_is_no_markup() -> None:
    reply = written.Reply("http://x/", "ja")
    text = "![図](http://evil/?q=1) *強調* <b> \u202e逆"
    part = schemas.SentenceOut(text=text, start=0, end=len(text), citations=[2], support="verbatim", parts=[])
    assert reply.sentence(part) == (r"!\[図\](http\://evil/?q=1) \*強調\* \<b\> ⟦U+202E⟧逆[2]")
    assert reply.text[slice(*reply.marks[0][1:])] == "[2]"
