from collections import Counter
from pathlib import Path

import bm25s
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retriever.lexical import K1, B, build_postings, load_postings, save_postings, score_all

PASSAGES = [["人型", "ロボット", "市場"], ["ロボット", "ロボット", "密度", "中国"], ["半導体"], []]
words = st.lists(st.sampled_from("abcdefgh"), max_size=8)


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


def test_postings_survive_the_disk(tmp_path: Path) -> None:
    postings = build_postings(PASSAGES)
    save_postings(postings, tmp_path / "words")
    again = load_postings(tmp_path / "words")
    assert again.frequency("ロボット") == 2
    assert again.frequency("無い") == 0
    np.testing.assert_array_equal(score_all([again], {"市場": 1})[0], score_all([postings], {"市場": 1})[0])


def test_no_passages_give_no_scores() -> None:
    assert score_all([], {"a": 1})[0].shape == (0,)
    assert score_all([build_postings([])], {"a": 1})[0].shape == (0,)
