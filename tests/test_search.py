import itertools

import pytest

from api.quotes import prove
from api.service import Service
from retriever.errors import BadFilter
from retriever.search import Filters, date_interval


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_every_hit_stands_at_its_spans(service: Service, mode: str) -> None:
    for query in ("低空経済とは", "What is embodied AI?", "人形机器人 市场规模", "アリババ"):
        hits = service.retriever.search(query, 50, mode).hits
        assert len(hits) > 10
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert all(a.score >= b.score for a, b in itertools.pairwise(hits))
        for hit in hits:
            prove(hit.document, hit.passage.text, hit.passage.spans)


def test_a_search_repeats_itself(service: Service) -> None:
    first, second = (service.retriever.search("百度の生成AI", 20) for _ in range(2))
    assert first.hits == second.hits


def test_dates_match_where_intervals_overlap(service: Service) -> None:
    def years(**dates: str) -> set[str | None]:
        hits = service.retriever.search("中国のAI産業", 50, filters=Filters(**dates)).hits
        return {hit.document.published for hit in hits}

    assert years(published_from="2025-09") == {"2025", "2025-09-25", "2026-01-30"}
    assert years(published_to="2023-05-01") == {"2023"}
    assert years(published_from="2024", published_to="2024-12") == {"2024"}


@pytest.mark.parametrize("date", ["24", "2024-13", "2024-1", "yesterday", "2024-01-01T00:00"])
def test_another_form_of_date_is_refused(date: str) -> None:
    with pytest.raises(BadFilter, match=date):
        date_interval(date)


def test_an_unknown_kind_is_refused(service: Service) -> None:
    with pytest.raises(BadFilter, match="'figure' is no kind"):
        service.retriever.search("x", filters=Filters(kinds=("figure",)))


@pytest.mark.parametrize("query", ["。", "?", "あ", "a", "𠮷", "x" * 2000, "ロボット" * 500])
def test_any_query_is_answered(service: Service, query: str) -> None:
    assert isinstance(service.retriever.search(query).hits, tuple)
