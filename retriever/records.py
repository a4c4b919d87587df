"""The plain records that pass between the stages."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
"""`[start, end)` in Unicode code points of a document's source text."""


@dataclass(frozen=True, slots=True)
class Document:
    """A source text and what is known of it.

    `pages`: where each page begins in the text, where the format has pages; `blank_pages`: numbers of those that
    show something but have no text; `encoding`: that of a text file; `filename`: as it came, only ever shown.
    `joins`: the gaps over which cleaning found that a sentence runs on (hard wraps, furniture in its middle).
    """

    doc_id: str
    title: str
    text: str
    file_sha256: str
    source_sha256: str
    language: str
    media_type: str
    extractor: str
    author: str | None = None
    publisher: str | None = None
    published: str | None = None
    published_basis: str | None = None
    source_note: str | None = None
    licence_note: str | None = None
    pages: tuple[int, ...] = ()
    blank_pages: tuple[int, ...] = ()
    encoding: str | None = None
    filename: str | None = None
    joins: tuple[Span, ...] = ()

    def page_of(self, offset: int) -> int | None:
        """The number of the page that holds a place in the text; nothing where the format has no pages."""
        return bisect_right(self.pages, offset) or None


LANGUAGES = ("ja", "en", "zh")
"""In which questions are written for passages."""


class Asked(NamedTuple):
    """A question that a passage answers: indexed beside it, never shown.

    `answer`: where in the source the sentences lie that answer it; `short`: the figure, name or date that it asks
    for. Empty where nobody said.
    """

    language: str
    text: str
    answer: tuple[Span, ...] = ()
    short: tuple[Span, ...] = ()


class Questions(NamedTuple):
    """The questions (Q) that were written for a passage, the content words of each, and their vectors (Q, D)."""

    asked: tuple[Asked, ...]
    words: tuple[tuple[str, ...], ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell with the path of its column names, outermost first (second heading row included).

    `spans` rather than one: a URL in its middle is left out.
    """

    row: int
    columns: tuple[str, ...]
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Passage:
    """A piece of a document that is found, shown and cited as one; `text` obeys the span rule."""

    passage_id: str
    doc_id: str
    section: tuple[str, ...]
    kind: str
    text: str
    spans: tuple[Span, ...]
    page: int | None = None
    cells: tuple[Cell, ...] = ()
