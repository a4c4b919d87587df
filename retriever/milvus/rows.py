"""Documents and passages as rows of the collections, and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from retriever.draft import Contents
from retriever.errors import IndexDamaged, StoreRefused
from retriever.fields import FIELDS, terms_of, texts_of
from retriever.filters import date_interval
from retriever.milvus.catalogue import MOST_PASSAGES, place_of
from retriever.milvus.cluster import Row
from retriever.milvus.schema import EMPTY, MOST_BYTES, PIECE
from retriever.milvus.terms import Sparse, sparse_vector
from retriever.records import Asked, Document, Questions
from retriever.segment import KINDS
from retriever.store import read_spans, write_passage


def passage_rows(number: int, contents: Contents) -> tuple[list[Row], list[Row], list[Sparse]]:
    """A document's rows of passages and of questions, and the passages' terms. Raises `StoreRefused`."""
    document = contents.documents[0]
    if len(contents.passages) > MOST_PASSAGES:
        raise StoreRefused(
            f"{document.doc_id}: it has {len(contents.passages):,} passages, {MOST_PASSAGES:,} can be kept."
        )
    passages: list[Row] = []
    questions: list[Row] = []
    vectors: list[Sparse] = []
    for i, (passage, asked) in enumerate(zip(contents.passages, contents.asked, strict=True)):
        matched = terms_of(texts_of(document, passage, asked))
        vectors.append(sparse_vector(dict(zip(FIELDS, matched.fields, strict=True))))
        shared = {"document": number, "kind": KINDS.index(passage.kind), **days(document.published)}
        place = place_of(number, i)
        row = {"place": place, **shared, "passage_id": passage.passage_id, "expanded": bool(asked)}
        record = _fitting(write_passage(passage), passage.passage_id)
        passages.append({**row, "record": record, "terms": vectors[-1], "vector": contents.vectors[i].tolist()})
        for n, (question, found) in enumerate(zip(asked, matched.asked_words, strict=True)):
            record = _fitting(json.dumps([*question, found], ensure_ascii=False), passage.passage_id)
            vector = contents.asked_vectors[len(questions)].tolist()
            own = {"id": f"{place}/{n:05d}", "place": place, "language": question.language}
            questions.append({**own, **shared, "record": record, "vector": vector})
    return passages, questions, vectors


def days(published: str | None) -> dict[str, int]:
    """The first and last day that a date can mean, as numbers (20240701); 0 where it is unknown."""
    first, last = (int(day.replace("-", "")) for day in date_interval(published)) if published else (0, 0)
    return {"first_day": first, "last_day": last}


def _fitting(record: str, passage_id: str) -> str:
    if (size := len(record.encode())) > MOST_BYTES:
        raise StoreRefused(f"{passage_id}: its record has {size:,} bytes, Milvus takes {MOST_BYTES:,}.")
    return record


def part_rows(number: int, what: str, text: str) -> list[Row]:
    """A long text in pieces."""
    return [
        {"id": f"{number}/{what}/{i}", "document": number, "what": what, "part": i, "body": piece, "nothing": EMPTY}
        for i, piece in enumerate(pieces(text))
    ]


def pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, max(1, len(text)), PIECE)]


def joined_parts(rows: Iterable[Row]) -> dict[tuple[int, str], str]:
    """By document number and what it is, the texts that pieces make."""
    found: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for row in rows:
        found.setdefault((int(row["document"]), row["what"]), []).append((int(row["part"]), row["body"]))
    return {key: "".join(body for _, body in sorted(parts)) for key, parts in found.items()}


def write_document(document: Document) -> str:
    return json.dumps(asdict(document), ensure_ascii=False)


def read_document(text: str) -> Document:
    values = json.loads(text)
    numbers = {name: tuple(values[name]) for name in ("pages", "blank_pages")}
    return Document(**values | numbers | {"joins": read_spans(values["joins"])})


def read_questions(rows: Sequence[Row], dimensions: int) -> Questions:
    """Of one passage, in the order of their rows."""
    asked: list[Asked] = []
    own: list[tuple[str, ...]] = []
    for row in sorted(rows, key=lambda row: str(row["id"])):
        language, text, answer, short, found = json.loads(row["record"])
        asked.append(Asked(language, text, read_spans(answer), read_spans(short)))
        own.append(tuple(found))
    ordered = [row["vector"] for row in sorted(rows, key=lambda row: str(row["id"]))]
    vectors: NDArray[np.float32] = np.asarray(ordered, np.float32).reshape(len(rows), dimensions)
    return Questions(tuple(asked), tuple(own), vectors)


def expect(texts: Mapping[tuple[int, str], str], number: int, what: str, doc_id: str) -> str:
    """Raises `IndexDamaged`."""
    if (number, what) not in texts:
        raise IndexDamaged(f"The {what} of {doc_id} isn't in Milvus, though the document is said to be ready.")
    return texts[number, what]
