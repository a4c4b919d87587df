"""Of the questions that were written for a passage, those most like the asked one, sentence by sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Twins:
    """One for each candidate (C): the columns of `Twin`, (C,) each. `questions` (Q): all that were written for them."""

    questions: Sequence[Asked]
    likeness: NDArray[np.float64]
    near: NDArray[np.float64]
    said: NDArray[np.float64]
    written: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def of(self, i: int) -> Twin:
        """A candidate's."""
        number = int(self.numbers[i])
        told = float(self.likeness[i]), float(self.near[i]), float(self.said[i])
        return Twin(*told, int(self.written[i]), self.questions[number] if number >= 0 else None, number)


class Likeness(NamedTuple):
    """Of some texts (T) to the question: `cosines` (T,), and the shares of it that they hold, `covered` (T,)."""

    cosines: NDArray[np.float32]
    covered: NDArray[np.float64]


def find_twins(readings: Sequence[Reading], own: Likeness, written: Likeness, questions: Sequence[Asked]) -> Twins:
    """One for each row of the readings (C). `own`: of the rows; `written`: of the `questions` written for them (Q)."""
    numbers = _numbers(readings)
    likeness = np.append(written.cosines, -np.inf)
    cosines, covered = likeness[numbers], np.append(written.covered, -np.inf)[numbers]
    best = np.take_along_axis(numbers, (cosines + covered).argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    alone = np.repeat([not reading.written.asked for reading in readings], [len(reading.rows) for reading in readings])
    return Twins(
        questions,
        np.where(alone, own.cosines, likeness[best].clip(0)),
        np.where(alone, own.cosines, _mean_of_best(cosines, _NEAREST).clip(0)),
        np.where(alone, own.covered, _mean_of_best(covered, _FULLEST)),
        np.where(alone, 1, (numbers >= 0).sum(axis=1)),
        best,
    )


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


def _mean_of_best(values: NDArray[Any], most: int) -> NDArray[Any]:
    """(C,): of each row's best that there are, 0 where there are none."""
    best = np.sort(values, axis=1)[:, -most:]
    there = np.isfinite(best)
    means: NDArray[Any] = np.where(there, best, 0).sum(axis=1) / there.sum(axis=1).clip(1)
    return means
