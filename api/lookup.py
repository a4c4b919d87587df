"""Citation lookup: where do the sources say just this?

Width doesn't matter (NFKC, though ① and ² don't become plain figures), nor white space within a line,
nor the joins that cleaning recorded. A match runs across a tab, a paragraph's end, or two digits that
white space parts only where the pasted text has white space there too.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rapidfuzz import fuzz

from api.quotes import Quote, mapped_passage, quote
from ingest.clean import find_furniture
from ingest.mapped import ADDED, Mapped, join
from retriever.filters import Filters
from retriever.records import Document, Passage, Span
from retriever.search import Hit, Retriever

NEAR = 0.7
"""Least similarity that is still shown as a near match."""
_NEAR_PASSAGES = 10
_MOST_NEAR = 0.99
"""What isn't verbatim is never shown as wholly alike."""
_EDGE = 3
_MARKS = re.compile(r"[\u0300-\u036f\u3099\u309a\uff9e\uff9f]")
_NUMBER = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?[兆億万千百]*(?:%|割|ポイント|元|円|ドル|年|月|日|社|件|倍)?")


@dataclass(frozen=True, slots=True)
class Stream:
    """A text without white space, folded. `places[i]`: where `text[i]` stands; `apart`: indexes before
    which white space parts the text; `barriers`: those of them that a match can't ignore."""

    text: str
    places: tuple[int, ...]
    apart: frozenset[int]
    barriers: frozenset[int]


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
        self._streams: dict[str, tuple[Stream, ...]] = {}
        self._passages: dict[str, list[Passage]] = {}

    def lookup(self, text: str, top_k: int = 5, filters: Filters = Filters()) -> Lookup:
        """`verbatim` only where the text really stands in a source; else the nearest places, or `not_found`."""
        self.retriever.check(filters)
        pasted = stream(text)
        if not pasted.text:
            return Lookup("not_found", ())
        documents = self.retriever.documents(filters)
        found = (match for document in documents for match in self._find(pasted, document, filters.kinds))
        if exact := tuple(islice(found, top_k)):
            return Lookup("verbatim", exact)
        near = self._near(pasted, text, top_k, filters)
        return Lookup("near" if near else "not_found", near)

    def _find(self, pasted: Stream, document: Document, kinds: Sequence[str]) -> Iterator[Match]:
        seen: set[int] = set()
        for source in self._streams_of(document):
            for start in occurrences(pasted, source):
                first = source.places[start]
                passage = None if first in seen else self._passage_at(document, first)
                if first in seen or (kinds and (passage is None or passage.kind not in kinds)):
                    continue
                seen.add(first)
                found = _shown(source, start, start + len(pasted.text), document)
                yield Match(document, passage, found, 1.0, True)

    def _streams_of(self, document: Document) -> tuple[Stream, ...]:
        """As it stands; and, where furniture parts sentences, without it."""
        if document.source_sha256 not in self._streams:
            whole = stream(document.text, document)
            furniture = {i for f in find_furniture(document.text) for i in range(*f.span)}
            clean = stream(document.text, document, furniture) if furniture else None
            self._streams[document.source_sha256] = (clean, whole) if clean else (whole,)
        return self._streams[document.source_sha256]

    def _passage_at(self, document: Document, place: int) -> Passage | None:
        return next((p for p in self._passages_of(document) for start, end in p.spans if start <= place < end), None)

    def _passages_of(self, document: Document) -> list[Passage]:
        if document.source_sha256 not in self._passages:
            self._passages[document.source_sha256] = self.retriever.index.passages_of(document.doc_id)
        return self._passages[document.source_sha256]

    def _near(self, pasted: Stream, text: str, top_k: int, filters: Filters) -> tuple[Match, ...]:
        result = self.retriever.search(text, _NEAR_PASSAGES, mode="lexical", filters=filters)
        best: dict[tuple[Span, ...], Match] = {}
        for hit in result.hits:
            match = near_match(pasted, text, self._around(hit, len(text)), hit.passage, hit.document)
            if match:
                best.setdefault(match.quote.spans, match)
        return tuple(sorted(best.values(), key=lambda m: -m.similarity)[:top_k])

    def _around(self, hit: Hit, length: int) -> Mapped:
        """The hit's passage, with as much running text around it as a long or overlapping paste may need.

        Neighbours of a table's passage repeat its header, so a table stands alone.
        """
        passages = [p for p in self._passages_of(hit.document) if not p.cells or p == hit.passage]
        first = last = passages.index(hit.passage)
        wanted = 0 if hit.passage.cells else 2 * length + len(hit.passage.text)
        while sum(len(p.text) for p in passages[first : last + 1]) < min(wanted, sum(len(p.text) for p in passages)):
            first, last = max(0, first - 1), min(len(passages) - 1, last + 1)
        return join([mapped_passage(p, hit.document) for p in passages[first : last + 1]], "\n")


def stream(text: str, document: Document | None = None, left_out: set[int] | None = None) -> Stream:
    """Fold a source (with its document) or a pasted text (without): there all white space counts as such."""
    skipped = left_out or set()
    inside_joins = {i for start, end in (document.joins if document else ()) for i in range(start, end)}
    characters: list[str] = []
    places: list[int] = []
    apart: set[int] = set()
    barriers: set[int] = set()
    gap: list[int] = []
    for start, end in clusters(text):
        if text[start:end].isspace() or start in skipped:
            gap.append(start)
            continue
        folded = fold(text[start:end])
        if gap and characters:
            apart.add(len(characters))
            if _is_barrier(text, gap, inside_joins, characters[-1], folded[0]):
                barriers.add(len(characters))
        gap = []
        characters.extend(folded)
        places.extend([start] * len(folded))
    return Stream("".join(characters), tuple(places), frozenset(apart), frozenset(barriers))


def _is_barrier(text: str, gap: list[int], inside_joins: set[int], before: str, after: str) -> bool:
    if before.isdecimal() and after.isdecimal():  # ① and ² are none
        return True
    crossed = [i for i in gap if i not in inside_joins]
    return any(text[i] in "\t\n\r\v\f\x85\u2028\u2029" or not text[i].isspace() for i in crossed)


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Characters with the marks that NFKC joins to them (ｶﾞ is one)."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or not _MARKS.match(text[i]):
            if i > start:
                yield start, i
            start = i


def fold(cluster: str) -> str:
    """NFKC, but a figure in a ring or raised stays what it is."""
    return (
        cluster if unicodedata.category(cluster[0]) == "No" else "".join(unicodedata.normalize("NFKC", cluster).split())
    )


def occurrences(pasted: Stream, source: Stream) -> Iterator[int]:
    """Where the pasted text stands in the source: indexes into `source.text`."""
    start = source.text.find(pasted.text)
    while start >= 0:
        end = start + len(pasted.text)
        inner = (b - start for b in source.barriers if start < b < end)
        whole = _cluster_edges(source, start, end)
        if whole and all(b in pasted.apart for b in inner):
            yield start
        start = source.text.find(pasted.text, start + 1)


def _cluster_edges(source: Stream, start: int, end: int) -> bool:
    """A character that folds to several (㎡) is matched whole or not at all."""
    opens = start == 0 or source.places[start - 1] != source.places[start]
    closes = end == len(source.places) or source.places[end] != source.places[end - 1]
    return opens and closes


def _shown(source: Stream, start: int, end: int, document: Document) -> Quote:
    """The quote as a person reads it: wraps undone, other line ends and tabs kept."""
    text = document.text
    characters: list[str] = []
    offsets: list[int] = []
    for i in range(start, end):
        if i > start and source.places[i] == source.places[i - 1]:
            continue
        if i in source.apart and i > start:
            gap = text[source.places[i - 1] + 1 : source.places[i]]
            space = "\n" if i in source.barriers and "\n" in gap else " " if "\n" not in gap else ""
            characters.append(space)
            offsets.extend([ADDED] * len(space))
        cluster_end = _cluster_end(text, source.places[i])
        characters.append(text[source.places[i] : cluster_end])
        offsets.extend(range(source.places[i], cluster_end))
    return quote(Mapped("".join(characters), tuple(offsets)), document)


def _cluster_end(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and _MARKS.match(text[end]):
        end += 1
    return end


def near_match(pasted: Stream, text: str, around: Mapped, passage: Passage, document: Document) -> Match | None:
    """The piece of the text around a passage that is most like the pasted one, if it is like it at all."""
    plain, shown = unicodedata.normalize("NFKC", text), around.text
    aligned = fuzz.partial_ratio_alignment(plain, shown, score_cutoff=100 * NEAR)
    if aligned is None or len(plain) > 2 * len(shown):
        return None
    start, end = _best_edges(plain, shown, aligned.dest_start, aligned.dest_end)
    found = quote(around.slice(start, end), document)
    similarity = min(fuzz.ratio(pasted.text, stream(found.text).text) / 100, _MOST_NEAR)
    if not found.text or similarity < NEAR:
        return None
    return Match(document, passage, found, round(similarity, 4), numbers(pasted) == numbers(stream(found.text)))


def _best_edges(pasted: str, shown: str, start: int, end: int) -> tuple[int, int]:
    """The alignment has the length of the pasted text; a few characters more or less may fit better."""
    starts = range(max(0, start - _EDGE), start + _EDGE + 1)
    ends = range(end - _EDGE, min(len(shown), end + _EDGE) + 1)
    edges = [(s, e) for s in starts for e in ends if s < e]
    return max(edges, key=lambda edge: (fuzz.ratio(pasted, shown[edge[0] : edge[1]]), -edge[0], edge[1]))


def numbers(folded: Stream) -> Sequence[str]:
    """The figures of a text with their units, separators left out, sorted. Figures in rings are none."""
    return sorted(number.replace(",", "") for number in _NUMBER.findall(folded.text))
