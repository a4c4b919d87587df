"""A query's way: language → terms and vector → arms → fusion → hits."""

import datetime
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retriever.embed import Embedder
from retriever.errors import BadFilter
from retriever.fusion import WEIGHTS, Scores, combine, scale_dense, scale_lexical, weights_for
from retriever.index import Index
from retriever.language import detect_language
from retriever.lexical import score_all
from retriever.records import Document, Passage
from retriever.segment import FIELDS, KINDS
from retriever.text import bigrams, words

CANDIDATES = 1000
"""Of each arm; their union is fused with exact scores of all arms."""
DENSE_FLOOR_RANK = 100
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


@dataclass(frozen=True)
class Filters:
    """Dates are ISO 8601 at the precision that is known; overlapping intervals match, unknown never does."""

    doc_ids: tuple[str, ...] = ()
    published_from: str | None = None
    published_to: str | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    rank: int
    score: float
    passage: Passage
    document: Document
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    query: str
    language: str
    mode: str
    generation: str
    terms: Mapping[str, list[str]]
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)


class Retriever:
    """An open index and the model that its vectors came from."""

    def __init__(self, index: Index, embedder: Embedder, weights: Mapping[str, Mapping[str, float]] = WEIGHTS):
        self.index = index
        self.embedder = embedder
        self.weights = weights

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
        terms = query_terms(query)
        parsed = time.perf_counter()
        arms = self._arm_scores(query, terms, mode, allowed)
        matched = time.perf_counter()
        hits = self._fuse(arms, mode, language, top_k)
        ended = time.perf_counter()
        timings = {
            "parse": parsed - started,
            "match": matched - parsed,
            "fuse": ended - matched,
            "total": ended - started,
        }
        return Result(
            query,
            language,
            mode,
            self.index.generation,
            terms,
            hits,
            {k: round(1000 * v, 3) for k, v in timings.items()},
        )

    def documents(self, filters: Filters = Filters()) -> list[Document]:
        """The documents that the filters let through."""
        return [document for document in self.index.documents() if _passes(document, filters)]

    def _arm_scores(self, query: str, terms: Mapping[str, list[str]], mode: str, allowed: NDArray[np.bool_]) -> "Arms":
        exact: dict[str, Scores] = {}
        if mode != "dense":
            for name in FIELDS:
                exact[name] = score_all([s.fields[name] for s in self.index.segments], terms[name]) * allowed
        dense = self._dense(query, allowed) if mode != "lexical" else {}
        return Arms(exact, dense)

    def _dense(self, query: str, allowed: NDArray[np.bool_]) -> dict[int, float]:
        """The nearest passages of all segments: place in the index → cosine."""
        vector = self.embedder.encode([query])
        if not vector.any():
            return {}
        found: dict[int, float] = {}
        for segment, offset in zip(self.index.segments, self.index.offsets, strict=False):
            mine = allowed[offset : offset + len(segment)]
            only = None if mine.all() else _only(np.flatnonzero(mine))
            scores, numbers = segment.dense.search(vector, min(CANDIDATES, len(segment)), params=only)
            found |= {int(offset + n): float(s) for s, n in zip(scores[0], numbers[0], strict=True) if n >= 0}
        return found

    def _fuse(self, arms: "Arms", mode: str, language: str, top_k: int) -> tuple[Hit, ...]:
        candidates = arms.candidates()
        if not len(candidates):
            return ()
        raw = {name: scores[candidates] for name, scores in arms.lexical.items()}
        scaled = {name: scale_lexical(scores) for name, scores in raw.items()}
        if mode != "lexical":
            ordered = sorted(arms.dense.values(), reverse=True)
            floor = ordered[min(DENSE_FLOOR_RANK, len(ordered)) - 1] if ordered else 0.0
            raw["dense"] = np.fromiter((arms.dense.get(int(c), floor) for c in candidates), np.float32, len(candidates))
            scaled["dense"] = scale_dense(raw["dense"], floor)
        total = combine(scaled, weights_for(language, self.weights)) if mode != "dense" else raw["dense"]
        best = np.lexsort((candidates, -total))[:top_k]
        hits: list[Hit] = []
        for rank, place in enumerate(best, start=1):
            passage = self.index.passage(int(candidates[place]))
            document = self.index.document(passage.doc_id)
            scores = {name: round(float(values[place]), 4) for name, values in raw.items()}
            hits.append(Hit(rank, round(float(total[place]), 6), passage, document, scores))
        return tuple(hits)

    def check(self, filters: Filters) -> None:
        """Raises `BadFilter`, pointing at the field, or `NotFound`."""
        for name, date in (("published_from", filters.published_from), ("published_to", filters.published_to)):
            if date is not None:
                try:
                    date_interval(date)
                except BadFilter as error:
                    raise BadFilter(f"filters.{name}: {error}", f"/filters/{name}") from None
        first, last = filters.published_from, filters.published_to
        if first and last and date_interval(first)[0] > date_interval(last)[1]:
            raise BadFilter("filters.published_from: it is later than published_to.", "/filters/published_from")
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
        if filters.kinds:
            allowed = allowed & np.isin(
                np.concatenate([s.kinds for s in self.index.segments]), [KINDS.index(kind) for kind in filters.kinds]
            )
        if filters.doc_ids or filters.published_from or filters.published_to:
            wanted = {d.doc_id for d in self.index.documents() if _passes(d, filters)}
            places = [
                np.isin(s.documents, [n for n, doc_id in enumerate(s.doc_ids) if doc_id in wanted])
                for s in self.index.segments
            ]
            allowed = allowed & np.concatenate(places)
        return allowed


@dataclass(frozen=True)
class Arms:
    """`lexical`: scores of all passages by field; `dense`: scores of the nearest ones."""

    lexical: Mapping[str, Scores]
    dense: Mapping[int, float]

    def candidates(self) -> NDArray[np.int64]:
        """The best of each arm, in the order of the index."""
        places = [np.fromiter(self.dense, np.int64, len(self.dense))]
        for scores in self.lexical.values():
            found = np.flatnonzero(scores)
            if len(found) > CANDIDATES:
                found = found[np.argpartition(-scores[found], CANDIDATES)[:CANDIDATES]]
            places.append(found)
        return np.unique(np.concatenate(places))


def _only(numbers: NDArray[np.int64]) -> Any:
    return faiss.SearchParameters(sel=faiss.IDSelectorBatch(numbers))  # type: ignore[call-arg]


def query_terms(query: str) -> dict[str, list[str]]:
    content = words(query)
    return {"words": content, "bigrams": bigrams(query), "headings": content}


def _passes(document: Document, filters: Filters) -> bool:
    if filters.doc_ids and document.doc_id not in filters.doc_ids:
        return False
    if not (filters.published_from or filters.published_to):
        return True
    if not document.published:
        return False
    first, last = date_interval(document.published)
    after = not filters.published_from or last >= date_interval(filters.published_from)[0]
    before = not filters.published_to or first <= date_interval(filters.published_to)[1]
    return after and before


def date_interval(date: str) -> tuple[str, str]:
    """First and last day that a date of any precision can mean. Raises `BadFilter` for another form."""
    first, last = {4: ("-01-01", "-12-31"), 7: ("-01", "-31"), 10: ("", "")}.get(len(date), ("", ""))
    try:
        if not _DATE.fullmatch(date):
            raise ValueError(date)
        datetime.date.fromisoformat(date + first)
    except ValueError:
        raise BadFilter(f"{date!r} is no date. Write 2024, 2024-07 or 2024-07-31.") from None
    return date + first, date + last
