"""BM25 over inverted files that are plain arrays: memory-mapped, immutable, one set a segment.

Document frequency and average length are taken over all segments when a query comes, so a passage
scores the same whichever segment it lies in. No library at hand does that, nor gives the exact score
of every passage, which the fusion with the dense arm needs. Robertson & Zaragoza 2009; the variant is
Lucene's (no k1 + 1 in the numerator).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log1p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

K1 = 1.2
B = 0.6
_ARRAYS = ("terms", "starts", "passages", "frequencies", "lengths")


@dataclass(frozen=True)
class Postings:
    """Postings of one field of one segment.

    `terms` (T,) sorted 64-bit hashes; `starts` (T + 1,) where each term's postings begin in `passages`
    and `frequencies` (P,); `lengths` (N,) terms a passage.
    """

    terms: NDArray[np.uint64]
    starts: NDArray[np.int64]
    passages: NDArray[np.int32]
    frequencies: NDArray[np.float32]
    lengths: NDArray[np.int32]

    def of(self, term: int) -> slice:
        place = int(self.terms.searchsorted(np.uint64(term)))
        if place == len(self.terms) or int(self.terms[place]) != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))

    def frequency(self, term: str, aside: Sequence[int] = ()) -> int:
        """In how many passages a term occurs; those at the places `aside` don't count."""
        found = self.of(term_hash(term))
        return int(found.stop - found.start) - (int(np.isin(self.passages[found], aside).sum()) if aside else 0)


@lru_cache(maxsize=16384)
def term_hash(term: str) -> int:
    """64 bits of BLAKE2b: two of a million terms meet with a probability of 3 in 10^8."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def build_postings(passages: Sequence[Iterable[str]]) -> Postings:
    """`passages[i]`: the terms of passage i."""
    counts = [Counter(terms) for terms in passages]
    hashes = {term: term_hash(term) for count in counts for term in count}
    terms = np.fromiter((hashes[t] for c in counts for t in c), np.uint64)
    numbers = np.repeat(np.arange(len(counts), dtype=np.int32), [len(c) for c in counts])
    frequencies = np.fromiter((n for c in counts for n in c.values()), np.float32)
    order = np.argsort(terms, kind="stable")
    unique, first = np.unique(terms[order], return_index=True)
    return Postings(
        unique,
        np.append(first, len(order)).astype(np.int64),
        numbers[order],
        frequencies[order],
        np.fromiter((c.total() for c in counts), np.int32, len(counts)),
    )


def save_postings(postings: Postings, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(postings, name))


def load_postings(folder: Path) -> Postings:
    """Memory-mapped, but as plain arrays: `memmap` itself makes each small slice five times dearer."""
    return Postings(*(np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS))


def score_all(segments: Sequence[Postings], terms: Mapping[str, float]) -> tuple[NDArray[np.float32], float]:
    """BM25 of every passage for weighted terms, and the bound that no passage can reach.

    The scores stand as the segments' passages do, one after the other: (N,), 0 where no term occurs.
    """
    lengths = [segment.lengths for segment in segments]
    total = sum(len(n) for n in lengths)
    average = sum(int(n.sum()) for n in lengths) / max(1, total) or 1.0
    ids = [term_hash(term) for term in terms]
    found = [[segment.of(term) for term in ids] for segment in segments]
    frequencies = [sum(place.stop - place.start for place in places) for places in zip(*found, strict=True)]
    weights = [
        times * log1p((total - frequency + 0.5) / (frequency + 0.5))
        for times, frequency in zip(terms.values(), frequencies or [0] * len(ids), strict=True)
    ]
    scores = [_scores(segment, places, weights, average) for segment, places in zip(segments, found, strict=True)]
    return np.concatenate(scores) if scores else np.zeros(0, np.float32), sum(weights)


def _scores(
    segment: Postings, places: Sequence[slice], weights: Sequence[float], average: float
) -> NDArray[np.float32]:
    """(N,) of one segment: all postings of all terms in one go, since a NumPy call costs more than a short list."""
    if not places:
        return np.zeros(len(segment.lengths), np.float32)
    passages = np.concatenate([segment.passages[place] for place in places])
    tf = np.concatenate([segment.frequencies[place] for place in places])
    weight = np.repeat(weights, [place.stop - place.start for place in places])
    norm = K1 * (1 - B + B * segment.lengths[passages] / average)
    return np.bincount(passages, weight * tf / (tf + norm), len(segment.lengths)).astype(np.float32)
