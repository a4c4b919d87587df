"""A text without white space, folded, so that width, wraps and spacing don't matter when texts are compared.

Folded is NFKC, though ① and ² don't become plain figures. Characters that nobody sees (format characters such as
the zero-width space, variation selectors) are left out; they count neither as white space nor as text.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.mapped import ADDED, Mapped
from retriever.records import Document, Span

_INVISIBLE = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001-\U000e01ef"
)
"""Category Cf, and variation selectors. A test holds it equal to what Unicode's table says."""
_RUN = re.compile(rf"[^\s{_INVISIBLE}]+")
_NOT_SEEN = re.compile(rf"[{_INVISIBLE}]+")
_MARKS = re.compile(r"[\u0300-\u036f\u3099\u309a\uff9e\uff9f]")
_CLUSTER = re.compile(rf".{_MARKS.pattern}*", re.DOTALL)
_BREAKS = frozenset("\t\n\r\v\f\x85\u2028\u2029")


@dataclass(frozen=True, slots=True)
class Stream:
    """`places[i]`: where `text[i]` stands; `apart`: indexes before which white space (or what was left out) parts
    the text; `barriers`: those of them, in order, that a match can't ignore."""

    text: str
    places: Sequence[int]
    apart: frozenset[int]
    barriers: tuple[int, ...]


class _Folds(dict[int, str]):
    """Character → folded, each worked out once."""

    def __missing__(self, code: int) -> str:
        self[code] = fold(chr(code))
        return self[code]


_FOLDS = _Folds()


def fold(cluster: str) -> str:
    """NFKC, but a figure in a ring or raised stays what it is."""
    if unicodedata.category(cluster[0]) == "No":
        return cluster
    return "".join(unicodedata.normalize("NFKC", cluster).split())


def without_invisible(text: str) -> str:
    return _NOT_SEEN.sub("", text)


def stream(text: str, joins: Iterable[Span] = (), left_out: Sequence[Span] = ()) -> Stream:
    """Fold a source, or a pasted text (without joins: there all white space counts as such).

    `joins`: gaps over which a sentence runs on; `left_out`: what is skipped, in order.
    """
    joined = {i for start, end in joins for i in range(start, end)}
    parts: list[str] = []
    places = array("i")
    apart: list[int] = []
    barriers: list[int] = []
    last_end = 0
    for start, end in _runs(text, left_out):
        folded, own_places = _fold_run(text[start:end], start)
        gap = [i for i in range(last_end, start) if not _NOT_SEEN.match(text[i])] if places else []
        if gap:
            apart.append(len(places))
            figures_meet = parts[-1][-1].isdecimal() and folded[0].isdecimal()  # ① and ² are none
            if figures_meet or any(i not in joined and (text[i] in _BREAKS or not text[i].isspace()) for i in gap):
                barriers.append(len(places))
        parts.append(folded)
        places.extend(own_places)
        last_end = end
    return Stream("".join(parts), places, frozenset(apart), tuple(barriers))


def _runs(text: str, left_out: Sequence[Span]) -> Iterator[Span]:
    """The pieces that neither white space nor anything else that is skipped parts."""
    start = 0
    for skipped_start, skipped_end in (*left_out, (len(text), len(text))):
        for run in _RUN.finditer(text, start, skipped_start):
            yield run.span()
        start = max(start, skipped_end)


def _fold_run(run: str, start: int) -> tuple[str, Iterable[int]]:
    if not _MARKS.search(run):
        folded = run.translate(_FOLDS)
        if len(folded) == len(run):  # no character folds to nothing, so each folds to one
            return folded, range(start, start + len(run))
    pieces = [(fold(cluster[0]), start + cluster.start()) for cluster in _CLUSTER.finditer(run)]
    return "".join(piece for piece, _ in pieces), [place for piece, place in pieces for _ in piece]


def occurrences(pasted: Stream, source: Stream) -> Iterator[int]:
    """Where the pasted text stands in the source: indexes into `source.text`."""
    start = source.text.find(pasted.text)
    while start >= 0:
        end = start + len(pasted.text)
        inner = source.barriers[bisect_right(source.barriers, start) : bisect_left(source.barriers, end)]
        if _cluster_edges(source, start, end) and all(barrier - start in pasted.apart for barrier in inner):
            yield start
        start = source.text.find(pasted.text, start + 1)


def _cluster_edges(source: Stream, start: int, end: int) -> bool:
    """A character that folds to several (㎡) is matched whole or not at all."""
    opens = start == 0 or source.places[start - 1] != source.places[start]
    closes = end == len(source.places) or source.places[end] != source.places[end - 1]
    return opens and closes


def readable(source: Stream, start: int, end: int, document: Document) -> Mapped:
    """A piece of a source as a person reads it: wraps undone, other line ends and tabs kept."""
    text = document.text
    characters: list[str] = []
    offsets: list[int] = []
    for i in range(start, end):
        place = source.places[i]
        if i > start and place == source.places[i - 1]:
            continue
        if i > start and i in source.apart:
            space = _space(text[source.places[i - 1] : place + 1], is_barrier(source, i))
            characters.append(space)
            offsets.extend([ADDED] * len(space))
        cluster_end = place + 1
        while cluster_end < len(text) and _MARKS.match(text[cluster_end]):
            cluster_end += 1
        characters.append(text[place:cluster_end])
        offsets.extend(range(place, cluster_end))
    return Mapped("".join(characters), tuple(offsets))


def spaced(source: Stream, text: str) -> tuple[str, Sequence[int]]:
    """The stream of a source's `text` with its gaps shown, and the place of each character (-1: a gap's)."""
    parts: list[str] = []
    places = array("i")
    for start, end in pairwise((0, *sorted(source.apart), len(source.text))):
        if start:
            space = _space(text[source.places[start - 1] : source.places[start] + 1], is_barrier(source, start))
            parts.append(space)
            places.extend([ADDED] * len(space))
        parts.append(source.text[start:end])
        places.extend(source.places[start:end])
    return "".join(parts), places


def is_barrier(source: Stream, i: int) -> bool:
    found = bisect_left(source.barriers, i)
    return found < len(source.barriers) and source.barriers[found] == i


def _space(gap: str, is_barrier: bool) -> str:
    """What to show for a gap, given with the characters at its edges. Latin words keep a space where a line ended."""
    if is_barrier:
        return next((space for space in "\n\t" if space in gap), " ")
    return " " if "\n" not in gap or (gap[0].isascii() and gap[-1].isascii()) else ""
