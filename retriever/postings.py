"""An inverted file that is plain arrays: memory-mapped, immutable, one a segment for all its fields.

A term is known with its field: the same word in a text and in a heading are two terms. The file is made of runs, a
batch of passages each, which wait on the disk until all of them are there: a million passages never lie in memory.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

K1 = 1.2
B = 0.6
"""Of BM25."""
_ARRAYS = ("terms", "starts", "passages", "frequencies", "lengths")
_HASHES_IN_MEMORY = 65536
_FIELD_BITS = 3
"""Of a term's 64, the first: a field's terms lie together."""


@dataclass(frozen=True)
class Postings:
    """Postings of one segment.

    `terms` (T,) sorted (see `hashes_of`); `starts` (T + 1,) where each term's postings begin in `passages` (sorted
    for each term) and `frequencies` (P,); `lengths` (F, N) terms of each field of a passage.
    """

    terms: NDArray[np.uint64]
    starts: NDArray[np.int64]
    passages: NDArray[np.int32]
    frequencies: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each hash (Q,), where its postings begin and end; an unknown one has none."""
        if not len(self.terms):
            nothing = np.zeros(len(hashes), np.int64)
            return nothing, nothing
        places = np.minimum(self.terms.searchsorted(hashes), len(self.terms) - 1)
        known = self.terms[places] == hashes
        starts = self.starts[places]
        return starts, np.where(known, self.starts[places + 1], starts)

    def frequency(self, term: str, field: int = 0, aside: Sequence[int] = ()) -> int:
        """In how many passages a term occurs in a field; those at the places `aside` don't count."""
        (start,), (end,) = self.find(hashes_of([term], field))
        found = self.passages[start:end]
        return len(found) - (int(np.isin(found, aside).sum()) if aside else 0)


class Run(NamedTuple):
    """Postings of one field of some passages, numbered from 0: `counts` (T,) for each of the sorted `terms` (T,)."""

    terms: NDArray[np.uint64]
    counts: NDArray[np.int64]
    passages: NDArray[np.int32]
    frequencies: NDArray[np.uint16]
    lengths: NDArray[np.int32]


class _Hashes(dict[str, int]):
    """By term, 64 bits of BLAKE2b. A plain dictionary tells them in half the time of a cache that knows what was asked
    for last; when it is full it begins anew."""

    def __missing__(self, term: str) -> int:
        if len(self) >= _HASHES_IN_MEMORY:
            self.clear()
        self[term] = found = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")
        return found


_hashes = _Hashes()


def hashes_of(terms: Collection[str], fields: int | NDArray[np.intp] = 0) -> NDArray[np.uint64]:
    """(T,): the number of each term's field, of 8 at most, then 61 bits of BLAKE2b.

    Two of a field's million terms meet with a probability of 2 in 10^7.
    """
    return in_fields(without_field(terms), fields)


def without_field(terms: Collection[str]) -> NDArray[np.uint64]:
    """(T,): 64 bits of BLAKE2b of each term."""
    return np.fromiter(map(_hashes.__getitem__, terms), np.uint64, len(terms))


def in_fields(hashes: NDArray[np.uint64], fields: int | NDArray[np.intp]) -> NDArray[np.uint64]:
    """See `hashes_of`."""
    return np.asarray(fields, np.uint64) << np.uint64(64 - _FIELD_BITS) | hashes >> np.uint64(_FIELD_BITS)


def invert(field: int, passages: Sequence[Sequence[str]]) -> Run:
    """`passages[i]`: the terms of the field of passage i."""
    lengths = np.fromiter(map(len, passages), np.int32, len(passages))
    different: dict[str, int] = {}
    numbers = np.fromiter((different.setdefault(t, len(different)) for own in passages for t in own), np.int64)
    terms, places = np.unique(hashes_of(different, field), return_inverse=True)
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


def build_postings(*fields: Sequence[Sequence[str]]) -> Postings:
    """In memory. `fields[f][i]`: the terms of field f of passage i."""
    runs = [invert(field, passages) for field, passages in enumerate(fields)]
    terms, counts, passages, frequencies = (np.concatenate(column) for column in list(zip(*runs, strict=True))[:4])
    lengths = np.stack([run.lengths for run in runs])
    starts = np.append(0, counts.cumsum())
    return Postings(terms, starts, passages, frequencies, lengths)


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


def write_postings(fields: Sequence[Iterable[Run]], folder: Path) -> None:
    """Put the runs of each field together, which are gone through three times: no more than one lies in memory."""
    folder.mkdir(parents=True)
    terms, counts, lengths = zip(*map(_counted, fields), strict=True)
    starts = np.append(0, np.concatenate(counts).cumsum())
    for name, kind in (("passages", np.int32), ("frequencies", np.uint16)):
        open_memmap(folder / f"{name}.npy", "w+", kind, (int(starts[-1]),))
    first = 0
    for runs, own in zip(fields, terms, strict=True):
        _place(runs, own, starts[first : first + len(own) + 1], folder)
        first += len(own)
    whole = {"terms": np.concatenate(terms), "starts": starts}
    for name, array in (whole | {"lengths": np.stack(lengths)}).items():
        np.save(folder / f"{name}.npy", array)


def _counted(runs: Iterable[Run]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32]]:
    """A field's terms (T,), how many postings each has (T,), and its lengths (N,)."""
    terms = np.unique(np.concatenate([np.zeros(0, np.uint64), *(run.terms for run in runs)]))
    counts = np.zeros(len(terms), np.int64)
    lengths = [np.zeros(0, np.int32)]
    for run in runs:
        counts[terms.searchsorted(run.terms)] += run.counts
        lengths.append(run.lengths)
    return terms, counts, np.concatenate(lengths)


def _place(runs: Iterable[Run], terms: NDArray[np.uint64], starts: NDArray[np.int64], folder: Path) -> None:
    """Write each posting of a field to its place in the files."""
    passages = np.load(folder / "passages.npy", mmap_mode="r+")
    frequencies = np.load(folder / "frequencies.npy", mmap_mode="r+")
    free, first = starts[:-1].copy(), 0
    for run in runs:
        own = terms.searchsorted(run.terms)
        places = np.repeat(free[own] - (run.counts.cumsum() - run.counts), run.counts) + np.arange(len(run.passages))
        passages[places] = run.passages + first
        frequencies[places] = run.frequencies
        free[own] += run.counts
        first += len(run.lengths)
    passages.flush()
    frequencies.flush()


def load_postings(folder: Path) -> Postings:
    """Memory-mapped, but as plain arrays: `memmap` itself makes each small slice five times dearer."""
    return Postings(*(np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS))


def average_lengths(lengths: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """(F,): of each field, over all passages of all segments; 1 where it has no terms at all."""
    terms = sum(own.sum(axis=1, dtype=np.int64) for own in lengths)
    averages = np.asarray(terms / max(1, sum(own.shape[1] for own in lengths)))
    return np.where(averages > 0, averages, 1.0)


def norms(lengths: NDArray[np.int32], averages: NDArray[np.float64]) -> NDArray[np.float32]:
    """(F, N): what BM25 adds to a term's frequency in each field of each passage."""
    return (K1 * (1 - B + B * lengths / averages[:, None])).astype(np.float32)


def gains(postings: Postings, norms: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P,): what a passage gains by each posting of a term of weight 1. Lucene's variant: no k1 + 1 in the numerator.

    `norms` (F, N): see `norms`.
    """
    fields = np.repeat(postings.terms >> np.uint64(64 - _FIELD_BITS), np.diff(postings.starts))
    tf = postings.frequencies.astype(np.float32)
    gained: NDArray[np.float32] = tf / (tf + norms[fields.astype(np.intp), postings.passages])
    return gained
