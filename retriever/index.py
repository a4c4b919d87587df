"""An index on disk, open for reading: one generation of immutable segments (see `generations`).

index/segments/HASH/          passages, postings, vectors
index/checked.json            when large files were last hashed
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retriever.arms import Candidates, Terms, find
from retriever.errors import NotFound
from retriever.fields import FIELDS
from retriever.filters import Filters
from retriever.generations import Manifest, check_versions, read_manifest
from retriever.integrity import STAMPS, Stamps, check_touched, read_stamps, write_atomically
from retriever.lexical import Lexical
from retriever.records import Document, Passage, Questions
from retriever.segment import KINDS, Segment, open_segment

_DOCUMENTS_IN_MEMORY = 64
_QUESTIONS_IN_MEMORY = 512
_MOST_KEPT = 2000
"""Passages of an index that are kept once they were read: some 5 MB."""


class Index:
    """One generation, open for reading."""

    def __init__(self, manifest: Manifest, segments: Sequence[Segment]):
        self.manifest = manifest
        self.segments = tuple(segments)
        self.lexical = Lexical([s.postings for s in segments])
        self.offsets = np.cumsum([0, *(len(s) for s in segments)])
        self._deleted = {name: frozenset(doc_ids) for name, doc_ids in manifest.deleted.items()}
        self.alive = np.concatenate([np.zeros(0, bool), *map(self._alive, segments)])
        self._whole = bool(self.alive.all())
        self.runs_on = np.concatenate([np.zeros(0, bool), *map(_runs_on, segments)])
        self.expanded = np.concatenate([np.zeros(0, bool), *map(_expanded, segments)])
        self._read = lru_cache(maxsize=_DOCUMENTS_IN_MEMORY)(self._read_document)
        self._questions = lru_cache(maxsize=_QUESTIONS_IN_MEMORY)(self._read_questions)
        self._passages: dict[int, Passage] = {}

    @property
    def generation(self) -> str:
        return self.manifest.generation

    @property
    def versions(self) -> Mapping[str, str]:
        return self.manifest.versions

    @property
    def passages(self) -> int:
        """Those of documents that were taken out count until they are written anew: words are weighed by all."""
        return len(self.alive)

    @cached_property
    def asked_passages(self) -> int:
        """See `View`."""
        return int(np.count_nonzero(self.expanded))

    def close(self) -> None:
        for segment in self.segments:
            segment.store.close()

    def find(
        self,
        terms: Mapping[str, Terms],
        vector: NDArray[np.float32] | None,
        language: str,
        filters: Filters,
        aside: Collection[int] = (),
    ) -> Candidates:
        """See `View`."""
        return find(self, terms, vector, language, self._allowed(filters, aside))

    def _allowed(self, filters: Filters, aside: Collection[int]) -> NDArray[np.bool_] | None:
        """(N,): which passages the filters and the tombstones let through; nothing where it is all."""
        if self._whole and not aside and filters == Filters():
            return None
        allowed = self.alive
        if aside:
            allowed = allowed.copy()
            allowed[list(aside)] = False
        if filters.kinds:
            kinds = np.concatenate([s.kinds for s in self.segments])
            allowed = allowed & np.isin(kinds, [KINDS.index(kind) for kind in filters.kinds])
        if filters.doc_ids or filters.published_from or filters.published_to:
            allowed = allowed & np.concatenate([s.of_documents(filters.pass_id) for s in self.segments])
        return allowed

    def frequency(self, term: str, field: str, aside: Collection[int] = ()) -> int:
        """See `View`."""
        number = FIELDS.index(field)
        return sum(
            s.postings.frequency(term, number, [place - offset for place in aside if 0 <= place - offset < len(s)])
            for s, offset in zip(self.segments, self.offsets, strict=False)
        )

    def run_on(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `View`."""
        found: NDArray[np.bool_] = self.runs_on[places]
        return found

    def before(self, place: int) -> int | None:
        """See `View`."""
        return place - 1 if place and self.runs_on[place - 1] else None

    def first_places(self, most: int) -> Iterable[int]:
        places: list[int] = np.flatnonzero(self.alive)[:most].tolist()
        return places

    def read_ahead(self, places: Sequence[int]) -> None:
        """See `View`: the disk gives each in its turn."""

    def passage(self, number: int) -> Passage:
        """By its place in the whole index. Those of a small one are kept; of a large one few come again before they
        would have to go."""
        found = self._passages.get(number)
        if found is None:
            segment, own = self._locate(number)
            found = segment.store.passage(own)
            if self.passages <= _MOST_KEPT:
                self._passages[number] = found
        return found

    def questions_of(self, number: int) -> Questions:
        """Those written for the passage at a place."""
        return self._questions(number)

    def _read_questions(self, number: int) -> Questions:
        segment, own = self._locate(number)
        return segment.questions_of(own)

    def _locate(self, number: int) -> tuple[Segment, int]:
        place = int(np.searchsorted(self.offsets, number, side="right")) - 1
        return self.segments[place], number - int(self.offsets[place])

    def passage_by_id(self, passage_id: str) -> Passage:
        for segment in self.segments:
            passage = segment.store.passage_by_id(passage_id)
            if passage and not self._is_deleted(segment, passage.doc_id):
                return passage
        raise NotFound(
            f"There is no passage {passage_id!r}. Search again: ids change when a document is ingested anew."
        )

    @cached_property
    def names(self) -> dict[str, str]:
        """Latin form → Japanese name, as the documents gloss them."""
        return {
            latin: name
            for segment in self.segments
            for doc_id, names in segment.names.items()
            if not self._is_deleted(segment, doc_id)
            for latin, name in names.items()
        }

    @cached_property
    def passage_counts(self) -> dict[str, int]:
        """Live passages by document."""
        counts: dict[str, int] = {}
        for segment, start in zip(self.segments, self.offsets, strict=False):
            alive = self.alive[start : start + len(segment)]
            found = np.bincount(segment.documents[alive], minlength=len(segment.doc_ids))
            counts |= {doc_id: int(n) for doc_id, n in zip(segment.doc_ids, found, strict=True) if n}
        return counts

    def document(self, doc_id: str) -> Document:
        """Raises `NotFound`."""
        return self._read(doc_id)

    def _read_document(self, doc_id: str) -> Document:
        for segment in self.segments:
            if not self._is_deleted(segment, doc_id) and (document := segment.store.document(doc_id)):
                return document
        raise NotFound(f"There is no document {doc_id!r}. GET /v1/documents lists them.")

    def documents(self) -> list[Document]:
        found = (d for s in self.segments for d in s.store.documents() if not self._is_deleted(s, d.doc_id))
        return sorted(found, key=lambda document: document.doc_id)

    def passages_of(self, doc_id: str) -> list[Passage]:
        self.document(doc_id)
        live = (s for s in self.segments if not self._is_deleted(s, doc_id))
        return [passage for segment in live for passage in segment.store.passages(doc_id)]

    def _is_deleted(self, segment: Segment, doc_id: str) -> bool:
        return doc_id in self._deleted.get(segment.name, ())

    def _alive(self, segment: Segment) -> NDArray[np.bool_]:
        """(N,): whether each passage's document still counts."""
        return segment.of_documents(lambda doc_id, published: not self._is_deleted(segment, doc_id))


def _runs_on(segment: Segment) -> NDArray[np.bool_]:
    """(N,): whether the next passage is of the same document."""
    return np.append(np.diff(segment.documents) == 0, False)[: len(segment)]


def _expanded(segment: Segment) -> NDArray[np.bool_]:
    """(N,): whether questions were written for the passage."""
    written = np.zeros(len(segment), bool)
    for asked in segment.asked.values():
        written[asked.askers] = True
    return written


def open_index(root: Path, model: str) -> Index:
    """Open the generation in use for a model, checking its files (see `integrity`). Raises as `read_manifest` does."""
    return open_generation(root, model, read_manifest(root))


def open_generation(root: Path, model: str, manifest: Manifest) -> Index:
    """Raises `IndexDamaged` or `IndexMismatch`."""
    check_versions(manifest, model)
    known = read_stamps(root)
    stamps: Stamps = {}
    for segment, files in manifest.segments.items():
        stamps |= check_touched(root / "segments" / segment, files, known)
    if stamps != known:
        _keep_stamps(root, stamps)
    return Index(manifest, [open_segment(root / "segments" / name) for name in manifest.segments])


def _keep_stamps(root: Path, stamps: Stamps) -> None:
    """An index that can't be written to is hashed whole each time."""
    if os.access(root, os.W_OK):
        write_atomically(root / STAMPS, json.dumps(stamps, indent=1))
