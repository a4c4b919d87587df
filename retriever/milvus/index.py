"""A snapshot of the documents in Milvus, searched as an index on the disk is."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retriever.arms import ASKED_CANDIDATES, CANDIDATES, Candidates, Terms
from retriever.dense import NOTHING
from retriever.errors import IndexDamaged, NotFound
from retriever.filters import Filters, date_interval
from retriever.fusion import Nearest, measured
from retriever.milvus.catalogue import Entry, Snapshot, number_at
from retriever.milvus.cluster import Cluster, Row, text_of
from retriever.milvus.remembered import Remembered
from retriever.milvus.rows import expect, joined_parts, read_document, read_questions
from retriever.milvus.schema import PARTS, PASSAGES, QUESTIONS
from retriever.milvus.terms import Counts, Weighed, dimension, weigh
from retriever.records import LANGUAGES, Document, Passage, Questions
from retriever.segment import KINDS
from retriever.store import read_passage

_FOUND = ("place", "expanded")
_ASKED_FOR = 1000
"""Questions that are asked for, of which the best are kept: where a filter is set a cluster misses some."""


@dataclass(frozen=True)
class Memory:
    """What servers keep of documents, whichever snapshot they are in: a number never gets another content."""

    documents: Remembered[int, Document] = field(default_factory=lambda: Remembered(64))
    whole: Remembered[int, tuple[Passage, ...]] = field(default_factory=lambda: Remembered(64))
    passages: Remembered[int, Passage] = field(default_factory=lambda: Remembered(2048))
    questions: Remembered[int, Questions] = field(default_factory=lambda: Remembered(512))


class MilvusIndex:
    """See `View`. `counts`: of the terms, perhaps of a sample; `versions`: what the store was made with."""

    def __init__(
        self,
        cluster: Cluster,
        snapshot: Snapshot,
        counts: Counts,
        names: Mapping[str, str],
        versions: Mapping[str, str],
        memory: Memory,
    ):
        self.cluster = cluster
        self.snapshot = snapshot
        self.names = names
        self.versions = versions
        self._counts = counts
        self._memory = memory
        self._by_number = {entry.number: entry for entry in snapshot.documents.values()}

    @property
    def generation(self) -> str:
        return self.snapshot.generation

    @property
    def passages(self) -> int:
        return self.snapshot.passages

    @cached_property
    def asked_passages(self) -> int:
        """See `View`."""
        return sum(entry.passages for entry in self.snapshot.documents.values() if entry.said["questions"])

    @cached_property
    def passage_counts(self) -> Mapping[str, int]:
        return {doc_id: entry.passages for doc_id, entry in self.snapshot.documents.items()}

    def close(self) -> None:
        """The connection is the store's."""

    def find(
        self,
        terms: Mapping[str, Terms],
        vector: NDArray[np.float32] | None,
        language: str,
        filters: Filters,
        aside: Collection[int] = (),
    ) -> Candidates:
        """See `View`. A first request finds the best of each arm, a second one scores what the others found."""
        where = self._where(filters, aside)
        weighed = {arm: weigh(arm, own, self._counts) for arm, own in terms.items() if own}
        asking = vector is not None and bool(vector.any())
        expanded: dict[int, bool] = {}
        found, full = self._lexical(weighed, where, CANDIDATES, expanded)
        dense: dict[str, Nearest] = {}
        if vector is not None:
            dense["dense"] = self._nearest(vector, where, expanded) if asking else NOTHING
        if vector is not None and terms:
            dense["asked_dense"] = self._asked(vector, language, where, expanded) if asking else NOTHING
        places = np.asarray(sorted(expanded), np.int64)
        if full and len(places):  # the others found all there is
            there = f"place in {places.tolist()}"
            rest = {arm: weighed[arm] for arm in full}
            more, _ = self._lexical(rest, f"{where} and {there}" if where else there, len(places), {})
            found |= more
        of_arms = [found.get(arm, {}) for arm in terms]
        known = [[own.get(place, 0.0) for place in places.tolist()] for own in of_arms]
        scores = np.asarray(known, np.float32).reshape(len(terms), len(places))
        bounds = np.asarray([weighed[arm].bound if arm in weighed else 0.0 for arm in terms], np.float64)
        scored = measured(list(terms), scores, bounds, dense, places)
        return Candidates(places, scored, np.asarray([expanded[p] for p in places.tolist()], bool))

    def _lexical(
        self, weighed: Mapping[str, Weighed], where: str, most: int, expanded: dict[int, bool]
    ) -> tuple[dict[str, dict[int, float]], list[str]]:
        """By arm, places and scores: one request, a query an arm; and which arms found as many as they may."""
        queries = [own.query for own in weighed.values()]
        answers = self.cluster.search(PASSAGES, "terms", queries, most, where, _FOUND) if queries else []
        found: dict[str, dict[int, float]] = {}
        for arm, rows in zip(weighed, answers, strict=True):
            mine = [row for row in self._mine(rows) if row["distance"] > 0]
            found[arm] = {int(row["place"]): float(row["distance"]) for row in mine}
            expanded |= {int(row["place"]): bool(row["expanded"]) for row in mine}
        return found, [arm for arm, rows in zip(weighed, answers, strict=True) if len(rows) == most]

    def _nearest(self, vector: NDArray[np.float32], where: str, expanded: dict[int, bool]) -> Nearest:
        rows = self._mine(self.cluster.search(PASSAGES, "vector", [vector.tolist()], CANDIDATES, where, _FOUND)[0])
        expanded |= {int(row["place"]): bool(row["expanded"]) for row in rows}
        return _sorted({int(row["place"]): float(row["distance"]) for row in reversed(rows)})

    def _asked(self, vector: NDArray[np.float32], language: str, where: str, expanded: dict[int, bool]) -> Nearest:
        """Each passage once, by the nearest of its questions: the best come first."""
        if language in LANGUAGES:
            where = " and ".join(filter(None, [where, f"language == {text_of(language)}"]))
        rows = self._mine(
            self.cluster.search(QUESTIONS, "vector", [vector.tolist()], _ASKED_FOR, where, ("place",))[0]
        )[:ASKED_CANDIDATES]
        expanded |= {int(row["place"]): True for row in rows}
        return _sorted({int(row["place"]): float(row["distance"]) for row in reversed(rows)})

    def _mine(self, rows: Sequence[Row]) -> list[Row]:
        """Those of documents that this snapshot holds."""
        return [row for row in rows if number_at(int(row["place"])) in self.snapshot.numbers]

    def _where(self, filters: Filters, aside: Collection[int]) -> str:
        """What is known not to count is left out by Milvus: it would take the place of what does."""
        parts = [f"document not in {sorted(self.snapshot.unready)}"] if self.snapshot.unready else []
        if aside:
            parts.append(f"place not in {sorted(aside)}")
        if filters.kinds:
            parts.append(f"kind in {[KINDS.index(kind) for kind in filters.kinds]}")
        if filters.doc_ids:
            parts.append(f"document in {[self._entry(doc_id).number for doc_id in filters.doc_ids]}")
        if filters.published_from or filters.published_to:
            parts.append("first_day > 0")
        if filters.published_from:
            parts.append(f"last_day >= {_day(date_interval(filters.published_from)[0])}")
        if filters.published_to:
            parts.append(f"first_day <= {_day(date_interval(filters.published_to)[1])}")
        return " and ".join(parts)

    def frequency(self, term: str, field: str, aside: Collection[int] = ()) -> int:
        """See `View`. Estimated where the counts are of a sample; a term that it lacks is looked for."""
        own = dimension(field, term)
        found = int(self._counts.of(np.asarray([own], np.uint32))[0])
        if self._counts.passages < self.passages:
            found = round(found * self.passages / self._counts.passages) if found else self._occurs(own)
        return max(0, found - self._among(own, aside)) if aside and found else found

    def _occurs(self, own: int) -> int:
        where = self._where(Filters(), ())
        rows = self.cluster.search(PASSAGES, "terms", [{own: 1.0}], 10, where, ("place",))[0]
        return len([row for row in self._mine(rows) if row["distance"] > 0])

    def _among(self, own: int, places: Collection[int]) -> int:
        rows = self.cluster.search(
            PASSAGES, "terms", [{own: 1.0}], len(places), f"place in {sorted(places)}", ("place",)
        )
        return len([row for row in rows[0] if row["distance"] > 0])

    def run_on(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """A document's places are followed by none of another's."""
        return np.ones(len(places), bool)

    def before(self, place: int) -> int | None:
        """See `View`."""
        return place - 1 if number_at(place - 1) == number_at(place) else None

    def first_places(self, most: int) -> Iterable[int]:
        """None: the cluster has better to do."""
        return ()

    def read_ahead(self, places: Sequence[int]) -> None:
        """See `View`: a request for each would cost more than all else."""
        wanted = [place for place in places if place not in self._memory.passages]
        if wanted:
            for row in self.cluster.query(PASSAGES, f"place in {wanted}", ("place", "record")):
                self._memory.passages[int(row["place"])] = read_passage(row["record"])

    def passage(self, place: int) -> Passage:
        return self._memory.passages.get(place, self._read_passage)

    def _read_passage(self, place: int) -> Passage:
        rows = self.cluster.query(PASSAGES, f"place == {place}", ("record",))
        if not rows:
            raise IndexDamaged(
                "A passage that was found isn't in Milvus any more: its document was taken out just now."
            )
        return read_passage(rows[0]["record"])

    def questions_of(self, place: int) -> Questions:
        return self._memory.questions.get(place, self._read_questions)

    def _read_questions(self, place: int) -> Questions:
        rows = self.cluster.query(QUESTIONS, f"place == {place}", ("id", "record", "vector"))
        return read_questions(rows, int(self.versions["dimensions"]))

    def passage_by_id(self, passage_id: str) -> Passage:
        rows = self.cluster.query(PASSAGES, f"passage_id == {text_of(passage_id)}", ("place", "record"))
        for row in self._mine(rows):
            return read_passage(row["record"])
        raise NotFound(
            f"There is no passage {passage_id!r}. Search again: ids change when a document is ingested anew."
        )

    def passages_of(self, doc_id: str) -> list[Passage]:
        return list(self._memory.whole.get(self._entry(doc_id).number, self._read_whole))

    def _read_whole(self, number: int) -> tuple[Passage, ...]:
        rows = self.cluster.each(PASSAGES, f"document == {number}", ("place", "record"))
        return tuple(read_passage(row["record"]) for row in sorted(rows, key=lambda row: int(row["place"])))

    def document(self, doc_id: str) -> Document:
        return self._memory.documents.get(self._entry(doc_id).number, self._read_document)

    def documents(self) -> list[Document]:
        return [self.document(doc_id) for doc_id in self.snapshot.documents]

    def _read_document(self, number: int) -> Document:
        """Raises `IndexDamaged` where the text isn't what was written."""
        entry = self._by_number[number]
        rows = self.cluster.query(
            PARTS, f'document == {number} and what == "text"', ("document", "what", "part", "body")
        )
        document = read_document(expect(joined_parts(rows), number, "text", entry.doc_id))
        if hashlib.sha256(document.text.encode()).hexdigest() != document.source_sha256:
            raise IndexDamaged(f"The text of {entry.doc_id} in Milvus isn't what was written. Take its file in again.")
        return document

    def _entry(self, doc_id: str) -> Entry:
        if doc_id not in self.snapshot.documents:
            raise NotFound(f"There is no document {doc_id!r}. GET /v1/documents lists them.")
        return self.snapshot.documents[doc_id]


def read_names(text: str) -> dict[str, str]:
    names: dict[str, str] = json.loads(text)
    return names


def _sorted(found: Mapping[int, float]) -> Nearest:
    """The later of two wins."""
    places = np.asarray(list(found), np.int64)
    order = np.argsort(places)
    return Nearest(places[order], np.asarray(list(found.values()), np.float32)[order])


def _day(date: str) -> int:
    return int(date.replace("-", ""))
