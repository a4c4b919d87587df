"""What an answer can be made of: the sentences of a hit's prose and the rows of its tables, each with its place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from api.quotes import Quote, mapped, mapped_passage, quote, unmarked, unmarked_text
from ingest.mapped import Mapped
from ingest.structure import split_sentences
from retriever.records import Cell, Document, Passage, Span
from retriever.search import Hit

_LONGEST = 390
_BULLETS = re.compile(r"^\s*(?:[-–—・•●○■□◆◇▶►➢⇒→✓👉]\s*)+")
_SAYS_SOMETHING = re.compile(r"[^\W\d_]{2}")
"""The figures of a chart without their labels answer nothing."""
_ASKS = re.compile(r"(?:[？?]|(?:です|ます|ました|ません|でしょう|だろう)か。)[」』）)]?$|[吗嗎呢]。$")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer's sentence: quoted from a source, or a label that was added."""

    text: str
    spans: tuple[Span, ...] = ()

    @property
    def is_quote(self) -> bool:
        return bool(self.spans)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or table row of a hit. `quote` is what its citation shows."""

    hit: Hit
    parts: tuple[Part, ...]
    quote: Quote

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


def split_hit(hit: Hit) -> list[Candidate]:
    """Sentences of a hit's prose and lines, rows of its tables; each short enough to be an answer.

    Questions answer nothing.
    """
    return [Candidate(hit, parts, shown) for parts, shown in split_passage(hit.passage, hit.document)]


@lru_cache(maxsize=1024)
def split_passage(passage: Passage, document: Document) -> tuple[tuple[tuple[Part, ...], Quote], ...]:
    """The parts of each, and its quote. Of what is found again and again, once."""
    if passage.cells:
        rows = (list(row) for _, row in groupby(passage.cells, key=lambda cell: cell.row))
        groups = (group for row in rows for group in _repeated_groups(row))
        return tuple(row for row in (_row(document, group) for group in groups) if row[1].spans)
    sentences = (s for line in _lines(mapped_passage(passage, document)) for s in split_sentences(line))
    shown = (quote(_clauses(unmarked(s)), document) for s in sentences if not _ASKS.search(s.text))
    return tuple(((Part(found.text, found.spans),), found) for found in shown if _SAYS_SOMETHING.search(found.text))


def _clauses(sentence: Mapped) -> Mapped:
    """A sentence over the limit keeps its first clauses."""
    if len(sentence) <= _LONGEST:
        return sentence
    cut = sentence.text.rfind("、", 0, _LONGEST)
    return sentence.slice(0, cut if cut > 0 else _LONGEST)


def _lines(passage: Mapped) -> Iterator[Mapped]:
    """Without the bullets that they begin with."""
    start = 0
    for line in passage.text.split("\n"):
        words = _BULLETS.sub("", line)
        if words.strip():
            yield passage.slice(start + len(line) - len(words), start + len(line))
        start += len(line) + 1


def _repeated_groups(row: Sequence[Cell]) -> list[list[Cell]]:
    """社名 製品名 社名 製品名 …: each pair says something of its own."""
    groups: list[list[Cell]] = []
    names: set[str] = set()
    for cell in row:
        name = cell.columns[-1] if len(cell.columns) > 1 else ""
        if not groups or name in names:
            groups.append([])
            names = set()
        groups[-1].append(cell)
        names |= {name} - {""}
    return groups


def _row(document: Document, cells: Sequence[Cell]) -> tuple[tuple[Part, ...], Quote]:
    """「第2回…：社名：美团、製品名：(未公表)」: column names are labels, cells are quotes."""
    bands = [band for band in cells[0].columns[:-1] if all(band in cell.columns for cell in cells)]
    parts = [Part(f"{unmarked_text(band)}：") for band in bands]
    shown: list[Cell] = []
    for cell in cells:
        name = unmarked_text(cell.columns[-1]) if cell.columns else ""
        text = unmarked(mapped(cell.text, cell.spans, document))
        if not text.text.strip():
            continue
        comma = "" if not shown or shown[-1].text.endswith(("。", "、")) else "、"
        label = f"{comma}{name}：" if name else comma
        if shown and sum(len(p.text) for p in parts) + len(label) + len(text) > _LONGEST:
            break
        parts += [Part(label)] if label else []
        beginning = quote(text.slice(0, _LONGEST // 2), document)
        parts.append(Part(beginning.text, beginning.spans))
        shown.append(cell)
    quotes = sorted((part.spans, part.text) for part in parts if part.is_quote)
    spans = tuple(span for found, _ in quotes for span in found)
    return tuple(parts), Quote("\t".join(text for _, text in quotes), spans)
