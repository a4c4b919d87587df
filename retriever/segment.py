"""A segment: passages with their postings and vectors, immutable and hashed."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retriever.dense import Vectors, load_vectors
from retriever.postings import Postings, load_postings
from retriever.records import LANGUAGES, Document, Questions
from retriever.store import Store

KINDS = ("prose", "table", "slide")


class AskedVectors(NamedTuple):
    """Of the questions in one language: their vectors (Q, D), and `askers` (Q,), the passage of each, in order."""

    vectors: Vectors
    askers: NDArray[np.int64]

    def of(self, number: int) -> NDArray[np.float32]:
        """Of those written for a passage."""
        start, end = self.askers.searchsorted([number, number + 1])
        return self.vectors.rows[start:end]


@dataclass(frozen=True)
class Segment:
    """`documents` (N,): each passage's document as a place in `doc_ids`; `kinds` (N,): places in `KINDS`.

    `dense`: the passages' vectors; `asked`: by language, those of the questions written for them; `published`: by
    document id, its date; `names`: as in `Contents`.
    """

    name: str
    store: Store
    postings: Postings
    documents: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    dense: Vectors
    asked: Mapping[str, AskedVectors]
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
        found = self.store.asked_of(number)
        of_language = {language: iter(asked.of(number)) for language, asked in self.asked.items()}
        vectors = [next(of_language[question.language]) for question, _ in found]
        return Questions(
            tuple(question for question, _ in found),
            tuple(words for _, words in found),
            np.asarray(vectors, np.float32).reshape(len(found), self.dense.dimensions),
        )

    def asked_in(self, language: str) -> Iterable[AskedVectors]:
        """The questions that one is compared with: those in its language; all, where it is none that they are written
        in."""
        return [self.asked[language]] if language in self.asked else self.asked.values()


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
        load_postings(folder / "postings"),
        np.asarray(np.load(folder / "documents.npy", mmap_mode="r")),
        np.asarray(np.load(folder / "kinds.npy", mmap_mode="r")),
        load_vectors(folder / "dense.npy", folder / "dense.codes"),
        {language: _load_asked(folder, language) for language in LANGUAGES},
        json.loads((folder / "documents.json").read_text("utf-8")),
        json.loads((folder / "names.json").read_text("utf-8")),
    )


def _load_asked(folder: Path, language: str) -> AskedVectors:
    vectors = load_vectors(folder / f"asked-{language}.npy", folder / f"asked-{language}.codes", sides=True)
    return AskedVectors(vectors, np.load(folder / f"askers-{language}.npy"))
