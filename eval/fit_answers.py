"""Learn which sentence answers, and how sure an answer is, on the dev questions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from api import selection
from api.answer import Composition, choose
from api.candidates import split_hit
from api.evidence import FEATURES, needs_of, probability
from eval.answers import contains, meets
from eval.errors import BadQuestions
from eval.questions import Question
from retriever.search import Retriever

SENTENCE_RIDGE, CONFIDENCE_RIDGE = 0.001, 0.002
FIELD = ("score", "like", "asked", "missing", "unheard_name", "unknown", "other", "foreign", "constant")
"""What tells whether a question is about the documents' field at all."""
FOREIGN_LOSS, NO_ANSWER_LOSS = 0.03, 0.04
"""Shares of the answerable dev questions that may be refused as foreign, and as not answered."""


@dataclass(frozen=True)
class Choice:
    """`features` (C, F) of a question's candidates; `relevant` (C,): which meet its evidence."""

    features: NDArray[np.float64]
    relevant: NDArray[np.bool_]


def choices(questions: Sequence[Question], retriever: Retriever) -> list[Choice]:
    """Of what can be answered, where an answer is among the candidates."""
    found: list[Choice] = []
    for question in (q for q in questions if q.answerable):
        result = retriever.search(question.text)
        candidates = [candidate for hit in result.hits for candidate in split_hit(hit)]
        evidence = [e for group in question.evidence for e in group]
        cited = [{"spans": c.quote.spans, "source_sha256": c.hit.document.source_sha256} for c in candidates]
        relevant = np.asarray([any(meets(citation, e) for e in evidence) for citation in cited])
        if relevant.any():
            ranked = selection.rank(result, needs_of(result, retriever), candidates, retriever)
            found.append(Choice(ranked.features, relevant))
    return found


def fit_selection(found: Sequence[Choice]) -> dict[str, float]:
    """Feature → weight, by listwise softmax (Cao et al. 2007)."""

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = SENTENCE_RIDGE * float(weights @ weights), 2 * SENTENCE_RIDGE * weights
        for choice in found:
            scores = choice.features @ weights
            every = np.exp(scores - scores.max())
            right = every * choice.relevant
            value -= float(np.log(right.sum() / every.sum())) / len(found)
            slope = slope - ((right / right.sum() - every / every.sum()) @ choice.features) / len(found)
        return value, slope

    weights = minimize(loss, np.zeros(len(selection.FEATURES)), jac=True, method="L-BFGS-B").x
    return {name: round(float(weight), 3) for name, weight in zip(selection.FEATURES, weights, strict=True)}


def read_unanswerable(path: Path) -> tuple[list[str], list[str]]:
    """Questions that the corpus doesn't answer, written to learn refusing: about its field, and from outside it.

    Raises `BadQuestions`.
    """
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return [str(r["question"]) for r in rows if r["near"]], [str(r["question"]) for r in rows if not r["near"]]
    except (OSError, ValueError, KeyError) as error:
        raise BadQuestions(f"{path}: each line must be a JSON object with question and near ({error!r}).") from error


def calibrate(
    questions: Sequence[Question], inside: Sequence[str], outside: Sequence[str], retriever: Retriever
) -> dict[str, object]:
    """What `api.evidence.Calibration` holds; `inside` and `outside` the field, questions without an answer."""

    def composed(text: str) -> Composition:
        return choose(retriever.search(text), retriever)

    found = [composed(question.text) for question in questions]
    said = ["\n".join(candidate.text for candidate in one.chosen) for one in found]
    right = [q.answerable and contains(q, text) for q, text in zip(questions, said, strict=True)]
    answerable = [one.evidence for one, q in zip(found, questions, strict=True) if q.answerable]
    no_answer = [composed(text).evidence for text in inside]
    no_answer += [
        one.evidence for one, q in zip(found, questions, strict=True) if not (q.answerable or q.out_of_domain)
    ]
    foreign = [composed(text).evidence for text in outside]
    foreign += [one.evidence for one, q in zip(found, questions, strict=True) if q.out_of_domain]
    relevance, support = _tell_apart(answerable, foreign, FIELD), _tell_apart(answerable, no_answer, FEATURES)
    return {
        "relevance": relevance,
        "support": support,
        "confidence": _logistic([one.evidence for one in found], right, FEATURES, balanced=False),
        "least_relevance": _quantile(answerable, relevance, FOREIGN_LOSS),
        "least_support": _quantile(answerable, support, NO_ANSWER_LOSS),
    }


def _tell_apart(
    yes: Sequence[Mapping[str, float]], no: Sequence[Mapping[str, float]], names: Sequence[str]
) -> dict[str, float]:
    return _logistic([*yes, *no], [*[True] * len(yes), *[False] * len(no)], names, balanced=True)


def _quantile(answerable: Sequence[Mapping[str, float]], weights: Mapping[str, float], share: float) -> float:
    """The probability below which a share of the answerable questions falls."""
    return round(float(np.quantile([probability(evidence, weights) for evidence in answerable], share)), 4)


def _logistic(
    evidence: Sequence[Mapping[str, float]], right: Sequence[bool], names: Sequence[str], balanced: bool
) -> dict[str, float]:
    """Logistic regression with a light ridge; `balanced`: both outcomes count the same in all."""
    features = np.asarray([[found.get(name, 0.0) for name in names] for found in evidence])
    yes = np.asarray(right)
    if yes.all() or not yes.any():
        raise BadQuestions("Calibration needs questions with an answer and questions without one.")
    signs = np.where(yes, 1.0, -1.0)
    weights = np.where(yes, 0.5 / yes.mean(), 0.5 / (1 - yes.mean())) if balanced else np.ones(len(yes))

    def loss(theta: NDArray[np.float64]) -> float:
        ridge = CONFIDENCE_RIDGE * (theta[:-1] ** 2).sum()
        return float((weights * np.logaddexp(0, -signs * (features @ theta))).mean() + ridge)

    found = minimize(loss, np.zeros(len(names)), method="L-BFGS-B")
    return {name: round(float(value), 3) for name, value in zip(names, found.x, strict=True)}
