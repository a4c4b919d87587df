"""Which sentences answer: a weighted sum of features of question and candidate, learnt on the dev questions.

Where questions were written for a passage together with the place of their answers, the likeness of the asked
question to those is a feature, too (Lewis et al. 2021, PAQ, arXiv 2102.07033); a passage without any goes without it.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.answers.candidates import Candidate
from api.answers.mentions import EACH_ITS_OWN, is_named
from api.answers.needs import Met, Needs
from api.answers.reading import Reader, Reading
from api.answers.twins import Likeness, Twins, find_twins
from api.citations.terms import Held
from retriever.records import Asked
from retriever.search import Result

SELECTION = Path(__file__).with_name("selection.json")
FEATURES = (
    "covered",
    "covered_so_far",
    "complete",
    "novel",
    "like",
    "asked",
    "said",
    "written",
    "places",
    "passage",
    "asked_words",
    "form",
    "bare",
    "lacks_value",
    "wrong_year",
)
_FLOORS = {
    "covered": 0.3,
    "covered_so_far": 0.3,
    "like": 0.1,
    "asked": 0.3,
    "said": 0.3,
    "passage": 1e-6,
    "asked_words": 1.0,
}
"""What is told as a share of the best candidate's: that counts as no less than this."""
_LEAST = np.asarray([_FLOORS.get(name, 0.0) for name in FEATURES])
_ROUNDING = 1e-9
_OF_ANOTHER = 100.0
"""Taken off the score of a row about another: nothing that speaks for it outweighs that."""
_ASKS_DEFINITION = re.compile(
    r"定義|とは|って何|意味|何です|[什甚][么麼]是|是什[么麼]|what (?:is|are|does .* mean)|defin", re.IGNORECASE
)


@dataclass(frozen=True)
class Ranked:
    """Candidates (C) with their `told` and `features` (C, F), `scores` (C,) and `twins` (C), in the order of the hits.

    `told` are the features in units of their own; in `features`, some are shares of the best candidate's.
    `of_another` (C,): rows about others than those asked about.
    `held` (W, C): which terms of the question each has with its headings; `all_met` (M, 1): which of its needs and
    names all the hits meet together.
    `asked`: the questions (Q) written for them, with their words, the terms that they hold (W, Q), and how `like` this
    one they are (Q,), by cosine.
    """

    candidates: tuple[Candidate, ...]
    told: NDArray[np.float64]
    of_another: NDArray[np.bool_]
    features: NDArray[np.float64]
    scores: NDArray[np.float64]
    twins: Twins
    held: Held
    all_met: Met
    asked: tuple[Asked, ...]
    asked_words: tuple[Sequence[str], ...]
    asked_held: Held
    like: NDArray[np.float32]

    @cached_property
    def below(self) -> NDArray[np.float64]:
        """(C,): how far each candidate scores below the best one of any document, its own or another, where only the
        two documents are looked at: no third one makes two sentences more alike."""
        known = {candidate.hit.document.doc_id: None for candidate in self.candidates}
        number = {doc_id: n for n, doc_id in enumerate(known)}
        owner = np.asarray([number[candidate.hit.document.doc_id] for candidate in self.candidates])
        greatest = np.stack([self.told[owner == n].max(axis=0) for n in range(len(known))])
        pairs = np.maximum(greatest[:, np.newaxis], greatest)
        scores = _compared(self.told[:, np.newaxis], pairs[owner]) @ _weights()
        scores -= _OF_ANOTHER * self.of_another[:, np.newaxis]
        best = np.stack([scores[owner == n].max(axis=0) for n in range(len(known))], axis=1)
        gaps: NDArray[np.float64] = (best[owner] - scores).max(axis=1)
        return gaps

    def feature(self, name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.features[:, FEATURES.index(name)]
        return values


@cache
def weights() -> Mapping[str, float]:
    """By feature, as `tenkyo eval fit` learnt them."""
    learnt: dict[str, float] = json.loads(SELECTION.read_text("utf-8"))
    return learnt


def rank(result: Result, needs: Needs, reader: Reader) -> Ranked:
    """Weigh every sentence and row of the hits; there must be a hit."""
    readings = [reader.read(hit) for hit in result.hits]
    asked = tuple(chain.from_iterable(reading.written.asked for reading in readings))
    words = tuple(chain.from_iterable(reading.written.words for reading in readings))
    held = _held(needs, readings)
    ends = np.cumsum([part.shape[1] for part in (held.rows, held.so_far)])
    every = needs.coverage(np.concatenate((held.rows, held.so_far, held.asked), axis=1))
    covered, so_far, asked_covered = np.split(every, ends)
    own = Likeness(_cosines([reading.vectors for reading in readings], result.vector), covered)
    written = Likeness(_cosines([reading.written.vectors for reading in readings], result.vector), asked_covered)
    twins = find_twins(readings, own, written, asked)
    told = _features(result, needs, readings, own, twins, so_far)
    features = _compared(told, told.max(axis=0, initial=0.0))
    of_another = _are_of_another(result, readings)
    # rounded, so that sentences that are alike stay in reading order however their sums were rounded
    scores = np.round(features @ _weights(), 9) - _OF_ANOTHER * of_another
    candidates = tuple(candidate for hit in result.hits for candidate in reader.candidates(hit))
    of_asked = (asked, words, held.asked, written.cosines)
    return Ranked(candidates, told, of_another, features, scores, twins, held.rows, needs.met(held.whole), *of_asked)


def _cosines(vectors: Sequence[NDArray[np.float32]], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T,), of several arrays (…, D) one after the other."""
    return np.concatenate([np.vecdot(own, vector) for own in vectors])


class _TermsHeld(NamedTuple):
    """Which terms of the question the `rows` (W, C) have, each with all `so_far` in its passage (W, C), the questions
    written for them, `asked` (W, Q), and the `whole` of all passages (W, 1)."""

    rows: Held
    so_far: Held
    asked: Held
    whole: Held


def _held(needs: Needs, readings: Sequence[Reading]) -> _TermsHeld:
    every = [needs.held(reading.terms) for reading in readings]
    rows = [held[:, : len(reading.rows)] for held, reading in zip(every, readings, strict=True)]
    asked = [held[:, len(reading.rows) : -1] for held, reading in zip(every, readings, strict=True)]
    return _TermsHeld(
        np.concatenate(rows, axis=1),
        np.concatenate([np.logical_or.accumulate(held, axis=1) for held in rows], axis=1),
        np.concatenate(asked, axis=1),
        np.logical_or.reduce([held[:, -1:] for held in every]),
    )


def _features(
    result: Result,
    needs: Needs,
    readings: Sequence[Reading],
    own: Likeness,
    twins: Twins,
    so_far: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(C, F), as `FEATURES` names them. A report names its subject once and then goes on about it: a row counts
    together with what stands before it in its passage, and is `complete` where the two hold all that any row does.
    `novel`: how much of it is of other things."""
    sizes = [len(reading.rows) for reading in readings]
    is_source_line, defines, is_bare = np.concatenate([reading.forms for reading in readings], axis=1)
    columns = {
        "covered": own.covered,
        "covered_so_far": so_far,
        "complete": so_far,
        "novel": [needs.novelty(words) for reading in readings for words in reading.row_words],
        "like": own.cosines,
        "asked": twins.near,
        "said": twins.said,
        "written": np.log1p(twins.written),
        "places": [math.log(max(1, len(twins.questions[n].answer))) if n >= 0 else 0.0 for n in twins.numbers.tolist()],
        "passage": np.repeat([hit.score for hit in result.hits], sizes),
        "asked_words": np.repeat([hit.scores.get("asked_words", 0.0) for hit in result.hits], sizes),
        "form": np.where(is_source_line, -1, defines & bool(_ASKS_DEFINITION.search(result.query))),
        "bare": is_bare,
        "lacks_value": [lacks for reading in readings for lacks in _lack_value(needs, reading)],
        "wrong_year": [is_wrong for reading in readings for is_wrong in _are_of_wrong_year(needs, reading)],
    }
    return np.stack([np.asarray(columns[name], np.float64) for name in FEATURES], axis=1)


def _compared(told: NDArray[np.float64], greatest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, F): features among candidates whose `greatest` (…, F) is known: some are shares of that, one says whether
    it is reached."""
    features = told / np.where(_LEAST > 0, np.maximum(greatest, _LEAST), 1.0)
    complete = FEATURES.index("complete")
    features[..., complete] = told[..., complete] >= greatest[..., complete] - _ROUNDING
    return features


@cache
def _weights() -> NDArray[np.float64]:
    """(F,)."""
    learnt = weights()
    return np.asarray([learnt.get(name, 0.0) for name in FEATURES])


def _are_of_another(result: Result, readings: Sequence[Reading]) -> NDArray[np.bool_]:
    """(C,): rows of tables that name less than half of those asked about that another row names. Half: who asks about
    two companies wants the rows of both."""
    asked = [match for match in result.matches if match.is_name and not match.kinds.isdisjoint(EACH_ITS_OWN)]
    named = np.asarray(
        [
            sum(is_named(match, words | reading.words_above) for match in asked) if reading.passage.cells else -1
            for reading in readings
            for words in reading.row_words
        ]
    )
    of_another: NDArray[np.bool_] = (named >= 0) & (2 * named < named.max(initial=0))
    return of_another


def _lack_value(needs: Needs, reading: Reading) -> list[bool]:
    """(R,): whether a figure, date or person is asked for and a row has none."""
    if not needs.expected.kinds:
        return [False] * len(reading.rows)
    return [not any(map(needs.expected.fit, row.values)) for row in reading.rows]


def _are_of_wrong_year(needs: Needs, reading: Reading) -> list[bool]:
    """(R,): whether a row tells other years than asked."""
    if not needs.years:
        return [False] * len(reading.rows)
    return [bool(row.years) and not row.years & needs.years for row in reading.rows]
