import itertools
import json

import numpy as np
import pytest
from conftest import ROOT
from numpy.typing import NDArray

from api.citations.quotes import prove
from api.schemas import SearchIn
from api.service import Service
from retriever.dense import Mask, Sides
from retriever.errors import BadFilter
from retriever.filters import Filters, date_interval
from retriever.search import Hit


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_every_hit_stands_at_its_spans(either: Service, mode: str) -> None:
    for query in ("低空経済とは", "What is embodied AI?", "人形机器人 市场规模", "アリババ"):
        hits = either.retriever.search(query, 50, mode).hits
        assert len(hits) > 10
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert all(a.score >= b.score for a, b in itertools.pairwise(hits))
        for hit in hits:
            prove(hit.document, hit.passage.text, hit.passage.spans)


def test_a_search_repeats_itself(either: Service) -> None:
    first, second = (either.retriever.search("百度の生成AI", 20) for _ in range(2))
    assert first.hits == second.hits


def test_dates_match_where_intervals_overlap(either: Service) -> None:
    def years(**dates: str) -> set[str | None]:
        hits = either.retriever.search("中国のAI産業", 50, filters=Filters(**dates)).hits
        return {hit.document.published for hit in hits}

    assert years(published_from="2025-09") == {"2025", "2025-09-25", "2026-01-30"}
    assert years(published_to="2023-05-01") == {"2023"}
    assert years(published_from="2024", published_to="2024-12") == {"2024"}


@pytest.mark.parametrize("date", ["24", "2024-13", "2024-1", "yesterday", "2024-01-01T00:00"])
def test_another_form_of_date_is_refused(date: str) -> None:
    with pytest.raises(BadFilter, match=date):
        date_interval(date)


def test_an_unknown_kind_is_refused(either: Service) -> None:
    with pytest.raises(BadFilter, match="'figure' is no kind"):
        either.retriever.search("x", filters=Filters(kinds=("figure",)))


@pytest.mark.parametrize("query", ["。", "?", "あ", "a", "𠮷", "x" * 2000, "ロボット" * 500])
def test_any_query_is_answered(either: Service, query: str) -> None:
    assert isinstance(either.retriever.search(query).hits, tuple)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What does low-altitude economy mean?", "低空経済"),
        ("What is embodied AI?", "身体"),
        ("光刻机的国产化率是多少？", "露光装置"),
        ("芯片 出口管制", "輸出規制"),
        ("身体を持つAI", "具身知能"),
    ],
)
def test_a_question_in_other_words_finds_its_passage(either: Service, query: str, expected: str) -> None:
    hits = either.retriever.search(query, 5).hits
    assert any(expected in hit.passage.text for hit in hits), [hit.passage.text[:40] for hit in hits]


def test_written_questions_of_a_document_that_is_filtered_out_find_nothing(either: Service) -> None:
    every = either.retriever.search("低空経済とは", 50).hits
    one = every[0].document.doc_id
    hits = either.retriever.search("低空経済とは", 50, filters=Filters(doc_ids=(one,))).hits
    assert {hit.document.doc_id for hit in hits} == {one}
    assert hits[0].passage == every[0].passage


@pytest.mark.parametrize("query", ["百度 revenue 增长 なぜ", "AIとは AI是什么 what is AI", "𠮷", "5%", "3割"])
def test_mixed_and_tiny_questions_are_answered(either: Service, query: str) -> None:
    assert isinstance(either.retriever.search(query).hits, tuple)


def test_a_search_explains_what_it_looked_for(either: Service) -> None:
    request = SearchIn.model_validate({"query": "export controls on chips", "explain": True})
    scores = either.search(request).hits[0].scores
    assert scores is not None
    assert "輸出規制" in scores["expansions"]["export controls"]
    assert "輸出" in scores["terms"]["glossary"]
    assert {"words", "bigrams", "headings", "glossary", "asked_words", "dense", "asked_dense"} <= scores.keys()


@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters(published_to="2024"), Filters(kinds=("table",)), Filters(doc_ids=("004_17361f999aa8c8f0",))],
)
def test_both_stores_find_the_same(
    service: Service, in_milvus: Service, filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All questions: `tenkyo eval stores`."""
    lines = (ROOT / "eval" / "questions" / "dev.jsonl").read_text("utf-8").splitlines()[::70]
    questions = [json.loads(line)["question"] for line in lines]

    def every(sides: Sides, vector: NDArray[np.float32], count: int, allowed: Mask | None) -> NDArray[np.int64]:
        return np.arange(len(sides.rows)) if allowed is None else np.flatnonzero(allowed)

    def found(one: Service) -> list[tuple[Hit, ...]]:
        return [one.retriever.search(question, 10, filters=filters).hits for question in questions]

    quick = found(service)
    monkeypatch.setattr(Sides, "near", every)  # one by one, as Milvus compares them
    exact, other = found(service), found(in_milvus)
    for one, two in zip(exact, other, strict=True):
        assert [hit.passage for hit in one] == [hit.passage for hit in two]
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in two], abs=1e-3)
    shared = [len({h.place for h in a} & {h.place for h in b}) / len(a) for a, b in zip(quick, exact, strict=True)]
    assert np.mean(shared) >= 0.95


def test_a_quote_is_looked_up_in_either_store(either: Service) -> None:
    for pasted, status in (
        ("国産比率は１％未満にとどまっ\nています", "verbatim"),
        ("国産比率は 2%未満にとどまっています", "near"),
    ):
        assert either.finder.lookup(pasted, 5, Filters()).status == status
