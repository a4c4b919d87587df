"""BM25 added up by compiled code: NumPy goes eight times over postings that this goes over once.

Numba compiles it when it is imported, which takes a second: only a large index does. Read-only arrays are meant, as
files that are memory-mapped are. Places are taken as they are: the files are checked by their hashes when an index is
opened.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray


def _array(kind: Any, dimensions: int = 1, readonly: bool = True) -> Any:
    return types.Array(kind, dimensions, "C", readonly=readonly)


@njit(
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
    ),
    nogil=True,
)
def add_up(
    passages: NDArray[np.int32],
    frequencies: NDArray[np.uint16],
    norms: NDArray[np.float32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.float64],
    fields: NDArray[np.int64],
    arms: NDArray[np.int64],
    totals: NDArray[np.float32],
) -> None:
    """Add to `totals` (A, N) what each passage gains by the terms (Q,): see `lexical.Query`, `postings.gains`."""
    for term in range(len(starts)):
        weight, norm, total = np.float32(weights[term]), norms[fields[term]], totals[arms[term]]
        for place in range(starts[term], ends[term]):
            passage, frequency = passages[place], np.float32(frequencies[place])
            total[passage] += weight * (frequency / (frequency + norm[passage]))
