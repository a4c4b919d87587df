"""Tab-separated tables: header rows, a second header in mid-table, several pairs a row, inherited cells."""

import re
from dataclasses import dataclass
from itertools import pairwise

from ingest.mapped import Mapped
from retriever.records import Cell

_LONGEST_COLUMN_NAME = 24


@dataclass(frozen=True, slots=True)
class Row:
    """A data row with what gives it meaning: its header rows and the cells it inherits from rows above."""

    number: int
    header: tuple[Mapped, ...]
    inherited: tuple[Mapped, ...]
    line: Mapped
    cells: tuple[Cell, ...]


def split_cells(line: Mapped) -> list[Mapped]:
    """The cells of a row, each stripped; an empty one stays, so that columns keep their places."""
    edges = [-1, *(m.start() for m in re.finditer("\t", line.text)), len(line.text)]
    return [line.slice(a + 1, b).strip() for a, b in pairwise(edges)]


def read_table(lines: list[Mapped], source: str) -> list[Row]:
    """Data rows in order. Header rows are recognised, not returned: each row carries its own."""
    grid = [split_cells(line) for line in lines]
    header_rows = _header_rows(grid)
    last_data_row = max((n for n in range(len(grid)) if n not in header_rows), default=-1)
    rows: list[Row] = []
    header: list[int] = []
    category: dict[int, Mapped] = {}
    for number, cells in enumerate(grid):
        if number in header_rows and number < last_data_row:  # a header over nothing is data itself
            header = [*header, number] if header and header[-1] == number - 1 else [number]
            category = {}
            continue
        names = _column_names([grid[h] for h in header], len(cells))
        first_filled = next((i for i, cell in enumerate(cells) if cell.text), 0)
        inherited = {i: category[i] for i in range(first_filled) if i in category}
        category = inherited | {i: cell for i, cell in enumerate(cells) if cell.text}
        rows.append(
            Row(
                number,
                tuple(lines[h].strip() for h in header),
                tuple(inherited.values()),
                lines[number].strip(),
                _cells(number, names, inherited | dict(enumerate(cells)) | inherited, source),
            )
        )
    return rows


def _cells(number: int, names: list[tuple[str, ...]], cells: dict[int, Mapped], source: str) -> tuple[Cell, ...]:
    return tuple(
        Cell(number, names[i], cell.text, cell.spans(source)) for i, cell in sorted(cells.items()) if cell.text
    )


def _header_rows(grid: list[list[Mapped]]) -> set[int]:
    """The first row if it reads like column names, rows that name columns again, and bands above them."""
    rows = [[cell.text for cell in cells] for cells in grid]
    found: set[int] = set()
    for number, texts in enumerate(rows):
        opens = number == 0 and len(rows) > 1 and _reads_like_names(texts)
        if opens or _repeats_names(texts) or any(texts == rows[header] for header in found):
            found.add(number)
    bands = {n - 1 for n in found if n > 0 and n - 1 not in found and _is_band(rows[n - 1])}
    return found | bands


def _reads_like_names(texts: list[str]) -> bool:
    filled = [text for text in texts if text]
    return len(filled) == len(texts) and all(len(t) <= _LONGEST_COLUMN_NAME and not t.endswith("。") for t in filled)


def _repeats_names(texts: list[str]) -> bool:
    """社名 製品名 社名 製品名 …: one set of column names, several times over."""
    size = len(texts)
    return any(
        size % period == 0
        and size // period >= 2
        and all(texts[:period])
        and texts == texts[:period] * (size // period)
        for period in range(1, size // 2 + 1)
        if len(set(texts[:period])) > 1
    )


def _is_band(texts: list[str]) -> bool:
    """A row over the column names whose few cells each stand over several columns."""
    return bool(texts[0]) and sum(1 for text in texts if text) <= len(texts) // 2


def _column_names(header: list[list[Mapped]], columns: int) -> list[tuple[str, ...]]:
    """The path of names over each column; a band's cell counts until the next one starts."""
    paths: list[list[str]] = [[] for _ in range(columns)]
    for level, cells in enumerate(header):
        spreads = level < len(header) - 1
        current = ""
        for i in range(columns):
            text = cells[i].text if i < len(cells) else ""
            current = text if text or not spreads else current
            if current:
                paths[i].append(current)
    return [tuple(path) for path in paths]
