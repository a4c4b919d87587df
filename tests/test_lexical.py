from collections import Counter
from unittest.mock import patch

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever import lexical
from retriever.lexical import Field, Matches, score_all
from retriever.postings import K1, B, Postings, build_postings

PASSAGES = [["人型", "ロボット", "市場"], ["ロボット", "ロボット", "密度", "中国"], ["半導体"], []]
words = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=12), words)
def test_scores_are_those_of_bm25s(passages: list[list[str]], query: list[str]) -> None:
    """Lucene's variant, on any corpus that has a term at all."""
    known = {word for passage in passages for word in passage}
    if not known:
        return
    other = bm25s.BM25(method="lucene", k1=K1, b=B)
    other.index(passages, show_progress=False)
    asked = [word for word in query if word in known]
    expected = other.get_scores(asked) if asked else np.zeros(len(passages))
    scores, bound = score_all([build_postings(passages)], Counter(query))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores.max() <= bound


def test_a_passage_scores_the_same_in_one_segment_or_in_two() -> None:
    query = ["ロボット", "中国", "無い"]
    whole, bound = score_all([build_postings(PASSAGES)], Counter(query))
    parted, same = score_all([build_postings(PASSAGES[:1]), build_postings(PASSAGES[1:])], Counter(query))
    np.testing.assert_allclose(whole, parted)
    assert bound == same
    assert whole.argmax() == 1


def test_no_passages_give_no_scores() -> None:
    assert score_all([], {"a": 1})[0].shape == (0,)
    assert score_all([build_postings([])], {"a": 1})[0].shape == (0,)


def zipfian(count: int, seed: int) -> list[list[str]]:
    """Passages of 1 to 40 terms, of which a few are in nearly all and most are rare."""
    random = np.random.default_rng(seed)
    return [[f"t{n}" for n in random.zipf(1.4, random.integers(1, 40)) % 500] for _ in range(count)]


@pytest.mark.parametrize("allowed", [None, np.arange(3000) % 3 > 0])
def test_a_large_segment_finds_what_a_small_one_finds(allowed: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
    """The best, and any passage's score, though most postings of the common terms are never read."""
    field = Field([build_postings(zipfian(3000, 1))])
    random = np.random.default_rng(2)
    left = 0
    for _ in range(60):
        terms = Counter(f"t{n}" for n in random.zipf(1.3, 12) % 500)
        slow = matched(field, terms, allowed, 50, large=10**9)
        fast = matched(field, terms, allowed, 50, large=1)
        left += len(fast.rest)
        np.testing.assert_allclose(np.sort(fast.scores), np.sort(slow.scores), rtol=1e-5)
        places = np.arange(0, 3000, 7, dtype=np.int32)
        np.testing.assert_allclose(fast.at(places), slow.at(places), rtol=1e-5)
        np.testing.assert_allclose(fast.at(np.sort(fast.best)), slow.at(np.sort(fast.best)), rtol=1e-5)
        assert allowed is None or allowed[fast.best].all()
    assert left > 60


def matched(field: Field, terms: Counter[str], allowed: "np.ndarray | None", most: int, large: int) -> Matches:  # type: ignore[type-arg]
    with patch.object(lexical, "LARGE", large):
        ((matches,), _) = field.match(terms, [allowed], most)
    return matches


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=30), st.lists(words, max_size=30), words, st.integers(1, 10))
def test_no_bound_is_too_low(passages: list[list[str]], others: list[list[str]], query: list[str], most: int) -> None:
    """Also where the other segments make the average length another than the segment's own."""
    segments: list[Postings] = [build_postings(passages), build_postings(others)]
    field = Field(segments)
    terms = Counter(query)
    expected = score_all(segments, terms)[0]
    with patch.object(lexical, "LARGE", 1):
        found, _ = field.match(terms, [None, None], most)
    for matches, scores in zip(found, np.split(expected, [len(passages)]), strict=True):
        np.testing.assert_allclose(np.sort(matches.scores), np.sort(scores[scores > 0])[-most:], rtol=1e-5)
