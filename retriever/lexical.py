"""BM25 over postings, the same in whichever segment a passage lies.

Document frequency and average length are taken over all segments when a query comes. No library at hand does
that, nor gives the exact score of any passage, which the fusion with the dense arm needs. Robertson & Zaragoza
2009; the variant is Lucene's. In a large segment most postings of common terms are never read: a passage that
has none of the rare terms can't come among the best (MaxScore, Turtle & Flood 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retriever.postings import Postings, average_length, gains, hashes_of, norms

LARGE = 200_000
"""Passages of a segment from which on common terms are left for the candidates alone."""
_SLACK = 1 - 1e-5
"""Scores are sums of 32-bit numbers: one that seems just too low may not be."""

Scores = NDArray[np.float32]
Places = NDArray[np.int32]
Mask = NDArray[np.bool_]
"""Of the passages that may be found."""


@dataclass(frozen=True)
class Query:
    """Terms of a query in one segment (Q,): where their postings lie, their weights, and what each can give at most."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]
    bounds: NDArray[np.float64]


class Segment:
    """One field of one segment, with what its passages' lengths mean beside the average of all segments."""

    def __init__(self, postings: Postings, average: float):
        self.postings = postings
        self.norms = norms(postings.lengths, average)
        own = average_length([postings.lengths])
        self._growth = max(1.0, average / own)

    def __len__(self) -> int:
        return len(self.norms)

    def bounds(self, peaks: NDArray[np.float32]) -> NDArray[np.float64]:
        """The most that terms can give at a weight of 1: with a greater average, norms shrink by its ratio at most."""
        most: NDArray[np.float64] = np.minimum(1.0, peaks * self._growth)
        return most

    def gained(self, query: Query, term: int) -> tuple[Places, Scores]:
        """The passages that have a term, and what they gain by it."""
        here = slice(query.starts[term], query.ends[term])
        passages = self.postings.passages[here]
        tf = gains(self.postings.frequencies[here], self.norms[passages])
        return passages, tf * np.float32(query.weights[term])

    def look_up(self, query: Query, term: int, places: Places) -> Scores:
        """What passages at sorted places (C,) gain by a term."""
        start, end = int(query.starts[term]), int(query.ends[term])
        passages = self.postings.passages[start:end]
        if len(passages) < len(places):
            scores = np.zeros(len(places), np.float32)
            at = np.minimum(places.searchsorted(passages), len(places) - 1)
            there = places[at] == passages
            tf = gains(self.postings.frequencies[start:end][there], self.norms[passages[there]])
            scores[at[there]] = tf * np.float32(query.weights[term])
            return scores
        at = np.minimum(passages.searchsorted(places), len(passages) - 1)
        tf = self.postings.frequencies[start:end][at] * (passages[at] == places)
        return gains(tf, self.norms[places]) * np.float32(query.weights[term])


@dataclass(frozen=True)
class Matches:
    """In one segment. `totals` (N,): scores over the terms that were added up; `rest`: the others; `best`: places of
    the best, with their `scores`."""

    segment: Segment
    query: Query
    totals: Scores
    rest: Sequence[int]
    best: Places
    scores: Scores

    def at(self, places: Places) -> Scores:
        """The scores of passages at sorted places (C,)."""
        scores = self.totals[places]
        for term in self.rest:
            scores += self.segment.look_up(self.query, term, places)
        return scores


class Field:
    """One field over all segments."""

    def __init__(self, postings: Sequence[Postings]):
        average = average_length([p.lengths for p in postings])
        self.segments = [Segment(p, average) for p in postings]
        self.passages = sum(map(len, self.segments))

    def weigh(self, terms: Mapping[str, float]) -> tuple[list[Query], float]:
        """Weighted terms as each segment has them, and the bound that no passage can reach."""
        hashes = hashes_of(terms)
        found = [segment.postings.find(hashes) for segment in self.segments]
        frequencies = sum((ends - starts for starts, ends, _ in found), np.zeros(len(terms), np.int64))
        times = np.fromiter(terms.values(), np.float64, len(terms))
        weights = times * np.log1p((self.passages - frequencies + 0.5) / (frequencies + 0.5))
        queries = [
            Query(starts, ends, weights, weights * segment.bounds(peaks))
            for segment, (starts, ends, peaks) in zip(self.segments, found, strict=True)
        ]
        return queries, float(weights.sum())

    def match(
        self, terms: Mapping[str, float], allowed: Sequence[Mask | None], most: int
    ) -> tuple[list[Matches], float]:
        """By segment, the best `most` of the allowed passages; and the bound."""
        queries, bound = self.weigh(terms)
        pairs = zip(self.segments, queries, allowed, strict=True)
        return [
            (_the_rare(s, query, mask, most) if len(s) >= LARGE else _all(s, query, mask, most))
            for s, query, mask in pairs
        ], bound


def score_all(segments: Sequence[Postings], terms: Mapping[str, float]) -> tuple[Scores, float]:
    """BM25 of every passage for weighted terms, and the bound that no passage can reach.

    The scores stand as the segments' passages do, one after the other: (N,), 0 where no term occurs.
    """
    field = Field(segments)
    queries, bound = field.weigh(terms)
    scores = [_scores(segment, query) for segment, query in zip(field.segments, queries, strict=True)]
    return np.concatenate([np.zeros(0, np.float32), *scores]), bound


def _scores(segment: Segment, query: Query) -> Scores:
    """(N,) of one segment: all postings of all terms in one go, since a NumPy call costs more than a short list."""
    places = [slice(start, end) for start, end in zip(query.starts, query.ends, strict=True) if start < end]
    if not places:
        return np.zeros(len(segment), np.float32)
    counts = query.ends - query.starts
    passages = np.concatenate([segment.postings.passages[place] for place in places])
    tf = gains(np.concatenate([segment.postings.frequencies[place] for place in places]), segment.norms[passages])
    return np.bincount(passages, np.repeat(query.weights, counts) * tf, len(segment)).astype(np.float32)


def _all(segment: Segment, query: Query, allowed: Mask | None, most: int) -> Matches:
    """Every posting of every term."""
    totals = _scores(segment, query)
    found = np.flatnonzero(totals if allowed is None else totals * allowed).astype(np.int32)
    return Matches(segment, query, totals, (), *_top(found, totals[found], most))


def _the_rare(segment: Segment, query: Query, allowed: Mask | None, most: int) -> Matches:
    """Terms are added up, those that can give most first, until what is left can't bring in another passage."""
    order = [int(term) for term in np.argsort(-query.bounds) if query.starts[term] < query.ends[term]]
    left = query.bounds[order][::-1].cumsum()[::-1]
    totals = np.zeros(len(segment), np.float32)
    found: list[Places] = []
    read = tested = 0
    for number, term in enumerate(order):
        if read >= 2 * tested and read > most:  # a test costs about as much as reading
            tested, found = read, [np.concatenate(found)]
            if _SLACK * _least(totals[found[0]], most) > left[number]:
                return _narrowed(segment, query, totals, found[0], order[number:], most)
        passages, scores = segment.gained(query, term)
        before = totals[passages]
        totals[passages] = before + scores
        new = passages[before == 0]
        found.append(new if allowed is None else new[allowed[new]])
        read += len(passages)
    met = np.concatenate([np.zeros(0, np.int32), *found])
    return Matches(segment, query, totals, (), *_top(met, totals[met], most))


def _narrowed(segment: Segment, query: Query, totals: Scores, met: Places, rest: Sequence[int], most: int) -> Matches:
    """Of the passages met, those that can still be among the best have the rest of the terms looked up."""
    left = float(query.bounds[list(rest)].sum())
    met = np.sort(met[totals[met] + left >= _SLACK * _least(totals[met], most)])
    scores = totals[met]
    for term in rest:
        kept = scores + left >= _SLACK * _least(scores, most)
        met, scores = met[kept], scores[kept]
        scores += segment.look_up(query, term, met)
        left -= float(query.bounds[term])
    return Matches(segment, query, totals, rest, *_top(met, scores, most))


def _least(scores: Scores, most: int) -> float:
    """The score of the last of the best `most`."""
    return float(np.partition(scores, len(scores) - most)[len(scores) - most]) if len(scores) >= most else 0.0


def _top(places: Places, scores: Scores, most: int) -> tuple[Places, Scores]:
    if len(places) <= most:
        return places, scores
    kept = np.argpartition(-scores, most)[:most]
    return places[kept], scores[kept]
