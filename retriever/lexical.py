"""BM25 over postings, the same in whichever segment a passage lies.

Document frequency and average length are taken over all segments when a query comes. No library at hand does
that, nor gives the exact score of any passage, which the fusion with the dense arm needs. Robertson & Zaragoza
2009; the variant is Lucene's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from retriever.postings import Postings, average_lengths, gains, in_fields, norms, without_field

LARGE = 10_000
"""Passages from which on compiled code adds up: for fewer it isn't worth loading."""
_STEP = 64
"""One of so many passages is looked at to guess which score many reach."""
_SPARE = 16
"""So many more of those should reach it than would in the mean: chance gives and takes some."""

Scores = NDArray[np.float32]
Places = NDArray[np.int32]
Best = tuple[Places, Scores]
_NO_HASHES = np.zeros(0, np.uint64)
_NONE: Best = (np.zeros(0, np.int32), np.zeros(0, np.float32))
Mask = NDArray[np.bool_]
"""Of the passages that may be found."""

Arm = tuple[int, Mapping[str, float]]
"""The number of the field that it searches, and its terms with their weights."""


@dataclass(frozen=True)
class Query:
    """Terms of all arms in one segment (Q,), one arm's after another's: the numbers of `arms` and `fields`, where their
    postings lie, and their weights. `count`: of the arms."""

    count: int
    arms: NDArray[np.int64]
    fields: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def postings(self) -> NDArray[np.int64]:
        """(A,): how many each arm has."""
        return np.bincount(self.arms, self.ends - self.starts, self.count).astype(np.int64)


class Segment:
    """Postings with what their passages' lengths mean beside the averages of all segments."""

    def __init__(self, postings: Postings, averages: NDArray[np.float64], add_up: Callable[..., None] | None):
        self.postings = postings
        self.norms = norms(postings.lengths, averages)
        self._add_up = add_up

    def __len__(self) -> int:
        return len(self.norms[0])

    def totals(self, query: Query) -> Scores:
        """(A, N): every posting of every term."""
        if self._add_up is None:
            return self._in_one_go(query)
        totals = np.zeros((query.count, len(self)), np.float32)
        where = (query.starts, query.ends, query.weights, query.fields, query.arms)
        self._add_up(self.postings.passages, self.postings.frequencies, self.norms, *where, totals)
        return totals

    def _in_one_go(self, query: Query) -> Scores:
        """A NumPy call costs more than a short list."""
        counts = query.ends - query.starts
        ends = counts.cumsum()
        places = np.repeat(query.ends - ends, counts) + np.arange(counts.sum())
        passages = self.postings.passages[places]
        norm = self.norms.ravel()[np.repeat(query.fields * len(self), counts) + passages]
        gained = np.repeat(query.weights, counts) * gains(self.postings.frequencies[places], norm)
        rows = np.repeat(query.arms * len(self), counts)
        totals = np.bincount(rows + passages, gained, query.count * len(self))
        return totals.astype(np.float32).reshape(query.count, len(self))


def _compiled() -> Callable[..., None]:
    from retriever.adding import add_up

    return add_up


@dataclass(frozen=True)
class Matches:
    """In one segment, by arm: all scores, `totals` (A, N), and the `best` passages with theirs."""

    totals: Scores
    best: Sequence[Best]

    def at(self, places: Places) -> Scores:
        """(A, C): the scores of passages at some places (C,)."""
        scores: Scores = self.totals[:, places]
        return scores


class Lexical:
    """The postings of all segments."""

    def __init__(self, postings: Sequence[Postings], large: int = LARGE):
        averages = average_lengths([p.lengths for p in postings])
        self.passages = sum(p.lengths.shape[1] for p in postings)
        add_up = _compiled() if self.passages >= large else None
        self.segments = [Segment(p, averages, add_up) for p in postings]

    def weigh(self, arms: Sequence[Arm]) -> tuple[list[Query], NDArray[np.float64]]:
        """Weighted terms as each segment has them, and by arm the bound that no passage can reach."""
        numbers = np.repeat(np.arange(len(arms)), [len(terms) for _, terms in arms])
        fields = np.asarray([field for field, _ in arms], np.int64)[numbers]
        hashed = {id(terms): without_field(terms) for _, terms in arms}  # several arms look for the same
        hashes = in_fields(np.concatenate([_NO_HASHES, *(hashed[id(terms)] for _, terms in arms)]), fields)
        times = np.fromiter(chain.from_iterable(terms.values() for _, terms in arms), np.float64, len(fields))
        found = [segment.postings.find(hashes) for segment in self.segments]
        frequencies = sum((ends - starts for starts, ends in found), np.zeros(len(fields), np.int64))
        weights = times * np.log1p((self.passages - frequencies + 0.5) / (frequencies + 0.5))
        queries = [Query(len(arms), numbers, fields, starts, ends, weights) for starts, ends in found]
        return queries, np.bincount(numbers, weights, len(arms)).astype(np.float64)

    def match(
        self, arms: Sequence[Arm], allowed: Sequence[Mask | None], most: int
    ) -> tuple[list[Matches], NDArray[np.float64]]:
        """By segment, the best `most` of the allowed passages of each arm; and each arm's bound."""
        queries, bounds = self.weigh(arms)
        parts = zip(self.segments, queries, allowed, strict=True)
        return [_matches(segment, query, mask, most) for segment, query, mask in parts], bounds


def score_all(segments: Sequence[Postings], arms: Sequence[Arm]) -> tuple[Scores, NDArray[np.float64]]:
    """BM25 of every passage for each arm, and the bounds (A,) that no passage can reach.

    The scores stand as the segments' passages do, one after the other: (A, N), 0 where no term occurs.
    """
    lexical = Lexical(segments)
    queries, bounds = lexical.weigh(arms)
    scores = [segment.totals(query) for segment, query in zip(lexical.segments, queries, strict=True)]
    return np.concatenate([np.zeros((len(arms), 0), np.float32), *scores], axis=1), bounds


def _matches(segment: Segment, query: Query, allowed: Mask | None, most: int) -> Matches:
    totals = segment.totals(query)
    shown = totals if allowed is None else totals * allowed
    best = [_best(own, most, count) for own, count in zip(shown, query.postings.tolist(), strict=True)]
    return Matches(totals, best)


def _best(scores: Scores, most: int, postings: int) -> Best:
    """The places of the best `most` of the scores (N,) that aren't 0, and these. No more than `postings` aren't 0."""
    if not postings:
        return _NONE
    guess = _guess(scores, most) if postings > most else 0.0
    places = np.flatnonzero(scores >= guess) if guess > 0 else np.zeros(0, np.int64)
    if len(places) < most:
        places = np.flatnonzero(scores > 0)
    if len(places) > most:
        places = places[np.argpartition(-scores[places], most)[:most]]
    return places.astype(np.int32), scores[places]


def _guess(scores: Scores, most: int) -> float:
    """A score that `most` and some more should reach: to sort all of them would take far longer."""
    sample = scores[::_STEP]
    wanted = most // _STEP + _SPARE
    return float(np.partition(sample, -wanted)[-wanted]) if wanted < len(sample) else 0.0
