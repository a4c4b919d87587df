"""A passage's terms as one sparse vector, and how often each occurs in all.

All five fields share a vector: a dimension is a hash of field and term, so that a query of one field meets no other's.
A value is what BM25 gives the term beside an average length that the store was made with; the query brings its
rarity and weight, and the inner product is the score. Two of ten million terms share a dimension with a probability of
one in 400: they count as one then.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from retriever.arms import LEXICAL_ARMS, Terms
from retriever.fields import FIELDS
from retriever.postings import K1, B

AVERAGE_LENGTHS = dict(zip(FIELDS, (93.2, 249.0, 28.4, 336.1, 1147.6), strict=True))
"""Terms a passage, as the shipped reports have them."""
SAMPLE = 100_000
"""Passages, roughly, whose terms a server counts: rarity is a logarithm, and a sample gives it as well."""
_MOST = 2**32 - 2
_NO_TERM = 0
"""A dimension that no term has: Milvus wants none empty."""

Sparse = dict[int, float]


@lru_cache(maxsize=65_536)
def dimension(field: str, term: str) -> int:
    digest = blake2b(term.encode(), digest_size=8, person=field.encode()[:16]).digest()
    return 1 + int.from_bytes(digest, "little") % (_MOST - 1)


def lengths_version() -> str:
    """For the store's versions."""
    return "/".join(map(str, AVERAGE_LENGTHS.values()))


def sparse_vector(fields: Mapping[str, Sequence[str]]) -> Sparse:
    """Of a passage's terms by field."""
    vector: Sparse = {}
    for field, terms in fields.items():
        norm = K1 * (1 - B + B * len(terms) / AVERAGE_LENGTHS[field])
        counts: dict[int, int] = {}
        for term in terms:
            place = dimension(field, term)
            counts[place] = counts.get(place, 0) + 1
        vector |= {place: count / (count + norm) for place, count in counts.items()}
    return vector or {_NO_TERM: 1.0}


@dataclass(frozen=True)
class Counts:
    """In how many of some passages each dimension occurs: sorted `dimensions` (T,) with `counts` (T,)."""

    dimensions: NDArray[np.uint32]
    counts: NDArray[np.uint32]
    passages: int

    def of(self, dimensions: NDArray[np.uint32]) -> NDArray[np.int64]:
        """(Q,) for those asked about."""
        if not len(self.dimensions):
            return np.zeros(len(dimensions), np.int64)
        at = np.minimum(self.dimensions.searchsorted(dimensions), len(self.dimensions) - 1)
        found: NDArray[np.int64] = self.counts[at].astype(np.int64) * (self.dimensions[at] == dimensions)
        return found


NONE = Counts(np.zeros(0, np.uint32), np.zeros(0, np.uint32), 0)


def count(vectors: Iterable[Sparse]) -> Counts:
    """Of some passages."""
    own = [np.fromiter(vector, np.uint32, len(vector)) for vector in vectors]
    found, counts = np.unique(np.concatenate([np.zeros(0, np.uint32), *own]), return_counts=True)
    return Counts(found, counts.astype(np.uint32), len(own))


def changed(counts: Counts, added: Sequence[Counts], removed: Sequence[Counts]) -> Counts:
    """With some documents more, and some less."""
    parts = [counts, *added, *removed]
    signs = [1] * (1 + len(added)) + [-1] * len(removed)
    whole, places = np.unique(np.concatenate([part.dimensions for part in parts]), return_inverse=True)
    totals = np.zeros(len(whole), np.int64)
    np.add.at(
        totals, places, np.concatenate([s * p.counts.astype(np.int64) for s, p in zip(signs, parts, strict=True)])
    )
    left = totals > 0
    return Counts(
        whole[left], totals[left].astype(np.uint32), sum(s * p.passages for s, p in zip(signs, parts, strict=True))
    )


def write_counts(counts: Counts) -> str:
    rows = np.stack([counts.dimensions, counts.counts]).astype("<u4")
    return f"{counts.passages} {base64.b85encode(rows.tobytes()).decode()}"


def read_counts(text: str) -> Counts:
    passages, body = text.split(" ", 1)
    rows = np.frombuffer(base64.b85decode(body), "<u4").reshape(2, -1)
    return Counts(rows[0].astype(np.uint32), rows[1].astype(np.uint32), int(passages))


@dataclass(frozen=True)
class Weighed:
    """An arm's query, and the bound that no passage can reach."""

    query: Sparse
    bound: float


def weigh(arm: str, terms: Terms, counts: Counts) -> Weighed:
    """BM25's inverse document frequency, as `lexical.Lexical.weigh` has it: of a sample where the counts are of one."""
    field = LEXICAL_ARMS[arm]
    dimensions = np.fromiter((dimension(field, term) for term in terms), np.uint32, len(terms))
    found = counts.of(dimensions)
    times = np.fromiter(terms.values(), np.float64, len(terms))
    weights = times * np.log1p((counts.passages - found + 0.5) / (found + 0.5))
    query: Sparse = {}
    for place, weight in zip(dimensions.tolist(), weights.tolist(), strict=True):
        query[place] = query.get(place, 0.0) + weight
    return Weighed(query, float(weights.sum()))
