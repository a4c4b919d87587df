from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.lexical import Lexical, _best
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
    (scores,), (bound,) = Lexical([build_postings(passages)]).scores([(0, Counter(query))])
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores.max() <= bound


def test_each_arm_has_the_scores_of_its_own_field() -> None:
    """Though all of them are added up at once, and fields have the same terms."""
    headings = [["市場"], ["市場", "ロボット"], [], ["中国"]]
    terms = {"ロボット": 1.0, "市場": 0.5}
    both = build_postings(PASSAGES, headings)
    scores, bounds = Lexical([both]).scores([(1, terms), (0, terms), (1, {"中国": 2.0}), (0, {})])
    of_headings, of_texts = (Lexical([build_postings(field)]).scores([(0, terms)]) for field in (headings, PASSAGES))
    np.testing.assert_array_equal(scores[:2], [of_headings[0][0], of_texts[0][0]])
    np.testing.assert_array_equal(bounds[:2], [of_headings[1][0], of_texts[1][0]])
    assert list(scores[2] > 0) == [False, False, False, True]
    assert not scores[3].any()
    assert bounds[3] == 0


def test_a_passage_scores_the_same_in_one_segment_or_in_two() -> None:
    query = ["ロボット", "中国", "無い"]
    arms = [(0, Counter(query))]
    whole, bound = Lexical([build_postings(PASSAGES)]).scores(arms)
    parted, same = Lexical([build_postings(PASSAGES[:1]), build_postings(PASSAGES[1:])]).scores(arms)
    np.testing.assert_allclose(whole, parted)
    assert bound == same
    assert whole.argmax() == 1


def test_no_passages_give_no_scores() -> None:
    assert Lexical([]).scores([(0, {"a": 1})])[0].shape == (1, 0)
    assert Lexical([build_postings([])]).scores([(0, {"a": 1})])[0].shape == (1, 0)


def zipfian(count: int, seed: int) -> list[list[str]]:
    """Passages of 1 to 40 terms, of which a few are in nearly all and most are rare."""
    random = np.random.default_rng(seed)
    return [[f"t{n}" for n in random.zipf(1.4, random.integers(1, 40)) % 500] for _ in range(count)]


@pytest.mark.parametrize("allowed", [None, np.arange(3000) % 3 > 0])
def test_a_large_segment_finds_what_a_small_one_finds(allowed: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
    """The best, and any passage's score, though compiled code adds them up."""
    postings = build_postings(zipfian(3000, 1), zipfian(3000, 3))
    plain, compiled = Lexical([postings]), Lexical([postings], large=1)
    random, places = np.random.default_rng(2), np.arange(3000)
    for _ in range(60):
        arms = [(field, Counter(f"t{n}" for n in random.zipf(1.3, 12) % 500)) for field in (1, 0)]
        slow, fast = (index.match(arms, allowed) for index in (plain, compiled))
        np.testing.assert_allclose(fast.at(places), slow.at(places), rtol=1e-5)
        assert allowed is None or not fast.at(places[~allowed]).any()


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=30), st.lists(words, max_size=30), words, st.booleans())
def test_segments_lie_one_after_the_other(
    passages: list[list[str]], others: list[list[str]], query: list[str], compiled: bool
) -> None:
    segments: list[Postings] = [build_postings(passages), build_postings(others)]
    arms = [(0, Counter(query))]
    ((expected,), _) = Lexical([build_postings(passages + others)]).scores(arms)
    found = Lexical(segments, large=1 if compiled else 10_000).match(arms).at(np.arange(len(expected)))
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_an_arm_none_of_whose_terms_occurs_scores_0() -> None:
    found = Lexical([build_postings(PASSAGES)]).match([(0, {"無い": 1.0}), (0, {"半導体": 1.0}), (0, {})])
    assert [list(scores > 0) for scores in found.at(np.arange(4))] == [
        [False] * 4,
        [False, False, True, False],
        [False] * 4,
    ]
    assert list(found.bounds > 0) == [True, True, False]
    assert list(found.best(10)) == list(found.best(1000)) == [2]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 40), st.integers(1, 30))
def test_the_best_are_the_greatest_of_those_that_are_not_0(values: list[int], times: int, most: int) -> None:
    """Also where many are equal, and where columns have few or many of them."""
    scores = np.zeros(-(-len(values * times) // 64) * 64, np.float32)
    scores[: len(values * times)] = values * times
    places = _best(scores, most)
    assert sorted(scores[places]) == sorted(v for v in values * times if v)[-most:]
    assert len(set(places)) == len(places)
