"""What a parser of one format hands over."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

READABLE = "PDF, Word (.docx), HTML, Markdown and plain text can be read."
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Extracted:
    """A source text. `pages`: where each page begins in it; `blank_pages`: numbers of those that show something
    but have no text (scanned, as a rule)."""

    text: str
    media_type: str
    extractor: str
    pages: tuple[int, ...] = ()
    blank_pages: tuple[int, ...] = ()
    encoding: str | None = None
    title: str | None = None


class Extractions(Protocol):
    """Where extracted texts are kept, by the SHA-256 of their files."""

    def find(self, file_sha256: str) -> Extracted | None: ...

    def keep(self, file_sha256: str, extracted: Extracted) -> None: ...


@dataclass(frozen=True, slots=True)
class TextLine:
    """A paragraph, a heading, a table row. `gap`: a blank line goes before it; `joined`: it goes on with the line
    before it, on the page or on the page before."""

    text: str
    gap: bool = False
    joined: bool = False


def join_lines(lines: Iterable[str]) -> str:
    """One line each, blank ones never two in a row."""
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


def join_pages(pages: Sequence[Sequence[TextLine]]) -> tuple[str, tuple[int, ...]]:
    """The text, and where each page begins. A page's first line is indented by a space, as `ingest.clean` knows it."""
    text = ""
    starts: list[int] = []
    for lines in pages:
        for number, line in enumerate(lines):
            if text and line.joined:
                text += space_between(text[-1], line.text[0])
            elif text:
                text += "\n " if number == 0 else "\n\n" if line.gap else "\n"
            if number == 0:
                starts.append(len(text))
            text += line.text
        if not lines:
            starts.append(len(text))
    return text + "\n", tuple(starts)


def space_between(left: str, right: str) -> str:
    """Latin words keep a space between them where a line ended; Japanese has none."""
    return " " if left.isascii() and right.isascii() and left not in "-/(" and right not in ",.)" else ""
