"""Planted pairs of reports: which of them contradict each other, and which only look so."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import CORPUS
from fastapi.testclient import TestClient

from api.answers.answer import Composition, choose
from api.app import create_app
from api.kept import KeptAnswers
from api.service import BESIDE, Service
from api.settings import Settings
from ingest import build
from retriever.embed import StaticModel
from retriever.filters import Filters
from retriever.glossary import read_glossary
from retriever.index import open_index


class Pair(NamedTuple):
    """Two reports with their dates. `expected`: `differ` or `agree`."""

    expected: str
    name: str
    question: str
    one: str
    other: str
    published: str
    other_published: str

    @property
    def ids(self) -> tuple[str, str]:
        number = PAIRS.index(self)
        return f"pair-{number}-a", f"pair-{number}-b"


PLANTED = Path(__file__).parent / "data/planted.tsv"
PAIRS = [Pair(*line.split("\t")) for line in PLANTED.read_text("utf-8").splitlines()[1:]]
DIFFER = [pair for pair in PAIRS if pair.expected == "differ"]
AGREE = [pair for pair in PAIRS if pair.expected == "agree"]


def plant(folder: Path, texts: Sequence[tuple[str, str, str]]) -> None:
    """Files with a manifest: id, text and date each."""
    folder.mkdir()
    entries: list[str] = []
    for doc_id, text, published in texts:
        (folder / f"{doc_id}.txt").write_text(text + "\n", "utf-8")
        sha256 = hashlib.sha256((text + "\n").encode()).hexdigest()
        entries.append(
            f'[[documents]]\nid = "{doc_id}"\nfile = "{doc_id}.txt"\nsha256 = "{sha256}"\ntitle = "報告 {doc_id}"\n'
            f'published = "{published}"\npublished_basis = "stated"\nlanguage = "ja"\n'
        )
    (folder / "manifest.toml").write_text("\n".join(entries), "utf-8")


def opened(home: Path, folder: Path, model: StaticModel) -> Service:
    build.ingest(home / "index", [folder], model, progress=lambda message: None)
    entries = read_glossary(CORPUS / "glossary.tsv")
    return Service(open_index(home / "index", model.name), model, KeptAnswers(home / "answers.sqlite"), entries)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("planted")
    texts = [
        text
        for pair in PAIRS
        for text in zip(pair.ids, (pair.one, pair.other), (pair.published, pair.other_published), strict=True)
    ]
    plant(home / "texts", texts)
    with closing(opened(home, home / "texts", model)) as service:
        yield service


def chosen(service: Service, question: str, doc_ids: tuple[str, ...]) -> Composition:
    result = service.retriever.search(question, BESIDE, filters=Filters(doc_ids=doc_ids))
    return choose(result, service.reader)


@pytest.mark.parametrize("pair", DIFFER, ids=lambda pair: pair.name)
def test_reports_that_contradict_each_other_are_both_told(planted: Service, pair: Pair) -> None:
    found = chosen(planted, pair.question, pair.ids)
    assert {told.candidate.hit.document.doc_id for told in found.differing} == set(pair.ids)
    cited = [candidate.quote for candidate in found.chosen]
    assert all(told.candidate.quote in cited for told in found.differing)


@pytest.mark.parametrize("pair", AGREE, ids=lambda pair: pair.name)
def test_what_only_looks_like_a_contradiction_is_none(planted: Service, pair: Pair) -> None:
    found = chosen(planted, pair.question, pair.ids)
    assert found.chosen
    assert found.differing == ()


@pytest.fixture(scope="module")
def asked(planted: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("asked")
    with TestClient(create_app(Settings(home=home), planted)) as client:
        yield client


def ask(client: TestClient, question: str, **filters: Any) -> dict[str, Any]:
    response = client.post("/v1/ask", json={"question": question, "store": False, "filters": filters})
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def pair(name: str) -> Pair:
    return next(pair for pair in DIFFER if pair.name == name)


def test_a_disagreement_is_served_with_value_unit_date_and_source(asked: TestClient) -> None:
    one = pair("漢数字")
    body = ask(asked, one.question, doc_ids=one.ids)
    (told,) = body["disagreements"]
    assert told["measure"] in one.one
    by_source = {body["citations"][value.pop("citation") - 1]["doc_id"]: value for value in told["values"]}
    assert by_source == {
        one.ids[0]: {"value": "三割", "unit": "%", "as_of": "2024", "as_of_basis": "stated"},
        one.ids[1]: {"value": "25%", "unit": "%", "as_of": "2024", "as_of_basis": "stated"},
    }
    lines = body["answer"].split("\n")
    assert sorted(line[: line.index("）") + 1] for line in lines) == ["（2025年3月1日）", "（2025年6月1日）"]
    assert [sentence["text"] + f"[{n}]" for n, sentence in enumerate(body["sentences"], start=1)] == lines


def test_a_value_without_a_time_holds_for_the_date_of_its_document(asked: TestClient) -> None:
    one = pair("undated, same day")
    (told,) = ask(asked, one.question, doc_ids=one.ids)["disagreements"]
    assert {(v["as_of"], v["as_of_basis"]) for v in told["values"]} == {("2025-03", "published")}


@pytest.mark.parametrize(
    "question", ["How large was China's core AI industry in 2023?", "2023年中国人工智能核心产业规模是多少？"]
)
def test_who_asks_in_another_language_gets_the_same(asked: TestClient, question: str) -> None:
    one = pair("億元, 亿元")
    (told,) = ask(asked, question, doc_ids=one.ids)["disagreements"]
    assert {v["value"] for v in told["values"]} == {"5,784億元", "5210亿元"}
    assert told["measure"].endswith("中国のAIコア産業の規模")


def test_an_answer_as_of_a_date_knows_no_later_report(asked: TestClient) -> None:
    one = pair("plain")
    early = ask(asked, one.question, doc_ids=one.ids, published_to="2025-04")
    assert ([c["doc_id"] for c in early["citations"]], early["disagreements"]) == ([one.ids[0]], [])
    assert early["answer"] == f"{one.one}[1]"
    late = ask(asked, one.question, doc_ids=one.ids, published_to="2025-06")
    assert {c["doc_id"] for c in late["citations"]} == set(one.ids)
    assert len(late["disagreements"]) == 1
    assert not ask(asked, one.question, doc_ids=one.ids, published_to="2024")["answered"]


def test_one_measure_at_two_times_gets_two_dated_lines(asked: TestClient) -> None:
    one = next(pair for pair in AGREE if pair.name == "other year")
    body = ask(asked, one.question, doc_ids=one.ids)
    assert sorted(body["answer"].replace("[1]", "").replace("[2]", "").split("\n")) == [
        f"（2025年3月1日）{one.one}",
        f"（2025年6月1日）{one.other}",
    ]
    assert body["disagreements"] == []


def test_more_than_two_sources_are_all_told(model: StaticModel, tmp_path: Path) -> None:
    texts = [
        (f"report-{number}", f"2024年末の中国のAI企業の数は{count}。", "2025")
        for number, count in enumerate(("4,500社", "5,100社", "約4,500社", "6,300社"))
    ]
    plant(tmp_path / "texts", texts)
    with closing(opened(tmp_path, tmp_path / "texts", model)) as service:
        result = service.retriever.search("2024年末の中国のAI企業の数は？", BESIDE)
        found = choose(result, service.reader)
    numbers = sorted(told.amount.low for told in found.differing)
    assert len(numbers) == 3
    assert numbers[1:] == [5050 + Decimal("0.1"), 6250 + Decimal("0.1")]


def test_a_document_that_contradicts_itself_is_told(model: StaticModel, tmp_path: Path) -> None:
    text = (
        "第1章 概況\n\n2024年末の中国のAI企業の数は4,500社。\n\n"
        + "市場は広がった。" * 60
        + "\n\n2024年末、中国のAI企業の数は5,100社だった。"
    )
    plant(tmp_path / "texts", [("report", text, "2025")])
    with closing(opened(tmp_path, tmp_path / "texts", model)) as service:
        result = service.retriever.search("2024年末の中国のAI企業の数は？", BESIDE)
        found = choose(result, service.reader)
    assert {told.statement.value.text for told in found.differing} == {"4,500社", "5,100社"}


@pytest.mark.parametrize("question", ["AI人材の国際会議での発表の割合は？", "中国のAI企業は世界の何割を占めますか"])
def test_the_shipped_reports_are_not_said_to_disagree_where_they_measure_other_things(
    service: Service, question: str
) -> None:
    assert choose(service.retriever.search(question, BESIDE), service.reader).differing == ()
