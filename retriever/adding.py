"""What a large index adds up, compiled: BM25 over postings, which NumPy goes over eight times, and cosines of rows here
and there, which NumPy would copy first.

Numba compiles it when it is imported, which takes a second: only a large index does. Read-only arrays are meant, as
files that are memory-mapped are. Places are taken as they are, unsigned, so that none is looked at twice: the files are
checked by their hashes when an index is opened.
"""

from functools import partial
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray


def _array(kind: Any, dimensions: int = 1, readonly: bool = True) -> Any:
    return types.Array(kind, dimensions, "C", readonly=readonly)


# sums in any order, and no look at each divisor: a frequency is never 0
_compiled = partial(njit, nogil=True, fastmath=True, error_model="numpy")


@_compiled(
    types.void(
        _array(types.int32),
        _array(types.uint16),
        _array(types.float32, 2),
        _array(types.int64),
        _array(types.int64),
        _array(types.float64),
        _array(types.int64),
        _array(types.int64),
        _array(types.float32, 2, readonly=False),
        types.int64,
    )
)
def add_up(
    passages: NDArray[np.int32],
    frequencies: NDArray[np.uint16],
    norms: NDArray[np.float32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.float64],
    fields: NDArray[np.int64],
    rows: NDArray[np.int64],
    totals: NDArray[np.float32],
    first: int,
) -> None:
    """Add to `totals` (A, N), from the passage `first` on, what each one gains by the terms (Q,): see `lexical.Query`,
    `postings.gains`."""
    for term in range(len(starts)):
        weight, norm, total = np.float32(weights[term]), norms[fields[term]], totals[rows[term]][first:]
        for place in range(np.uint64(starts[term]), np.uint64(ends[term])):
            passage, frequency = np.uint32(passages[place]), np.float32(frequencies[place])
            total[passage] += weight * (frequency / (frequency + norm[passage]))


@_compiled(types.float32[:](_array(types.float32, 2), _array(types.int64), _array(types.float32)))
def cosines_at(
    rows: NDArray[np.float32], places: NDArray[np.int64], vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(C,): of the rows (N, D) at some places (C,) with a vector (D,), all of length 1."""
    cosines = np.empty(len(places), np.float32)
    for i in range(len(places)):
        row, total = rows[np.uint64(places[i])], np.float32(0)
        for d in range(len(vector)):
            total += row[d] * vector[d]
        cosines[i] = total
    return cosines
