"""Questions with their evidence, checked against the sources as they are read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import BadQuestions
from retriever.records import Document

FOLDER = Path(__file__).with_name("questions")
TYPES = frozenset("number entity date definition list reason comparison table summary unanswerable".split())
_KEYS = frozenset("id split language type style question evidence answer accepted".split())


@dataclass(frozen=True, slots=True)
class Evidence:
    """A place that proves an answer: `[start, end)` in the source with this SHA-256."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence`: all groups are needed, the places of a group are alternatives; none where unanswerable.

    `answer`: strings that a right answer holds; `accepted`: other spellings of a single one.
    """

    id: str
    split: str
    language: str
    type: str
    style: str
    text: str
    evidence: tuple[tuple[Evidence, ...], ...]
    answer: tuple[str, ...]
    accepted: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.evidence)

    @property
    def out_of_domain(self) -> bool:
        return self.id.startswith("out-")


def read_questions(path: Path, documents: Sequence[Document]) -> list[Question]:
    """All questions of a JSON-lines file. Raises `BadQuestions`, naming file and line."""
    sources = {document.source_sha256: document.text for document in documents}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestions(f"{path}: can't be read ({error}).") from error
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        question = _question(where, line, sources)
        if question.id in seen:
            raise BadQuestions(f"{where}: id {question.id!r} stands in line {seen[question.id]} already.")
        seen[question.id] = number
        questions.append(question)
    if not questions:
        raise BadQuestions(f"{path}: holds no questions.")
    return questions


def _question(where: str, line: str, sources: Mapping[str, str]) -> Question:
    try:
        values: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise BadQuestions(f"{where}: no valid JSON: {error}.") from error
    if not isinstance(values, dict) or values.keys() != _KEYS:
        raise BadQuestions(f"{where}: keys must be {', '.join(sorted(_KEYS))}.")
    if values["type"] not in TYPES:
        raise BadQuestions(f"{where}: type {values['type']!r} is none of {', '.join(sorted(TYPES))}.")
    if bool(values["evidence"]) == (values["type"] == "unanswerable"):
        raise BadQuestions(f"{where}: evidence is needed, and for unanswerable questions there is none.")
    evidence = tuple(tuple(_evidence(where, e, sources) for e in group) for group in values["evidence"])
    return Question(
        values["id"],
        values["split"],
        values["language"],
        values["type"],
        values["style"],
        values["question"],
        evidence,
        tuple(values["answer"]),
        tuple(values["accepted"]),
    )


def _evidence(where: str, values: Mapping[str, Any], sources: Mapping[str, str]) -> Evidence:
    found = Evidence(values["document"], values["start"], values["end"])
    if found.document not in sources:
        raise BadQuestions(f"{where}: no indexed document has the SHA-256 {found.document}.")
    if sources[found.document][found.start : found.end] != values["quote"] or not values["quote"]:
        raise BadQuestions(f"{where}: the source doesn't hold {values['quote'][:40]!r} at {found.start}-{found.end}.")
    return found
