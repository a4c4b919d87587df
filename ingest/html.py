"""HTML → text: what a reader sees. Scripts, styles, hidden parts and the readings of ruby are left out."""

import re
from collections.abc import Iterator

from lxml import etree
from lxml import html as lxml_html

from ingest.decode import decode
from ingest.extracted import Extracted, join_lines
from retriever.errors import SourceRefused

EXTRACTOR = f"lxml/{etree.__version__}/1"

_SKIPPED = frozenset("script style template noscript head rt rp rtc svg math iframe object audio video select".split())
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6 title caption figcaption dt legend summary".split())
_BLOCKS = frozenset(
    "p div section article main header footer nav aside ul ol li dl dd table thead tbody tfoot tr td th pre blockquote "
    "figure form fieldset address hr details body html".split()
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.I)
_WIDER = {"shift_jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "gb2312": "gb18030", "gbk": "gb18030"}
"""What browsers read under these names."""
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_CJK_WRAP = re.compile(
    r"(?<=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef])[ \t]*\r?\n[ \t\r\n]*(?=[\u3000-\u30ff\u3400-\u9fff])"
)
_WIDEST_TABLE = 200
_PARAGRAPH = 60


def read_html(content: bytes) -> Extracted:
    """Raises `SourceRefused` where it is nested too deeply or holds no text."""
    source, encoding = _decode(content)
    parser = lxml_html.HTMLParser(huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_DECLARATION.sub("", source), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceRefused(f"the HTML can't be read ({error}).", "file_damaged") from None
    if root is None:
        raise SourceRefused("the HTML holds no text.", "no_text")
    if any("depth" in entry.message for entry in parser.error_log):
        raise SourceRefused("the HTML is nested too deeply to be read as a whole.", "file_damaged")
    text = join_lines(_lines(root))
    if not text.strip():
        raise SourceRefused("the HTML holds no text.", "no_text")
    title = _SPACES.sub(" ", root.findtext(".//title") or "").strip()
    return Extracted(text, "text/html", EXTRACTOR, encoding=encoding, title=title or None)


def _decode(content: bytes) -> tuple[str, str]:
    """By its own declaration where that holds, else as any text."""
    declared = _CHARSET.search(content[:4096])
    name = declared[1].decode("ascii").lower() if declared else ""
    name = _WIDER.get(name, name)
    if name and not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode(name), {"cp932": "Shift_JIS"}.get(name, name.upper())
        except (LookupError, UnicodeError):
            pass  # a wrong declaration is common
    return decode(content)


def _lines(root: etree._Element) -> Iterator[str]:
    """Blocks as lines, with a blank one round headings and paragraphs."""
    text = ""
    for event, value in _walk(root):
        if event == "text":
            text += value
            continue
        if text.strip() == "・" and event in ("gap", "line"):  # a paragraph in an item
            continue
        if line := _tidy(text) if event != "pre" else text.strip("\n"):
            yield line
            if len(line) > _PARAGRAPH and not line.startswith("・"):
                yield ""
        text = ""
        if event == "row":
            yield value
        elif event == "gap":
            yield ""
        elif event == "item":
            text = "・"
    if line := _tidy(text):
        yield line


def _walk(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Events in the order of reading: text, ends of lines, gaps, items, table rows. Without recursion: HTML nests."""
    stack: list[tuple[etree._Element, bool]] = [(root, False)]
    while stack:
        element, leaves = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if not leaves:
            if tag and tag not in _SKIPPED and not _is_hidden(element):
                if tag == "table" and _holds_data(element):
                    yield "gap", ""
                    yield from _rows(element)
                    yield "gap", ""
                else:
                    yield from _opening(tag)
                    yield "text", _text(element, element.text)
                    stack.append((element, True))
                    stack += [(child, False) for child in reversed(element)]
                    continue
            yield from _tail(element)
            continue
        yield from _closing(tag)
        yield from _tail(element)


def _tail(element: etree._Element) -> Iterator[tuple[str, str]]:
    parent = element.getparent()
    if element.tail and parent is not None:
        yield "text", _text(parent, element.tail)


def _opening(tag: str) -> Iterator[tuple[str, str]]:
    if tag == "li":
        yield "item", ""
    elif tag == "br":
        yield "line", ""
    elif tag in _HEADINGS or tag in ("p", "pre", "blockquote", "section", "article"):
        yield "gap", ""
    elif tag in _BLOCKS:
        yield "line", ""


def _closing(tag: str) -> Iterator[tuple[str, str]]:
    if tag == "pre":
        yield "pre", ""
    if tag in _HEADINGS or tag in ("p", "pre", "ul", "ol"):
        yield "gap", ""
    elif tag in _BLOCKS:
        yield "line", ""


def _text(element: etree._Element, text: str | None) -> str:
    preformatted = any(e.tag == "pre" for e in (element, *element.iterancestors("pre")))
    return (text or "") if preformatted else _SPACES.sub(" ", _CJK_WRAP.sub("", text or ""))


def _tidy(text: str) -> str:
    line = _SPACES.sub(" ", text) if "\n" not in text else text
    return "" if line.strip() in ("", "・") else line.strip(" ")


def _is_hidden(element: etree._Element) -> bool:
    return "hidden" in element.attrib or bool(_HIDDEN.search(element.get("style", "")))


def _holds_data(table: etree._Element) -> bool:
    """Rows and columns of short cells; a table inside it or a single column is layout."""
    cells = [len(row.xpath("./td|./th")) for row in table.iter("tr")]
    return max(cells, default=0) > 1 and not table.xpath(".//td//table | .//th//table")


def _rows(table: etree._Element) -> Iterator[tuple[str, str]]:
    """Cells parted by tabs; one over several columns or rows stands in its first place, the others stay empty."""
    below: dict[int, int] = {}
    for caption in table.iter("caption"):
        yield "row", _tidy("".join(_visible(caption)))
    for row in table.iter("tr"):
        texts: list[str] = []
        taken = {column for column, rows in below.items() if rows > 0}
        below = {column: rows - 1 for column, rows in below.items() if rows > 1}
        for cell in row.xpath("./td|./th"):
            while len(texts) in taken:
                texts.append("")
            width, height = _extent(cell, "colspan"), _extent(cell, "rowspan")
            below |= {len(texts) + i: height - 1 for i in range(width) if height > 1}
            texts += [_tidy("".join(_visible(cell))), *[""] * (width - 1)]
            if len(texts) > _WIDEST_TABLE:
                break
        if any(texts):
            yield "row", "\t".join(texts)


def _extent(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return max(1, min(int(value), 50)) if value.isascii() and value.isdigit() else 1


def _visible(element: etree._Element) -> Iterator[str]:
    """The text of a cell, in one line."""
    for event, value in _walk_cell(element):
        yield value if event == "text" else " "


def _walk_cell(element: etree._Element) -> Iterator[tuple[str, str]]:
    yield "text", _text(element, element.text)
    for child in element:
        for event, value in _walk(child):
            if event == "text":
                yield event, value
            elif event == "line":
                yield event, ""
