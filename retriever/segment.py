"""A segment: passages with their postings and vectors, immutable and hashed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retriever.dense import Vectors, load_vectors
from retriever.fields import FIELDS
from retriever.postings import Postings, load_postings
from retriever.records import Document, Questions
from retriever.store import Store

KINDS = ("prose", "table", "slide")


@dataclass(frozen=True)
class Segment:
    """`documents` (N,): each passage's document as a place in `doc_ids`; `kinds` (N,): places in `KINDS`.

    `dense`: the passages' vectors; `asked`: those of the questions written for them; `askers` (Q,): the passage
    of each question; `published`: by document id, its date; `names`: as in `Contents`.
    """

    name: str
    store: Store
    fields: Mapping[str, Postings]
    documents: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    dense: Vectors
    asked: Vectors
    askers: NDArray[np.int64]
    published: Mapping[str, str | None]
    names: Mapping[str, Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def doc_ids(self) -> tuple[str, ...]:
        return tuple(self.published)

    def of_documents(self, wanted: Callable[[str, str | None], bool]) -> NDArray[np.bool_]:
        """(N,): whether each passage is of a document that is wanted, by its id and date."""
        chosen = np.fromiter((wanted(*document) for document in self.published.items()), bool, len(self.published))
        found: NDArray[np.bool_] = chosen[self.documents]
        return found

    def questions_of(self, number: int) -> Questions:
        """Those written for a passage."""
        start, end = (int(row) for row in self.askers.searchsorted([number, number + 1]))
        found = self.store.asked_of(number)
        return Questions(tuple(q for q, _ in found), tuple(words for _, words in found), self.asked.rows[start:end])


def read_documents(folder: Path) -> list[Document]:
    """A segment's documents alone; the rest of it may be damaged."""
    store = Store(folder / "store.sqlite")
    try:
        return list(store.documents())
    finally:
        store.close()


def open_segment(folder: Path) -> Segment:
    return Segment(
        folder.name,
        Store(folder / "store.sqlite"),
        {field: load_postings(folder / field) for field in FIELDS},
        np.asarray(np.load(folder / "documents.npy", mmap_mode="r")),
        np.asarray(np.load(folder / "kinds.npy", mmap_mode="r")),
        load_vectors(folder / "dense.npy", folder / "dense.codes"),
        load_vectors(folder / "asked.npy", folder / "asked.codes"),
        np.load(folder / "askers.npy"),
        json.loads((folder / "documents.json").read_text("utf-8")),
        json.loads((folder / "names.json").read_text("utf-8")),
    )
