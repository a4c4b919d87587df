"""The page of a source: its whole text, with the cited place lit."""

from html import escape
from pathlib import Path
from string import Template

from ingest.invisible import replaced
from retriever.records import Document

_SOURCE_PAGE = Path(__file__).with_name("web") / "source.html"


def source_page(document: Document) -> str:
    """HTML; everything that comes from the document is escaped.

    What is invisible in it is shown as �, one for one: places in the text stay what they are.
    A line end right after `<pre>` is dropped by browsers, so the text gets one of its own before it.
    """
    return Template(_SOURCE_PAGE.read_text("utf-8")).substitute(
        language=escape(document.language),
        title=escape(document.title),
        published=escape(document.published or "undated"),
        note=escape(document.source_note or ""),
        sha256=document.source_sha256,
        text="\n" + escape(replaced(document.text, "�")).replace("\r", "&#13;"),
    )
