"""Quotes: pieces of a shown text with their places in the source, and the proof that they stand there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.mapped import ADDED, Mapped, join
from retriever.errors import TenkyoError
from retriever.records import Document, Passage, Span

MARK = re.compile(r"\s*[\[［【〔⟦]\s*(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\s*[\]］】〕⟧]")
"""How an answer marks what it cites: nothing that it quotes may hold a mark of its own."""


class UnprovenCitation(TenkyoError):
    """A quote is not what its spans hold: nothing is answered with it."""


@dataclass(frozen=True, slots=True)
class Quote:
    text: str
    spans: tuple[Span, ...]


def squeeze(text: str) -> str:
    """Without white space (Unicode White_Space)."""
    return "".join(text.split())


def stands(document: Document, text: str, spans: Sequence[Span]) -> bool:
    """Whether the span rule holds against the source."""
    in_order = all(a < b for a, b in spans) and all(a[1] <= b[0] for a, b in pairwise(spans))
    held = "".join(document.text[start:end] for start, end in spans)
    return bool(spans) and in_order and squeeze(held) == squeeze(text)


def prove(document: Document, text: str, spans: Sequence[Span]) -> None:
    """Check the span rule against the source. Raises `UnprovenCitation`."""
    if not stands(document, text, spans):
        raise UnprovenCitation(
            f"A quote from {document.doc_id} doesn't stand at its spans {list(spans)}. Run `tenkyo ingest`."
        )


def mapped(text: str, spans: Sequence[Span], document: Document) -> Mapped:
    """A shown text with each character's place in the source."""
    places = (i for start, end in spans for i in range(start, end) if not document.text[i].isspace())
    return Mapped(text, tuple(ADDED if c.isspace() else next(places) for c in text))


def mapped_passage(passage: Passage, document: Document) -> Mapped:
    return mapped(passage.text, passage.spans, document)


def unmarked(piece: Mapped) -> Mapped:
    """Without what would pass for a citation's mark, also one that another had hidden: [[1]1]."""
    while found := MARK.search(piece.text):
        piece = join([piece.slice(0, found.start()), piece.slice(found.end(), len(piece))])
    return piece


def unmarked_text(text: str) -> str:
    return unmarked(Mapped(text, (ADDED,) * len(text))).text


def quote(piece: Mapped, document: Document) -> Quote:
    stripped = piece.strip()
    return Quote(stripped.text, stripped.spans(document.text))
