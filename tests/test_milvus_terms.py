"""Terms as sparse vectors, counts of them, and the catalogue: no cluster is needed."""

import math
from pathlib import Path

import numpy as np
import pytest

from api.service import Service
from ingest.clustered import moved, places_of
from retriever.fields import FIELDS, terms_of, texts_of
from retriever.index import Index
from retriever.milvus import following
from retriever.milvus.catalogue import Entry, number_at, number_of, place_of, snapshot_of
from retriever.milvus.cluster import batches, shown, text_of
from retriever.milvus.following import sample
from retriever.milvus.rows import days, pieces
from retriever.milvus.terms import (
    AVERAGE_LENGTHS,
    NONE,
    Counts,
    changed,
    count,
    dimension,
    read_counts,
    sparse_vector,
    weigh,
    write_counts,
)
from retriever.postings import K1, B, average_lengths, hashes_of


def entry(doc_id: str, number: int = 1, state: str = "ready", changed: int = 1, passages: int = 2) -> Entry:
    return Entry(number, doc_id, state, {"fingerprint": f"f{number}", "passages": passages}, changed=changed)


def test_a_passage_has_the_terms_that_the_index_on_the_disk_has(service: Service) -> None:
    index = service.index
    assert isinstance(index, Index)
    for place in (0, 100, 200, 347):
        passage, questions = index.passage(place), index.questions_of(place)
        document = index.document(passage.doc_id)
        fields, own = terms_of(texts_of(document, passage, questions.asked))
        assert own == list(map(list, questions.words))
        found = index.segments[0].postings
        for number in range(len(FIELDS)):
            assert len(fields[number]) == found.lengths[number][place]
            for term in set(fields[number]):
                starts, ends = found.find(hashes_of([term], number))
                at = found.passages[starts[0] : ends[0]].tolist().index(place)
                assert found.frequencies[starts[0] + at] == fields[number].count(term)


def test_average_lengths_are_those_of_the_shipped_reports(service: Service) -> None:
    assert isinstance(service.index, Index)
    averages = average_lengths([service.index.segments[0].postings.lengths])
    assert averages.tolist() == pytest.approx([AVERAGE_LENGTHS[name] for name in FIELDS], abs=0.06)


def test_a_value_is_what_bm25_gives() -> None:
    vector = sparse_vector({"words": ["a", "a", "b"]})
    norm = K1 * (1 - B + B * 3 / AVERAGE_LENGTHS["words"])
    assert vector == {dimension("words", "a"): 2 / (2 + norm), dimension("words", "b"): 1 / (1 + norm)}
    assert dimension("words", "a") != dimension("bigrams", "a")
    assert sparse_vector({"words": []}) == {0: 1.0}


def test_counts_grow_and_shrink_by_documents() -> None:
    first, second = count([{1: 0.5, 2: 0.5}, {2: 0.1}]), count([{2: 1.0, 7: 1.0}])
    both = changed(NONE, [first, second], [])
    assert (both.dimensions.tolist(), both.counts.tolist(), both.passages) == ([1, 2, 7], [1, 3, 1], 3)
    left = changed(both, [], [first])
    assert (left.dimensions.tolist(), left.counts.tolist(), left.passages) == ([2, 7], [1, 1], 1)
    again = read_counts(write_counts(both))
    assert (again.dimensions.tolist(), again.counts.tolist(), again.passages) == ([1, 2, 7], [1, 3, 1], 3)
    assert both.of(np.asarray([2, 5, 9], np.uint32)).tolist() == [3, 0, 0]
    assert NONE.of(np.asarray([2], np.uint32)).tolist() == [0]


def test_a_query_weighs_rare_terms_more() -> None:
    place = dimension("words", "半導体")
    counts = Counts(np.asarray([place], np.uint32), np.asarray([2], np.uint32), 10)
    weighed = weigh("words", {"半導体": 2.0, "人": 1.0}, counts)
    assert weighed.query[place] == pytest.approx(2 * math.log1p(8.5 / 2.5))
    assert weighed.bound == pytest.approx(sum(weighed.query.values()))


def test_a_snapshot_is_the_same_in_whatever_order_rows_come() -> None:
    rows = [entry("a", 1), entry("b", 2), entry("c", 3, "writing"), entry("d", 4, "gone"), entry("e", 5, "cleared")]
    first, second = snapshot_of(rows), snapshot_of(rows[::-1])
    assert first == second
    assert list(first.documents) == ["a", "b"]
    assert (first.numbers, first.unready, first.passages) == ({1, 2}, {3, 4}, 4)
    assert first.generation != snapshot_of(rows[1:]).generation
    assert first.generation.startswith("000002-")


def test_of_two_ready_rows_the_later_counts() -> None:
    for rows in ([entry("a", 1, changed=5), entry("a", 2, changed=6)], [entry("a", 2, changed=6), entry("a", 1)]):
        found = snapshot_of(rows)
        assert (found.numbers, found.unready) == ({2}, {1})


def test_a_document_that_comes_again_has_another_number() -> None:
    first = number_of("a", "f", {})
    assert number_of("a", "f", {}) == first
    writing = Entry(first, "a", "writing", {"fingerprint": "f"})
    assert number_of("a", "f", {first: writing}) == first
    gone = Entry(first, "a", "gone", {"fingerprint": "f"})
    other = Entry(first, "b", "writing", {"fingerprint": "f"})
    assert number_of("a", "f", {first: gone}) == number_of("a", "f", {first: other}) != first
    assert number_at(place_of(first, 65_535)) == first
    assert 0 < place_of(2**47 - 1, 65_535) < 2**63


def test_a_sample_is_taken_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = snapshot_of([entry(f"d{n}", n, passages=100) for n in range(1, 9)])
    assert sample(rows) == set(range(1, 9))
    monkeypatch.setattr(following, "SAMPLE", 300)
    assert sample(rows) == {4, 8}


def test_the_disk_index_gives_each_document_its_passages(service: Service) -> None:
    assert isinstance(service.index, Index)
    places = places_of(service.index)
    assert {doc_id: len(own) for doc_id, own in places.items()} == service.index.passage_counts
    for doc_id, (print_, read) in moved(service.index).items():
        contents = read()
        assert print_ == service.index.manifest.corpus[doc_id]
        assert list(contents.passages) == service.index.passages_of(doc_id)
        assert len(contents.vectors) == len(contents.asked) == len(contents.passages)
        assert len(contents.asked_vectors) == sum(map(len, contents.asked))


def test_small_things() -> None:
    assert days("2024-07") == {"first_day": 20240701, "last_day": 20240731}
    assert days(None) == {"first_day": 0, "last_day": 0}
    assert "".join(pieces("あ" * 40_000)) == "あ" * 40_000
    assert max(len(piece.encode()) for piece in pieces("𠮷" * 40_000)) <= 65_535
    assert text_of('a"b\\') == '"a\\"b\\\\"'
    assert shown("http://user:secret@host:19530/db") == "http://host:19530/db"
    assert shown(str(Path("/private/folder/x.db"))) == "x.db"
    assert [len(part) for part in batches([{"a": 1}] * 450)] == [200, 200, 50]
    assert [len(part) for part in batches([{"a": "x" * 2**21}] * 3)] == [1, 1, 1]
