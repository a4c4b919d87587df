"""Citation lookup: where do the sources say just this, or nearly?

Width doesn't matter (NFKC, though ① and ² don't become plain figures), nor white space within a line,
nor the joins that cleaning recorded. A match runs across a tab, a paragraph's end, or two digits that
white space parts only where the pasted text has white space there too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from api.citations.folded import Folded, fold_document
from api.citations.folding import Stream, occurrences, stream
from api.citations.near import near, read_paste
from api.citations.quotes import Quote
from retriever.filters import Filters
from retriever.records import Document, Passage, Span
from retriever.search import Retriever


@dataclass(frozen=True, slots=True)
class Match:
    document: Document
    passage: Passage | None
    quote: Quote
    similarity: float
    numbers_agree: bool


@dataclass(frozen=True, slots=True)
class Lookup:
    status: str
    matches: tuple[Match, ...]


class Finder:
    """Looks texts up in the documents of one index generation; folds each document once."""

    def __init__(self, retriever: Retriever):
        self.retriever = retriever
        self._folded: list[Folded] | None = None
        self._folding = Lock()

    def lookup(self, text: str, top_k: int = 5, filters: Filters = Filters()) -> Lookup:
        """`verbatim` only where the text really stands in a source; else the nearest places, or `not_found`."""
        self.retriever.check(filters)
        pasted = stream(text)
        if not pasted.text:
            return Lookup("not_found", ())
        documents = [folded for folded in self.folded() if filters.pass_document(folded.document)]
        if exact := _verbatim(pasted, documents, top_k, filters.kinds):
            return Lookup("verbatim", exact)
        places = near(read_paste(text), documents, filters.kinds)[:top_k]
        found = (_match(p.folded, p.folded.streams[0], p.pieces, p.similarity, p.numbers_agree) for p in places)
        return Lookup("near" if places else "not_found", tuple(found))

    def folded(self) -> list[Folded]:
        """All documents, folded at the first call; a service that starts makes it before anybody waits."""
        with self._folding:
            if self._folded is None:
                index = self.retriever.index
                self._folded = [fold_document(d, index.passages_of(d.doc_id)) for d in index.documents()]
            return self._folded


def _match(folded: Folded, source: Stream, pieces: Sequence[Span], similarity: float, numbers_agree: bool) -> Match:
    passage = folded.passage_at(source.places[pieces[0][0]])
    return Match(folded.document, passage, folded.quote(source, pieces), similarity, numbers_agree)


def _verbatim(pasted: Stream, documents: Sequence[Folded], top_k: int, kinds: Sequence[str]) -> tuple[Match, ...]:
    """Places whose numbers the pasted text has whole come first: 30% isn't 130%, though it stands there."""
    whole: list[Match] = []
    cut: list[Match] = []
    for folded, source, start in (place for document in documents for place in _places(pasted, document)):
        end = start + len(pasted.text)
        after = source.places[end] if end < len(source.places) else len(folded.document.text)
        cuts = folded.cuts_number(source.places[start]) or folded.cuts_number(after)
        if (cuts and len(cut) == top_k) or not folded.is_of(kinds, source.places[start]):
            continue
        (cut if cuts else whole).append(_match(folded, source, [(start, end)], 1.0, not cuts))
        if len(whole) == top_k:
            break
    return (*whole, *cut)[:top_k]


def _places(pasted: Stream, folded: Folded) -> Iterator[tuple[Folded, Stream, int]]:
    seen: set[int] = set()
    for source in folded.streams:
        for start in occurrences(pasted, source):
            if source.places[start] not in seen:
                seen.add(source.places[start])
                yield folded, source, start
