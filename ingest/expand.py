"""Document expansion: questions that a passage answers, indexed beside it, never shown (Nogueira & Lin 2019).

They are kept as JSON lines, keyed by the SHA-256 of the source text and a span in it, so that another
way of cutting passages orphans none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retriever.errors import BadExpansions
from retriever.records import LANGUAGES, Asked, Document, Passage, Span

_KEYS = {"document", "spans", *LANGUAGES}
_LEAST_OVERLAP = 0.45
"""Common characters over those of either: a passage half or twice as long as the span still has its questions."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Questions that the text at some spans of a source answers. `where`: file and line, for messages."""

    document: str
    spans: tuple[Span, ...]
    questions: tuple[Asked, ...]
    where: str


def read_expansions(folders: Sequence[Path]) -> dict[str, list[Expansion]]:
    """All expansions of folders by their documents' SHA-256. Raises `BadExpansions`, naming file and line."""
    found: dict[str, list[Expansion]] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.jsonl"))):
        try:
            *whole, last = path.read_bytes().split(b"\n")
            lines = [line.decode() for line in (*whole, *([] if is_broken_off(last) else [last]))]
        except (OSError, UnicodeDecodeError) as error:
            raise BadExpansions(f"{path}: can't be read ({error}).") from error
        for number, line in enumerate(lines, start=1):
            expansion = read_row(f"{path}:{number}", line)
            found.setdefault(expansion.document, []).append(expansion)
    return found


def is_broken_off(last: bytes) -> bool:
    """Whether what follows the last line end is no whole line: nothing, or what was being appended when its writer
    was killed or the disk was full. It will be written anew."""
    try:
        return not isinstance(json.loads(last), dict)
    except ValueError:
        return not last or last.startswith(b"{")


def read_row(where: str, line: str) -> Expansion:
    """Raises `BadExpansions`."""
    try:
        values: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise BadExpansions(f"{where}: no valid JSON: {error}.") from error
    if not isinstance(values, dict) or values.keys() != _KEYS:
        raise BadExpansions(f"{where}: the keys must be {', '.join(sorted(_KEYS))}.")
    if not _are_spans(values["spans"]):
        raise BadExpansions(f"{where}: spans {values['spans']!r} must be [[start, end], …], in order.")
    for language in LANGUAGES:
        if not isinstance(values[language], list):
            raise BadExpansions(f"{where}: {language!r} must be a list of questions.")
    questions = tuple(_asked(where, language, item) for language in LANGUAGES for item in values[language])
    spans = tuple((start, end) for start, end in values["spans"])
    return Expansion(str(values["document"]), spans, questions, where)


def _asked(where: str, language: str, item: object) -> Asked:
    """A question alone, or an object that says where its answer lies."""
    values: dict[str, Any] = item if isinstance(item, dict) else {"question": item}
    question, places = values.get("question"), [values.get(name, []) for name in ("answer", "short")]
    if not (isinstance(question, str) and question.strip() and values.keys() <= {"question", "answer", "short"}):
        raise BadExpansions(f"{where}: {item!r} in {language!r} is no question, nor an object with a question in it.")
    for spans in places:
        if spans != [] and not _are_spans(spans):
            raise BadExpansions(f"{where}: spans {spans!r} of {question!r} must be [[start, end], …], in order.")
    answer, short = (tuple((start, end) for start, end in spans) for spans in places)
    return Asked(language, question, answer, short)


def _are_spans(values: object) -> bool:
    """Whether they are pairs of numbers that never go back."""
    if not isinstance(values, list) or not values:
        return False
    pairs = [v for v in values if isinstance(v, list) and len(v) == 2 and all(type(n) is int for n in v)]
    numbers = [number for pair in pairs for number in pair]
    return len(pairs) == len(values) and numbers == sorted(numbers) and numbers[0] >= 0 and all(a < b for a, b in pairs)


def check(expansions: Sequence[Expansion], document: Document) -> None:
    """Raises `BadExpansions` for a span that its document doesn't have."""
    for expansion in expansions:
        places = [expansion.spans, *(spans for asked in expansion.questions for spans in (asked.answer, asked.short))]
        start, end = max((spans[-1] for spans in places if spans), key=lambda span: span[1])
        if end > len(document.text):
            raise BadExpansions(
                f"{expansion.where}: the span {start}-{end} lies outside {document.doc_id}, "
                f"which has {len(document.text)} characters. Write the line again, or delete it."
            )


def attach(passages: Sequence[Passage], expansions: Mapping[str, Sequence[Expansion]]) -> list[list[Asked]]:
    """For each passage, the questions of the spans that it overlaps; `expansions` by document id."""
    return [
        [q for e in expansions.get(passage.doc_id, ()) if covers(e, passage) for q in e.questions]
        for passage in passages
    ]


def covers(expansion: Expansion, passage: Passage) -> bool:
    """Whether the two are about the same text: intersection over union, in characters."""
    common = sum(
        max(0, min(end, last) - max(start, first)) for start, end in passage.spans for first, last in expansion.spans
    )
    lengths = sum(end - start for start, end in (*passage.spans, *expansion.spans))
    return common / (lengths - common) >= _LEAST_OVERLAP
