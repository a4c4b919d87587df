"""Which sentences answer: a weighted sum of features of question and candidate, learnt on the dev questions.

Where questions were written for a passage together with the place of their answers, the likeness of the asked
question to those is a feature, too (Lewis et al. 2021, PAQ, arXiv 2102.07033); a passage without any goes without it.
"""

import json
import math
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
from retriever.embed import Embedder
from retriever.numbers import other_forms
from retriever.records import Asked, Span
from retriever.search import Result, Retriever
from retriever.text import in_japanese_forms, normalise, words

SELECTION = Path(__file__).with_name("selection.json")
FEATURES = (
    "covered",
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
_FLOORS = {"covered": 0.3, "like": 0.1, "asked": 0.3, "said": 0.3, "asked_words": 1.0}
"""What is told as a share of the best candidate's: that counts as no less than this."""
_LABEL = 25
_VECTORS_IN_MEMORY = 8192
_SOURCE_LINE = re.compile(r"^(?:写真)?(?:出所|資料|出典)[)）:：]|^※?注[)）:：]|^Date:|(?:引用|作成)。?$")
_ASKS_DEFINITION = re.compile(
    r"定義|とは|って何|意味|何です|[什甚][么麼]是|是什[么麼]|what (?:is|are|does .* mean)|defin", re.IGNORECASE
)
_DEFINES = re.compile(r"とは、?.+(?:指す|いう|造語|である|です|こと)|：.+(?:指す|略)")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")


class Twin(NamedTuple):
    """Of the questions written for a candidate, the one most like the asked one, and their cosine.

    `near`: mean cosine of the three nearest; `said`: the share of the asked question that the two hold which say
    most of it; `written`: how many there are. Where none were written for its passage, the candidate is its own
    question: `asked` is `None`.
    """

    likeness: float
    near: float
    said: float
    written: int = 1
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
    like = _vectors([_context(c) for c in candidates], retriever.embedder) @ vector
    covered = [needs.coverage(with_headings(c), words_with_headings(c)) for c in candidates]
    twins = _twins(result, needs, candidates, [*zip(map(float, like), covered, strict=True)], vector, retriever)
    columns = {
        "covered": covered,
        "like": like,
        "asked": [twin.near for twin in twins],
        "said": [twin.said for twin in twins],
        "written": [math.log1p(twin.written) for twin in twins],
        "places": [math.log(max(1, len(twin.asked.answer))) if twin.asked else 0.0 for twin in twins],
        "passage": [c.hit.score / max(result.hits[0].score, 1e-6) for c in candidates],
        "asked_words": [c.hit.scores.get("asked_words", 0.0) for c in candidates],
        "form": [_form(result.query, c) for c in candidates],
        "bare": [float(_is_bare(c)) for c in candidates],
    } | _values(result.query, candidates)
    for name, floor in _FLOORS.items():
        values = np.asarray(columns[name])
        columns[name] = values / max(floor, values.max())
    features = np.stack([np.asarray(columns[name], np.float64) for name in FEATURES], axis=1)
    learnt = weights()
    scores = features @ np.asarray([learnt.get(name, 0.0) for name in FEATURES])
    return Ranked(tuple(candidates), features, scores, twins)


def _context(candidate: Candidate) -> str:
    """A sentence with the last heading over it: a bullet alone says little."""
    return " ".join((*candidate.hit.passage.section[-1:], candidate.text))


def with_headings(candidate: Candidate) -> str:
    return " ".join((*candidate.hit.passage.section, candidate.text))


def words_with_headings(candidate: Candidate) -> frozenset[str]:
    return held_in(candidate.text).union(*(held_in(heading) for heading in candidate.hit.passage.section))


def _vectors(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    """(texts, dimensions): the same sentences come for one question after another."""
    known = _known_vectors(embedder.name)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if len(known) + len(new) > _VECTORS_IN_MEMORY:
        known.clear()
        new = list(dict.fromkeys(texts))
    if new:
        known.update(zip(new, embedder.encode_passages(new), strict=True))
    return np.stack([known[text] for text in texts])


@lru_cache(maxsize=2)
def _known_vectors(model: str) -> dict[str, NDArray[np.float32]]:
    return {}


def _twins(
    result: Result,
    needs: Needs,
    candidates: Sequence[Candidate],
    own: Sequence[tuple[float, float]],
    vector: NDArray[np.float32],
    retriever: Retriever,
) -> tuple[Twin, ...]:
    """`own`: of each candidate, its likeness to the question and what it covers of it."""
    twins = [Twin(likeness, likeness, covered) for likeness, covered in own]
    for hit in result.hits:
        questions, vectors = retriever.index.asked_of(hit.place)
        mine = [i for i, candidate in enumerate(candidates) if candidate.hit.rank == hit.rank]
        if questions:
            cosines = vectors @ vector
            said = np.asarray([needs.coverage(*terms_of(question)) for question in questions])
            answered = _answered(questions, tuple(candidates[i].quote.spans for i in mine))
            for i, numbers in zip(mine, answered, strict=True):
                twins[i] = _twin(questions, cosines, said, np.asarray(numbers, int))
    return tuple(twins)


def _twin(
    questions: Sequence[Asked], cosines: NDArray[np.float32], said: NDArray[np.float64], numbers: NDArray[np.int64]
) -> Twin:
    """Of the questions with these numbers."""
    if not len(numbers):
        return Twin(0.0, 0.0, 0.0, 0)
    mine, told = cosines[numbers], said[numbers]
    best = int(numbers[(mine + told).argmax()])
    near, most = float(np.sort(mine)[-3:].mean()), float(np.sort(told)[-2:].mean())
    return Twin(max(0.0, float(cosines[best])), max(0.0, near), most, len(numbers), questions[best])


@lru_cache(maxsize=16384)
def terms_of(question: Asked) -> tuple[str, frozenset[str]]:
    """A written question in the characters that Japanese uses, and its words."""
    written = in_japanese_forms(question.text, question.language)
    return written, frozenset(words(written))


@lru_cache(maxsize=1024)
def _answered(questions: tuple[Asked, ...], places: tuple[tuple[Span, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """For each place, which of the questions it answers."""
    return tuple(tuple(n for n, q in enumerate(questions) if _meet(q.answer, place)) for place in places)


def _meet(one: Sequence[Span], other: Sequence[Span]) -> bool:
    """Whether two places share half of the shorter one."""
    shared = sum(max(0, min(e, f) - max(s, t)) for s, e in one for t, f in other)
    return shared > 0 and 2 * shared >= min(sum(e - s for s, e in one), sum(e - s for s, e in other))


def _form(question: str, candidate: Candidate) -> float:
    """What the form alone says: 1 for a definition where one is asked for, -1 for a caption or source line."""
    if _SOURCE_LINE.search(candidate.text):
        return -1.0
    return float(bool(_ASKS_DEFINITION.search(question) and _DEFINES.search(candidate.text)))


def _is_bare(candidate: Candidate) -> bool:
    """A heading, label or cell on its own: it names a thing and says nothing of it."""
    return len(candidate.text) < _LABEL and not candidate.text.endswith("。") and len(candidate.parts) == 1


def _values(question: str, candidates: Sequence[Candidate]) -> dict[str, list[float]]:
    """Whether a figure, date or person that is asked for is lacking, and whether other years are told than asked."""
    asks = bool(expected(question).kinds)
    years = years_in(question)
    said = [years_in(c.text) if years else frozenset[str]() for c in candidates]
    return {
        "lacks_value": [float(asks and not fitting_values(question, c.text)) for c in candidates],
        "wrong_year": [float(bool(own) and not years & own) for own in said],
    }


def years_in(text: str) -> frozenset[str]:
    """Those told by eras (令和7年), too."""
    return frozenset(_YEAR.findall(" ".join((normalise(text), *other_forms(text)))))
