"""What an answer can be made of: the sentences of a hit's prose and the rows of its tables, each with its place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

from api.answers.periods import years_in
from api.answers.statements import Statement, statements_in
from api.answers.values import Value, values_in
from api.citations.quotes import Quote, mapped, mapped_passage, quote, unmarked, unmarked_text
from api.citations.terms import Terms, as_text, held_in, read_terms
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


Shown = tuple[tuple[Part, ...], Quote]


@dataclass(frozen=True, eq=False)
class Row:
    """A sentence, or what a table row says, under its `title` and `section`. `quote` is what its citation shows.

    What is read of it is kept.
    """

    parts: tuple[Part, ...]
    quote: Quote
    title: str = ""
    section: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return values_in(self.text)

    @cached_property
    def years(self) -> frozenset[str]:
        return years_in(self.text)

    @cached_property
    def words(self) -> frozenset[str]:
        return held_in(self.text)

    @cached_property
    def words_around(self) -> frozenset[str]:
        """With those of all that stands over it."""
        return held_in(" ".join((self.title, *self.section, self.text)))

    @cached_property
    def told(self) -> tuple[tuple[Value, Part, str], ...]:
        """The values (V) of its quoted parts, each with its part and its clause."""
        parts = [part for part in self.parts if part.is_quote]
        return tuple((value, part, _clause(part.text, value)) for part in parts for value in values_in(part.text))

    @cached_property
    def told_terms(self) -> Terms:
        """Those of the clauses (V)."""
        return read_terms([as_text(clause) for _, _, clause in self.told])

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        ends = [*accumulate(len(part.text) for part in self.parts)]
        quoted = [(end - len(part.text), end) for part, end in zip(self.parts, ends, strict=True) if part.is_quote]
        return tuple(statements_in(self.text, self.values, quoted, self.title, self.section))


class Candidate(NamedTuple):
    """A row of a hit. `label`: what an answer writes before it."""

    hit: Hit
    row: Row
    label: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(self.label), *self.row.parts) if self.label else self.row.parts

    @property
    def quote(self) -> Quote:
        return self.row.quote

    @property
    def text(self) -> str:
        return self.label + self.row.text


def _clause(text: str, value: Value) -> str:
    """Between the commas and full stops around a value."""
    ends = [-1, *(i for i, c in enumerate(text) if c in "、。；（）()"), len(text)]
    return next(text[a + 1 : b] for a, b in pairwise(ends) if a < value.end and value.end <= b)


def split_hit(hit: Hit) -> list[Candidate]:
    return [Candidate(hit, row) for row in _rows_again(hit.passage, hit.document)]


def rows_of(passage: Passage, document: Document) -> tuple[Row, ...]:
    return tuple(Row(*shown, document.title, passage.section) for shown in split_passage(passage, document))


_rows_again = lru_cache(maxsize=64)(rows_of)
"""The check of generated sentences asks for the same few hits again and again."""


def split_passage(passage: Passage, document: Document) -> tuple[Shown, ...]:
    """Sentences of prose and lines, rows of tables; each short enough to be an answer. Questions answer nothing."""
    if passage.cells:
        cells = (list(row) for _, row in groupby(passage.cells, key=lambda cell: cell.row))
        rows = (_row(document, group) for row in cells for group in _repeated_groups(row))
        return tuple((parts, shown) for parts, shown in rows if shown.spans)
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


def _row(document: Document, cells: Sequence[Cell]) -> Shown:
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
