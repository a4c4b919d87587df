"""What is read of a passage: once, whatever it is read for."""

import numpy as np
import pytest

from api.answers.needs import needs_of
from api.answers.reading import _AHEAD, Reader
from api.citations.terms import as_text, read_terms
from api.service import Service


def test_a_passage_is_read_once(service: Service) -> None:
    first, second = (service.retriever.search(question).hits for question in ("露光装置の国産比率は？",) * 2)
    assert [service.reader.read(hit) for hit in first] == [service.reader.read(hit) for hit in second]


def test_passages_are_read_ahead_a_few_at_a_time(service: Service) -> None:
    reader = Reader(service.retriever)
    for _ in range(2):
        reader.read_ahead()
    assert reader._read.cache_info().misses == 2 * _AHEAD
    first = reader._read(0)
    assert reader._read.cache_info().misses == 2 * _AHEAD
    assert {"terms", "vectors", "forms", "answering", "words_around", "gives_orders"} <= vars(first).keys()


def test_an_index_without_some_passages_shares_what_was_read_but_not_what_was_counted(service: Service) -> None:
    reader = Reader(service.retriever)
    hit = service.retriever.search("露光装置の国産比率は？").hits[0]
    assert reader.over(service.retriever) is reader
    other = reader.over(service.retriever.without([hit.place]))
    assert other.read(hit) is reader.read(hit)
    assert other.weigher.frequency("露光", "words") < reader.weigher.frequency("露光", "words")


def test_rows_questions_and_the_whole_passage_are_read_in_this_order(service: Service) -> None:
    result = service.retriever.search("中国のAIコア産業の規模は？")
    reading = service.reader.read(result.hits[0])
    needs = needs_of(result, service.reader.weigher)
    held = needs.held(reading.terms)
    assert held.shape[1] == len(reading.rows) + len(reading.written.asked) + 1
    asked = needs.coverage(held)[len(reading.rows) : -1]
    questions = [(share, q.text) for share, q in zip(asked, reading.written.asked, strict=True) if q.language != "zh"]
    assert [share for share, _ in questions] == pytest.approx([needs.coverage_of(text) for _, text in questions])
    assert len(reading.vectors) == len(reading.answering) == reading.forms.shape[1] == len(reading.rows)
    assert np.linalg.norm(reading.vectors, axis=1) == pytest.approx(1)


def test_coverage_is_the_share_of_the_weight_that_a_text_holds(service: Service) -> None:
    needs = needs_of(service.retriever.search("露光装置の国産比率は？"), service.reader.weigher)
    held = needs.held(read_terms([as_text("露光装置の国産比率は？"), as_text("天気")]))
    assert needs.coverage(held).tolist() == pytest.approx([1, 0])
    met = needs.met(held)
    assert needs.unmet(met[:, :1]) == ()
    assert needs.unmet(met[:, 1:]) == needs.needs
    assert needs.unmet_share(met[:, 1:]) == pytest.approx(1)
