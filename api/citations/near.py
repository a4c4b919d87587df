"""Places that nearly say a pasted text, and places that say a pasted figure in whatever form."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rapidfuzz import fuzz

from api.citations.chaining import Loose, Run, chain, loose, windows
from api.citations.figures import Figure, agree, figures_in, same
from api.citations.folded import Folded
from api.citations.folding import Stream, is_barrier, stream, without_invisible
from retriever.records import Span

NEAR = 0.7
"""Least similarity that is still shown as a near match."""
_NEAR_WITH_MORE = 0.4
"""That of a place which says nearly all of the pasted text, among other things: an article left out a clause."""
_COVERED, _LEAST_COVERED, _LONG_RUN = 0.85, 8, 3
"""It has this share of the pasted text, this many characters, in runs of this length."""
_MOST_NEAR = 0.99
"""What isn't verbatim is never shown as wholly alike."""
_NEAR_WINDOWS, _FAR_BEHIND = 10, 0.4
"""How many likely places are compared in full; none that shares far less than one that was near."""
_CITATION_MARK = re.compile(
    r"[\[［【]\s*(?:注|出典|\*)?\s*[0-9０-９]{1,3}\s*[\]］】]|[(（]\s*(?:注|出典)\s*[0-9０-９]*\s*[)）]|[¹²³⁰-⁹]+$"
)
_AROUND = "\"“”„‟″「」『』〝〟‘’' \t\r\n\u3000"
"""Quotation marks that an article puts around a quote."""
_OMISSION = re.compile(r"…+|\.{3,}|・{3,}|[(（〔\[［](?:中略|略)[)）〕\]］]")
_LINE_END_IN_JAPANESE = re.compile(r"(?<=[^\x00-\x7f])\s*\n\s*|\s*\n\s*(?=[^\x00-\x7f])")
_NO_FIGURE = re.compile(r"\b(?:about|some|over|nearly|approximately|of)\b|[約およそほぼの年間]|[\W_]", re.IGNORECASE)
_MARGIN, _OMISSION_MARGIN = 80, 400
"""How far around a likely place its parts are looked for."""
_LONG, _EDGE = 10, 3
"""Of a pasted text from this length on, a few characters that differ at its edges are shown, too."""
_WORD = re.compile(r"[0-9A-Za-z]{2}|[ァ-ヺ・ー]{2}")
_SENTENCE_END = "。!?"
_NEXT_FIGURE = 4
"""Characters from a figure to the next, at most, where several are looked up together."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A pasted text without its citation marks. `omissions`: where in `loose` it says that it leaves something out;
    `is_figure`: it says nothing but its figures."""

    loose: Loose
    omissions: tuple[int, ...]
    figures: Sequence[Figure]
    is_figure: bool


@dataclass(frozen=True, slots=True)
class Place:
    """`pieces`: of the document's first stream, in order."""

    folded: Folded
    pieces: tuple[Span, ...]
    similarity: float
    numbers_agree: bool


def read_paste(text: str) -> Pasted:
    unmarked = _CITATION_MARK.sub("", without_invisible(text)).strip(_AROUND) or text
    unwrapped = _LINE_END_IN_JAPANESE.sub("", unmarked)
    figures = figures_in(unwrapped)
    edges = [0, *(edge for figure in figures for edge in figure.span), len(unwrapped)]
    rest = "".join(unwrapped[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    parts = [stream(part) for part in _OMISSION.split(unmarked)]
    whole = loose(stream("".join(part.text for part in parts)))
    ends = [int(end) for end in np.cumsum([len(loose(part).text) for part in parts])]
    omissions = tuple(end for end in ends if 0 < end < ends[-1])
    return Pasted(whole, omissions, figures, bool(figures) and not _NO_FIGURE.sub("", rest))


def near(pasted: Pasted, documents: Sequence[Folded], kinds: Sequence[str]) -> list[Place]:
    """Best first; none where nothing is near."""
    if pasted.is_figure:
        found = [place for folded in documents for place in _same_figures(pasted, folded, kinds)]
    else:
        found = _alike(pasted, documents, kinds)
    return sorted(found, key=lambda place: (-place.similarity, not place.numbers_agree))


def _same_figures(pasted: Pasted, folded: Folded, kinds: Sequence[str]) -> Iterator[Place]:
    """Where a document says just the pasted figures, one right after the other."""
    wanted, source = pasted.figures, folded.streams[0]
    for i in range(len(folded.figures) - len(wanted) + 1):
        found = folded.figures[i : i + len(wanted)]
        if not all(same(w, f) and (not w.unit or w.unit == f.unit) for w, f in zip(wanted, found, strict=True)):
            continue
        start, end = found[0].span[0], found[-1].span[1]
        if all(b.span[0] - a.span[1] <= _NEXT_FIGURE for a, b in pairwise(found)) and folded.is_of(kinds, start):
            piece = bisect_left(source.places, start), bisect_left(source.places, end)
            yield Place(folded, (piece,), _similarity(pasted, folded, [piece]), True)


def _alike(pasted: Pasted, documents: Sequence[Folded], kinds: Sequence[str]) -> list[Place]:
    """The places that share the most with the pasted text, if they are like it at all."""
    found = [(*window, n) for n, folded in enumerate(documents) for window in windows(pasted.loose, folded.loose)]
    places: dict[tuple[int, int], Place] = {}
    least = 0.0
    for score, start, end, number in sorted(found, key=lambda window: (-window[0], window[3]))[:_NEAR_WINDOWS]:
        if score < least:
            break
        place = _place(pasted, documents[number], start, end)
        if place and place.folded.is_of(kinds, place.folded.streams[0].places[place.pieces[0][0]]):
            least = least or _FAR_BEHIND * score
            places.setdefault((number, place.pieces[0][0]), place)
    return list(places.values())


def _place(pasted: Pasted, folded: Folded, start: int, end: int) -> Place | None:
    """The place around a window of the loose text that is most like the pasted text, if it is like it at all."""
    margin = len(pasted.loose.text) + (_OMISSION_MARGIN if pasted.omissions else _MARGIN)
    first, last = max(0, start - margin), min(len(folded.loose.text), end + margin)
    runs = chain(pasted.loose, folded.loose.text, first, last, pasted.omissions)
    if not runs:
        return None
    pieces = _pieces(pasted, folded, runs)
    similarity = _similarity(pasted, folded, pieces)
    covered = sum(run.length for run in runs if run.length >= _LONG_RUN)
    says_all = covered >= max(_LEAST_COVERED, _COVERED * len(pasted.loose.text))
    if similarity < (_NEAR_WITH_MORE if says_all else NEAR):
        return None
    figures = figures_in(folded.quote(folded.streams[0], pieces).text)
    return Place(folded, pieces, similarity, agree(pasted.figures, figures))


def _similarity(pasted: Pasted, folded: Folded, pieces: Sequence[Span]) -> float:
    """Of the pasted text and pieces of the first stream, both in their loose forms."""
    edges = np.searchsorted(folded.loose.indices, np.array(pieces, np.int32))
    found = "".join(folded.loose.text[start:end] for start, end in edges)
    return round(min(fuzz.ratio(pasted.loose.text, found) / 100, _MOST_NEAR), 4)


def _pieces(pasted: Pasted, folded: Folded, runs: Sequence[Run]) -> tuple[Span, ...]:
    """Where the runs stand; there is another piece where the pasted text says that it left something out."""
    groups = [[runs[0]]]
    for last, run in pairwise(runs):
        stated = any(last.at < place <= run.at for place in pasted.omissions)
        if stated and run.start > last.start + last.length:
            groups.append([])
        groups[-1].append(run)
    pieces: list[Span] = []
    for start, end in (_region(pasted, folded, group) for group in groups):
        if pieces and start <= pieces[-1][1]:  # what was left out is hardly anything
            start, end = pieces[-1][0], max(end, pieces.pop()[1])
        pieces.append((start, end))
    return tuple(pieces)


def _region(pasted: Pasted, folded: Folded, runs: Sequence[Run]) -> Span:
    """Where the runs stand in the first stream, with what a change at their edges left out; no number or Latin
    word is cut."""
    first, last = runs[0], runs[-1]
    paste_end = last.at + last.length
    start, end = folded.loose.indices[[first.start, last.start + last.length - 1]]
    head = first.at - max((place for place in pasted.omissions if place <= first.at), default=0)
    tail = min((p for p in pasted.omissions if p >= paste_end), default=len(pasted.loose.text)) - paste_end
    if len(pasted.loose.text) < _LONG:
        head = tail = 0
    return _edge(folded, int(start), head, -1), _edge(folded, int(end) + 1, tail, 1)


def _edge(folded: Folded, i: int, missing: int, step: int) -> int:
    """`i` moved outwards: by about as much as is missing there to the end of a sentence, or by just a few
    characters; then to the end of a word."""
    source, size = folded.streams[0], len(folded.streams[0].text)
    aim = min(size, max(0, i + step * missing))
    reach = range(i, aim + step * (_EDGE + 1), step) if 0 < missing <= _MARGIN else ()
    if ends := [j for j in reach if 0 <= j <= size and _ends_sentence(source, j)]:
        i = min(ends, key=lambda j: abs(j - aim))
    while missing <= _EDGE and i != aim and not ends and source.text[min(i, i + step)].isalnum():
        i += step
    while 0 < i < size and _is_cut(folded, i):
        i += step
    return i


def _ends_sentence(source: Stream, i: int) -> bool:
    return i in (0, len(source.text)) or is_barrier(source, i) or source.text[i - 1] in _SENTENCE_END


def _is_cut(folded: Folded, i: int) -> bool:
    """Whether a number, a word in Latin letters or katakana, or a character that folds to several runs over an edge."""
    source = folded.streams[0]
    whole = source.places[i - 1] == source.places[i] or folded.cuts_number(source.places[i])
    return whole or (i not in source.apart and bool(_WORD.fullmatch(source.text[i - 1 : i + 1])))
