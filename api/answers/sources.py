"""An answer's sentences as lines: those of one source together; of several sources, each line under its date."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from api.answers.candidates import Candidate
from api.answers.twins import Twin
from api.citations.quotes import unmarked_text
from retriever.records import Document, Span

MOST_CHARACTERS = 400
_MARK = len("[1]\n")
_SHORT_TITLE = 14
_UNDATED = "日付不明"


class Line(NamedTuple):
    """A sentence that is taken into an answer, with the written question that is most like the asked one."""

    candidate: Candidate
    twin: Twin


def place_of(candidate: Candidate) -> tuple[str, tuple[Span, ...]]:
    """The document and the spans of its quote."""
    return candidate.hit.document.doc_id, candidate.quote.spans


def fitting(best_first: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """As many, best first, as an answer holds with their dates and marks; in reading order."""
    for most in range(len(best_first), 1, -1):
        lines = as_lines(best_first[:most])
        if sum(len(line.text) + _MARK for line in lines) <= MOST_CHARACTERS + 1:
            return lines
    return tuple(best_first[:1])


def as_lines(chosen: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Source by source, the one with the best hit first; of several sources, each line begins with its date."""
    first: dict[str, int] = {}
    for candidate in chosen:
        doc_id = candidate.hit.document.doc_id
        first[doc_id] = min(candidate.hit.rank, first.get(doc_id, candidate.hit.rank))
    in_order = sorted(
        chosen, key=lambda c: (first[c.hit.document.doc_id], c.hit.document.doc_id, c.hit.rank, c.quote.spans[0])
    )
    if len(first) < 2:
        return tuple(in_order)
    labels = _labels([candidate.hit.document for candidate in in_order])
    return tuple(c._replace(label=labels[c.hit.document.doc_id]) for c in in_order)


def _labels(documents: Sequence[Document]) -> dict[str, str]:
    """By document, its date; where another has the same date its title, too, or its beginning if that tells enough."""
    every = {document.doc_id: document for document in documents}.values()
    dates = Counter(date_label(document.published) for document in every)
    beginnings = Counter(_beginning(document.title) for document in every)
    labels: dict[str, str] = {}
    for document in every:
        date, title = date_label(document.published), unmarked_text(_beginning(document.title))
        title = title if beginnings[_beginning(document.title)] == 1 else unmarked_text(document.title)
        labels[document.doc_id] = f"（{date}）" if dates[date] == 1 else f"（{date}、{title}）"
    return labels


def date_label(published: str | None) -> str:
    """2024-07 → 2024年7月."""
    if not published:
        return _UNDATED
    return "".join(f"{int(number)}{unit}" for number, unit in zip(published.split("-"), "年月日", strict=False))


def _beginning(title: str) -> str:
    return title if len(title) <= _SHORT_TITLE else title[: _SHORT_TITLE - 1] + "…"
