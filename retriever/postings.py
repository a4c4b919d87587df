"""Inverted files that are plain arrays: memory-mapped, immutable, one set a field of a segment.

They are made of runs, a batch of passages each, which wait on the disk until all of them are there: a million
passages never lie in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

K1 = 1.2
B = 0.6
"""Of BM25; the index knows them, since they are in each term's peak."""
_ARRAYS = ("terms", "starts", "peaks", "passages", "frequencies", "lengths")
_AT_ONCE = 4_000_000
"""Postings whose peaks are worked out in one go."""


@dataclass(frozen=True)
class Postings:
    """Postings of one field of one segment.

    `terms` (T,) sorted 64-bit hashes; `starts` (T + 1,) where each term's postings begin in `passages` (sorted
    for each term) and `frequencies` (P,); `peaks` (T,) the most that a passage of the segment can gain by the term, at
    a weight of 1 and the segment's own average length; `lengths` (N,) terms a passage.
    """

    terms: NDArray[np.uint64]
    starts: NDArray[np.int64]
    peaks: NDArray[np.float32]
    passages: NDArray[np.int32]
    frequencies: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """For each hash (Q,), where its postings begin and end, and its peak; an unknown one has none."""
        if not len(self.terms):
            nothing = np.zeros(len(hashes), np.int64)
            return nothing, nothing, np.zeros(len(hashes), np.float32)
        places = np.minimum(self.terms.searchsorted(hashes), len(self.terms) - 1)
        known = self.terms[places] == hashes
        starts = self.starts[places]
        return starts, np.where(known, self.starts[places + 1], starts), self.peaks[places] * known

    def frequency(self, term: str, aside: Sequence[int] = ()) -> int:
        """In how many passages a term occurs; those at the places `aside` don't count."""
        place = int(self.terms.searchsorted(np.uint64(term_hash(term))))
        if place == len(self.terms) or int(self.terms[place]) != term_hash(term):
            return 0
        found = self.passages[self.starts[place] : self.starts[place + 1]]
        return len(found) - (int(np.isin(found, aside).sum()) if aside else 0)


class Run(NamedTuple):
    """Postings of some passages, numbered from 0: `counts` (T,) of them for each of the sorted `terms` (T,)."""

    terms: NDArray[np.uint64]
    counts: NDArray[np.int64]
    passages: NDArray[np.int32]
    frequencies: NDArray[np.uint16]
    lengths: NDArray[np.int32]


@lru_cache(maxsize=65536)
def term_hash(term: str) -> int:
    """64 bits of BLAKE2b: two of a million terms meet with a probability of 3 in 10^8."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def hashes_of(terms: Iterable[str]) -> NDArray[np.uint64]:
    return np.fromiter(map(term_hash, terms), np.uint64)


def invert(passages: Sequence[Sequence[str]]) -> Run:
    """`passages[i]`: the terms of passage i."""
    lengths = np.fromiter(map(len, passages), np.int32, len(passages))
    different: dict[str, int] = {}
    numbers = np.fromiter((different.setdefault(t, len(different)) for own in passages for t in own), np.int64)
    terms, places = np.unique(hashes_of(different), return_inverse=True)
    many = max(1, len(passages))
    keys, frequencies = np.unique(
        places[numbers] * many + np.repeat(np.arange(len(passages)), lengths), return_counts=True
    )
    return Run(
        terms,
        np.bincount(keys // many, minlength=len(terms)),
        (keys % many).astype(np.int32),
        frequencies.clip(max=np.iinfo(np.uint16).max).astype(np.uint16),  # at that many BM25 has long been level
        lengths,
    )


def build_postings(passages: Sequence[Sequence[str]]) -> Postings:
    """In memory. `passages[i]`: the terms of passage i."""
    run = invert(passages)
    starts = np.append(0, run.counts.cumsum())
    peaks = _peaks(starts, run.passages, run.frequencies, norms(run.lengths, average_length([run.lengths])))
    return Postings(run.terms, starts, peaks, run.passages, run.frequencies, run.lengths)


class Spool:
    """Runs on the disk, in the order of their passages; read as often as one likes."""

    def __init__(self, path: Path):
        self._path = path
        path.touch()

    def append(self, run: Run) -> None:
        with self._path.open("ab") as file:
            for array in run:
                np.save(file, array)

    def __iter__(self) -> Iterator[Run]:
        with self._path.open("rb") as file:
            while file.peek(1):
                yield Run(*(np.load(file) for _ in Run._fields))

    def remove(self) -> None:
        self._path.unlink()


def write_postings(runs: Iterable[Run], folder: Path) -> None:
    """Put runs together, which are gone through three times: each posting goes straight to its place in the file."""
    folder.mkdir(parents=True)
    terms = np.unique(np.concatenate([np.zeros(0, np.uint64), *(run.terms for run in runs)]))
    counts = np.zeros(len(terms), np.int64)
    lengths = [np.zeros(0, np.int32)]
    for run in runs:
        counts[terms.searchsorted(run.terms)] += run.counts
        lengths.append(run.lengths)
    starts = np.append(0, counts.cumsum())
    passages = open_memmap(folder / "passages.npy", "w+", np.int32, (int(starts[-1]),))
    frequencies = open_memmap(folder / "frequencies.npy", "w+", np.uint16, (int(starts[-1]),))
    free, first = starts[:-1].copy(), 0
    for run in runs:
        own = terms.searchsorted(run.terms)
        places = np.repeat(free[own] - (run.counts.cumsum() - run.counts), run.counts) + np.arange(len(run.passages))
        passages[places] = run.passages + first
        frequencies[places] = run.frequencies
        free[own] += run.counts
        first += len(run.lengths)
    whole = np.concatenate(lengths)
    peaks = _peaks(starts, passages, frequencies, norms(whole, average_length([whole])))
    for name, array in (("terms", terms), ("starts", starts), ("peaks", peaks), ("lengths", whole)):
        np.save(folder / f"{name}.npy", array)
    passages.flush()
    frequencies.flush()


def _peaks(
    starts: NDArray[np.int64], passages: NDArray[np.int32], frequencies: NDArray[np.uint16], norm: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(T,): for each term, the highest gain of any of its passages."""
    peaks = [np.zeros(0, np.float32)]
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(starts.searchsorted(starts[first] + _AT_ONCE, side="right")) - 1)
        here = slice(int(starts[first]), int(starts[last]))
        gained = gains(frequencies[here], norm[passages[here]])
        peaks.append(np.maximum.reduceat(gained, starts[first:last] - starts[first]))
        first = last
    return np.concatenate(peaks)


def load_postings(folder: Path) -> Postings:
    """Memory-mapped, but as plain arrays: `memmap` itself makes each small slice five times dearer."""
    return Postings(*(np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS))


def average_length(lengths: Sequence[NDArray[np.int32]]) -> float:
    """Of all passages of all segments; 1 where there are no terms at all."""
    return sum(int(n.sum(dtype=np.int64)) for n in lengths) / max(1, sum(map(len, lengths))) or 1.0


def norms(lengths: NDArray[np.int32], average: float) -> NDArray[np.float32]:
    """What BM25 adds to a term's frequency in each passage (N,)."""
    return (K1 * (1 - B + B * lengths / average)).astype(np.float32)


def gains(frequencies: NDArray[np.uint16], norm: NDArray[np.float32]) -> NDArray[np.float32]:
    """What passages gain by a term of weight 1: Lucene's variant, no k1 + 1 in the numerator."""
    tf = frequencies.astype(np.float32)
    gained: NDArray[np.float32] = tf / (tf + norm)
    return gained
