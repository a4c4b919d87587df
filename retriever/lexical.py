"""BM25 over postings, the same in whichever segment a passage lies.

Document frequency and average length are taken over all segments when a query comes. No library at hand does
that, nor gives the exact score of any passage, which the fusion with the dense arm needs. Robertson & Zaragoza
2009; the variant is Lucene's. In a large segment most postings of common terms are never read: a passage that
has none of the rare terms can't come among the best (MaxScore, Turtle & Flood 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from retriever.postings import Postings, average_lengths, gains, hashes_of, norms

LARGE = 100_000
"""Passages of a segment from which on common terms are left for the candidates alone."""
_SLACK = 1 - 1e-5
"""Scores are sums of 32-bit numbers: one that seems just too low may not be."""

Scores = NDArray[np.float32]
Places = NDArray[np.int32]
Best = tuple[Places, Scores]
Mask = NDArray[np.bool_]
"""Of the passages that may be found."""

Arm = tuple[int, Mapping[str, float]]
"""The number of the field that it searches, and its terms with their weights."""


@dataclass(frozen=True)
class Query:
    """Terms of all arms in one segment (Q,), one arm's after another's: the numbers of `arms` and `fields`, where their
    postings lie, their weights, and what each can give at most. `count`: of the arms."""

    count: int
    arms: NDArray[np.int64]
    fields: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]
    bounds: NDArray[np.float64]


class Segment:
    """Postings with what their passages' lengths mean beside the averages of all segments."""

    def __init__(self, postings: Postings, averages: NDArray[np.float64]):
        self.postings = postings
        self.norms = norms(postings.lengths, averages)
        self._growth = np.maximum(1.0, averages / average_lengths([postings.lengths]))

    def __len__(self) -> int:
        return len(self.norms[0])

    def bounds(self, fields: NDArray[np.int64], peaks: NDArray[np.float32]) -> NDArray[np.float64]:
        """The most that terms can give at a weight of 1: with a greater average, norms shrink by its ratio at most."""
        most: NDArray[np.float64] = np.minimum(1.0, peaks * self._growth[fields])
        return most

    def totals(self, query: Query) -> Scores:
        """(A, N): every posting of every term in one go, since a NumPy call costs more than a short list."""
        counts = query.ends - query.starts
        ends = counts.cumsum()
        places = np.repeat(query.ends - ends, counts) + np.arange(counts.sum())
        passages = self.postings.passages[places]
        norm = self.norms.ravel()[np.repeat(query.fields * len(self), counts) + passages]
        gained = np.repeat(query.weights, counts) * gains(self.postings.frequencies[places], norm)
        rows = np.repeat(query.arms * len(self), counts)
        totals = np.bincount(rows + passages, gained, query.count * len(self))
        return totals.astype(np.float32).reshape(query.count, len(self))

    def gained(self, query: Query, term: int) -> tuple[Places, Scores]:
        """The passages that have a term, and what they gain by it."""
        here = slice(query.starts[term], query.ends[term])
        passages = self.postings.passages[here]
        tf = gains(self.postings.frequencies[here], self.norms[query.fields[term]][passages])
        return passages, tf * np.float32(query.weights[term])

    def look_up(self, query: Query, term: int, places: Places) -> Scores:
        """What passages at sorted places (C,) gain by a term."""
        start, end = int(query.starts[term]), int(query.ends[term])
        passages, norm = self.postings.passages[start:end], self.norms[query.fields[term]]
        if len(passages) < len(places):
            scores = np.zeros(len(places), np.float32)
            at = np.minimum(places.searchsorted(passages), len(places) - 1)
            there = places[at] == passages
            tf = gains(self.postings.frequencies[start:end][there], norm[passages[there]])
            scores[at[there]] = tf * np.float32(query.weights[term])
            return scores
        at = np.minimum(passages.searchsorted(places), len(passages) - 1)
        tf = self.postings.frequencies[start:end][at] * (passages[at] == places)
        return gains(tf, norm[places]) * np.float32(query.weights[term])


@dataclass(frozen=True)
class Matches:
    """In one segment, by arm. `totals` (A, N): scores over the terms that were added up; `rest`: the others; `best`:
    the best passages with their scores."""

    segment: Segment
    query: Query
    totals: Scores
    rest: Sequence[Sequence[int]]
    best: Sequence[Best]

    def at(self, places: Places) -> Scores:
        """(A, C): the scores of passages at sorted places (C,)."""
        scores: Scores = self.totals[:, places]
        for own, rest in zip(scores, self.rest, strict=True):
            for term in rest:
                own += self.segment.look_up(self.query, term, places)
        return scores


class Lexical:
    """The postings of all segments."""

    def __init__(self, postings: Sequence[Postings]):
        averages = average_lengths([p.lengths for p in postings])
        self.segments = [Segment(p, averages) for p in postings]
        self.passages = sum(map(len, self.segments))

    def weigh(self, arms: Sequence[Arm]) -> tuple[list[Query], NDArray[np.float64]]:
        """Weighted terms as each segment has them, and by arm the bound that no passage can reach."""
        numbers = np.repeat(np.arange(len(arms)), [len(terms) for _, terms in arms])
        fields = np.asarray([field for field, _ in arms], np.int64)[numbers]
        hashes = hashes_of(chain.from_iterable(terms for _, terms in arms), fields)
        times = np.fromiter(chain.from_iterable(terms.values() for _, terms in arms), np.float64, len(fields))
        found = [segment.postings.find(hashes) for segment in self.segments]
        frequencies = sum((ends - starts for starts, ends, _ in found), np.zeros(len(fields), np.int64))
        weights = times * np.log1p((self.passages - frequencies + 0.5) / (frequencies + 0.5))
        queries = [
            Query(len(arms), numbers, fields, starts, ends, weights, weights * segment.bounds(fields, peaks))
            for segment, (starts, ends, peaks) in zip(self.segments, found, strict=True)
        ]
        return queries, np.bincount(numbers, weights, len(arms)).astype(np.float64)

    def match(
        self, arms: Sequence[Arm], allowed: Sequence[Mask | None], most: int
    ) -> tuple[list[Matches], NDArray[np.float64]]:
        """By segment, the best `most` of the allowed passages of each arm; and each arm's bound."""
        queries, bounds = self.weigh(arms)
        pairs = zip(self.segments, queries, allowed, strict=True)
        return [
            (_the_rare(s, query, mask, most) if len(s) >= LARGE else _all(s, query, mask, most))
            for s, query, mask in pairs
        ], bounds


def score_all(segments: Sequence[Postings], arms: Sequence[Arm]) -> tuple[Scores, NDArray[np.float64]]:
    """BM25 of every passage for each arm, and the bounds (A,) that no passage can reach.

    The scores stand as the segments' passages do, one after the other: (A, N), 0 where no term occurs.
    """
    lexical = Lexical(segments)
    queries, bounds = lexical.weigh(arms)
    scores = [segment.totals(query) for segment, query in zip(lexical.segments, queries, strict=True)]
    return np.concatenate([np.zeros((len(arms), 0), np.float32), *scores], axis=1), bounds


def _all(segment: Segment, query: Query, allowed: Mask | None, most: int) -> Matches:
    """Every posting of every term."""
    totals = segment.totals(query)
    found = [np.flatnonzero(own if allowed is None else own * allowed).astype(np.int32) for own in totals]
    best = [_top(places, own[places], most) for own, places in zip(totals, found, strict=True)]
    return Matches(segment, query, totals, [()] * len(totals), best)


def _the_rare(segment: Segment, query: Query, allowed: Mask | None, most: int) -> Matches:
    """Of each arm, as many terms as tell the best."""
    totals = np.zeros((query.count, len(segment)), np.float32)
    found = [
        _the_rare_of(segment, query, np.flatnonzero(query.arms == arm), own, allowed, most)
        for arm, own in enumerate(totals)
    ]
    return Matches(segment, query, totals, [rest for rest, _ in found], [best for _, best in found])


def _the_rare_of(
    segment: Segment, query: Query, terms: NDArray[np.intp], totals: Scores, allowed: Mask | None, most: int
) -> tuple[Sequence[int], Best]:
    """The terms of an arm are added up in `totals` (N,), those that can give most first, until what is left can't
    bring in another passage. The terms that were left, and the best."""
    terms = terms[query.starts[terms] < query.ends[terms]]
    order = terms[np.argsort(-query.bounds[terms])].tolist()
    left = query.bounds[order][::-1].cumsum()[::-1]
    found: list[Places] = []
    read = tested = 0
    for number, term in enumerate(order):
        if read >= 2 * tested and read > most:  # a test costs about as much as reading
            tested, found = read, [np.concatenate(found)]
            if _SLACK * _least(totals[found[0]], most) > left[number]:
                return order[number:], _narrowed(segment, query, totals, found[0], order[number:], most)
        passages, scores = segment.gained(query, term)
        before = totals[passages]
        totals[passages] = before + scores
        new = passages[before == 0]
        found.append(new if allowed is None else new[allowed[new]])
        read += len(passages)
    met = np.concatenate([np.zeros(0, np.int32), *found])
    return (), _top(met, totals[met], most)


def _narrowed(segment: Segment, query: Query, totals: Scores, met: Places, rest: Sequence[int], most: int) -> Best:
    """Of the passages met, those that can still be among the best have the rest of the terms looked up."""
    left = float(query.bounds[list(rest)].sum())
    met = np.sort(met[totals[met] + left >= _SLACK * _least(totals[met], most)])
    scores = totals[met]
    for term in rest:
        kept = scores + left >= _SLACK * _least(scores, most)
        met, scores = met[kept], scores[kept]
        scores += segment.look_up(query, term, met)
        left -= float(query.bounds[term])
    return _top(met, scores, most)


def _least(scores: Scores, most: int) -> float:
    """The score of the last of the best `most`."""
    return float(np.partition(scores, len(scores) - most)[len(scores) - most]) if len(scores) >= most else 0.0


def _top(places: Places, scores: Scores, most: int) -> Best:
    if len(places) <= most:
        return places, scores
    kept = np.argpartition(-scores, most)[:most]
    return places[kept], scores[kept]
