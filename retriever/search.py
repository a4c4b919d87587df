"""A query's way: language → terms and vector → arms → fusion → hits."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retriever.embed import Embedder
from retriever.errors import BadFilter
from retriever.filters import Filters
from retriever.fusion import (
    NEIGHBOUR,
    Nearest,
    Scores,
    Weights,
    apart,
    best_neighbours,
    combine,
    dense_features,
    lexical_features,
    shipped_weights,
)
from retriever.glossary import Entry, Glossary, Match, expanded_terms
from retriever.index import Index
from retriever.language import detect_language
from retriever.lexical import score_all
from retriever.numbers import other_forms
from retriever.records import Document, Passage
from retriever.segment import FIELDS, KINDS
from retriever.text import bigrams, in_japanese_forms, words

Terms = Mapping[str, float]
LEXICAL_ARMS = {name: name for name in FIELDS} | {"glossary": "words"}
"""Arm → the field that it searches."""
DENSE_ARMS = ("dense", "asked_dense")
CANDIDATES = 1000
"""Of each arm; their union is fused."""
_NOTHING = Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Hit:
    """`place`: of the passage in the index; `scores`: of each arm before fusion, BM25 or cosine."""

    place: int
    rank: int
    score: float
    passage: Passage
    document: Document
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """`terms`: what each lexical arm looked for, with weights; `matches`: what the glossary knew in the query."""

    query: str
    language: str
    mode: str
    generation: str
    terms: Mapping[str, Terms]
    matches: tuple[Match, ...]
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """`places` (C,) in the index; by arm, their `raw` scores; by feature, what fusion weighs. All (C,)."""

    places: NDArray[np.int64]
    raw: Mapping[str, Scores]
    features: Mapping[str, Scores]


class Retriever:
    """An open index, the model that its vectors came from, and the names and terms that it knows."""

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        entries: Sequence[Entry] = (),
        weights: Weights | None = None,
    ):
        self.index = index
        self.embedder = embedder
        self.entries = tuple(entries)
        self.weights = weights or shipped_weights()
        self.aside: frozenset[int] = frozenset()
        self._glossary = Glossary(entries, index.names)

    def without(self, places: Iterable[int]) -> "Retriever":
        """The same, but the passages at these places are neither found nor make a word known."""
        other = copy(self)
        other.aside = self.aside | frozenset(places)
        return other

    def frequency(self, term: str, field: str) -> int:
        """In how many passages of the whole index a term occurs."""
        return sum(
            s.fields[field].frequency(term, [place - offset for place in self.aside if 0 <= place - offset < len(s)])
            for s, offset in zip(self.index.segments, self.index.offsets, strict=False)
        )

    def search(
        self,
        query: str,
        top_k: int = 5,
        mode: str = "hybrid",
        language: str | None = None,
        filters: Filters = Filters(),
    ) -> Result:
        """The best `top_k` passages. Raises `BadFilter` for a filter that can't be meant."""
        started = time.perf_counter()
        allowed = self._allowed(filters)
        language = language or detect_language(query)
        matches = self._glossary.matches(query, language)
        terms = query_terms(query, language, matches)
        parsed = time.perf_counter()
        candidates = self._candidates(query, terms, mode, allowed)
        matched = time.perf_counter()
        hits = self._best(candidates, mode, top_k)
        ended = time.perf_counter()
        timings = {"parse": parsed - started, "match": matched - parsed, "fuse": ended - matched}
        return Result(
            query,
            language,
            mode,
            self.index.generation,
            terms,
            tuple(matches),
            hits,
            {k: round(1000 * v, 3) for k, v in (timings | {"total": ended - started}).items()},
        )

    def matches(self, text: str, language: str) -> tuple[Match, ...]:
        """What the glossary knows in a text."""
        return tuple(self._glossary.matches(text, language))

    def candidates(self, query: str, language: str) -> Candidates:
        """What the hybrid search weighs for a query: the weights are learnt from it."""
        terms = query_terms(query, language, self._glossary.matches(query, language))
        return self._candidates(query, terms, "hybrid", self.index.alive)

    def documents(self, filters: Filters = Filters()) -> list[Document]:
        """The documents that the filters let through."""
        return [document for document in self.index.documents() if filters.pass_document(document)]

    def check(self, filters: Filters) -> None:
        """Raises `BadFilter`, pointing at the field, or `NotFound`."""
        filters.check_dates()
        for kind in filters.kinds:
            if kind not in KINDS:
                text = f"filters.kinds: {kind!r} is no kind of passage. Use {', '.join(KINDS)}."
                raise BadFilter(text, "/filters/kinds")
        for doc_id in filters.doc_ids:
            self.index.document(doc_id)

    def _allowed(self, filters: Filters) -> NDArray[np.bool_]:
        """(N,): which passages the filters and the tombstones let through."""
        self.check(filters)
        allowed = self.index.alive
        if self.aside:
            allowed = allowed & ~np.isin(np.arange(len(allowed)), list(self.aside))
        if filters.kinds:
            allowed = allowed & np.isin(
                np.concatenate([s.kinds for s in self.index.segments]), [KINDS.index(kind) for kind in filters.kinds]
            )
        if filters.doc_ids or filters.published_from or filters.published_to:
            wanted = {document.doc_id for document in self.documents(filters)}
            places = [
                np.isin(s.documents, [n for n, doc_id in enumerate(s.doc_ids) if doc_id in wanted])
                for s in self.index.segments
            ]
            allowed = allowed & np.concatenate(places)
        return allowed

    def _candidates(self, query: str, terms: Mapping[str, Terms], mode: str, allowed: NDArray[np.bool_]) -> Candidates:
        """The best of each arm that the mode has, with the scores of all its arms."""
        lexical: dict[str, tuple[Scores, float]] = {}
        for arm, name in LEXICAL_ARMS.items() if mode != "dense" else ():
            scores, bound = score_all([s.fields[name] for s in self.index.segments], terms[arm])
            lexical[arm] = scores * allowed, bound
        arms = {"lexical": (), "dense": ("dense",), "hybrid": DENSE_ARMS}[mode]
        dense = self._dense(query, allowed, arms)
        places = _union([scores for scores, _ in lexical.values()], dense.values())
        raw: dict[str, Scores] = {}
        features: dict[str, Scores] = {}
        for arm, (scores, bound) in lexical.items():
            raw[arm] = scores[places]
            features |= lexical_features(arm, raw[arm], bound)
        for arm, found in dense.items():
            raw[arm], own = dense_features(arm, found, places)
            features |= own
        expanded = np.concatenate([segment.expanded for segment in self.index.segments])[places]
        return Candidates(places, raw, apart(features, expanded))

    def _dense(self, query: str, allowed: NDArray[np.bool_], arms: Sequence[str]) -> dict[str, Nearest]:
        """By arm, the nearest passages of all segments."""
        found: dict[str, list[Nearest]] = {arm: [_NOTHING] for arm in arms}
        vector = self.embedder.encode_queries([query]) if arms else np.zeros((1, 1), np.float32)
        for segment, offset in zip(self.index.segments, self.index.offsets, strict=False) if vector.any() else ():
            mine = allowed[offset : offset + len(segment)]
            nearest = _nearest(segment.dense, vector, None if mine.all() else np.flatnonzero(mine))
            found["dense"].append(Nearest(offset + nearest.places, nearest.cosines))
            if "asked_dense" in found:
                asked = _nearest(segment.asked, vector, None if mine.all() else np.flatnonzero(mine[segment.askers]))
                passages, best = np.unique(segment.askers[asked.places], return_index=True)
                found["asked_dense"].append(Nearest(offset + passages, asked.cosines[best]))
        return {arm: Nearest(*map(np.concatenate, zip(*parts, strict=True))) for arm, parts in found.items()}

    def _fused(self, candidates: Candidates, mode: str) -> tuple[Mapping[str, Scores], Scores]:
        """Each arm's scores and those of the neighbours, and one score from all of them."""
        if mode == "dense":
            return candidates.raw, candidates.raw["dense"]
        own = combine(candidates.features, self.weights)
        neighbours = best_neighbours(own, candidates.places, self.index.runs_on)
        total = ((own + NEIGHBOUR * neighbours) / (1 + NEIGHBOUR)).astype(np.float32)
        return {**candidates.raw, "neighbours": neighbours}, total

    def _best(self, candidates: Candidates, mode: str, top_k: int) -> tuple[Hit, ...]:
        if not len(candidates.places):
            return ()
        raw, total = self._fused(candidates, mode)
        best = np.lexsort((candidates.places, -total))[:top_k]
        hits: list[Hit] = []
        for rank, number in enumerate(best, start=1):
            passage = self.index.passage(int(candidates.places[number]))
            document = self.index.document(passage.doc_id)
            scores = {arm: round(float(values[number]), 4) for arm, values in raw.items()}
            hits.append(
                Hit(int(candidates.places[number]), rank, round(float(total[number]), 6), passage, document, scores)
            )
        return tuple(hits)


def _union(lexical: Sequence[Scores], dense: Iterable[Nearest]) -> NDArray[np.int64]:
    """The places of the best of each arm, in the order of the index."""
    places = [found.places for found in dense]
    for scores in lexical:
        found = np.flatnonzero(scores)
        if len(found) > CANDIDATES:
            found = found[np.argpartition(-scores[found], CANDIDATES)[:CANDIDATES]]
        places.append(found)
    return np.unique(np.concatenate(places))


def _nearest(vectors: Any, query: NDArray[np.float32], only: NDArray[np.int64] | None) -> Nearest:
    """The best rows of a FAISS index, best first; of `only` some of them."""
    if not vectors.ntotal:
        return _NOTHING
    chosen = only if only is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(only))  # type: ignore[call-arg]
    scores, rows = vectors.search(query, min(CANDIDATES, vectors.ntotal), params=chosen)
    found = rows[0] >= 0
    return Nearest(rows[0][found], scores[0][found])


def query_terms(query: str, language: str, matches: Sequence[Match]) -> dict[str, Terms]:
    """By lexical arm, the terms to look for and their weights; numbers in their other forms come with the glossary."""
    written = in_japanese_forms(query, language)
    content, pairs = Counter(words(written)), Counter(bigrams(written))
    numbers = dict.fromkeys((word for form in other_forms(query) for word in words(form)), 1.0)
    return {
        "words": content,
        "bigrams": pairs,
        "headings": content,
        "glossary": numbers | expanded_terms(matches),
        "asked_words": content,
        "asked_bigrams": pairs,
    }
