"""What each arm of a search finds, and all arms' scores of what any of them found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retriever.dense import NOTHING, Mask, joined
from retriever.fields import FIELDS
from retriever.fusion import Nearest, Scores, apart, dense_features, lexical_features
from retriever.lexical import Matches

if TYPE_CHECKING:
    from retriever.index import Index  # which searches by what is here

Terms = Mapping[str, float]
LEXICAL_ARMS = {name: name for name in FIELDS} | {"glossary": "words"}
"""Arm → the field that it searches."""
DENSE_ARMS = ("dense", "asked_dense")
CANDIDATES = 1000
"""Of each arm; their union is fused."""

Masks = Sequence[Mask | None]
"""By segment, which passages may be found; nothing where all may."""


@dataclass(frozen=True)
class Candidates:
    """`places` (C,) in the index; by arm, their `raw` scores; by feature, what fusion weighs. All (C,)."""

    places: NDArray[np.int64]
    raw: Mapping[str, Scores]
    features: Mapping[str, Scores]


def find(index: "Index", terms: Mapping[str, Terms], vector: NDArray[np.float32] | None, allowed: Mask) -> Candidates:
    """The best of each arm that has `terms`, and of the dense ones.

    Without a `vector` (D,) there are no dense arms, without terms `dense` is alone. `allowed` (N,): see `Masks`.
    """
    masks = [None if own.all() else own for own in np.split(allowed, index.offsets[1:-1])]
    lexical = {arm: index.fields[LEXICAL_ARMS[arm]].match(own, masks, CANDIDATES) for arm, own in terms.items()}
    dense = {} if vector is None else _nearest(index, vector, masks, DENSE_ARMS if terms else DENSE_ARMS[:1])
    places = _union(index, [matches for matches, _ in lexical.values()], dense.values())
    borders = places.searchsorted(index.offsets)
    own_places = [
        (places[start:end] - offset).astype(np.int32)
        for start, end, offset in zip(borders, borders[1:], index.offsets, strict=False)
    ]
    raw: dict[str, Scores] = {}
    features: dict[str, Scores] = {}
    for arm, (matches, bound) in lexical.items():
        raw[arm] = np.concatenate([part.at(mine) for part, mine in zip(matches, own_places, strict=True)])
        features |= lexical_features(arm, raw[arm], bound)
    for arm, found in dense.items():
        raw[arm], own_features = dense_features(arm, found, places)
        features |= own_features
    return Candidates(places, raw, apart(features, index.expanded[places]))


def _nearest(index: "Index", vector: NDArray[np.float32], masks: Masks, arms: Sequence[str]) -> dict[str, Nearest]:
    """By arm, the nearest passages of all segments; nothing for a question that the model knows no word of."""
    passages, asked = [NOTHING], [NOTHING]
    for segment, offset, mask in zip(index.segments, index.offsets, masks, strict=False) if vector.any() else ():
        near = segment.dense.nearest(vector, mask, CANDIDATES)
        passages.append(Nearest(offset + near.places, near.cosines))
        if "asked_dense" in arms:
            mine = None if mask is None else mask[segment.askers]
            near = segment.asked.nearest(vector, mine, CANDIDATES)
            asked.append(Nearest(offset + segment.askers[near.places], near.cosines))
    found = {"dense": joined(passages, CANDIDATES), "asked_dense": _best_of_each(joined(asked, CANDIDATES))}
    return {arm: found[arm] for arm in arms}


def _best_of_each(found: Nearest) -> Nearest:
    """Each place once, with its best cosine; they come sorted by place."""
    firsts = np.flatnonzero(np.diff(found.places, prepend=-1))
    if not len(firsts):
        return NOTHING
    return Nearest(found.places[firsts], np.maximum.reduceat(found.cosines, firsts))


def _union(index: "Index", lexical: Iterable[Sequence[Matches]], dense: Iterable[Nearest]) -> NDArray[np.int64]:
    """The places of the best of each arm, in the order of the index."""
    wanted = np.zeros(len(index.alive), bool)
    for matches in lexical:
        parts = [Nearest(o + m.best, m.scores) for m, o in zip(matches, index.offsets, strict=False)]
        wanted[joined(parts, CANDIDATES).places] = True
    for found in dense:
        wanted[found.places] = True
    return np.flatnonzero(wanted)
