import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.arms import DENSE_ARMS, LEXICAL_ARMS
from retriever.fusion import (
    NEW,
    Nearest,
    Scored,
    best_neighbours,
    combine,
    for_new_too,
    measured,
    shipped_weights,
)


def lexical(scores: list[list[float]], bounds: list[float], dense: dict[str, Nearest] | None = None) -> Scored:
    """Of the arms `words` and `bigrams`, as many as there are rows."""
    rows = np.asarray(scores, np.float32)
    names = ["words", "bigrams"][: len(rows)]
    return measured(names, rows, np.asarray(bounds), dense or {}, np.arange(rows.shape[1]))


def near(*cosines: float) -> Nearest:
    return Nearest(np.arange(len(cosines)), np.asarray(cosines, np.float32))


def test_bm25_is_measured_against_the_best_score_and_against_its_bound() -> None:
    found = lexical([[0.0, 1.0, 4.0], [2.0, 0.0, 1.0]], [8.0, 4.0]).features()
    assert {name: list(values) for name, values in found.items()} == {
        "words": [0, 0.25, 1],
        "bigrams": [1, 0, 0.5],
        "words_sure": [0, 0.125, 0.5],
        "bigrams_sure": [0.5, 0, 0.25],
    }


def test_no_match_stays_no_match() -> None:
    found = lexical([[0.0, 0.0, 0.0]], [0.0]).features()
    assert not found["words"].any()
    assert not found["words_sure"].any()


def dense(nearest: Nearest, places: list[int]) -> Scored:
    nothing = np.zeros((0, len(places)), np.float32)
    return measured([], nothing, np.zeros(0), {"dense": nearest}, np.asarray(places))


def test_cosines_start_from_the_middling_one() -> None:
    places, looked_at = 2 * np.arange(200), [0, 100, 198, 300, 301, 400]  # each second place is found
    found = dense(Nearest(places, (0.9 - 0.0005 * places).astype(np.float32)), [*range(400), 999])
    np.testing.assert_allclose(found.scores[0, looked_at], [0.9, 0.85, 0.801, 0.75, 0.701, 0.701], atol=1e-6)
    np.testing.assert_allclose(found.features()["dense"][looked_at], [1, 49 / 99, 0, 0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(found.features()["dense_sure"], found.scores[0])


def test_the_only_passage_that_a_filter_left_is_the_best() -> None:
    assert list(dense(near(0.3), [0]).features()["dense"]) == [1]


def test_an_arm_that_found_nothing_adds_nothing() -> None:
    found = dense(Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32)), [3, 4]).features()
    assert not found["dense"].any()


def test_a_passage_without_questions_has_weights_of_its_own() -> None:
    found = lexical([[1.0, 1.0], [2.0, 0.0]], [2.0, 2.0])
    weights = {"words": 0.5, "bigrams": 0.25, "new_words": 1.0}
    assert list(combine(found, np.asarray([True, False]), weights)) == [0.75, 1.0]


def test_weights_given_for_the_arms_hold_for_new_documents_too() -> None:
    assert for_new_too({"words": 1.0, "asked_words": 0.5}) == {"words": 1.0, "asked_words": 0.5, "new_words": 1.0}


def test_a_feature_without_a_weight_does_not_count() -> None:
    found = lexical([[3.0, 0.0]], [3.0], {"dense": near(0.1, 0.9)})
    np.testing.assert_allclose(combine(found, np.ones(2, bool), {"words": 0.5}), [0.5, 0.0])


numbers = st.floats(0, 30, width=16)
cosines = st.floats(-1, 1, width=16)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, numbers, cosines, st.booleans()), min_size=1, max_size=8))
def test_what_is_combined_is_the_weighted_sum_of_the_features(rows: list[tuple[float, float, float, bool]]) -> None:
    """Which weights are learnt from."""
    words, bigrams, nearest, expanded = map(list, zip(*rows, strict=True))
    found = lexical([words, bigrams], [31.0, 40.0], {"dense": near(*nearest)})
    weights = shipped_weights()
    sums = [sum(weights.get(own + n, 0.0) * values for n, values in found.features().items()) for own in ("", NEW)]
    np.testing.assert_allclose(combine(found, np.asarray(expanded), weights), np.where(expanded, *sums), atol=1e-5)


def test_shipped_weights_name_features_and_no_weight_is_negative() -> None:
    features = {arm + ending for arm in (*LEXICAL_ARMS, *DENSE_ARMS) for ending in ("", "_sure")} | {"dense_unsure"}
    weights = shipped_weights()
    assert {name.removeprefix(NEW) for name in weights} <= features
    assert min(weights.values()) >= 0
    assert abs(sum(weight for name, weight in weights.items() if not name.startswith(NEW)) - 1) < 0.01


def test_vectors_count_more_where_no_passage_has_the_words() -> None:
    found = lexical([[6.0, 4.0]], [8.0], {"dense": near(0.4, 0.9)})
    np.testing.assert_allclose(found.features()["dense_unsure"], [0.0, 0.25])
    np.testing.assert_allclose(combine(found, np.ones(2, bool), {"dense_unsure": 2.0}), [0.0, 0.5])
    assert not dense(near(0.4, 0.9), [0, 1]).features()["dense_unsure"].any()  # with the vectors alone


def test_neighbours_are_adjacent_candidates_of_the_same_document() -> None:
    scores = np.asarray([0.1, 0.5, 0.3, 0.9], np.float32)
    places = np.asarray([0, 1, 3, 4])
    runs_on = np.asarray([True, True, False, False])  # 3 ends a document, 4 is one of its own
    np.testing.assert_allclose(best_neighbours(scores, places, runs_on), [0.5, 0.1, 0.0, 0.0])
