"""PDF → pages of text, through pdfium.

pdfium reads Japanese fonts without a map of their own, keeps vertical writing in order and gives plain characters
where pdfminer.six gives those of radicals and of vertical forms (⼆, ︒), ten times as fast. It gives no tables
and no paragraphs: `ingest.layout` makes them of the runs of characters that are read here.
"""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import atan2, cos, hypot, sin

import pypdfium2
import pypdfium2.raw as raw

from ingest.extracted import Extracted, join_pages
from ingest.layout import read_lines
from ingest.rows import Edge, Page, Run
from retriever.errors import SourceRefused

EXTRACTOR = f"pdfium/{pypdfium2.version.PDFIUM_INFO.build}/1"

_TAIL = 2048
"""Where the end of a whole file is marked, with whatever mail and web servers put after it."""
_UNREADABLE = 0.3
_SAME_LINE = 0.35
_RUN_GAP = 0.5
_VERTICAL_PITCH = 1.35
_STRAIGHT = 1.0
_MOST_EDGES = 4000
_KANA = re.compile(r"[\u3041-\u30ff\s]+")
_RUBY_SIZE = 0.6
_SPACES = frozenset(b" \t\r\n")
_HYPHENS = frozenset((0x02, 0x2D, 0x2010))
_SOFT_HYPHEN = 0xAD
"""A hyphen that only the end of a line made necessary."""
_NO_TITLE = re.compile(
    r"^(?:untitled|無題|Microsoft |about:|file:|https?:)|\.(?:docx?|html?|pptx?|xlsx?|indd|txt|pdf|md)$", re.I
)
"""What programs write where nobody gave a title."""
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class _Character:
    text: str
    x: float
    y: float
    end: float
    size: float
    angle: float
    generated: bool


def read_pdf(content: bytes) -> Extracted:
    """Raises `SourceRefused`: encrypted, truncated, damaged, or without any text."""
    if b"%%EOF" not in content[-_TAIL:]:
        raise SourceRefused("the PDF breaks off before its end. Get the whole file, then try again.", "file_truncated")
    try:
        document = pypdfium2.PdfDocument(content)
        pages = [_read_page(page) for page in document]
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
            raise SourceRefused(
                "the PDF is encrypted. Save it without its password, then try again.", "file_encrypted"
            ) from None
        raise SourceRefused(f"the PDF is damaged ({error}).", "file_damaged") from None
    lines = read_lines([page for page, _ in pages])
    blank = tuple(number for number, (_, scanned) in enumerate(pages, 1) if scanned)
    if not any(line.text.strip() for page in lines for line in page):
        raise SourceRefused(
            f"none of the {len(pages)} pages has text (scanned?). Have it read by an OCR program, then try again.",
            "no_text",
        )
    text, starts = join_pages(lines)
    title = document.get_metadata_dict().get("Title", "").strip()
    named = title and not _NO_TITLE.search(title)
    return Extracted(text, "application/pdf", EXTRACTOR, starts, blank, title=title if named else None)


def _read_page(page: pypdfium2.PdfPage) -> tuple[Page, bool]:
    """The page, and whether it shows something but has no text that can be read."""
    characters = list(_read_characters(page.get_textpage()))
    width, height = page.get_size()
    unread = sum(character.text == "\ufffd" for character in characters)
    if unread > _UNREADABLE * len(characters):
        return Page(width, height, [], []), True
    edges = _read_edges(page)
    runs = _without_ruby(list(_join_runs(characters, [edge for edge in edges if edge.upright])))
    shows_something = bool(characters) or any(True for _ in page.get_objects(max_depth=1))
    return Page(width, height, runs, edges), shows_something and not runs


def _read_characters(page: pypdfium2.PdfTextPage) -> Iterator[_Character]:
    """In the order of the file, turned upright; `end` is where the next one on the line would begin.

    Straight calls of pdfium, as few as can be: a long document has half a million characters.
    """
    text, number = page.raw, ctypes.c_double
    x, y, matrix, box = number(), number(), raw.FS_MATRIX(), raw.FS_RECTF()
    high = ""
    for i in range(raw.FPDFText_CountChars(text)):
        code = raw.FPDFText_GetUnicode(text, i)
        if 0xD800 <= code < 0xDC00:
            high = chr(code)
            continue
        if code in _HYPHENS and raw.FPDFText_IsHyphen(text, i) == 1:
            code = _SOFT_HYPHEN
        generated = code in _SPACES and raw.FPDFText_IsGenerated(text, i) == 1
        raw.FPDFText_GetCharOrigin(text, i, x, y)
        raw.FPDFText_GetMatrix(text, i, matrix)
        raw.FPDFText_GetLooseCharBox(text, i, box)
        size = raw.FPDFText_GetFontSize(text, i) * (hypot(matrix.a, matrix.b) or 1.0)
        place, end = (x.value, y.value), box.right
        angle = round(atan2(matrix.b, matrix.a), 2) if matrix.b else 0.0
        if angle:
            place = _upright(*place, angle)
            end = max(_upright(a, b, angle)[0] for a in (box.left, box.right) for b in (box.bottom, box.top))
        yield _Character(_spell(code, high, generated), *place, end, size or 1.0, angle, generated)
        high = ""


def _spell(code: int, high: str, generated: bool) -> str:
    if high:
        return (high + chr(code)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    unread = (
        (code < 32 and not generated and code not in _SPACES) or 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF)
    )
    return "\ufffd" if unread else chr(code)


def _upright(x: float, y: float, angle: float) -> tuple[float, float]:
    return x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle)


def _join_runs(characters: list[_Character], ruled: list[Edge]) -> Iterator[Run]:
    """Characters that follow each other on one line, across or downwards, up to a ruled line."""
    run: list[_Character] = []
    vertical = False
    spaced = False
    for character in characters:
        if character.generated:
            spaced = spaced or bool(run)
            continue
        if not character.text.strip() and (not run or _is_wide_gap(run)):
            continue
        across = bool(run) and not (vertical and len(run) > 1) and _follows_across(run[-1], character, ruled)
        down = bool(run) and (vertical or len(run) == 1) and _follows_down(run[-1], character)
        if not (across or down):
            if run:
                yield _run(run, vertical)
            run, vertical = [character], False
        else:
            vertical = down
            if spaced and not (_CJK.match(run[-1].text) and _CJK.match(character.text)):
                run.append(_Character(" ", character.x, character.y, character.x, character.size, 0, True))
            run.append(character)
        spaced = False
    if run:
        yield _run(run, vertical)


def _is_wide_gap(run: list[_Character]) -> bool:
    """Spaces that set columns apart; a single one is part of the text."""
    return len(run) > 1 and not (run[-1].text + run[-2].text).strip()


def _follows_across(last: _Character, character: _Character, ruled: list[Edge]) -> bool:
    gap = character.x - last.end
    if (character.x, character.y) == (last.x, last.y):  # two characters of a ligature
        return True
    return (
        _alike(last, character)
        and abs(character.y - last.y) < _SAME_LINE * character.size
        and -0.5 * character.size < gap < _RUN_GAP * character.size
        and not (gap > 0.5 and any(_parts(edge, last, character) for edge in ruled))
    )


def _parts(edge: Edge, last: _Character, character: _Character) -> bool:
    return last.end <= edge.at <= character.x and edge.start <= last.y + last.size / 2 <= edge.end


def _follows_down(last: _Character, character: _Character) -> bool:
    return (
        _alike(last, character)
        and abs(character.x - last.x) < _SAME_LINE * character.size
        and 0.3 * character.size < last.y - character.y < _VERTICAL_PITCH * character.size
    )


def _alike(last: _Character, character: _Character) -> bool:
    return last.angle == character.angle and 0.75 < last.size / character.size < 1.33


def _run(characters: list[_Character], vertical: bool) -> Run:
    while not characters[-1].text.strip():
        characters.pop()
    text = "".join(character.text for character in characters)
    first, last = characters[0], characters[-1]
    size = max(character.size for character in characters)
    if vertical:
        return Run(text, first.x, last.y - 0.12 * size, first.x + size, first.y + 0.88 * size, first.y, size, True)
    return Run(text, first.x, first.y - 0.12 * size, last.end, first.y + 0.88 * size, first.y, size, False)


def _without_ruby(runs: list[Run]) -> list[Run]:
    """A reading beside a word is for the eye: with it the words of a quote would be torn apart."""
    sizes = Counter[float]()
    for run in runs:
        sizes[run.size] += len(run.text)
    body = [run for run in runs if not _KANA.fullmatch(run.text) or run.size > _RUBY_SIZE * max(sizes)]
    return [run for run in runs if not (_KANA.fullmatch(run.text) and any(_is_reading(run, base) for base in body))]


def _is_reading(run: Run, base: Run) -> bool:
    if run is base or run.size > _RUBY_SIZE * base.size:
        return False
    x, y = (run.left + run.right) / 2, (run.bottom + run.top) / 2
    if base.vertical:
        beside = base.right - 0.1 * base.size < x < base.right + base.size
        return beside and run.bottom < base.top + run.size and run.top > base.bottom - run.size
    above = base.top - 0.1 * base.size < y < base.top + base.size
    return above and run.left < base.right + run.size and run.right > base.left - run.size


def _read_edges(page: pypdfium2.PdfPage) -> list[Edge]:
    """Ruled lines and the sides of boxes; none where there are so many that they are a drawing."""
    edges: list[Edge] = []
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=4):
        points = list(_read_points(item))
        if len(edges) + len(points) > _MOST_EDGES:
            return []
        for (_, a, b), (is_line, x, y) in pairwise(points):
            if is_line and abs(x - a) < _STRAIGHT < abs(y - b):
                edges.append(Edge(x, min(y, b), max(y, b), True))
            elif is_line and abs(y - b) < _STRAIGHT < abs(x - a):
                edges.append(Edge(y, min(x, a), max(x, a), False))
    return edges


def _read_points(item: pypdfium2.PdfObject) -> Iterator[tuple[bool, float, float]]:
    """Of a path, on the page: whether a line leads to it, x, y. A closed path returns to its first point."""
    x, y = ctypes.c_float(), ctypes.c_float()
    matrix = item.get_matrix()
    first = (0.0, 0.0)
    for number in range(min(raw.FPDFPath_CountSegments(item), _MOST_EDGES + 1)):
        segment = raw.FPDFPath_GetPathSegment(item, number)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        first = point if kind == raw.FPDF_SEGMENT_MOVETO else first
        yield kind == raw.FPDF_SEGMENT_LINETO, *point
        if raw.FPDFPathSegment_GetClose(segment):
            yield True, *first
