"""DOCX → text, through python-docx: paragraphs, headings, tables as rows with tabs, notes at the end.

Word keeps no pages in the file, so there are none.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import docx
from docx.document import Document as Word
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph
from lxml import etree

from ingest.extracted import READABLE, Extracted, join_lines
from retriever.errors import SourceRefused

EXTRACTOR = f"python-docx/{version('python-docx')}/1"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

MOST_UNPACKED = 200 * 1024 * 1024
MOST_PARTS = 5000
_TEXT, _PARAGRAPH, _TABLE, _ROW, _CELL = (qn(f"w:{name}") for name in ("t", "p", "tbl", "tr", "tc"))
_BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:tab"): " ", qn("w:noBreakHyphen"): "-"}
_NOT_READ = {qn("w:rt"), qn("w:del"), qn("w:moveFrom"), qn("w:instrText"), qn("w:pPr")} | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # says again what stands beside it
}
_OTHERS = {
    "xl/workbook.xml": "an Excel workbook",
    "ppt/presentation.xml": "a PowerPoint file",
    "META-INF/container.xml": "an EPUB book",
    "META-INF/manifest.xml": "an OpenDocument file",
}
_NOTES = ("footnote", "endnote")
_DAMAGE = (
    PackageNotFoundError,
    zipfile.BadZipFile,
    zlib.error,
    etree.LxmlError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What `zipfile` and python-docx raise where a part is not what its package says."""


def read_docx(content: bytes) -> Extracted:
    """Raises `SourceRefused`: damaged, without text, or far larger unpacked than any document is."""
    check_unpacked(content)
    try:
        document = docx.Document(io.BytesIO(content))
        lines = [*_block_lines(document.element.body, document), *_notes(document)]
    except _DAMAGE as error:
        raise SourceRefused(f"the Word file is damaged ({type(error).__name__}).", "file_damaged") from None
    text = join_lines(lines)
    if not text.strip():
        raise SourceRefused("the Word file holds no text (pictures only?).", "no_text")
    title = (document.core_properties.title or "").strip()
    return Extracted(text, MEDIA_TYPE, EXTRACTOR, title=title if title not in ("", "Word Document") else None)


def check_unpacked(content: bytes) -> None:
    """Raises `SourceRefused` before anything is unpacked. A part that lies about its size fails its checksum later."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except _DAMAGE:
        raise SourceRefused("the file breaks off before its end, or is damaged.", "file_truncated") from None
    if any(part.flag_bits & 1 for part in parts):
        raise SourceRefused("the file is encrypted. Save it without its password, then try again.", "file_encrypted")
    names = {part.filename for part in parts}
    if "word/document.xml" not in names:
        kind = next((kind for name, kind in _OTHERS.items() if name in names), "a ZIP archive")
        raise SourceRefused(f"this is {kind}, not a Word document. {READABLE}", "unknown_format")
    size = sum(part.file_size for part in parts)
    if size > MOST_UNPACKED or len(parts) > MOST_PARTS:
        raise SourceRefused(
            f"unpacked it would have {size:,} bytes in {len(parts):,} parts: no document has that.", "zip_bomb"
        )


def _block_lines(parent: Any, document: Word) -> Iterator[str]:
    for element in parent:
        if element.tag == _PARAGRAPH:
            yield from _paragraph_lines(element, document)
        elif element.tag == _TABLE:
            yield ""
            yield from _table_lines(element)
            yield ""
        elif element.tag not in _NOT_READ:  # a content control, a table of contents: what it holds
            yield from _block_lines(element, document)


def _paragraph_lines(element: Any, document: Word) -> Iterator[str]:
    """A paragraph stands between blank lines, a list item on a line of its own."""
    lines = [line.strip() for line in _read(element).split("\n")]
    lines = [line for line in lines if line]
    style = (Paragraph(element, document._body).style or document.styles["Normal"]).name or ""
    if style.startswith("List") or element.xpath("./w:pPr/w:numPr[w:numId[@w:val!='0']]"):
        yield from (f"・{line}" for line in lines)
    elif lines:
        yield from ("", *lines, "")


def _read(element: Any) -> str:
    """All text under an element in order; what was deleted, and readings over words, left out."""
    text = ""
    stack = [element]
    while stack:
        node = stack.pop()
        if node.tag in _NOT_READ:
            continue
        if node.tag == _TEXT:
            text += node.text or ""
        elif node.tag == _PARAGRAPH and text:  # a text box in a paragraph
            text += "\n"
        text += _BREAKS.get(node.tag, "")
        stack += reversed(node)
    return text


def _table_lines(table: Any) -> Iterator[str]:
    """Cells parted by tabs; one over several columns or rows stands in its first place, the others stay empty."""
    for row in table.iter(_ROW):
        if row.getparent() is not table:
            continue
        texts: list[str] = []
        for cell in row.xpath("./w:tc | ./w:sdt/w:sdtContent/w:tc"):
            span = cell.xpath("string(./w:tcPr/w:gridSpan/@w:val)")
            merged = cell.xpath("./w:tcPr/w:vMerge[not(@w:val) or @w:val='continue']")
            texts += ["" if merged else " ".join(_read(cell).split()), *[""] * (min(int(span or 1), 60) - 1)]
        if any(texts):
            yield "\t".join(texts)


def _notes(document: Word) -> Iterator[str]:
    """Foot- and endnotes, which python-docx doesn't read."""
    for relation in document.part.rels.values():
        kind = relation.reltype.rsplit("/", 1)[-1].removesuffix("s")
        if kind in _NOTES and not relation.is_external:
            root = etree.fromstring(relation.target_part.blob, etree.XMLParser(resolve_entities=False))
            texts = (" ".join(_read(note).split()) for note in root.iter(qn(f"w:{kind}")))
            yield ""
            yield from (f"注：{text}" for text in texts if text)
