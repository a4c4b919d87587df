"""Extractive answers: the sentences and rows of the hits that answer best, each with its place.

Nothing is written anew. Where the best evidence says too little of what was asked, the answer is that these
documents don't say it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from api.candidates import Candidate, split_hit
from api.evidence import (
    Needs,
    absent_names,
    as_written,
    calibration,
    held_in,
    is_enough,
    names_in,
    needs_of,
    probability,
)
from api.expected import expected
from api.quotes import prove, squeeze
from api.selection import Ranked, rank
from api.short import Short, short_answer
from retriever.search import Hit, Result, Retriever

MOST_CHARACTERS = 400
MOST_SENTENCES = 4
NEXT_SENTENCE = 2.0
"""A further sentence is taken if its score is at most this far below the best one's: e^-2 times as likely."""


@dataclass(frozen=True, slots=True)
class Composition:
    """`chosen` is empty where the answer is withheld; `nearest` then holds the best there is.

    `evidence`: by feature, what the confidence was reckoned from.
    """

    chosen: tuple[Candidate, ...]
    nearest: tuple[Candidate, ...]
    short: Short | None
    missing: tuple[str, ...]
    evidence: Mapping[str, float]

    @property
    def confidence(self) -> float:
        """Probability that the answer holds what was asked for."""
        return round(probability(self.evidence, calibration().confidence), 4) if self.evidence else 0.0


def compose(result: Result, retriever: Retriever) -> Composition:
    """The best that there is, or nothing where the evidence is too weak. Every quote is proved."""
    found = choose(result, retriever)
    return found if found.chosen and is_enough(found.evidence) else replace(found, chosen=(), short=None)


def choose(result: Result, retriever: Retriever) -> Composition:
    """The best that there is, however weak."""
    needs = needs_of(result, retriever)
    candidates = [candidate for hit in result.hits for candidate in split_hit(hit)]
    if not candidates or not (needs.needs or needs.bigrams or needs.unknown):  # 「？」 asks nothing
        return Composition((), (), None, tuple(need.name for need in needs.needs), {})
    ranked = rank(result, needs, candidates, retriever)
    order = (-ranked.scores).argsort(kind="stable")
    taken = _take(ranked, [i for i in order if ranked.scores[i] >= ranked.scores[order[0]] - NEXT_SENTENCE])
    nearest = _one_a_hit([candidates[i] for i in order])
    for candidate in (*(candidates[i] for i in taken), *nearest):
        prove(candidate.hit.document, candidate.quote.text, candidate.quote.spans)
    held = _words_of(result.hits)
    missing = as_written(result.query, (*needs.missing(held), *needs.unknown))
    evidence = _evidence(result, ranked, needs, missing)
    short = short_answer(result.query, [candidates[i] for i in taken], [ranked.twins[i] for i in taken], needs)
    if short:
        prove(candidates[taken[short.sentence]].hit.document, short.quote.text, short.quote.spans)
    in_reading_order = sorted(taken, key=lambda i: (candidates[i].hit.rank, candidates[i].quote.spans[0]))
    if short:
        short = replace(short, sentence=in_reading_order.index(taken[short.sentence]))
    chosen = tuple(candidates[i] for i in in_reading_order)
    return Composition(chosen, nearest, short, missing, evidence)


def _words_of(hits: Sequence[Hit]) -> frozenset[str]:
    """Of their texts and headings."""
    return frozenset[str]().union(*(held_in(text) for h in hits for text in (h.passage.text, *h.passage.section)))


def _evidence(result: Result, ranked: Ranked, needs: Needs, missing: Sequence[str]) -> dict[str, float]:
    """What speaks for an answer, by the names of `api.evidence.FEATURES`."""
    foreign = result.language != "ja"
    best = int(ranked.scores.argmax())
    near = ranked.scores >= ranked.scores[best] - NEXT_SENTENCE
    asks_value = bool(expected(result.query).kinds)
    every, names = max(1, len(needs.needs)), names_in(result.query)
    return {
        "score": result.hits[0].score,
        "best": float(ranked.scores[best]),
        "covered": float(ranked.feature("covered")[best]),
        "like": float(ranked.feature("like").max()),
        "asked": float(ranked.feature("asked").max()),
        "far_value": float(asks_value) * (1 - float(ranked.feature("asked")[best])),
        "best_lacks_value": float(ranked.feature("lacks_value")[best]),
        "lacks_value": float(ranked.feature("lacks_value")[near].min()),
        "other_year": float(ranked.feature("other_year")[near].min()),
        "missing": len(missing) / every,
        "absent_name": len(absent_names(result, _words_of([ranked.candidates[best].hit]))) / max(1, len(names)),
        "unheard_name": len(absent_names(result, _words_of(result.hits))) / max(1, len(names)),
        "other" if foreign else "unknown": len(needs.unknown) / every,
        "foreign": float(foreign),
        "constant": 1.0,
    }


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
