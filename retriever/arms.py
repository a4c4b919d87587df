"""What each arm of a search finds, and all arms' scores of what any of them found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retriever.dense import NOTHING, Mask, joined
from retriever.fields import FIELDS
from retriever.fusion import Nearest, Scores, dense_features, lexical_features
from retriever.lexical import Matches

if TYPE_CHECKING:
    from retriever.index import Index  # which searches by what is here

Terms = Mapping[str, float]
LEXICAL_ARMS = {name: name for name in FIELDS} | {"glossary": "words"}
"""Arm → the field that it searches."""
DENSE_ARMS = ("dense", "asked_dense")
CANDIDATES, ASKED_CANDIDATES = 400, 300
"""Passages of each arm, whose union is fused; and written questions, of which several lead to one passage."""

Masks = Sequence[Mask | None]
"""By segment, which passages may be found; nothing where all may."""


@dataclass(frozen=True)
class Candidates:
    """`places` (C,) in the index; by arm, their `raw` scores; by feature, what fusion weighs; `expanded`: whether
    questions were written for them. All (C,)."""

    places: NDArray[np.int64]
    raw: Mapping[str, Scores]
    features: Mapping[str, Scores]
    expanded: NDArray[np.bool_]


def find(
    index: "Index", terms: Mapping[str, Terms], vector: NDArray[np.float32] | None, language: str, allowed: Mask
) -> Candidates:
    """The best of each arm that has `terms`, and of the dense ones.

    Without a `vector` (D,) there are no dense arms, without terms `dense` is alone. Of the questions written for
    passages, those in the `language` of this one are compared with it. `allowed` (N,): see `Masks`.
    """
    masks = [None if own.all() else own for own in np.split(allowed, index.offsets[1:-1])]
    arms = [(FIELDS.index(LEXICAL_ARMS[arm]), own) for arm, own in terms.items()]
    matches, bounds = index.lexical.match(arms, masks, CANDIDATES)
    dense = {} if vector is None else {"dense": _nearest(index, vector, masks)}
    if vector is not None and terms:
        dense["asked_dense"] = _nearest_asked(index, vector, language, masks)
    places = _union(index, matches, dense.values())
    borders = places.searchsorted(index.offsets)
    own_places = [
        (places[start:end] - offset).astype(np.int32)
        for start, end, offset in zip(borders, borders[1:], index.offsets, strict=False)
    ]
    scores = np.concatenate([part.at(mine) for part, mine in zip(matches, own_places, strict=True)], axis=1)
    raw: dict[str, Scores] = dict(zip(terms, scores, strict=True))
    features = lexical_features(list(terms), scores, bounds)
    for arm, found in dense.items():
        raw[arm], own_features = dense_features(arm, found, places)
        features |= own_features
    return Candidates(places, raw, features, index.expanded[places])


def _nearest(index: "Index", vector: NDArray[np.float32], masks: Masks) -> Nearest:
    """The nearest passages of all segments; nothing for a question that the model knows no word of."""
    found: list[Nearest] = []
    for segment, offset, mask in zip(index.segments, index.offsets, masks, strict=False) if vector.any() else ():
        near = segment.dense.nearest(vector, mask, CANDIDATES)
        found.append(Nearest(offset + near.places, near.cosines))
    return joined(found, CANDIDATES)


def _nearest_asked(index: "Index", vector: NDArray[np.float32], language: str, masks: Masks) -> Nearest:
    """The passages that the nearest questions were written for."""
    found: list[Nearest] = []
    for segment, offset, mask in zip(index.segments, index.offsets, masks, strict=False) if vector.any() else ():
        for asked in segment.asked_in(language):
            near = asked.vectors.nearest(vector, None if mask is None else mask[asked.askers], ASKED_CANDIDATES)
            found.append(Nearest(offset + asked.askers[near.places], near.cosines))
    return _best_of_each(joined(found, ASKED_CANDIDATES))


def _best_of_each(found: Nearest) -> Nearest:
    """Each place once, with its best cosine; they come sorted by place."""
    if not len(found.places):
        return NOTHING
    firsts = np.flatnonzero(np.concatenate([[True], found.places[1:] != found.places[:-1]]))
    return Nearest(found.places[firsts], np.maximum.reduceat(found.cosines, firsts))


def _union(index: "Index", lexical: Sequence[Matches], dense: Iterable[Nearest]) -> NDArray[np.int64]:
    """The places of the best of each arm, in the order of the index."""
    wanted = np.zeros(len(index.alive), bool)
    for of_arm in zip(*(matches.best for matches in lexical), strict=True):
        parts = [Nearest(o + best, scores) for (best, scores), o in zip(of_arm, index.offsets, strict=False)]
        wanted[joined(parts, CANDIDATES).places] = True
    for found in dense:
        wanted[found.places] = True
    return np.flatnonzero(wanted)
