"""This project's retriever, built and asked as the service does."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.peers.corpus import Text
from retriever.draft import Contents, write_segment
from retriever.embed import Embedder
from retriever.generations import publish, retriever_versions, writing
from retriever.index import open_index
from retriever.records import Document, Passage
from retriever.search import Retriever


@dataclass(frozen=True)
class Laid:
    """Texts as documents: one a title. `order` (N,): the text that each passage is; its number is the passage's id."""

    documents: Sequence[Document]
    passages: Sequence[Passage]
    order: NDArray[np.int64]


class Tenkyo:
    """Words, bigrams, headings and vectors, weighed as for a document that nothing was written for."""

    def __init__(self, embedder: Embedder):
        self._embedder = embedder

    def build(self, texts: Sequence[Text], vectors: NDArray[np.float32], folder: Path) -> None:
        laid = lay_out(texts)
        contents = Contents(
            laid.documents,
            laid.passages,
            vectors[laid.order],
            [()] * len(texts),
            self._embedder.encode_queries([]),
            {document.doc_id: {} for document in laid.documents},
        )
        with writing(folder):
            written = write_segment(folder / "segments", [contents])
            versions = retriever_versions(self._embedder.name)
            publish(folder, {written.name: written.hashes}, {}, versions, {}, written.passages)
        self._retriever = Retriever(open_index(folder, self._embedder.name), self._embedder)
        self._order = laid.order

    def search(self, query: str, k: int) -> list[int]:
        """As the others, it gives what a caller knows a text by, not the text."""
        return [int(self._order[hit.place]) for hit in self._retriever.search(query, k).hits]


def lay_out(texts: Sequence[Text]) -> Laid:
    """The title is a section name too, as it is for every other tool: what is embedded opens with it."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text.title, []).append(place)
    documents: list[Document] = []
    passages: list[Passage] = []
    for title, own in places.items():
        doc_id = f"{len(documents):06d}"
        source = "\n".join(texts[place].text for place in own)
        documents.append(_document(doc_id, title, source))
        start = 0
        for place in own:
            end = start + len(texts[place].text)
            passages.append(Passage(str(place), doc_id, (title,), "prose", source[start:end], ((start, end),)))
            start = end + 1
    return Laid(documents, passages, np.fromiter((int(p.passage_id) for p in passages), np.int64, len(texts)))


def _document(doc_id: str, title: str, source: str) -> Document:
    digest = sha256(source.encode()).hexdigest()
    return Document(doc_id, title, source, digest, digest, "ja", "text/plain", "text/1")
