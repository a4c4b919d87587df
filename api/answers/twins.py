"""Of the questions that were written for a passage, those most like the asked one, sentence by sentence."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.answers.reading import Reading
from retriever.records import Asked

_NEAREST, _FULLEST = 3, 2


class Twin(NamedTuple):
    """Of the questions written for a candidate, the one most like the asked one, and their cosine.

    `near`: mean cosine of the three nearest; `said`: the share of the asked question that the two hold which say
    most of it; `written`: how many there are. Where none were written for its passage, the candidate is its own
    question: `asked` is `None`. `number`: its place among the questions written for all passages.
    """

    likeness: float
    near: float
    said: float
    written: int = 1
    asked: Asked | None = None
    number: int = -1


class Likeness(NamedTuple):
    """Of some texts (T) to the question: `cosines` (T,), and the shares of it that they hold, `covered` (T,)."""

    cosines: NDArray[np.float32]
    covered: NDArray[np.float64]


def find_twins(
    readings: Sequence[Reading], own: Likeness, written: Likeness, questions: Sequence[Asked]
) -> tuple[Twin, ...]:
    """One for each row of the readings (C). `own`: of the rows; `written`: of the `questions` written for them (Q)."""
    numbers = _numbers(readings)
    cosines, covered = (np.append(values, -np.inf)[numbers] for values in written)
    counts = (numbers >= 0).sum(axis=1)
    best = np.take_along_axis(numbers, (cosines + covered).argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    near, said = _mean_of_best(cosines, _NEAREST), _mean_of_best(covered, _FULLEST)
    have_any = [bool(reading.written.asked) for reading in readings for _ in reading.rows]
    twins: list[Twin] = []
    for i, has_any in enumerate(have_any):
        if not has_any:
            like = float(own.cosines[i])
            twins.append(Twin(like, like, float(own.covered[i])))
        elif not counts[i]:
            twins.append(Twin(0.0, 0.0, 0.0, 0))
        else:
            likeness = max(0.0, float(written.cosines[best[i]]))
            n = int(best[i])
            twins.append(Twin(likeness, max(0.0, near[i]), said[i], int(counts[i]), questions[n], n))
    return tuple(twins)


def _numbers(readings: Sequence[Reading]) -> NDArray[np.int64]:
    """(C, most): which of all questions each row answers; -1 where there are no more."""
    most = max((reading.answering.shape[1] for reading in readings), default=0)
    numbers = np.full((sum(len(reading.rows) for reading in readings), most + 1), -1)
    starts = accumulate((len(reading.rows) for reading in readings), initial=0)
    firsts = accumulate((len(reading.written.asked) for reading in readings), initial=0)
    for reading, start, first in zip(readings, starts, firsts, strict=False):
        own = reading.answering
        numbers[start : start + len(own), : own.shape[1]] = np.where(own < 0, -1, own + first)
    return numbers


def _mean_of_best(values: NDArray[Any], most: int) -> list[float]:
    """(C,): of each row's best that there are."""
    best = np.sort(values, axis=1)[:, -most:]
    there = np.isfinite(best)
    means: list[float] = (np.where(there, best, 0).sum(axis=1) / there.sum(axis=1).clip(1)).tolist()
    return means
