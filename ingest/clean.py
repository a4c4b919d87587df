"""Cleaning: what is furniture, and which lines a sentence runs over.

Furniture is the only thing that passages leave out: URLs (their characters, not the rest of their
line), lines that are reference numbers only, running headers, private-use bullets, characters that nobody sees,
and a question that is asked over and over.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.invisible import invisible_spans, visible
from ingest.mapped import ADDED, Mapped, join
from retriever.records import Span
from retriever.text import breaks_word

VERSION = 3

RUNNING_HEADERS = frozenset({"Deep Research"})

_URL = re.compile(r"https?://[!-~]+")
_URL_REST = re.compile(r"[!-~]+")
_LINE_END = re.compile(r"\r?\n")
_URL_SIGNS = re.compile(r"[-./&=?%_]")
_NUMBERS_ONLY = re.compile(r"[^\S\n]*\d{1,3}(?:[^\S\n]+\d{1,3})*[^\S\n]*")
_PRIVATE_USE = re.compile(r"[\ue000-\uf8ff]")
_ITEM_MARK = re.compile(
    r"[•・\-–—*※＊◆▶■□●○◎★👉①-⑳❶-❿＜<【『《]|[(（]?[0-9０-９]{1,2}(?:[)）、:：]|[.．](?![0-9]))|[*＊][0-9]"
    r"|[(（][0-9]{4}|(?:出所|資料|図表?|注|参考|写真出所|凡例|Date|出典)[0-9０-９]*[)）:：\s]|（参考）"
)
_QUESTION = re.compile(r"(?<![^。！？!?\n\t])[^。！？!?\n\t]+(?:[？?]+|[か吗嗎呢]。)")
"""From a sentence's beginning, where alone one can be found: else each place of a long line is tried to its end."""
_LAST_ASKED = 3
_CANNOT_START_A_LINE = "。、，．！？」』）】〕々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_SENTENCE_END = "。！？!?：:；;"
_QUOTE_END = "」』】"
_OPEN_END = "、，（「『【〔・"
_NEW_SENTENCE = re.compile(
    r"ただ|また|さらに|なお|しかし|その|この|これ|それ|すべて|まず|もっとも|つまり|こうした|いずれ"
)
_PARTICLES = "のをにはがとでもへやな"
_CONTINUING = "のをにがはと"
_ENGLISH_GOES_ON = re.compile(r"[A-Za-z] (?:and|or|of|the|for|in|to|with|on|by|&)$")
_FIGURE_GOES_ON = re.compile(r"[0-9数十百千][十百千]?\n[万億兆]")
_FULL_LINE = 0.8
_TEXT_BLOCK = 0.6
_NARROW = 24
_SHORT_LABEL = 12
_LINES_COMPARED = 50


@dataclass(frozen=True, slots=True)
class Furniture:
    span: Span
    rule: str


@dataclass(frozen=True, slots=True)
class Line:
    """A source line without its furniture. `gap`: blank or removed lines before it.

    `opens_page`: it begins with one space and no blank line is before it, as page tops do in extracted PDFs.
    """

    text: Mapped
    gap: int
    opens_page: bool
    bulleted: bool

    @property
    def columns(self) -> int:
        return columns(self.text.text)

    @property
    def starts_item(self) -> bool:
        return self.bulleted or is_item(self.text.text)


def is_item(text: str) -> bool:
    """Whether a line opens a list item, a note or a caption."""
    return bool(_ITEM_MARK.match(text))


def columns(text: str) -> int:
    """Width on paper: 2 for a full-width character, 1 for a half-width one."""
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


def find_furniture(source: str) -> list[Furniture]:
    """All furniture of a source, in order, with the rule that names it."""
    found = [Furniture(span, "url") for span in _urls(source)]
    url_starts = {source.rfind("\n", 0, f.span[0]) + 1 for f in found}
    found += [Furniture(span, "reference numbers") for span in _reference_numbers(source, url_starts)]
    for start, end in line_spans(source):
        if source[start:end].strip() in RUNNING_HEADERS:
            found.append(Furniture((start, end), "running header"))
    found += [Furniture(m.span(), "private-use bullet") for m in _PRIVATE_USE.finditer(source)]
    found += [Furniture(span, "invisible") for span in invisible_spans(source)]
    found += [Furniture(span, "repeated") for span in _repeated(source)]
    return sorted(found, key=lambda f: f.span)


def _repeated(source: str) -> Iterator[Span]:
    """Questions that are one of the last few again: a text stuffed with them is found no better for it."""
    last: deque[str] = deque(maxlen=_LAST_ASKED)
    for question in _QUESTION.finditer(source):
        asked = "".join(visible(question[0]).split())
        if asked not in last:
            last.append(asked)
        elif "://" not in asked:
            yield question.span()


def line_spans(source: str) -> Iterator[Span]:
    start = 0
    for line in source.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _urls(source: str) -> Iterator[Span]:
    """URLs, with the lines over which a wrapped one runs on."""
    position = 0
    while match := _URL.search(source, position):
        start, end = match.span()
        if source[end - 1] == ")" and "(" not in match.group():
            end -= 1
        yield start, end
        while (wrap := _LINE_END.match(source, end)) and (rest := _URL_REST.match(source, wrap.end())):
            follows = source[rest.end() : rest.end() + 1]
            runs_on = source[end - 1] == "-" or _URL_SIGNS.search(rest.group())
            if not runs_on or rest.group().startswith("http") or follows == " ":
                break
            yield rest.span()
            end = rest.end()
        position = end


def _reference_numbers(source: str, url_starts: set[int]) -> Iterator[Span]:
    """Lines of footnote numbers: three or more of them, right before a block of URLs."""
    run: list[Span] = []
    for start, end in line_spans(source):
        line = source[start:end]
        if not line.strip():
            continue
        if _NUMBERS_ONLY.fullmatch(line):
            run.append((start, end))
            continue
        if start in url_starts and len(run) >= 3:
            yield from run
        run = []


def split_lines(source: str, furniture: list[Furniture]) -> list[Line]:
    """The lines that hold something, without furniture."""
    removed = bytearray(len(source))
    for item in furniture:
        removed[item.span[0] : item.span[1]] = b"\x01" * (item.span[1] - item.span[0])
    lines: list[Line] = []
    gap = 0
    after_blank = False
    for start, end in line_spans(source):
        raw = source[start:end]
        opens_page = raw[:1] == " " and raw[1:2] not in ("", " ") and not after_blank
        after_blank = not raw.strip()
        kept = [i for i in range(start, end) if not removed[i]]
        text = Mapped("".join(source[i] for i in kept), tuple(kept))
        stripped = text.strip() if "\t" not in text.text else _strip_spaces(text)
        if not stripped.text.strip():
            gap += 1
            continue
        lines.append(Line(stripped, gap, opens_page, bool(_PRIVATE_USE.match(raw.lstrip()))))
        gap = 0
    return lines


def _strip_spaces(text: Mapped) -> Mapped:
    """Strip a table row: its tabs stay, they say which cell is empty."""
    start = len(text.text) - len(text.text.lstrip(" "))
    return text.slice(start, len(text.text.rstrip(" ")))


def widest(lines: list[Line]) -> int:
    return max((line.columns for line in lines), default=0)


def runs_on(line: Line, following: Line, width: int) -> bool:
    """Whether a sentence goes on from one line to the next. `width`: of a full line here, in columns.

    A line that fills a page runs on. In the narrow boxes of slides width says little: there a broken
    word, a particle at the end or at the start, or an open clause tells.
    """
    text, after = line.text.text, following.text.text
    if "\t" in text or "\t" in after:
        return False
    end = text[-1]
    start = after[0]
    if start in _CANNOT_START_A_LINE:
        return True
    if following.starts_item:
        return False
    if following.gap == 0 and width >= _NARROW and line.columns >= _FULL_LINE * width:
        return True
    if following.gap == 0 and len(text) == len(after) == 1:
        return _is_cjk(end + start)
    if end in _SENTENCE_END:
        return False
    if following.gap == 0 and (start in _CONTINUING or _bracket_is_open(text) or _is_cut(text, after)):
        return True
    if end in _QUOTE_END:
        return False
    long_enough = line.columns >= (_SHORT_LABEL if following.gap == 0 else _NARROW)
    wide_and_open = "。" in text or (line.columns >= _FULL_LINE * width and _is_open(text))
    two_katakana = "ァ" <= end <= "ー" and "ァ" <= start <= "ー"  # unknown katakana words look like one
    cut_word = breaks_word(text, after) and (following.gap == 0 or not two_katakana)
    return long_enough and (end in _OPEN_END or _particle_between(line, following) or cut_word or wide_and_open)


def _particle_between(line: Line, following: Line) -> bool:
    after = following.text.text
    starts = "ぁ" <= after[0] <= "ん" and not _NEW_SENTENCE.match(after)
    return starts or (following.gap == 0 and line.text.text[-1] in _PARTICLES)


def _is_cut(text: str, after: str) -> bool:
    """An English phrase that wants more words, or a figure between its digits and its unit of ten thousands."""
    return bool(_ENGLISH_GOES_ON.search(text) or _FIGURE_GOES_ON.search(f"{text[-2:]}\n{after[0]}"))


def _is_cjk(text: str) -> bool:
    return all(unicodedata.east_asian_width(c) in "WF" for c in text)


def _is_open(text: str) -> bool:
    """A bracket is not closed, or the line breaks off after a clause: a sentence is under way."""
    return _bracket_is_open(text) or "、" in text


def _bracket_is_open(text: str) -> bool:
    pairs = (("「", "」"), ("（", "）"), ("『", "』"), ("(", ")"))
    return any(text.count(a) > text.count(b) for a, b in pairs)


def unwrap(lines: list[Line], page_width: int) -> list[Mapped]:
    """Lines → paragraphs or items: each holds the lines over which it runs."""
    paragraphs: list[list[Line]] = []
    for line, width in zip(lines, _full_widths(lines, page_width), strict=True):
        if paragraphs and (_goes_on_in_item(paragraphs[-1], line) or runs_on(paragraphs[-1][-1], line, width)):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    return [_glue(paragraph) for paragraph in paragraphs]


def _full_widths(lines: list[Line], page_width: int) -> list[int]:
    """How wide a full line is at each line: an indented block of text has a width of its own, a box has none."""
    widths: list[int] = []
    start = 0
    for end in range(1, len(lines) + 1):
        if end < len(lines) and lines[end].gap == 0:
            continue
        block = widest(lines[start:end])
        widths += [block if block >= _TEXT_BLOCK * page_width else page_width] * (end - start)
        start = end
    return widths


def _goes_on_in_item(item: list[Line], line: Line) -> bool:
    """A bullet's text of several lines goes on where its last line is as full as the others and ends no sentence.

    After its first line only language tells (`runs_on`): a width of its own it has none yet.
    """
    bullet = item[0].bulleted or item[0].text.text[0] in "•・"
    apart = line.gap or line.starts_item or line.opens_page or "\t" in line.text.text
    if not bullet or len(item) == 1 or apart or item[-1].text.text[-1] in _SENTENCE_END:
        return False
    return item[-1].columns >= _FULL_LINE * widest([*item[-_LINES_COMPARED:], line])


def _glue(lines: list[Line]) -> Mapped:
    parts = [lines[0].text]
    for line in lines[1:]:
        if _needs_space(parts[-1].text[-1], line.text.text[0]):
            parts.append(Mapped(" ", (ADDED,)))
        parts.append(line.text)
    return join(parts)


def _needs_space(left: str, right: str) -> bool:
    """Latin words keep a space between them where a line ended; Japanese has none."""
    return left.isascii() and right.isascii() and left not in "-/(" and right not in ",.)"
