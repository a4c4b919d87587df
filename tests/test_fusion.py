import numpy as np

from retriever.fusion import combine, scale_dense, scale_lexical, weights_for


def test_lexical_scores_are_a_share_of_the_best() -> None:
    np.testing.assert_allclose(scale_lexical(np.array([4.0, 2.0, 0.0], np.float32)), [1, 0.5, 0])
    np.testing.assert_allclose(scale_lexical(np.zeros(2, np.float32)), [0, 0])


def test_cosines_count_from_a_floor() -> None:
    np.testing.assert_allclose(scale_dense(np.array([0.6, 0.4, 0.1], np.float32), 0.2), [1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(scale_dense(np.array([0.2, 0.2], np.float32), 0.2), [0, 0])


def test_the_sum_is_weighted() -> None:
    arms = {"words": np.array([1.0, 0.0], np.float32), "dense": np.array([0.0, 1.0], np.float32)}
    np.testing.assert_allclose(combine(arms, {"words": 1.0, "dense": 0.5}), [1, 0.5])


def test_bigrams_never_weigh_on_english() -> None:
    assert weights_for("en")["bigrams"] == 0
    assert weights_for("fr") == weights_for("en")
