"""Whether the index in a cluster finds what the one on the disk finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.questions import Question
from retriever.search import Retriever

TOP = 10


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of a language's questions: the share of the best ten passages that both find (mean and least), and the share of
    questions with the same ten in the same order. `furthest`: the greatest difference between two scores."""

    language: str
    questions: int
    mean: float
    least: float
    same: float
    furthest: float


def overlaps(questions: Sequence[Question], first: Retriever, second: Retriever) -> list[Overlap]:
    """By language, and of all."""
    rows = [(question.language, *_of_one(question.text, first, second)) for question in questions]
    languages = [*sorted({row[0] for row in rows}), "all"]
    found = [(name, [row[1:] for row in rows if name in (row[0], "all")]) for name in languages]
    return [
        Overlap(
            name,
            len(own),
            sum(shared for shared, _, _ in own) / len(own),
            min(shared for shared, _, _ in own),
            sum(same for _, same, _ in own) / len(own),
            max(further for _, _, further in own),
        )
        for name, own in found
    ]


def _of_one(text: str, first: Retriever, second: Retriever) -> tuple[float, bool, float]:
    one, other = (
        {hit.passage.passage_id: hit.score for hit in retriever.search(text, TOP).hits} for retriever in (first, second)
    )
    both = one.keys() & other.keys()
    further = max((abs(one[i] - other[i]) for i in both), default=0.0)
    return len(both) / max(1, len(one), len(other)), list(one) == list(other), further
