"""Near-duplicates between evaluation questions and the questions written for passages.

Neither side is edited: they are reported, and scores are given with and without the flagged ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from eval.questions import Question
from retriever.text import normalise

SIMILAR = 85.0
"""rapidfuzz's ratio (normalised indel similarity, percent) from which two questions are nearly the same."""


@dataclass(frozen=True, slots=True)
class Twin:
    """An evaluation question and the written one that is most like it."""

    question: str
    written: str
    similarity: float


def twins(questions: Sequence[Question], written: Iterable[str]) -> dict[str, Twin]:
    """Question id → its near-duplicate, where there is one."""
    known = list(dict.fromkeys(written))
    folded = [normalise(text).lower() for text in known]
    found: dict[str, Twin] = {}
    for question in questions:
        best = process.extractOne(normalise(question.text).lower(), folded, scorer=fuzz.ratio, score_cutoff=SIMILAR)
        if best:
            found[question.id] = Twin(question.text, known[best[2]], round(best[1], 1))
    return found
