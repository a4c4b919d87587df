"""Documents and passages of one segment: a SQLite file, written once, read only afterwards."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from retriever.records import Asked, Cell, Document, Passage, Span

_DOCUMENT_COLUMNS = tuple(field.name for field in fields(Document))
_PASSAGE_FIELDS = tuple(field.name for field in fields(Passage))
_SCHEMA = f"""
CREATE TABLE documents ({", ".join(_DOCUMENT_COLUMNS)}, PRIMARY KEY (doc_id));
CREATE TABLE passages (number INTEGER PRIMARY KEY, passage_id TEXT, doc_id TEXT, record TEXT);
CREATE TABLE asked (passage INTEGER, language TEXT, question TEXT, answer TEXT, short TEXT, words TEXT);
"""
_INDEXES = """
CREATE UNIQUE INDEX passages_by_id ON passages (passage_id);
CREATE INDEX passages_of_document ON passages (doc_id, number);
CREATE INDEX asked_of_passage ON asked (passage);
"""


class StoreFile:
    """A store that is being written, batch by batch. A crash loses it whole, and nobody reads it yet: no journal."""

    def __init__(self, path: Path):
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
        self._connection.execute("BEGIN")
        self._passages = 0

    def append(
        self,
        documents: Iterable[Document],
        passages: Sequence[Passage],
        asked: Sequence[Sequence[Asked]],
        words: Sequence[Sequence[Sequence[str]]],
    ) -> None:
        """`asked[i]`: the questions that were written for passage i; `words[i]`: the content words of each."""
        marks = ", ".join("?" * len(_DOCUMENT_COLUMNS))
        first = self._passages
        self._connection.executemany(f"INSERT INTO documents VALUES ({marks})", map(_document_row, documents))
        self._connection.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?)",
            ((i, p.passage_id, p.doc_id, write_passage(p)) for i, p in enumerate(passages, start=first)),
        )
        self._connection.executemany(
            "INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?)",
            (
                (i, q.language, q.text, json.dumps(q.answer), json.dumps(q.short), json.dumps(own, ensure_ascii=False))
                for i, (questions, all_words) in enumerate(zip(asked, words, strict=True), start=first)
                for q, own in zip(questions, all_words, strict=True)
            ),
        )
        self._passages += len(passages)

    def finish(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.executescript(_INDEXES)

    def close(self) -> None:
        self._connection.close()


class Store:
    """Read access to one segment's documents and passages (numbered from 0)."""

    def __init__(self, path: Path):
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)

    def close(self) -> None:
        self._connection.close()

    def documents(self) -> Iterator[Document]:
        cursor = self._connection.execute("SELECT * FROM documents ORDER BY doc_id")
        for row in cursor:
            yield _read_document(cursor, row)

    def document(self, doc_id: str) -> Document | None:
        cursor = self._connection.execute("SELECT * FROM documents WHERE doc_id = ?", (doc_id,))
        row = cursor.fetchone()
        return _read_document(cursor, row) if row else None

    def passage(self, number: int) -> Passage:
        (record,) = self._connection.execute("SELECT record FROM passages WHERE number = ?", (number,)).fetchone()
        return read_passage(record)

    def passage_by_id(self, passage_id: str) -> Passage | None:
        row = self._connection.execute("SELECT record FROM passages WHERE passage_id = ?", (passage_id,)).fetchone()
        return read_passage(row[0]) if row else None

    def passages(self, doc_id: str | None = None) -> Iterator[Passage]:
        """Of one document, or of all, in order."""
        where, values = ("WHERE doc_id = ?", (doc_id,)) if doc_id else ("", ())
        for (record,) in self._connection.execute(f"SELECT record FROM passages {where} ORDER BY number", values):
            yield read_passage(record)

    def asked(self) -> Iterator[tuple[int, Asked]]:
        """Passage numbers with the questions that were written for them."""
        query = "SELECT passage, language, question, answer, short FROM asked ORDER BY rowid"
        for number, *question in self._connection.execute(query):
            yield number, _read_asked(*question)

    def asked_of(self, number: int) -> list[tuple[Asked, tuple[str, ...]]]:
        """The questions of one passage, each with its content words."""
        query = "SELECT language, question, answer, short, words FROM asked WHERE passage = ? ORDER BY rowid"
        found = self._connection.execute(query, (number,))
        return [(_read_asked(*question), tuple(json.loads(words))) for *question, words in found]


def _document_row(document: Document) -> list[Any]:
    values = (getattr(document, name) for name in _DOCUMENT_COLUMNS)
    return [json.dumps(value) if isinstance(value, tuple) else value for value in values]


def _read_document(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Document:
    """By the columns' names: what an earlier version wrote lacks those that came later."""
    values = {name: value for (name, *_), value in zip(cursor.description, row, strict=True)}
    numbers = {name: tuple(json.loads(values[name])) for name in ("pages", "blank_pages") if name in values}
    return Document(**values | numbers | {"joins": read_spans(json.loads(values["joins"]))})


def _read_asked(language: str, question: str, answer: str, short: str) -> Asked:
    return Asked(language, question, read_spans(json.loads(answer)), read_spans(json.loads(short)))


def read_spans(values: Iterable[Sequence[int]]) -> tuple[Span, ...]:
    return tuple((start, end) for start, end in values)


def write_passage(passage: Passage) -> str:
    values = {name: getattr(passage, name) for name in _PASSAGE_FIELDS}
    return json.dumps(values | {"cells": list(map(asdict, passage.cells))}, ensure_ascii=False)


def read_passage(record: str) -> Passage:
    values = json.loads(record)
    cells = tuple(Cell(c["row"], tuple(c["columns"]), c["text"], read_spans(c["spans"])) for c in values.pop("cells"))
    section, spans = tuple(values.pop("section")), read_spans(values.pop("spans"))
    return Passage(section=section, spans=spans, cells=cells, **values)
