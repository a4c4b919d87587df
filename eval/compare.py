"""Two runs on the same questions: effect, significance, and which questions were won and lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.errors import BadRun
from eval.run import Run
from eval.statistics import estimate, paired_p_value


@dataclass(frozen=True, slots=True)
class Comparison:
    """`effect`: mean of (second - first) with its interval; `won`, `lost`: question ids."""

    measure: str
    first: float
    second: float
    low: float
    high: float
    p_value: float
    won: tuple[str, ...]
    lost: tuple[str, ...]


def compare(first: Run, second: Run, measure: str, only: Sequence[str] | None = None) -> Comparison:
    """Raises `BadRun` unless both runs have the measure for the very same questions."""
    a, b = first.values.get(measure, {}), second.values.get(measure, {})
    if not a or a.keys() != b.keys():
        missing = sorted(a.keys() ^ b.keys())[:3]
        raise BadRun(
            f"The runs can't be compared by {measure}: one lacks it for {', '.join(missing) or 'all questions'}."
        )
    ids = [qid for qid in a if only is None or qid in set(only)]
    differences = [b[qid] - a[qid] for qid in ids]
    effect = estimate(differences)
    return Comparison(
        measure,
        estimate([a[qid] for qid in ids]).mean,
        estimate([b[qid] for qid in ids]).mean,
        effect.low,
        effect.high,
        paired_p_value([b[qid] for qid in ids], [a[qid] for qid in ids]),
        tuple(qid for qid in ids if b[qid] > a[qid]),
        tuple(qid for qid in ids if b[qid] < a[qid]),
    )
