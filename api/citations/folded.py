"""A document ready to be looked up: folded, with its figures and where its pairs of characters stand."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from api.citations.chaining import Loose, loose
from api.citations.figures import Figure, figures_in
from api.citations.folding import Stream, readable, spaced, stream
from api.citations.quotes import Quote, quote
from ingest.clean import find_furniture
from ingest.mapped import join, tidy
from retriever.records import Document, Passage, Span


@dataclass(frozen=True, slots=True)
class Folded:
    """`streams`: without furniture, where it parts sentences; and as it stands. `loose` is the first one's.

    The figures' places are those in the source.
    """

    document: Document
    passages: Sequence[Passage]
    streams: tuple[Stream, ...]
    loose: Loose
    figures: tuple[Figure, ...]

    def passage_at(self, place: int) -> Passage | None:
        return next((p for p in self.passages for start, end in p.spans if start <= place < end), None)

    def is_of(self, kinds: Sequence[str], place: int) -> bool:
        """Whether a place lies in a passage of one of the kinds; any place does where none is named."""
        passage = self.passage_at(place) if kinds else None
        return not kinds or (passage is not None and passage.kind in kinds)

    def cuts_number(self, place: int) -> bool:
        """Whether a piece of the source that starts or ends at a place has but a part of a number."""
        before = bisect_left(self.figures, place, key=lambda figure: figure.number[0]) - 1
        return before >= 0 and place < self.figures[before].number[1]

    def quote(self, source: Stream, pieces: Sequence[Span]) -> Quote:
        """Pieces of a stream, in order, each on lines of its own."""
        return quote(tidy(join([readable(source, *piece, self.document) for piece in pieces], "\n")), self.document)


def fold_document(document: Document, passages: Sequence[Passage]) -> Folded:
    return Folded(document, passages, *_fold(document))


@lru_cache(maxsize=100)
def _fold(document: Document) -> tuple[tuple[Stream, ...], Loose, tuple[Figure, ...]]:
    """Kept beyond a generation of the index: most documents are the same in the next one."""
    whole = stream(document.text, document.joins)
    furniture = [found.span for found in find_furniture(document.text)]
    streams = (stream(document.text, document.joins, furniture), whole) if furniture else (whole,)
    text, places = spaced(streams[0], document.text)

    def in_source(start: int, end: int) -> Span:
        return places[start], places[end - 1] + 1

    figures = (replace(f, number=in_source(*f.number), span=in_source(*f.span)) for f in figures_in(text))
    return streams, loose(streams[0]), tuple(figures)
