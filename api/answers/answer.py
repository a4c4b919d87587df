"""Extractive answers: the sentences and rows of the hits that answer best, each with its place.

Nothing is written anew. Where the best evidence says too little of what was asked, the answer is that these
documents don't say it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from api.answers.candidates import Candidate
from api.answers.disagreement import joined, told_beside
from api.answers.evidence import confidence, is_enough
from api.answers.features import evidence_of, is_of_others, names_passed_over
from api.answers.measure import Told
from api.answers.needs import Needs, as_written, needs_of
from api.answers.reading import Reader
from api.answers.selection import Ranked, rank
from api.answers.short import OfOthers, Short, short_answer
from api.answers.sources import MOST_CHARACTERS, Line, fitting, place_of
from api.answers.spanning import asks_several, of_each_document
from api.citations.quotes import prove, squeeze
from retriever.search import Hit, Result

MOST_SENTENCES = 4
NEXT_SENTENCE, NEXT_VALUE, SAME_TWIN = 1.75, 2.0, 0.25
"""A further sentence is taken if its score is at most this far below the best one's: e^-1.75 times as likely.

Farther where one figure, date or person is asked for, which another may tell as well, and where the same written
question leads to both.
"""


@dataclass(frozen=True, slots=True)
class Composition:
    """`chosen` is empty where the answer is withheld; `nearest` then holds the best there is.

    `differing`: figures that sources tell differently for what is asked.
    `evidence`: by feature, what the confidence was reckoned from.
    """

    chosen: tuple[Candidate, ...]
    nearest: tuple[Candidate, ...]
    short: Short | None
    missing: tuple[str, ...]
    evidence: Mapping[str, float]
    differing: tuple[Told, ...] = ()

    @property
    def confidence(self) -> float:
        """Probability that the answer holds what was asked for."""
        return round(confidence(self.evidence), 4) if self.evidence else 0.0


def compose(result: Result, reader: Reader, beyond: Sequence[Hit] = ()) -> Composition:
    """The best that there is, or nothing where the evidence is too weak. Every quote is proved.

    A new document whose best sentence is too weak silences nobody: passages with written questions are asked again
    without it.
    """
    found = choose(result, reader, beyond)
    if _answers(found):
        return found
    if found.evidence.get("new") and (written := _written(result.hits, reader)):
        alone = choose(replace(result, hits=written), reader, _written(beyond, reader))
        if _answers(alone):
            return alone
    return replace(found, chosen=(), short=None, differing=())


def _answers(found: Composition) -> bool:
    return bool(found.chosen) and is_enough(found.evidence)


def _written(hits: Sequence[Hit], reader: Reader) -> tuple[Hit, ...]:
    """Those for whose passages questions were written."""
    return tuple(hit for hit in hits if reader.read(hit).written.asked)


def choose(result: Result, reader: Reader, beyond: Sequence[Hit] = ()) -> Composition:
    """The best that there is, however weak. `beyond`: further hits, for what other documents say of it."""
    needs = needs_of(result, reader.weigher)
    ranked = rank(result, needs, reader) if result.hits else None
    if not ranked or not ranked.candidates or needs.are_none:  # 「？」 asks nothing
        return Composition((), (), None, tuple(need.name for need in needs.needs), {})
    candidates, order = ranked.candidates, (-ranked.scores).argsort(kind="stable")
    close = _close(ranked, needs)
    taken = _take(ranked, [i for i in order if close[i]])
    lines = [Line(candidates[i], ranked.twins.of(i)) for i in taken]
    if asks_several(result.query):
        lines = of_each_document(result, beyond, needs, reader, _take) or lines
    told = told_beside(result.query, [line.candidate for line in lines], [*result.hits, *beyond], needs, reader)
    lines = joined(lines, told)[:MOST_SENTENCES]
    chosen = fitting([line.candidate for line in lines])
    nearest = _one_a_hit([candidates[i] for i in order])
    for candidate in (*chosen, *nearest):
        prove(candidate.hit.document, candidate.quote.text, candidate.quote.spans)
    unmet = needs.unmet(ranked.all_met)
    other = names_passed_over(result, candidates[order[0]], reader, needs)
    missing = as_written(result.query, (*other, *(need.name for need in unmet), *needs.unknown))
    evidence = evidence_of(result, ranked, needs, reader, bool(other))
    short = _short(lines, chosen, needs, partial(is_of_others, result, reader))
    shown = {place_of(candidate) for candidate in chosen}
    whole = all(place_of(one.candidate) in shown for one in told.differing)
    return Composition(chosen, nearest, short, missing, evidence, told.differing if whole else ())


def _short(lines: Sequence[Line], chosen: Sequence[Candidate], needs: Needs, is_of_others: OfOthers) -> Short | None:
    """Out of those of the lines, best first, that are shown, with its place among `chosen`."""
    places = [place_of(candidate) for candidate in chosen]
    shown = [line for line in lines if place_of(line.candidate) in places]
    short = short_answer([line.candidate for line in shown], [line.twin for line in shown], needs, is_of_others)
    if not short:
        return None
    candidate = shown[short.sentence].candidate
    prove(candidate.hit.document, short.quote.text, short.quote.spans)
    return replace(short, sentence=places.index(place_of(candidate)))


def _close(ranked: Ranked, needs: Needs) -> NDArray[np.bool_]:
    """(C,): the best candidate, and which are nearly as likely to answer."""
    best = int(ranked.scores.argmax())
    twin = ranked.twins.of(best).asked
    reach = NEXT_VALUE if needs.expected.kinds else NEXT_SENTENCE
    same = np.asarray([n >= 0 and ranked.asked[n] == twin for n in ranked.twins.numbers.tolist()])
    close: NDArray[np.bool_] = ranked.below - SAME_TWIN * same <= reach
    close[best] = True
    return close


def _take(ranked: Ranked, ordered: Sequence[int]) -> list[int]:
    """The best candidates that fit with their marks, none twice; best first."""
    taken: list[int] = []
    used = 0
    for i in ordered:
        text = ranked.candidates[i].text
        repeated = any(squeeze(text) in squeeze(ranked.candidates[other].text) for other in taken)
        size = len(text) + len("[1]\n")
        if len(taken) < MOST_SENTENCES and not repeated and used + size <= MOST_CHARACTERS + 1:
            taken.append(i)
            used += size
    return taken


def _one_a_hit(ordered: Sequence[Candidate]) -> tuple[Candidate, ...]:
    first: dict[int, Candidate] = {}
    for candidate in ordered:
        first.setdefault(candidate.hit.rank, candidate)
    return tuple(first.values())[:3]
