"""Text that remembers, character by character, where it stands in its source."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from retriever.records import Span

ADDED = -1
"""The offset of white space that was put in: the span rule drops it."""

_NO_SPACE_BEFORE = "。、，．！？）」』】〕"
_SPACES = re.compile(r"[^\S\t\n]+")


@dataclass(frozen=True, slots=True)
class Mapped:
    """`offsets[i]` is the place in the source of `text[i]`, or `ADDED`."""

    text: str
    offsets: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.text)

    def slice(self, start: int, end: int) -> "Mapped":
        return Mapped(self.text[start:end], self.offsets[start:end])

    def strip(self) -> "Mapped":
        start = len(self.text) - len(self.text.lstrip())
        return self.slice(start, len(self.text.rstrip()))

    def spans(self, source: str) -> tuple[Span, ...]:
        """The places in the source, in order; pieces that only white space parts are one."""
        spans: list[list[int]] = []
        for character, offset in zip(self.text, self.offsets, strict=True):
            if character.isspace():
                continue
            if spans and spans[-1][1] <= offset and not source[spans[-1][1] : offset].strip():
                spans[-1][1] = offset + 1
            else:
                spans.append([offset, offset + 1])
        return tuple((start, end) for start, end in spans)


def join(parts: Iterable[Mapped], separator: str = "") -> Mapped:
    """The parts one after the other; `separator` must be white space."""
    texts: list[str] = []
    offsets: list[int] = []
    for number, part in enumerate(parts):
        if number:
            texts.append(separator)
            offsets.extend([ADDED] * len(separator))
        texts.append(part.text)
        offsets.extend(part.offsets)
    return Mapped("".join(texts), tuple(offsets))


def tidy(mapped: Mapped) -> Mapped:
    """Runs of spaces become one, and none stays before a full stop (where a footnote mark once stood)."""
    kept = [True] * len(mapped.text)
    for run in _SPACES.finditer(mapped.text):
        follows = mapped.text[run.end() : run.end() + 1]
        first = run.start() if follows and follows in _NO_SPACE_BEFORE else run.start() + 1
        for i in range(first, run.end()):
            kept[i] = False
    return Mapped(
        "".join(c for c, keep in zip(mapped.text, kept, strict=True) if keep),
        tuple(o for o, keep in zip(mapped.offsets, kept, strict=True) if keep),
    ).strip()
