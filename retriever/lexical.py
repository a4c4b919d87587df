"""BM25 over postings, the same in whichever segment a passage lies.

Document frequency and average length are taken over all segments when a query comes. No library at hand does
that, nor gives the exact score of any passage, which the fusion with the dense arm needs. Robertson & Zaragoza
2009; the variant is Lucene's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from retriever.postings import Postings, average_lengths, gains, in_fields, norms, without_field

LARGE = 10_000
"""Passages from which on compiled code adds up: for fewer it isn't worth loading."""
_TOGETHER = 64
"""Passages of which only the best is looked at while one asks which score many reach."""

Scores = NDArray[np.float32]
Places = NDArray[np.int64]
_NO_HASHES = np.zeros(0, np.uint64)
_LEAST = np.finfo(np.float32).tiny
Mask = NDArray[np.bool_]
"""Of the passages that may be found."""

Arm = tuple[int, Mapping[str, float]]
"""The number of the field that it searches, and its terms with their weights."""


@dataclass(frozen=True)
class Query:
    """Terms of all arms in one segment (Q,), one arm's after another's: the rows of the totals that they add to, their
    fields, where their postings lie, and their weights."""

    rows: NDArray[np.int64]
    fields: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]


class Segment:
    """Postings with what each gains beside the averages of all segments. `first`: the place of their first passage."""

    def __init__(self, postings: Postings, averages: NDArray[np.float64], first: int):
        self.postings = postings
        self._gained = gains(postings, norms(postings.lengths, averages))
        self._own = slice(first, first + postings.lengths.shape[1])

    def add_to(self, totals: Scores, query: Query) -> None:
        """Every posting of every term, to the totals of all segments' passages; a NumPy call costs more than a short
        list."""
        counts = query.ends - query.starts
        places = np.repeat(query.ends - counts.cumsum(), counts) + np.arange(counts.sum())
        gained = np.repeat(query.weights, counts) * self._gained[places]
        own = totals[:, self._own]
        rows = np.repeat(query.rows * own.shape[1], counts)
        own[:] = np.bincount(rows + self.postings.passages[places], gained, own.size).reshape(own.shape)


class LargeSegment:
    """The same, but what its postings gain is reckoned when a query comes, by compiled code: it is too much to keep."""

    def __init__(self, postings: Postings, averages: NDArray[np.float64], first: int):
        from retriever.adding import add_up

        self.postings = postings
        self._norms = norms(postings.lengths, averages)
        self._first = first
        self._add_up = add_up

    def add_to(self, totals: Scores, query: Query) -> None:
        """See `Segment`."""
        where = (query.starts, query.ends, query.weights, query.fields, query.rows)
        self._add_up(self.postings.passages, self.postings.frequencies, self._norms, *where, totals, self._first)


@dataclass(frozen=True)
class Matches:
    """What arms (A) found. `totals`: the scores of all passages, a row for each arm that some have a term of; `rows`
    (A,): which arms these are; `bounds` (A,): what no passage can reach."""

    totals: Scores
    rows: NDArray[np.bool_]
    bounds: NDArray[np.float64]

    def best(self, most: int) -> Places:
        """The places of the best `most` of each arm, in any order; where there are few, of all that any found."""
        if self.totals.shape[1] <= 2 * most:
            return np.nonzero(self.totals.any(axis=0))[0]
        return np.concatenate([np.zeros(0, np.int64), *(_best(scores, most) for scores in self.totals)])

    def at(self, places: Places) -> Scores:
        """(A, C): the scores of passages at some places (C,)."""
        scores = np.zeros((len(self.rows), len(places)), np.float32)
        scores[self.rows] = self.totals.take(places, axis=1)
        return scores


class Lexical:
    """The postings of all segments."""

    def __init__(self, postings: Sequence[Postings], large: int = LARGE):
        averages = average_lengths([p.lengths for p in postings])
        firsts = np.cumsum([0, *(p.lengths.shape[1] for p in postings)]).tolist()
        self.passages = firsts.pop()
        kind = LargeSegment if self.passages >= large else Segment
        self._segments: list[Segment | LargeSegment] = [
            kind(p, averages, first) for p, first in zip(postings, firsts, strict=True)
        ]

    def match(self, arms: Sequence[Arm], allowed: Mask | None = None) -> Matches:
        """BM25 of every passage that is allowed (N,), 0 where no term occurs; they stand as in the segments, one after
        the other."""
        queries, rows, bounds = self._weigh(arms)
        columns = -(-self.passages // _TOGETHER)
        totals = np.zeros((np.count_nonzero(rows), columns * _TOGETHER), np.float32)
        for segment, query in zip(self._segments, queries, strict=True):
            segment.add_to(totals, query)
        if allowed is not None:
            totals[:, : self.passages] *= allowed
        return Matches(totals, rows, bounds)

    def scores(self, arms: Sequence[Arm]) -> tuple[Scores, NDArray[np.float64]]:
        """Of every passage for each arm (A, N), and the bounds (A,) that no passage can reach."""
        matches = self.match(arms)
        return matches.at(np.arange(self.passages)), matches.bounds

    def _weigh(self, arms: Sequence[Arm]) -> tuple[list[Query], NDArray[np.bool_], NDArray[np.float64]]:
        """Weighted terms as each segment has them; by arm, whether it has any, and the bound."""
        numbers = np.repeat(np.arange(len(arms)), [len(terms) for _, terms in arms])
        fields = np.asarray([field for field, _ in arms], np.int64)[numbers]
        hashed = {id(terms): without_field(terms) for _, terms in arms}  # several arms look for the same
        hashes = in_fields(np.concatenate([_NO_HASHES, *(hashed[id(terms)] for _, terms in arms)]), fields)
        times = np.fromiter(chain.from_iterable(terms.values() for _, terms in arms), np.float64, len(fields))
        found = [segment.postings.find(hashes) for segment in self._segments]
        frequencies = sum((ends - starts for starts, ends in found), np.zeros(len(fields), np.int64))
        weights = times * np.log1p((self.passages - frequencies + 0.5) / (frequencies + 0.5))
        rows = np.bincount(numbers, frequencies, len(arms)) > 0
        own = (rows.cumsum() - 1)[numbers]
        queries = [Query(own, fields, starts, ends, weights) for starts, ends in found]
        return queries, rows, np.bincount(numbers, weights, len(arms)).astype(np.float64)


def _best(scores: Scores, most: int) -> Places:
    """The places of the best `most` of the scores (N,) that aren't 0; N is a multiple of `_TOGETHER`."""
    places = np.flatnonzero(scores >= _reached(scores, most))
    return places[np.argpartition(-scores[places], most)[:most]] if len(places) > most else places


def _reached(scores: Scores, most: int) -> np.float32:
    """A score above 0 that at least `most` reach, if so many do, and few more where there are many: each column's best
    stands for all in it."""
    tops = scores.reshape(_TOGETHER, -1).max(axis=0)
    return max(_LEAST, np.partition(tops, -most)[-most]) if len(tops) > most else _LEAST
