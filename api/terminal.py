"""An answer as lines of text: plain, or for a terminal with its quotes lit, its labels dim and its sources linked."""

import os
import re
import sys
from dataclasses import dataclass
from urllib.parse import quote as percent_encode

from api import schemas
from api.export import spelt

_MARK = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Ink:
    """`lit`: ANSI styles, and hyperlinks (OSC 8) where the address of the service is known. In a `terminal`, nothing
    that a document holds steers it."""

    lit: bool = False
    terminal: bool = False
    base_url: str = ""

    def quote(self, text: str) -> str:
        return self._styled("33", text)

    def dim(self, text: str) -> str:
        return self._styled("2", text)

    def plain(self, text: str) -> str:
        return str(spelt(text)) if self.terminal else text

    def marks(self, text: str) -> str:
        return _MARK.sub(lambda mark: self._styled("1", mark[0]), self.plain(text))

    def url(self, url: str) -> str:
        return percent_encode(self.base_url.rstrip("/") + url, ":/?#[]@,;=&%~") if self.base_url else url

    def linked(self, text: str, url: str) -> str:
        if not (self.lit and self.base_url):
            return self.plain(text)
        return f"\x1b]8;;{self.url(url)}\x1b\\{self.plain(text)}\x1b]8;;\x1b\\"

    def _styled(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{self.plain(text)}\x1b[0m" if self.lit and text else self.plain(text)


def ink_of_stdout(base_url: str = "") -> Ink:
    """Lit in a terminal, unless NO_COLOR (no-color.org) is set."""
    terminal = sys.stdout.isatty()
    lit = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Ink(lit, terminal, base_url)


def answer_text(answer: schemas.AnswerOut, ink: Ink) -> str:
    if answer.abstention:
        nearest = [f"{_source(c, ink)}\n{indent(c.quote, ink)}" for c in answer.abstention.nearest]
        return "\n".join([ink.plain(answer.abstention.reason), "The nearest passages:", *nearest])
    head = _body(answer, ink)
    if short := answer.short_answer:
        gloss = ink.dim(f" ({short.gloss})") if short.gloss else ""
        head = f"{ink.quote(short.text)}{gloss}\n\n{head}"
    return "\n".join([head, "", *(_source(citation, ink) for citation in answer.citations)])


def indent(text: str, ink: Ink = Ink()) -> str:
    return "\n".join(f"   {ink.quote(line)}" for line in text.split("\n"))


def _source(citation: schemas.CitationOut, ink: Ink) -> str:
    titled = ink.linked(f"{citation.title} ({citation.published or 'undated'})", citation.url)
    return f"{ink.marks(f'[{citation.number}]')} {titled}  {ink.dim(ink.url(citation.url))}"


def _body(answer: schemas.AnswerOut, ink: Ink) -> str:
    """The sentences of a language model have no parts: they aren't quotes."""
    text, at, body = answer.answer or "", 0, ""
    for sentence in answer.sentences:
        parts = [ink.quote(part.text) if part.kind == "quote" else ink.dim(part.text) for part in sentence.parts]
        body += ink.marks(text[at : sentence.start]) + ("".join(parts) or ink.plain(sentence.text))
        at = sentence.end
    return body + ink.marks(text[at:])
