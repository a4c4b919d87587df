"""What each arm of a search finds, and all arms' scores of what any of them found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retriever.dense import NOTHING, Mask, joined
from retriever.fields import FIELDS
from retriever.fusion import Nearest, Scored, measured

if TYPE_CHECKING:
    from retriever.index import Index  # which searches by what is here

Terms = Mapping[str, float]
LEXICAL_ARMS = {name: name for name in FIELDS} | {"glossary": "words"}
"""Arm → the field that it searches."""
DENSE_ARMS = ("dense", "asked_dense")
CANDIDATES, ASKED_CANDIDATES = 200, 150
"""Passages of each arm, whose union is fused; and written questions, of which several lead to one passage."""

Masks = Sequence[Mask | None]
"""By segment, which passages may be found; nothing where all may."""


@dataclass(frozen=True)
class Candidates:
    """`places` (C,) in the index, in order; how the arms score them; whether questions were written for them (C,)."""

    places: NDArray[np.int64]
    scored: Scored
    expanded: NDArray[np.bool_]


def find(
    index: "Index", terms: Mapping[str, Terms], vector: NDArray[np.float32] | None, language: str, allowed: Mask | None
) -> Candidates:
    """The best of each arm that has `terms`, and of the dense ones.

    Without a `vector` (D,) there are no dense arms, without terms `dense` is alone. Of the questions written for
    passages, those in the `language` of this one are compared with it. `allowed` (N,): which may be found; nothing
    where all may.
    """
    arms = [(FIELDS.index(LEXICAL_ARMS[arm]), own) for arm, own in terms.items()]
    matches = index.lexical.match(arms, allowed)
    dense = dict(_dense(index, terms, vector, language, allowed))
    places = _union(len(index.alive), [matches.best(CANDIDATES), *(near.places for near in dense.values())])
    scored = measured(list(terms), matches.at(places), matches.bounds, dense, places)
    return Candidates(places, scored, index.expanded[places])


def _dense(
    index: "Index", terms: Mapping[str, Terms], vector: NDArray[np.float32] | None, language: str, allowed: Mask | None
) -> Iterator[tuple[str, Nearest]]:
    """By dense arm, what it found: nothing for a question that the model knows no word of."""
    if vector is None:
        return
    if not vector.any():
        yield from ((arm, NOTHING) for arm in (DENSE_ARMS if terms else DENSE_ARMS[:1]))
        return
    masks = [None] * len(index.segments) if allowed is None else np.split(allowed, index.offsets[1:-1])
    yield "dense", _nearest(index, vector, masks)
    if terms:
        yield "asked_dense", _nearest_asked(index, vector, language, masks)


def _nearest(index: "Index", vector: NDArray[np.float32], masks: Masks) -> Nearest:
    """The nearest passages of all segments."""
    found: list[Nearest] = []
    for segment, offset, mask in zip(index.segments, index.offsets, masks, strict=False):
        near = segment.dense.nearest(vector, mask, CANDIDATES)
        found.append(Nearest(offset + near.places, near.cosines))
    return joined(found, CANDIDATES)


def _nearest_asked(index: "Index", vector: NDArray[np.float32], language: str, masks: Masks) -> Nearest:
    """The passages that the nearest questions were written for."""
    found: list[Nearest] = []
    for segment, offset, mask in zip(index.segments, index.offsets, masks, strict=False):
        for asked in segment.asked_in(language):
            if not len(asked.askers):
                continue
            near = asked.vectors.nearest(vector, None if mask is None else mask[asked.askers], ASKED_CANDIDATES)
            found.append(Nearest(offset + asked.askers[near.places], near.cosines))
    return _best_of_each(joined(found, ASKED_CANDIDATES))


def _best_of_each(found: Nearest) -> Nearest:
    """Each place once, with its best cosine; they come sorted by place."""
    if not len(found.places):
        return NOTHING
    is_first = np.ones(len(found.places), bool)
    is_first[1:] = found.places[1:] != found.places[:-1]
    firsts = is_first.nonzero()[0]
    return Nearest(found.places[firsts], np.maximum.reduceat(found.cosines, firsts))


def _union(passages: int, found: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The places that any found, in the order of the index."""
    wanted = np.zeros(passages, bool)
    wanted[np.concatenate(found)] = True
    return wanted.nonzero()[0]
