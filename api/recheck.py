"""Kept answers against the documents as they are now: does each quote still stand, and where?"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from api import schemas
from api.answers.candidates import split_passage
from api.citations.quotes import mapped, mapped_passage, squeeze, stands
from api.responses import source_url
from ingest.mapped import Mapped
from retriever.errors import NotFound
from retriever.records import Document, Passage, Span
from retriever.view import View

_WHOLE = re.compile(r"[0-9０-９]+(?:[.,．，][0-9０-９]+)*[十百千万億兆%％]*|[A-Za-z]+[0-9A-Za-z]*")
_WINDOW = 20
Shown = tuple[str, Sequence[Span]]


def recheck(answer: schemas.AnswerOut, index: View) -> schemas.AnswerOut:
    """Fills `status` and `now` of each citation, also of those that an abstention names."""
    for citation in answer.citations:
        _check(citation, _shown_of(answer, citation.number), index)
    for citation in answer.abstention.nearest if answer.abstention else []:
        _check(citation, [], index)
    return answer


def _shown_of(answer: schemas.AnswerOut, number: int) -> list[Shown]:
    """What an answer shows as evidence on the strength of a citation, beside its quote."""
    parts = (part for sentence in answer.sentences for part in sentence.parts if part.kind == "quote")
    shown: list[Shown] = [(part.text, part.spans) for part in parts if part.citation == number]
    short = answer.short_answer
    return shown + ([(short.text, short.spans)] if short and short.citation == number else [])


def _check(citation: schemas.CitationOut, shown: Sequence[Shown], index: View) -> None:
    """A quote that stands proves what is shown of it: at its own spans where nothing moved, else within the quote."""
    try:
        document = index.document(citation.doc_id)
    except NotFound:
        citation.status = "missing"
        return
    same_text = document.source_sha256 == citation.source_sha256
    place = find(document, index.passages_of(citation.doc_id), citation.quote, citation.spans, same_text)
    intact = place == tuple(citation.spans)
    held = all(stands(document, *s) if intact else squeeze(s[0]) in squeeze(citation.quote) for s in shown)
    if place is None or not held:
        citation.status = "changed"
        return
    citation.status = "intact" if intact else "moved"
    if not (intact and same_text):
        url, sha256 = source_url(citation.doc_id, place), document.source_sha256
        citation.now = schemas.PlaceOut(spans=list(place), source_sha256=sha256, url=url)


def find(
    document: Document, passages: Sequence[Passage], text: str, spans: Sequence[Span], same_text: bool
) -> tuple[Span, ...] | None:
    """Where a quote stands: at its spans, or at the nearest place where the document says the same."""
    if stands(document, text, spans) and (same_text or _is_whole(document, spans)):
        return tuple(spans)
    wanted = squeeze(text)
    found = list(_places(mapped(document.text, [(0, len(document.text))], document), wanted, document))
    if not found:  # furniture lies in its middle, or it is a row that takes a cell from the row above
        rows = (mapped(q.text, q.spans, document) for p in passages for _, q in split_passage(p, document))
        cleaned = chain((mapped_passage(p, document) for p in passages), rows)
        found = [place for shown in cleaned for place in _places(shown, wanted, document)]
    near = spans[0][0] if spans else 0
    return min(found, key=lambda place: abs(place[0][0] - near), default=None)


def _places(shown: Mapped, wanted: str, document: Document) -> Iterator[tuple[Span, ...]]:
    """White space doesn't count."""
    letters = [i for i, character in enumerate(shown.text) if not character.isspace()]
    squeezed = squeeze(shown.text)
    start = squeezed.find(wanted) if wanted else -1
    while start >= 0:
        end = start + len(wanted)
        spans = shown.slice(letters[start], letters[end - 1] + 1).spans(document.text)
        if _is_whole(document, spans):
            yield spans
        start = squeezed.find(wanted, start + 1)


def _is_whole(document: Document, spans: Sequence[Span]) -> bool:
    """Not cut out of a figure or a Latin word: where 5億 has become 15億, 5億 no longer stands."""
    return not any(_cuts(document.text, edge) for edge in (spans[0][0], spans[-1][1]))


def _cuts(text: str, edge: int) -> bool:
    start = max(0, edge - _WINDOW)
    return any(w.start() + start < edge < w.end() + start for w in _WHOLE.finditer(text[start : edge + _WINDOW]))
