"""Vectors on the disk, and the nearest of them.

Few are compared one by one. Of many, FAISS keeps product-quantised codes (a byte for twelve dimensions) and runs over
all of them; the best are then compared by the vectors themselves, which stay on the disk. Clusters (IVF) find less in
the same time: vectors that are sums over tokens hardly cluster. Of written questions, of which there are a dozen for
each passage, a bit a dimension is run over instead where they aren't that many.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from retriever.fusion import Nearest

SOME, LARGE = 2_000, 30_000
"""Written questions from which on bits are run over; vectors of any kind from which on codes are kept."""
_TRAINED_ON = 50_000
_AT_ONCE = 50_000
NOTHING = Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32))

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sides:
    """Of `rows` (N, D), on which side of their mean each lies in each dimension: whoever lies on the same sides as a
    vector is probably near it (Charikar 2002). Those of 5,000 rows fit into the processor's cache, where the rows
    themselves would push out all else. Worked out when first needed."""

    spare: ClassVar = 2
    """Vectors that are looked at for each one wanted: bits don't have quite the right order."""
    rows: NDArray[np.float32]

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """(D,)."""
        mean: NDArray[np.float32] = self.rows.mean(axis=0)
        return mean

    @cached_property
    def _bits(self) -> NDArray[np.uint64]:
        """(D / 64, N)."""
        return np.ascontiguousarray(self._of(self.rows).T)

    def _of(self, rows: NDArray[np.float32]) -> NDArray[np.uint64]:
        """(N, D / 64)."""
        bits = np.zeros((len(rows), -(-len(self._mean) // 64) * 8), np.uint8)
        bits[:, : -(-len(self._mean) // 8)] = np.packbits(rows > self._mean, axis=1)
        return bits.view(np.uint64)

    def near(self, vector: NDArray[np.float32], count: int, allowed: Mask | None) -> NDArray[np.int64]:
        """At least `count` places, in order, of which those that are allowed are left."""
        differing = np.bitwise_count(self._bits ^ self._of(vector[None]).T).sum(axis=0, dtype=np.uint16)
        reach = np.partition(differing, count - 1)[count - 1]
        places: NDArray[np.int64] = (differing <= reach).nonzero()[0]
        return places if allowed is None else places[allowed[places]]

    @staticmethod
    def cosines_at(
        rows: NDArray[np.float32], places: NDArray[np.int64], vector: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return _cosines(rows.take(places, axis=0), vector)


@dataclass(frozen=True)
class Codes:
    """A FAISS `index`, and compiled code for the cosines of what it finds."""

    spare: ClassVar = 3
    """As in `Sides`."""
    index: Any
    cosines_at: Callable[[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]], NDArray[np.float32]]

    def near(self, vector: NDArray[np.float32], count: int, allowed: Mask | None) -> NDArray[np.int64]:
        """Some `count` places in order, so that the disk is read in order."""
        _, found = self.index.search(vector[None], count)
        places: NDArray[np.int64] = np.sort(found[0][found[0] >= 0])
        return places if allowed is None else places[allowed[places]]


@dataclass(frozen=True)
class Vectors:
    """`rows` (N, D) of length 1, memory-mapped; `codes` where there are many."""

    rows: NDArray[np.float32]
    codes: Codes | Sides | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimensions(self) -> int:
        return int(self.rows.shape[1])

    def nearest(self, vector: NDArray[np.float32], allowed: Mask | None, most: int) -> Nearest:
        """The best `most` rows for a vector (D,), in the order of their places, of those allowed (N,)."""
        if self.codes is None:
            return best(self._exact(vector, allowed), most)
        wanted = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if wanted <= self.codes.spare * most:
            return best(self._exact(vector, allowed), most)
        looked_at = most * self.codes.spare * len(self) // wanted
        while True:
            places = self.codes.near(vector, looked_at, allowed)
            if len(places) >= most or looked_at >= len(self):
                return best(Nearest(places, self.codes.cosines_at(self.rows, places, vector)), most)
            looked_at = min(4 * looked_at, len(self))  # what is allowed lies far from the question

    def _exact(self, vector: NDArray[np.float32], allowed: Mask | None) -> Nearest:
        if allowed is None:
            return Nearest(np.arange(len(self)), _cosines(self.rows, vector))
        places = np.flatnonzero(allowed)
        if 2 * len(places) < len(self):
            return Nearest(places, _cosines(self.rows[places], vector))
        return Nearest(places, _cosines(self.rows, vector)[places])  # to copy most rows would take longer


def _cosines(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row by row on this thread: a matrix product would wake BLAS's threads, which wait for cores that others use."""
    cosines: NDArray[np.float32] = np.vecdot(rows, vector)
    return cosines


def best(found: Nearest, most: int) -> Nearest:
    if len(found.places) <= most:
        return found
    kept = np.sort(np.argpartition(found.cosines, -most)[-most:])
    return Nearest(found.places[kept], found.cosines[kept])


def joined(found: Sequence[Nearest], most: int) -> Nearest:
    """The best of several, as if they had been searched as one."""
    parts = [part for part in found if len(part.places)]
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    return best(Nearest(np.concatenate([p.places for p in parts]), np.concatenate([p.cosines for p in parts])), most)


class VectorFile:
    """A .npy file that grows by batches of rows (n, D)."""

    def __init__(self, path: Path):
        self._path = path
        self._rows = 0
        path.touch()

    def append(self, vectors: NDArray[np.float32]) -> None:
        """NumPy leaves room in a header for more rows: the new one is as long as the one before."""
        self._rows += len(vectors)
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, vectors.shape[1])}
        with self._path.open("r+b") as file:
            npy.write_array_header_1_0(file, header)
            file.seek(0, os.SEEK_END)
            file.write(np.ascontiguousarray(vectors, np.float32).tobytes())


def write_codes(vectors: Path, codes: Path, large: int = LARGE) -> None:
    """Codes for the vectors of a file, where there are at least `large`."""
    rows = np.load(vectors, mmap_mode="r")
    if len(rows) < max(large, 1):
        return
    import faiss  # 0.1 s and 15 MB, which a small index needn't spend

    sample = np.random.default_rng(0).choice(len(rows), min(len(rows), _TRAINED_ON), replace=False)
    index: Any = faiss.index_factory(rows.shape[1], _kind(rows.shape[1]), faiss.METRIC_INNER_PRODUCT)
    turned: Any = faiss.downcast_VectorTransform(index.chain.at(0))
    turned.have_bias = False  # cosines are taken from 0, not from the mean
    coded: Any = faiss.downcast_index(index.index)
    coded.pq.cp.min_points_per_centroid = 1  # a small sample is meant
    index.train(np.asarray(rows[np.sort(sample)]))
    for start in range(0, len(rows), _AT_ONCE):
        index.add(np.asarray(rows[start : start + _AT_ONCE]))
    faiss.write_index(index, str(codes))


def _kind(dimensions: int) -> str:
    """Half of the dimensions, those in which vectors differ most, turned so that each tells as much; three to a code of
    four bits. Codes for four plain dimensions each are half as much again to run over, and find hardly more."""
    kept = dimensions // 6 * 3 or dimensions
    return f"PCAR{kept},PQ{kept // 3 or kept}x4fs"


def load_vectors(vectors: Path, codes: Path, sides: bool = False) -> Vectors:
    """`sides`: of vectors without codes, run over these."""
    rows = np.asarray(np.load(vectors, mmap_mode="r"))
    if not codes.exists():
        return Vectors(rows, Sides(rows) if sides and len(rows) >= SOME else None)
    import faiss

    from retriever.adding import cosines_at

    return Vectors(rows, Codes(faiss.read_index(str(codes)), cosines_at))
