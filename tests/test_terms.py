import numpy as np

from api.citations.terms import Text, as_text, pair_codes, read_terms, word_codes


def test_terms_tell_which_texts_hold_which_words_and_pairs() -> None:
    terms = read_terms([Text("百度のAI", ["百度", "ai"]), Text("", ["百度"]), Text("ＡＩと百", [])])
    held = terms.hold(np.concatenate((word_codes(["百度", "ai", "華為"]), pair_codes(["百度", "ai", "百", "為"]))))
    assert held.astype(int).tolist() == [
        [1, 1, 0],
        [1, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 1],
        [1, 0, 1],
        [0, 0, 0],
    ]


def test_many_texts_are_kept_apart() -> None:
    held = read_terms([as_text(f"{number}社") for number in range(20)]).hold(word_codes(["7", "社"]))
    assert held[0].nonzero()[0].tolist() == [7]
    assert held[1].all()


def test_texts_without_a_term_hold_none() -> None:
    assert read_terms([as_text(""), as_text("。")]).hold(word_codes(["社"])).tolist() == [[False, False]]
    assert read_terms([]).hold(word_codes(["社"])).shape == (1, 0)
