"""One score from several arms: a weighted sum of features that each arm's scores give.

A convex combination beats reciprocal rank fusion in and out of domain (Bruch et al. 2023, arXiv
2210.11934), and equal-weight rank fusion loses to the better arm on several Japanese sets.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Weights = Mapping[str, float]
DENSE_FLOOR_RANK = 100
NEIGHBOUR = 0.2
"""Of a passage's score, for the better of the two beside it: what a section is about, not each passage says."""
NEW = "new_"
"""Before the names of weights of passages for which no questions were written."""

SHIPPED_WEIGHTS = Path(__file__).with_name("weights.json")


@cache
def shipped_weights() -> Weights:
    """As `tenkyo eval fit` learnt them, for all languages: apart, each has too few questions to learn from."""
    weights: dict[str, float] = json.loads(SHIPPED_WEIGHTS.read_text("utf-8"))
    return weights


def lexical_features(arms: Sequence[str], scores: Scores, bounds: NDArray[np.float64]) -> dict[str, Scores]:
    """BM25 against the best score, and against what no passage can reach: the second tells a sure find from a poor one.

    `scores` (A, C) of the candidates, `bounds` (A,).
    """
    best = scores.max(axis=1, initial=0.0)
    relative = dict(zip(arms, scores / _or_one(best), strict=True))
    return relative | dict(zip(map("{}_sure".format, arms), scores / _or_one(bounds.astype(np.float32)), strict=True))


def _or_one(divisors: Scores) -> Scores:
    """(A, 1), none of them 0."""
    return np.where(divisors > 0, divisors, np.float32(1))[:, None]


class Nearest(NamedTuple):
    """What a dense arm found: sorted `places` (K,) in the index, and their `cosines` (K,)."""

    places: NDArray[np.int64]
    cosines: Scores


def dense_features(arm: str, found: Nearest, places: NDArray[np.int64]) -> tuple[Scores, dict[str, Scores]]:
    """Cosines (C,) of the candidates, and the same brought to a scale, with the cosines beside it.

    Cosines have no natural 0: the score of a middling candidate becomes 0 and the best 1. A candidate that the
    arm didn't find has the score of the last one that it did.
    """
    if not len(found.places):
        return (nothing := np.zeros(len(places), np.float32)), {arm: nothing, f"{arm}_sure": nothing}
    ordered = np.sort(found.cosines)[::-1]
    floor = float(ordered[min(DENSE_FLOOR_RANK, len(ordered)) - 1])
    at = np.minimum(found.places.searchsorted(places), len(found.places) - 1)
    cosines = np.where(found.places[at] == places, found.cosines[at], ordered[-1])
    best = float(cosines.max(initial=floor))
    if best > floor:
        scaled: Scores = np.maximum((cosines - floor) / (best - floor), 0.0)
    else:  # a filter left one
        scaled = (cosines >= best).astype(np.float32)
    return cosines, {arm: scaled, f"{arm}_sure": np.maximum(cosines, 0.0)}


def gated(features: Mapping[str, Scores]) -> Mapping[str, Scores]:
    """With `dense_unsure`: the vectors again, as far as the best passage lacks words of the question. Whoever asks in
    other words than a report's, or in another language, is understood by them alone."""
    if "dense" not in features or "words_sure" not in features:
        return features
    unsure = 1 - features["words_sure"].max(initial=0.0)
    return {**features, "dense_unsure": features["dense"] * unsure}


def arm_of(weight: str) -> str:
    """Whose scores a weight is for."""
    return weight.removeprefix(NEW).removesuffix("_unsure").removesuffix("_sure")


def for_new_too(weights: Weights) -> Weights:
    """The same weights for passages with and without questions."""
    return dict(weights) | {NEW + name: weight for name, weight in weights.items() if not name.startswith("asked_")}


def combine(features: Mapping[str, Scores], expanded: NDArray[np.bool_], weights: Weights) -> Scores:
    """(C,): the weighted sum over the features that have a weight.

    `expanded` (C,): passages for which no questions were written have weights of their own. Beside an expanded
    document a new one has fewer chances to match: with the same weights it would always lose.
    """
    features = gated(features)
    pairs = [(weights.get(name, 0.0), weights.get(NEW + name, 0.0)) for name in features]
    # no matrix product: it would wake BLAS's threads
    totals = np.einsum("fw,fc->wc", np.asarray(pairs, np.float32), np.stack(list(features.values())))
    total: Scores = np.where(expanded, *totals)
    return total


def best_neighbours(total: Scores, places: NDArray[np.int64], runs_on: NDArray[np.bool_]) -> Scores:
    """(C,): the better score of the candidates just before and after, 0 where neither was found.

    `places` (C,) in rising order; `runs_on` (C,): whether the passage one place higher is of the same document.
    """
    adjacent = (places[1:] - places[:-1] == 1) & runs_on[:-1]
    best = np.zeros_like(total)
    best[:-1] = total[1:] * adjacent
    best[1:] = np.maximum(best[1:], total[:-1] * adjacent)
    return best
