"""Sections, slides and tables: cleaned lines → units that a passage never splits.

Three layouts are known: slides numbered 【n-m】, slide decks whose pages carry a running section
name (a crumb) under or over the headline, and reports with headings that stand alone.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from ingest.clean import Line, find_furniture, split_lines, unwrap, widest
from ingest.mapped import ADDED, Mapped, tidy
from ingest.table import Row, read_table
from retriever.records import Cell, Span

VERSION = 1

_NUMBERED_SLIDE = re.compile(r"【\d+(?:-\d+|の)[^】]*】")
_CHAPTER = re.compile(r"(?:[０-９0-9]+．|\d-\d )\S")
_CRUMB_HEAD = 8
_CRUMB_SEEN = 3
_LONGEST_HEADING = 40
_HEADING_END = re.compile(r"[。、！？!?：:；;,，]$")
_LONGEST_LEAD = 300
_NOTE = re.compile(r"^(?:[-・•]|👉|資料|注|出所|図[：:表]|[①-⑳])")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, a heading or a table row. `lead` is shown before it, once a passage: caption, headers."""

    text: Mapped
    section: tuple[str, ...]
    kind: str
    paragraph: int
    lead: tuple[Mapped, ...] = ()
    inherited: tuple[Mapped, ...] = ()
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under one path of headings. `heading`: its first lines, if it begins with its headline.

    On some extracted slides boxes come before the headline; it then stays where it is.
    """

    path: tuple[str, ...]
    kind: str
    heading: tuple[Line, ...]
    lines: tuple[Line, ...]


def read_units(source: str) -> list[Unit]:
    """All that a source says, in order, as units."""
    lines = split_lines(source, find_furniture(source))
    page_width = widest([line for line in lines if "\t" not in line.text.text])
    units: list[Unit] = []
    for section in split_sections(lines):
        units += _section_units(section, source, page_width, first=len(units))
    return units


def find_joins(units: list[Unit], source: str) -> tuple[Span, ...]:
    """The gaps with a line end over which a paragraph runs on, in order."""
    joins: list[Span] = []
    for _, paragraph in groupby(units, key=lambda unit: unit.paragraph):
        offsets = [o for unit in paragraph if unit.kind != "table" for o in unit.text.offsets if o != ADDED]
        for before, after in pairwise(offsets):
            if "\n" in source[before + 1 : after]:
                joins.append((before + 1, after))
    return tuple(joins)


def split_sections(lines: list[Line]) -> list[Section]:
    if sum(bool(_NUMBERED_SLIDE.match(line.text.text)) for line in lines) >= _CRUMB_SEEN:
        return _numbered_slides(lines)
    crumbs = _find_crumbs(lines)
    return _deck(lines, crumbs) if len(crumbs) >= _CRUMB_SEEN else _report(lines)


def _numbered_slides(lines: list[Line]) -> list[Section]:
    starts = [i for i, line in enumerate(lines) if _NUMBERED_SLIDE.match(line.text.text)]
    sections = [Section((), "slide", (), tuple(lines[: starts[0]]))] if starts[0] else []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        sections.append(Section((lines[start].text.text,), "slide", (lines[start],), tuple(lines[start + 1 : end])))
    return sections


def _find_crumbs(lines: list[Line]) -> list[int]:
    """Lines that name the running section of a page: words that open the first such line of several pages."""
    page_of: dict[int, int] = {}
    page = 0
    for i, line in enumerate(lines):
        page = i if line.opens_page else page
        if i > page and _may_be_crumb(line):
            page_of[i] = page
    heads = Counter(head for head, _ in {(_crumb_head(lines[i]), page) for i, page in page_of.items()})
    named = {
        i: page for i, page in page_of.items() if heads[_crumb_head(lines[i])] >= _CRUMB_SEEN or _is_aside(lines[i])
    }
    first = {page: i for i, page in reversed(named.items())}
    leading = Counter(_crumb_head(lines[i]) for i in first.values())
    return [
        i
        for i, page in named.items()
        if first[page] == i or (lines[i].gap and leading[_crumb_head(lines[i])] >= _CRUMB_SEEN)
    ]


def _crumb_head(line: Line) -> str:
    return line.text.text[:_CRUMB_HEAD]


def _may_be_crumb(line: Line) -> bool:
    text = line.text.text
    return _is_aside(line) or (
        _CRUMB_HEAD <= len(text) <= _LONGEST_HEADING
        and not line.starts_item
        and not line.opens_page
        and not _HEADING_END.search(text)
    )


def _is_aside(line: Line) -> bool:
    return line.text.text == "（参考）"


def _deck(lines: list[Line], crumbs: list[int]) -> list[Section]:
    """Pages of a slide deck. A page begins at the last indented line without a gap before its crumb."""
    starts: list[int] = []
    for previous, crumb in zip([-1, *crumbs], crumbs, strict=False):
        begins = [i for i in range(previous + 1, crumb) if i == 0 or lines[i].opens_page]
        starts.append(begins[-1] if begins else crumb)
    sections = [Section((), "slide", (), tuple(lines[: starts[0]]))] if starts[0] else []
    chapter = _chapter(lines[: starts[0]])
    for start, end, crumb in zip(starts, [*starts[1:], len(lines)], crumbs, strict=True):
        chapter = _chapter(lines[start:crumb]) or chapter
        heading = _headline(lines, start, crumb, end)
        headline = " ".join(line.text.text for line in heading if line is not lines[crumb])
        shown = heading if lines[start : start + len(heading)] == heading else []
        body = lines[start + len(shown) : end]
        sections.append(Section((*chapter, lines[crumb].text.text, headline), "slide", tuple(shown), tuple(body)))
        chapter = _chapter(lines[max(crumb + 1, end - 3) : end]) or chapter
    return sections


def _headline(lines: list[Line], start: int, crumb: int, end: int) -> list[Line]:
    """The lines right over the crumb, in one block, and the crumb; the line under it where none is over."""
    above: list[Line] = []
    for i in range(crumb - 1, start - 1, -1):
        above.insert(0, lines[i])
        if lines[i].gap or len(above) == 3:
            break
    if above:
        return [*above, lines[crumb]]
    return [lines[crumb], *lines[crumb + 1 : min(crumb + 2, end)]]


def _chapter(lines: list[Line]) -> tuple[str, ...]:
    """The last chapter title among the lines, as a path; empty where there is none."""
    for line in reversed(lines):
        if _CHAPTER.match(line.text.text) and len(line.text) < _LONGEST_HEADING:
            return (line.text.text,)
    return ()


def _report(lines: list[Line]) -> list[Section]:
    starts = [i for i in range(len(lines)) if _is_heading(lines, i)]
    sections = [Section((), "prose", (), tuple(lines[: starts[0]] if starts else lines))]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        sections.append(Section((lines[start].text.text,), "prose", (lines[start],), tuple(lines[start + 1 : end])))
    return [section for section in sections if section.heading or section.lines]


def _is_heading(lines: list[Line], i: int) -> bool:
    """A short line on its own, no sentence and no item, with text under it."""
    line = lines[i]
    text = line.text.text
    alone = (i == 0 or line.gap > 0 or line.opens_page) and i + 1 < len(lines) and lines[i + 1].gap > 0
    plain = not _HEADING_END.search(text) and not _NOTE.match(text) and not line.starts_item and "\t" not in text
    return alone and plain and 2 < len(text) <= _LONGEST_HEADING and not text[0].islower()


def _section_units(section: Section, source: str, page_width: int, first: int) -> Iterator[Unit]:
    paragraph = first
    if section.heading:
        for heading in unwrap(list(section.heading), page_width):
            yield Unit(tidy(heading), section.path, "heading", paragraph)
            paragraph += 1
    for is_table, block in _blocks(list(section.lines)):
        if is_table:
            yield from _table_units(block, section, source, paragraph)
            paragraph += 1
            continue
        for text in unwrap(block, page_width):
            for sentence in split_sentences(tidy(text)):
                yield Unit(sentence, section.path, section.kind, paragraph)
            paragraph += 1


def _blocks(lines: list[Line]) -> Iterator[tuple[bool, list[Line]]]:
    """Runs of table rows (with their caption before them) and runs of other lines."""
    rest: list[Line] = []
    i = 0
    while i < len(lines):
        end = i
        while end < len(lines) and "\t" in lines[end].text.text:
            end += 1
        if end - i >= 2:
            caption = [rest.pop()] if rest and _is_caption(rest[-1]) else []
            if rest:
                yield False, rest
            yield True, [*caption, *lines[i:end]]
            rest, i = [], end
        else:
            rest.append(lines[i])
            i += 1
    if rest:
        yield False, rest


def _is_caption(line: Line) -> bool:
    text = line.text.text
    return (
        "\t" not in text
        and len(text) <= 2 * _LONGEST_HEADING
        and not _HEADING_END.search(text)
        and not _NOTE.match(text)
    )


def _table_units(lines: list[Line], section: Section, source: str, paragraph: int) -> Iterator[Unit]:
    caption = [tidy(line.text) for line in lines if "\t" not in line.text.text]
    rows: list[Row] = read_table([line.text for line in lines if "\t" in line.text.text], source)
    shown: set[int] = set()
    for row in rows:
        lead = (*caption, *row.header)
        if sum(len(part) for part in lead) > _LONGEST_LEAD:  # too long to go with each row: shown once, on its own
            for part in lead:
                if part.offsets[0] not in shown:
                    yield Unit(part, section.path, "table", paragraph)
            shown.update(part.offsets[0] for part in lead)
            lead = ()
        yield Unit(row.line, section.path, "table", paragraph, lead, row.inherited, row.cells)


_SENTENCE_STOPS = "。！？"
_CLOSERS = "」』）)】”’"
_OPENERS = "「『（(【“‘"


def split_sentences(text: Mapped) -> list[Mapped]:
    """Sentences of a paragraph; a full stop inside brackets ends none."""
    pieces: list[Mapped] = []
    start = depth = 0
    for i, character in enumerate(text.text):
        if character in _OPENERS:
            depth += 1
        elif character in _CLOSERS:
            depth = max(0, depth - 1)
        elif character in _SENTENCE_STOPS and depth == 0:
            following = text.text[i + 1 : i + 2]
            if following not in _SENTENCE_STOPS or not following:
                pieces.append(text.slice(start, i + 1).strip())
                start = i + 1
    if text.text[start:].strip():
        pieces.append(text.slice(start, len(text.text)).strip())
    return pieces
