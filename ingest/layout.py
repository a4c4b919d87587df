"""Rows on pages → lines of text: running heads left out, paragraphs in one piece, over columns and pages too."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from ingest.clean import is_item
from ingest.extracted import TextLine, space_between
from ingest.rows import FULL, NARROWEST, Page, Row, read_rows

_BLOCK_GAP = 1.4
_MARGIN = 0.12
_HEAD_PAGES = 3
_SOFT_HYPHEN = "\u00ad"
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.?|[-–—―\s])*([0-9]{1,4})(?:\s*(?:/|of)\s*[0-9]{1,4})?[-–—―\s]*(?:頁|ページ)?", re.I
)
_SENTENCE_END = "。！？!?.：:」』"


def read_lines(pages: Sequence[Page]) -> list[list[TextLine]]:
    """Lines of each page, without running heads and page numbers; paragraphs in one piece, over pages too."""
    rows = _without_heads([list(read_rows(page)) for page in pages], [page.height for page in pages])
    found: list[list[TextLine]] = []
    last: list[Row] = []
    for page in rows:
        blocks = _blocks(page)
        lines: list[TextLine] = []
        for block in blocks:
            goes_on = bool(last) and _flows(last, block)
            lines += _paragraphs(block, goes_on, gap=bool(lines))
            last = block
        found.append(lines)
    return found


def _without_heads(pages: list[list[Row]], heights: list[float]) -> list[list[Row]]:
    """Leave out page numbers, and what stands in the margins of three pages or more; at its first place it stays."""
    margins = [[row for row in page if _in_margin(row, height)] for page, height in zip(pages, heights, strict=True)]
    shapes = Counter(shape for page in margins for shape in {_shape(row) for row in page})
    offsets = Counter(o for number, page in enumerate(margins, 1) for row in page for o in _page_offset(row, number))
    seen: set[str] = set()
    kept: list[list[Row]] = []
    for number, (page, margin, height) in enumerate(zip(pages, margins, heights, strict=True), 1):
        gone: set[int] = set()
        for row in margin:
            is_number = any(o == 0 or offsets[o] > 1 for o in _page_offset(row, number))
            repeated = shapes[_shape(row)] >= _HEAD_PAGES
            first_head = repeated and row.text not in seen and row.height > height / 2 and row.text == _shape(row)
            if is_number or (repeated and not first_head):
                gone.add(id(row))
            seen.add(row.text)
        kept.append([row for row in page if id(row) not in gone])
    return kept


def _in_margin(row: Row, height: float) -> bool:
    return not row.vertical and (row.height < _MARGIN * height or row.height > (1 - _MARGIN) * height)


def _shape(row: Row) -> str:
    return re.sub(r"[0-9]+", "#", row.text)


def _page_offset(row: Row, number: int) -> list[int]:
    match = _PAGE_NUMBER.fullmatch(row.text.strip())
    return [int(match[1]) - number] if match else []


def _blocks(rows: list[Row]) -> list[list[Row]]:
    """Rows of one kind and size at one distance from each other."""
    steps = [b.place - a.place for a, b in pairwise(rows) if _alike(a, b) and 0 < b.place - a.place < 2.5 * a.size]
    usual = median(steps) if steps else 0.0
    blocks: list[list[Row]] = []
    for row in rows:
        last = blocks[-1][-1] if blocks else None
        step = row.place - last.place if last else 0.0
        near = 0 < step <= _BLOCK_GAP * max(usual, 1.15 * row.size)
        if last and last.table == row.table and (row.table or (_alike(last, row) and near)):
            blocks[-1].append(row)
        else:
            blocks.append([row])
    return blocks


def _alike(a: Row, b: Row) -> bool:
    return a.vertical == b.vertical and 0.9 < a.size / b.size < 1.1 and not (a.table or b.table)


def _paragraphs(block: list[Row], goes_on: bool, gap: bool) -> Iterator[TextLine]:
    """Lines of a block; wrapped ones in one piece where they are as wide as running text."""
    paragraphs = [[block[0]]]
    for last, row in pairwise(block):
        if _wraps(last, row, block):
            paragraphs[-1].append(row)
        else:
            paragraphs.append([row])
    for number, rows in enumerate(paragraphs):
        text = rows[0].text
        for row in rows[1:]:
            text += space_between(text[-1], row.text[0]) + row.text
        text = text[:-1].replace(_SOFT_HYPHEN, "") + text[-1].replace(_SOFT_HYPHEN, "-")
        ends_one = number > 0 and len(paragraphs[number - 1]) > 1
        yield TextLine(text, ends_one or (gap and number == 0), goes_on and number == 0)


def _wraps(last: Row, row: Row, block: list[Row]) -> bool:
    if row.table or last.table or is_item(row.text):
        return False
    start, end = min(r.start for r in block), max(r.end for r in block)
    wide = end - start >= NARROWEST * row.size
    indented = row.start - start > 0.6 * row.size and not (
        is_item(last.text) or row.start - last.start < 0.6 * row.size
    )
    return wide and end - last.end < FULL * row.size and not indented


def _flows(last: list[Row], block: list[Row]) -> bool:
    """Whether a sentence goes on from a column or a page to the next one."""
    a, b = last[-1], block[0]
    if not _alike(a, b) or len(last) < 2 or a.text[-1] in _SENTENCE_END or is_item(b.text):
        return False
    goes_back = b.place <= a.place or abs(b.start - a.start) > 5 * b.size
    end = max(row.end for row in last)
    full = end - a.end < FULL * a.size and end - min(row.start for row in last) >= NARROWEST * a.size
    indented = len(block) > 1 and b.start - min(row.start for row in block) > 0.6 * b.size
    return goes_back and full and not indented
