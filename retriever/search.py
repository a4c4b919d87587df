"""A query's way: language → terms and vector → arms → fusion → hits."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retriever.arms import Candidates, Terms
from retriever.embed import Embedder
from retriever.errors import BadFilter
from retriever.filters import Filters
from retriever.fusion import NEIGHBOUR, Scores, Weights, best_neighbours, combine, shipped_weights
from retriever.glossary import Entry, Glossary, Match, expanded_terms
from retriever.language import detect_language
from retriever.numbers import other_forms
from retriever.records import Document, Passage
from retriever.segment import KINDS
from retriever.text import bigrams, in_japanese_forms, words
from retriever.view import View


@dataclass(frozen=True)
class Hit:
    """`place`: of the passage in the index; `scores`: of each arm before fusion, BM25 or cosine. Its passage and its
    document are read when they are first asked for, as long as the index is open."""

    place: int
    rank: int
    score: float
    scores: Mapping[str, float]
    read_passage: Callable[[int], Passage] = field(repr=False, compare=False)
    read_document: Callable[[str], Document] = field(repr=False, compare=False)

    @cached_property
    def passage(self) -> Passage:
        return self.read_passage(self.place)

    @cached_property
    def document(self) -> Document:
        return self.read_document(self.passage.doc_id)


@dataclass(frozen=True)
class Result:
    """`terms`: what each lexical arm looked for, with weights; `matches`: what the glossary knew in the query;
    `vector` (D,): the query's."""

    query: str
    language: str
    mode: str
    generation: str
    terms: Mapping[str, Terms]
    matches: tuple[Match, ...]
    vector: NDArray[np.float32] = field(compare=False)
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)


class Retriever:
    """An open index, the model that its vectors came from, and the names and terms that it knows."""

    def __init__(
        self,
        index: View,
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
        return self.index.frequency(term, field, self.aside)

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
        self.check(filters)
        language = language or detect_language(query)
        matches = self._glossary.matches(query, language)
        terms = query_terms(query, language, matches)
        vector = self.embedder.encode_queries([query])[0]
        parsed = time.perf_counter()
        candidates = self._candidates(vector, language, terms, mode, filters)
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
            vector,
            hits,
            {k: round(1000 * v, 3) for k, v in (timings | {"total": ended - started}).items()},
        )

    def matches(self, text: str, language: str) -> tuple[Match, ...]:
        """What the glossary knows in a text."""
        return tuple(self._glossary.matches(text, language))

    def candidates(self, query: str, language: str) -> Candidates:
        """What the hybrid search weighs for a query: the weights are learnt from it."""
        terms = query_terms(query, language, self._glossary.matches(query, language))
        return self._candidates(self.embedder.encode_queries([query])[0], language, terms, "hybrid", Filters())

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

    def _candidates(
        self, vector: NDArray[np.float32], language: str, terms: Mapping[str, Terms], mode: str, filters: Filters
    ) -> Candidates:
        own_terms, own_vector = terms if mode != "dense" else {}, vector if mode != "lexical" else None
        return self.index.find(own_terms, own_vector, language, filters, self.aside)

    def _fused(self, candidates: Candidates, mode: str) -> tuple[Sequence[str], Scores, Scores]:
        """The arms and the neighbours by name, their scores (A + 1, C), and one score from all of them."""
        scored = candidates.scored
        if mode == "dense":
            return scored.arms, scored.scores, scored.scores[scored.arms.index("dense")]
        own = combine(scored, candidates.expanded, self.weights)
        neighbours = best_neighbours(own, candidates.places, self.index.run_on(candidates.places))
        total = ((own + NEIGHBOUR * neighbours) / (1 + NEIGHBOUR)).astype(np.float32)
        return (*scored.arms, "neighbours"), np.vstack([scored.scores, neighbours]), total

    def _best(self, candidates: Candidates, mode: str, top_k: int) -> tuple[Hit, ...]:
        if not len(candidates.places):
            return ()
        arms, raw, total = self._fused(candidates, mode)
        best = _greatest(total, top_k)
        by_arm = raw[:, best].T.astype(np.float64).round(4).tolist()
        totals = total[best].astype(np.float64).round(6).tolist()
        places = candidates.places[best].tolist()
        self.index.read_ahead(places)
        found = zip(places, totals, by_arm, strict=True)
        return tuple(
            Hit(place, rank, score, dict(zip(arms, scores, strict=True)), self.index.passage, self.index.document)
            for rank, (place, score, scores) in enumerate(found, start=1)
        )


def _greatest(scores: Scores, most: int) -> NDArray[np.int64]:
    """The places of the greatest of the scores (C,), these first; of equal ones the first."""
    least = np.partition(scores, -most)[-most] if most < len(scores) else -np.inf
    near = (scores >= least).nonzero()[0]
    return near[np.argsort(-scores[near], kind="stable")[:most]]


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
