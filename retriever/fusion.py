"""One score from several arms: a weighted sum of features that each arm's scores give.

A convex combination beats reciprocal rank fusion in and out of domain (Bruch et al. 2023, arXiv
2210.11934), and equal-weight rank fusion loses to the better arm on several Japanese sets.
"""

import json
from collections.abc import Mapping
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
"""Before the features of passages for which no questions were written."""

SHIPPED_WEIGHTS = Path(__file__).with_name("weights.json")


@cache
def shipped_weights() -> Weights:
    """As `tenkyo eval fit` learnt them, for all languages: apart, each has too few questions to learn from."""
    weights: dict[str, float] = json.loads(SHIPPED_WEIGHTS.read_text("utf-8"))
    return weights


def lexical_features(arm: str, scores: Scores, bound: float) -> dict[str, Scores]:
    """BM25 against the best score, and against what no passage can reach: the second tells a sure find from a poor one.

    `scores` (C,) of the candidates.
    """
    best = float(scores.max(initial=0.0))
    return {
        arm: scores / best if best > 0 else scores,
        f"{arm}_sure": scores / bound if bound > 0 else scores,
    }


class Nearest(NamedTuple):
    """What a dense arm found: `places` (K,) in the index and `cosines` (K,) in any order."""

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
    order = np.argsort(found.places)
    known = found.places[order]
    at = np.minimum(known.searchsorted(places), len(known) - 1)
    cosines = np.where(known[at] == places, found.cosines[order][at], ordered[-1])
    best = float(cosines.max(initial=floor))
    if best > floor:
        scaled: Scores = ((cosines - floor) / (best - floor)).clip(0.0)
    else:  # a filter left one
        scaled = (cosines >= best).astype(np.float32)
    return cosines, {arm: scaled, f"{arm}_sure": cosines.clip(0.0)}


def apart(features: Mapping[str, Scores], expanded: NDArray[np.bool_]) -> dict[str, Scores]:
    """Passages for which no questions were written have features, and so weights, of their own.

    Beside an expanded document a new one has fewer chances to match: with the same weights it would always lose.
    """
    own = {NEW + name: scores * ~expanded for name, scores in features.items() if not name.startswith("asked_")}
    return {name: scores * expanded for name, scores in features.items()} | own


def for_new_too(weights: Weights) -> Weights:
    """The same weights for passages with and without questions."""
    return dict(weights) | {NEW + name: weight for name, weight in weights.items() if not name.startswith("asked_")}


def combine(features: Mapping[str, Scores], weights: Weights) -> Scores:
    """Weighted sum over the features that have a weight; all arrays have one shape."""
    total = np.zeros_like(next(iter(features.values())))
    for name, scores in features.items():
        total += weights.get(name, 0.0) * scores
    return total


def best_neighbours(total: Scores, places: NDArray[np.int64], runs_on: NDArray[np.bool_]) -> Scores:
    """(C,): the better score of the candidates just before and after, 0 where neither was found.

    `places` (C,) in rising order; `runs_on` (C,): whether the passage one place higher is of the same document.
    """
    adjacent = (np.diff(places) == 1) & runs_on[:-1]
    best = np.zeros_like(total)
    best[:-1] = total[1:] * adjacent
    best[1:] = np.maximum(best[1:], total[:-1] * adjacent)
    return best
