"""Where two texts are alike: runs of characters that both have, chained in the order of both.

Compared are loose forms: case, kinds of quotation marks, brackets, commas and dashes, commas within figures, and
old and simplified characters are made one. Postings of character pairs tell where in a document to look.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from api.citations.folding import Stream
from api.citations.terms import neighbours
from retriever.text import in_japanese_forms

_ONE_FORM = {
    '"': "“”„‟″「」『』〝〟‘’'`´«»",
    "(": "[{〔【〈《≪",
    ")": "]}〕】〉》≫",
    ",": "、､;；",
    ".": "。",
    "-": "‐‑‒–—―−",
    "~": "〜∼",
    "・": "·•‧∙",
}
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_MOST_SEEDS = 20_000
_MOST_RUNS, _LOOK_BACK = 64, 24
_LEAST_SHARED = 0.25
"""Of what the pairs of a pasted text weigh; whoever has less of them isn't near."""
_LONG = 24
_REACH = 80
_OMISSION_REACH = 400
"""How much source text may lie between two runs, at most; more where the pasted text says that it left some out."""


@dataclass(frozen=True, slots=True)
class Loose:
    """`indices[i]`: where in the stream `text[i]` stands. `pairs`, sorted, and `starts`: each pair of neighbouring
    characters as one number, and where it begins."""

    text: str
    indices: NDArray[np.int32]
    pairs: NDArray[np.int64]
    starts: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Run:
    """`pasted[at : at + length]` is `source[start : start + length]`."""

    at: int
    start: int
    length: int


def loose(source: Stream) -> Loose:
    commas = [match.start() for match in _THOUSANDS.finditer(source.text)]
    indices = np.delete(np.arange(len(source.text), dtype=np.int32), commas)
    text = _THOUSANDS.sub("", source.text).translate(_loose_forms())
    pairs = neighbours(text)
    order = np.argsort(pairs, kind="stable").astype(np.int32)
    return Loose(text, indices, pairs[order], order)


@cache
def _loose_forms() -> dict[int, str]:
    """One character for one, so that places stay. Both texts are changed alike: a desk (机) may become a machine."""
    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    converted = in_japanese_forms("\n".join(characters), "zh").split("\n")
    forms = dict(zip(characters, converted, strict=True))
    han = {ord(c): forms.get(forms.get(form, form), form) for c, form in forms.items()}  # 艺 → 芸 → 蕓, as 芸 is
    marks = {ord(mark): one for one, marks in _ONE_FORM.items() for mark in marks}
    return han | marks | {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}


def windows(pasted: Loose, source: Loose) -> Iterator[tuple[float, int, int]]:
    """Stretches of the source that share the most, and the rarest, pairs with the pasted text: score, start, end."""
    wanted = np.unique(pasted.pairs)
    first = np.searchsorted(source.pairs, wanted, "left")
    counts = np.searchsorted(source.pairs, wanted, "right") - first
    rarest = np.argsort(counts, kind="stable")
    rarest = rarest[(counts[rarest] > 0) & (np.cumsum(counts[rarest]) <= _MOST_SEEDS)]
    if not len(rarest):
        return
    places = np.concatenate([source.starts[first[i] : first[i] + counts[i]] for i in rarest])
    weights = np.repeat(np.log(1 + len(source.text) / counts[rarest]), counts[rarest])
    size = max(len(pasted.text), 8)
    scores = np.bincount(places // size, weights, minlength=len(source.text) // size + 2)
    both = scores[:-1] + scores[1:]
    taken: set[int] = set()
    least = _LEAST_SHARED * np.log(1 + len(source.text) / np.maximum(counts, 1)).sum()
    for i in np.argsort(-both, kind="stable")[:24]:
        if both[i] >= least and not taken & {int(i) - 1, int(i) + 1}:
            taken.add(int(i))
            yield float(both[i]), int(i) * size, (int(i) + 2) * size


def chain(pasted: Loose, text: str, start: int, end: int, omissions: Sequence[int]) -> list[Run]:
    """The best runs, in the order of both texts, within `text[start:end]`. `omissions`: places in the pasted text
    where it says that something is left out."""
    runs = _runs(pasted, text[start:end], start)
    best: list[tuple[float, int, Run]] = []
    for number, run in enumerate(runs):
        chosen = (float(run.length), -1, run)
        for earlier in range(max(0, number - _LOOK_BACK), number):
            score, _, last = best[earlier]
            over = max(0, last.at + last.length - run.at, last.start + last.length - run.start)
            if over < run.length and score + run.length - over > chosen[0]:
                score += run.length - over - _cost(last, run, len(pasted.text), omissions)
                if score > chosen[0]:
                    chosen = (score, earlier, Run(run.at + over, run.start + over, run.length - over))
        best.append(chosen)
    chained: list[Run] = []
    number = max(range(len(best)), key=lambda i: best[i][0], default=-1)
    while number >= 0:
        chained.insert(0, best[number][2])
        number = best[number][1]
    return chained


def _cost(last: Run, run: Run, length: int, omissions: Sequence[int]) -> float:
    """Of a gap between two runs: more the more unlike it is in both texts; infinite where it is too long."""
    gap = run.start - last.start - last.length
    stated = any(last.at < place <= run.at + 1 for place in omissions)
    if gap > (_OMISSION_REACH if stated else max(_REACH, length)):
        return math.inf
    return 1.0 if stated else 0.5 + 0.05 * abs(gap - (run.at - last.at - last.length))


def _runs(pasted: Loose, window: str, offset: int) -> list[Run]:
    """Runs of at least two characters (of a long text three) that both have, in order of the source; the longest."""
    found = neighbours(window)
    first = np.searchsorted(pasted.pairs, found, "left")
    counts = np.searchsorted(pasted.pairs, found, "right") - first
    starts = np.repeat(np.arange(len(found)), counts)
    if not len(starts):
        return []
    at = pasted.starts[np.arange(len(starts)) + np.repeat(first - np.cumsum(counts) + counts, counts)]
    order = np.lexsort((at, starts - at))
    at, starts = at[order], starts[order]
    opens = np.flatnonzero(np.r_[True, (np.diff(starts - at) != 0) | (np.diff(at) != 1)])
    lengths = np.diff(np.r_[opens, len(at)]) + 1
    longest = np.argsort(-lengths, kind="stable")[:_MOST_RUNS]
    longest = longest[lengths[longest] >= (3 if len(pasted.text) >= _LONG else 2)]
    runs = [Run(int(at[opens[i]]), offset + int(starts[opens[i]]), int(lengths[i])) for i in longest]
    return sorted(runs, key=lambda run: (run.start, run.at))
