import numpy as np

from retriever.arms import DENSE_ARMS, LEXICAL_ARMS
from retriever.fusion import (
    NEW,
    Nearest,
    best_neighbours,
    combine,
    dense_features,
    for_new_too,
    gated,
    lexical_features,
    shipped_weights,
)


def test_bm25_is_measured_against_the_best_score_and_against_its_bound() -> None:
    scores = np.asarray([[0.0, 1.0, 4.0], [2.0, 0.0, 1.0]], np.float32)
    found = lexical_features(["words", "bigrams"], scores, np.asarray([8.0, 4.0]))
    assert {name: list(values) for name, values in found.items()} == {
        "words": [0, 0.25, 1],
        "bigrams": [1, 0, 0.5],
        "words_sure": [0, 0.125, 0.5],
        "bigrams_sure": [0.5, 0, 0.25],
    }


def test_no_match_stays_no_match() -> None:
    found = lexical_features(["words"], np.zeros((1, 3), np.float32), np.zeros(1))
    assert not found["words"].any()
    assert not found["words_sure"].any()


def test_cosines_start_from_the_middling_one() -> None:
    places = np.arange(200)
    nearest = Nearest(places, (0.9 - 0.001 * places).astype(np.float32))
    raw, found = dense_features("dense", nearest, np.asarray([0, 50, 99, 150, 999]))
    np.testing.assert_allclose(raw, [0.9, 0.85, 0.801, 0.75, 0.701], atol=1e-6)
    np.testing.assert_allclose(found["dense"], [1, 49 / 99, 0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(found["dense_sure"], raw)


def test_an_arm_that_found_nothing_adds_nothing() -> None:
    _, found = dense_features("dense", Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32)), np.asarray([3, 4]))
    assert not found["dense"].any()


def test_a_passage_without_questions_has_weights_of_its_own() -> None:
    features = {"words": np.asarray([0.5, 0.5], np.float32), "asked_words": np.asarray([1.0, 0.0], np.float32)}
    weights = {"words": 0.5, "asked_words": 0.25, "new_words": 1.0}
    assert list(combine(features, np.asarray([True, False]), weights)) == [0.5, 0.5]


def test_weights_given_for_the_arms_hold_for_new_documents_too() -> None:
    assert for_new_too({"words": 1.0, "asked_words": 0.5}) == {"words": 1.0, "asked_words": 0.5, "new_words": 1.0}


def test_a_feature_without_a_weight_does_not_count() -> None:
    features = {"words": np.asarray([1.0, 0.0], np.float32), "dense": np.asarray([0.0, 1.0], np.float32)}
    np.testing.assert_allclose(combine(features, np.ones(2, bool), {"words": 0.5}), [0.5, 0.0])


def test_shipped_weights_name_features_and_no_weight_is_negative() -> None:
    features = {arm + ending for arm in (*LEXICAL_ARMS, *DENSE_ARMS) for ending in ("", "_sure")} | {"dense_unsure"}
    weights = shipped_weights()
    assert {name.removeprefix(NEW) for name in weights} <= features
    assert min(weights.values()) >= 0
    assert abs(sum(weight for name, weight in weights.items() if not name.startswith(NEW)) - 1) < 0.01


def test_vectors_count_more_where_no_passage_has_the_words() -> None:
    dense = np.asarray([0.4, 1.0], np.float32)
    features = {"dense": dense, "words_sure": np.asarray([0.75, 0.5], np.float32)}
    np.testing.assert_allclose(gated(features)["dense_unsure"], [0.1, 0.25])
    np.testing.assert_allclose(combine(features, np.ones(2, bool), {"dense_unsure": 2.0}), [0.2, 0.5])
    assert gated({"dense": dense}) == {"dense": dense}  # with the vectors alone


def test_neighbours_are_adjacent_candidates_of_the_same_document() -> None:
    scores = np.asarray([0.1, 0.5, 0.3, 0.9], np.float32)
    places = np.asarray([0, 1, 3, 4])
    runs_on = np.asarray([True, True, False, False])  # 3 ends a document, 4 is one of its own
    np.testing.assert_allclose(best_neighbours(scores, places, runs_on), [0.5, 0.1, 0.0, 0.0])
