"""Which sentences answer: a weighted sum of features of question and candidate, learnt on the dev questions.

Where questions were written for a passage together with the place of their answers, the likeness of the asked
question to those is a feature, too (Lewis et al. 2021, PAQ, arXiv 2102.07033); a passage without any goes without it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.candidates import Candidate
from api.evidence import Needs, held_in
from api.expected import expected, fitting_values
from retriever.records import Asked, Span
from retriever.search import Result, Retriever
from retriever.text import normalise

SELECTION = Path(__file__).with_name("selection.json")
FEATURES = (
    "covered",
    "covered_alone",
    "like",
    "asked",
    "asked_best",
    "passage",
    "passage_sure",
    "first",
    "form",
    "lacks_value",
    "other_year",
)
_LABEL = 30
_LEAST_ASKED = 0.3
_SOURCE_LINE = re.compile(r"^(?:写真)?(?:出所|資料|出典)[)）:：]|^※?注[)）:：]|^Date:|(?:引用|作成)。?$")
_ASKS_DEFINITION = re.compile(
    r"定義|とは|って何|意味|何です|[什甚][么麼]是|是什[么麼]|what (?:is|are|does .* mean)|defin", re.IGNORECASE
)
_DEFINES = re.compile(r"とは、?.+(?:指す|いう|造語|である|です|こと)|：.+(?:指す|略)")
_FIGURE = re.compile(r"[0-9０-９]")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")


class Twin(NamedTuple):
    """Of the questions written for a candidate, the one most like the asked one, and their cosine.

    Where none were written for its passage, the candidate is its own question: `asked` is `None`.
    """

    likeness: float
    asked: Asked | None = None


@dataclass(frozen=True)
class Ranked:
    """Candidates (C) with their `features` (C, F), `scores` (C,) and `twins` (C), in the order of the hits."""

    candidates: tuple[Candidate, ...]
    features: NDArray[np.float64]
    scores: NDArray[np.float64]
    twins: tuple[Twin, ...]

    def feature(self, name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.features[:, FEATURES.index(name)]
        return values


@cache
def weights() -> Mapping[str, float]:
    """By feature, as `tenkyo eval fit` learnt them."""
    learnt: dict[str, float] = json.loads(SELECTION.read_text("utf-8"))
    return learnt


def rank(result: Result, needs: Needs, candidates: Sequence[Candidate], retriever: Retriever) -> Ranked:
    """Weigh every candidate; there must be one."""
    vector = retriever.embedder.encode_queries([result.query])[0]
    like = retriever.embedder.encode_passages([_context(c) for c in candidates]) @ vector
    twins = _twins(result, candidates, vector, like, retriever)
    asked = np.asarray([twin.likeness for twin in twins])
    headings = [" ".join(c.hit.passage.section) for c in candidates]
    held = [held_in(candidate.text) for candidate in candidates]
    with_headings = [own | held_in(heading) for own, heading in zip(held, headings, strict=True)]
    columns = {
        "covered": [
            needs.coverage(f"{heading} {c.text}", every)
            for c, heading, every in zip(candidates, headings, with_headings, strict=True)
        ],
        "covered_alone": [needs.coverage(c.text, own) for c, own in zip(candidates, held, strict=True)],
        "like": like,
        "asked": asked,
        "asked_best": asked / max(asked.max(), _LEAST_ASKED),
        "passage": [c.hit.score / max(result.hits[0].score, 1e-6) for c in candidates],
        "passage_sure": [c.hit.score for c in candidates],
        "first": [float(c.hit.rank == 1) for c in candidates],
        "form": [_form(result.query, c) for c in candidates],
    } | _values(result.query, candidates, headings)
    features = np.stack([np.asarray(columns[name], np.float64) for name in FEATURES], axis=1)
    learnt = weights()
    scores = features @ np.asarray([learnt.get(name, 0.0) for name in FEATURES])
    return Ranked(tuple(candidates), features, scores, twins)


def _context(candidate: Candidate) -> str:
    """A sentence with the last heading over it: a bullet alone says little."""
    return " ".join((*candidate.hit.passage.section[-1:], candidate.text))


def _twins(
    result: Result,
    candidates: Sequence[Candidate],
    vector: NDArray[np.float32],
    like: NDArray[np.float32],
    retriever: Retriever,
) -> tuple[Twin, ...]:
    twins = [Twin(float(own)) for own in like]
    for hit in result.hits:
        questions, vectors = retriever.index.asked_of(hit.place)
        mine = [i for i, candidate in enumerate(candidates) if candidate.hit.rank == hit.rank]
        if questions:
            cosines = vectors @ vector
            for i, answered in zip(
                mine, _answered(questions, tuple(candidates[i].quote.spans for i in mine)), strict=True
            ):
                best = max(answered, key=lambda q: cosines[q], default=None)
                twins[i] = Twin(0.0) if best is None else Twin(max(0.0, float(cosines[best])), questions[best])
    return tuple(twins)


@lru_cache(maxsize=1024)
def _answered(questions: tuple[Asked, ...], places: tuple[tuple[Span, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """For each place, which of the questions it answers."""
    return tuple(tuple(n for n, q in enumerate(questions) if _meet(q.answer, place)) for place in places)


def _meet(one: Sequence[Span], other: Sequence[Span]) -> bool:
    """Whether two places share half of the shorter one."""
    shared = sum(max(0, min(e, f) - max(s, t)) for s, e in one for t, f in other)
    return shared > 0 and 2 * shared >= min(sum(e - s for s, e in one), sum(e - s for s, e in other))


def _form(question: str, candidate: Candidate) -> float:
    """What the form alone says, -1 to 1: a definition for who asks for one; no bare heading, caption or source line."""
    text = candidate.text
    if _SOURCE_LINE.search(text):
        return -1.0
    if _ASKS_DEFINITION.search(question) and _DEFINES.search(text):
        return 1.0
    fuller = text.endswith("。") or len(candidate.parts) > 1 or _FIGURE.search(text) or len(text) > _LABEL
    return 0.0 if fuller else -1.0


def _values(question: str, candidates: Sequence[Candidate], headings: Sequence[str]) -> dict[str, list[float]]:
    """Whether a figure, date or person that is asked for is there, and whether the years agree."""
    asks = bool(expected(question).kinds)
    years = set(_YEAR.findall(normalise(question)))
    said = [set(_YEAR.findall(normalise(f"{h} {c.text}"))) for c, h in zip(candidates, headings, strict=True)]
    return {
        "lacks_value": [float(asks and not fitting_values(question, c.text)) for c in candidates],
        "other_year": [float(bool(years) and not years <= own) for own in said],
    }
