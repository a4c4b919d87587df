"""Runs of characters on a page → rows of text: what stands on one line, columns, ruled tables."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

FULL = 1.6
"""How far before the edge, in characters, a full line may end."""
NARROWEST = 10
"""How wide running text is at least, in characters."""
_CELL_GAP = 1.5
_WORD_GAP = 0.15
_TOUCHING = 4.0
_RAISED = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """Characters on one line, in points; y grows upwards. `base`: the y of the line that they stand on."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    base: float
    size: float
    vertical: bool


class Edge(NamedTuple):
    """A ruled line: `at` an x from y to y (upright), or at a y from x to x."""

    at: float
    start: float
    end: float
    upright: bool


class Page(NamedTuple):
    width: float
    height: float
    runs: list[Run]
    edges: list[Edge]


class Cell(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line on paper in the order of reading: it runs from `start` to `end`, and `place` grows from line to line."""

    text: str
    start: float
    end: float
    place: float
    size: float
    vertical: bool
    height: float
    table: bool = False


def read_rows(page: Page) -> Iterator[Row]:
    cells = _find_cells(page)
    rest: list[Run] = []
    for in_table, group in _table_groups(page.runs, cells):
        if in_table:
            yield from _loose_rows(rest)
            rest = []
            yield from _table_rows(group, cells)
        else:
            rest += group
    yield from _loose_rows(rest)


def _loose_rows(runs: list[Run]) -> Iterator[Row]:
    """Rows of runs that stand on one line, as the file has them one after the other; columns one by one."""
    lines: list[list[Run]] = []
    for run in _from_the_right(runs):
        if lines and _beside(lines[-1][-1], run):
            lines[-1].append(run)
        else:
            lines.append([run])
    for line in _by_column(lines):
        yield _row(line)


def _from_the_right(runs: list[Run]) -> Iterator[Run]:
    """Vertical lines that begin at one height, in their order; pdfium may give them from the left."""
    group: list[Run] = []
    for run in runs:
        if group and not (run.vertical and group[-1].vertical and abs(run.top - group[-1].top) < 3 * run.size):
            yield from sorted(group, key=lambda run: -run.left)
            group = []
        group.append(run)
    yield from sorted(group, key=lambda run: -run.left)


def _beside(last: Run, run: Run) -> bool:
    size = max(last.size, run.size)
    on_line = abs(last.base - run.base) < _RAISED * size and run.left > last.right - 0.5 * size
    return on_line and not (last.vertical or run.vertical)


def _row(line: list[Run]) -> Row:
    text = line[0].text
    for last, run in pairwise(line):
        gap = (run.left - last.right) / max(last.size, run.size)
        text += ("\t" if gap > _CELL_GAP else " " if _apart(last, run, gap) else "") + run.text
    first, size = line[0], max(run.size for run in line)
    middle = (first.top + first.bottom) / 2
    if first.vertical:
        return Row(text, -first.top, -first.bottom, -first.left, size, True, middle)
    return Row(text, first.left, line[-1].right, -first.base, size, False, middle, "\t" in text)


def _apart(last: Run, run: Run, gap: float) -> bool:
    """Japanese is set wider where a reading needs the room; that is no space."""
    if max(last.size, run.size) > 1.3 * min(last.size, run.size) and (last.text + run.text).strip("0123456789"):
        return True  # the number of a note: it must not become part of a figure
    return gap > (_WORD_GAP if last.text[-1].isascii() or run.text[0].isascii() else _CELL_GAP)


def _by_column(lines: list[list[Run]]) -> Iterator[list[Run]]:
    """Files that write across two columns line by line: first the left one, then the right one."""
    i = 0
    while i < len(lines):
        end = i
        while (
            end < len(lines) and len(lines[end]) == 2 and abs(lines[end][1].left - lines[i][1].left) < lines[i][1].size
        ):
            end += 1
        pair = lines[i:end]
        if len(pair) >= 3 and all(_is_column([line[side] for line in pair]) for side in (0, 1)):
            left, right = [line[:1] for line in pair], [line[1:] for line in pair]
            gutter = pair[0][1].left
            while end < len(lines) and len(lines[end]) == 1 and _continues(lines[end][0], pair[-1][0], gutter):
                (left if lines[end][0].left < gutter - 1 else right).append(lines[end])
                end += 1
            yield from left
            yield from right
            i = end
        else:
            yield lines[i]
            i += 1


def _alike(first: list[Run], line: list[Run]) -> bool:
    """Two runs each, the second ones under each other."""
    return len(first) == len(line) == 2 and abs(line[1].left - first[1].left) < first[1].size


def _is_column(runs: list[Run]) -> bool:
    """Running text: most lines are full, and as wide as text is."""
    size, right = median(run.size for run in runs), max(run.right for run in runs)
    full = sum(right - run.right < FULL * size for run in runs)
    return full >= 0.6 * len(runs) and right - runs[0].left >= NARROWEST * size


def _continues(run: Run, above: Run, gutter: float) -> bool:
    in_left = abs(run.left - above.left) < 2 * run.size and run.right < gutter
    return 0.9 < run.size / above.size < 1.1 and (in_left or abs(run.left - gutter) < 2 * run.size)


def _find_cells(page: Page) -> dict[int, Cell]:
    """The box of ruled lines around each run that has one, by the run's number."""
    upright = [edge for edge in page.edges if edge.upright]
    level = [edge for edge in page.edges if not edge.upright]
    found: dict[int, Cell] = {}
    for number, run in enumerate(page.runs):
        x, y = (run.left + run.right) / 2, (run.top + run.bottom) / 2
        beside = [edge.at for edge in upright if edge.start <= y <= edge.end]
        over = [edge.at for edge in level if edge.start <= x <= edge.end]
        left, right = (a for a in beside if a <= x), (a for a in beside if a > x)
        below, above = (a for a in over if a <= y), (a for a in over if a > y)
        box = (max(left, default=None), min(above, default=None), min(right, default=None), max(below, default=None))
        if None not in box:
            found[number] = Cell(*(round(value or 0) for value in box))
    return found


def _table_groups(runs: list[Run], cells: dict[int, Cell]) -> Iterator[tuple[bool, list[Run]]]:
    """Runs in the boxes of a table, and the others between them."""
    group: list[int] = []
    for number in range(len(runs) + 1):
        inside = number in cells
        if group and (number == len(runs) or inside != (group[-1] in cells)):
            is_table = group[-1] in cells and _is_table({cells[n] for n in group})
            yield is_table, [runs[n] for n in group]
            group = []
        group.append(number)


def _is_table(cells: set[Cell]) -> bool:
    """Two rows and two columns at least, and the boxes touch."""
    touching = any(abs(a.right - b.left) <= _TOUCHING and abs(a.top - b.top) <= _TOUCHING for a in cells for b in cells)
    return touching and len({c.left for c in cells}) > 1 and len({c.top for c in cells}) > 1


def _table_rows(group: list[Run], cells: dict[int, Cell]) -> Iterator[Row]:
    """Rows with tabs between the cells; a cell over several rows stands in its first one, others stay empty."""
    boxes = _cells_of(group, cells)
    lefts = _merge(cell.left for cell in boxes)
    for top in sorted(_merge(cell.top for cell in boxes), reverse=True):
        texts = [""] * len(lefts)
        own = [cell for cell in boxes if abs(cell.top - top) <= _TOUCHING]
        for cell in own:
            column = min(range(len(lefts)), key=lambda i: abs(lefts[i] - cell.left))
            texts[column] = _cell_text(boxes[cell])
        runs = [run for cell in own for run in boxes[cell]]
        size, left, right = runs[0].size, min(r.left for r in runs), max(r.right for r in runs)
        yield Row("\t".join(texts), left, right, -top, size, False, top, table=True)


def _cells_of(group: list[Run], cells: dict[int, Cell]) -> dict[Cell, list[Run]]:
    found: dict[Cell, list[Run]] = defaultdict(list)
    for run in group:
        x, y = (run.left + run.right) / 2, (run.top + run.bottom) / 2
        box = next(c for c in cells.values() if c.left - 1 <= x <= c.right + 1 and c.bottom - 1 <= y <= c.top + 1)
        found[box].append(run)
    return found


def _merge(values: Iterable[float]) -> list[float]:
    """Places that differ by the width of a ruled line are one."""
    merged: list[float] = []
    for value in sorted(values):
        if not merged or value - merged[-1] > _TOUCHING:
            merged.append(value)
    return merged


def _cell_text(runs: list[Run]) -> str:
    text = runs[0].text
    for last, run in pairwise(runs):
        ascii_ends = last.text[-1].isascii() and run.text[0].isascii()
        apart = not _beside(last, run) or run.left - last.right > _WORD_GAP * run.size
        text += (" " if ascii_ends and apart else "") + run.text
    return text
