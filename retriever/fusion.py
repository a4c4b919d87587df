"""One score from several arms: a weighted sum of features that each arm's scores give.

A convex combination beats reciprocal rank fusion in and out of domain (Bruch et al. 2023, arXiv
2210.11934), and equal-weight rank fusion loses to the better arm on several Japanese sets.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
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
SURE, UNSURE = "{}_sure", "dense_unsure"
"""Names of weights: of an arm's scores against their bounds; of the vectors where words are lacking (see `combine`)."""

SHIPPED_WEIGHTS = Path(__file__).with_name("weights.json")


@cache
def shipped_weights() -> Weights:
    """As `tenkyo eval fit` learnt them, for all languages: apart, each has too few questions to learn from."""
    weights: dict[str, float] = json.loads(SHIPPED_WEIGHTS.read_text("utf-8"))
    return weights


class Nearest(NamedTuple):
    """What a dense arm found: sorted `places` (K,) in the index, and their `cosines` (K,)."""

    places: NDArray[np.int64]
    cosines: Scores


@dataclass(frozen=True)
class Scored:
    """The `scores` (A, C) that arms give candidates, BM25 or cosines, and what they are measured by, each (A,).

    A score is measured twice: from a floor, against the `width` from there to the best; and from 0, against the bound
    that none can reach, which tells a sure find from a poor one.
    """

    arms: tuple[str, ...]
    scores: Scores
    floors: Scores
    widths: Scores
    bounds: Scores

    @property
    def risen(self) -> Scores:
        """(A, C): above the floor."""
        risen: Scores = np.maximum(self.scores - self.floors[:, None], 0)
        return risen

    @property
    def unsure(self) -> float:
        """How far the best passage lacks words of the question; 0 where nobody looked for any."""
        if "words" not in self.arms:
            return 0.0
        words = self.arms.index("words")
        return 1 - float(self.scores[words].max(initial=0.0) / self.bounds[words])

    def features(self) -> dict[str, Scores]:
        """By the name of its weight, (C,) each: what `combine` adds up."""
        relative, sure = self.risen / self.widths[:, None], np.maximum(self.scores, 0) / self.bounds[:, None]
        named = dict(zip(self.arms, relative, strict=True)) | dict(zip(map(SURE.format, self.arms), sure, strict=True))
        return named | ({UNSURE: named["dense"] * np.float32(self.unsure)} if "dense" in named else {})


def measured(
    arms: Sequence[str],
    scores: Scores,
    bounds: NDArray[np.float64],
    dense: Mapping[str, Nearest],
    places: NDArray[np.int64],
) -> Scored:
    """Of candidates at `places` (C,), in order: the scores (L, C) and bounds (L,) of lexical arms, and what dense ones
    found, all of it among the candidates."""
    lexical = len(arms)
    whole = np.empty((lexical + len(dense), len(places)), np.float32)
    floors, widths, highest = np.zeros((3, len(whole)), np.float32)
    whole[:lexical] = scores
    widths[:lexical], highest[:lexical] = scores.max(axis=1, initial=0.0), bounds
    for row, near in enumerate(dense.values(), start=lexical):
        whole[row], floors[row], widths[row] = _measured(near, places)
    return Scored((*arms, *dense), whole, floors, _or_one(widths), _or_one(highest))


def _or_one(divisors: Scores) -> Scores:
    """None of them 0: an arm that found nothing, and a cosine's bound."""
    return np.where(divisors > 0, divisors, np.float32(1))


def _measured(found: Nearest, places: NDArray[np.int64]) -> tuple[Scores, float, float]:
    """Cosines (C,) of the candidates, their floor and width.

    Cosines have no natural 0: the floor is that of a middling candidate. A candidate that the arm didn't find has the
    score of the last one that it did; what it found is among the candidates.
    """
    if not len(found.places):
        return np.zeros(len(places), np.float32), 0.0, 1.0
    middling = min(DENSE_FLOOR_RANK, len(found.cosines))
    floor, best = float(np.partition(found.cosines, -middling)[-middling]), float(found.cosines.max())
    cosines = np.full(len(places), found.cosines.min())
    cosines[places.searchsorted(found.places)] = found.cosines
    return (cosines, floor, best - floor) if best > floor else (cosines, floor - 1, 1.0)  # a filter left one


def arm_of(weight: str) -> str:
    """Whose scores a weight is for."""
    return weight.removeprefix(NEW).removesuffix("_unsure").removesuffix("_sure")


def for_new_too(weights: Weights) -> Weights:
    """The same weights for passages with and without questions."""
    return dict(weights) | {NEW + name: weight for name, weight in weights.items() if not name.startswith("asked_")}


def combine(found: Scored, expanded: NDArray[np.bool_], weights: Weights) -> Scores:
    """(C,): the weighted sum over the features that have a weight.

    `expanded` (C,): passages for which no questions were written have weights of their own. Beside an expanded
    document a new one has fewer chances to match: with the same weights it would always lose.

    With `dense_unsure` the vectors count again, as far as the best passage lacks words of the question. Whoever asks in
    other words than a report's, or in another language, is understood by them alone.
    """
    relative, sure, unsure = _by_arm(found.arms, tuple(weights.items()))
    relative = relative + np.float32(found.unsure) * unsure
    factors = np.concatenate([relative / found.widths[:, None], sure / found.bounds[:, None]])
    # no matrix product: it would wake BLAS's threads
    totals = np.einsum("fw,fc->wc", factors, np.concatenate([found.risen, np.maximum(found.scores, 0)]))
    total: Scores = np.where(expanded, *totals)
    return total


@lru_cache(maxsize=64)
def _by_arm(arms: tuple[str, ...], weights: tuple[tuple[str, float], ...]) -> Scores:
    """(3, A, 2): the arms' weights for passages with questions and without; those of their sure scores; and what counts
    as far as words are lacking."""
    of = dict(weights)
    names = [[arm, SURE.format(arm), UNSURE if arm == "dense" else ""] for arm in arms]
    by_arm = [[(of.get(name, 0.0), of.get(NEW + name, 0.0)) for name in own] for own in names]
    return np.asarray(by_arm, np.float32).transpose(1, 0, 2)


def best_neighbours(total: Scores, places: NDArray[np.int64], runs_on: NDArray[np.bool_]) -> Scores:
    """(C,): the better score of the candidates just before and after, 0 where neither was found.

    `places` (C,) in rising order; `runs_on` (C,): whether the passage one place higher is of the same document.
    """
    adjacent = (places[1:] - places[:-1] == 1) & runs_on[:-1]
    best = np.zeros_like(total)
    best[:-1] = total[1:] * adjacent
    best[1:] = np.maximum(best[1:], total[:-1] * adjacent)
    return best
