"""Learn which sentence answers, and how sure an answer is, on the dev questions."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from api.answers import selection
from api.answers.answer import choose
from api.answers.evidence import AGAINST, FEATURES, FOR, MOST_SURE
from api.answers.needs import needs_of
from api.answers.reading import Reader
from eval.answers import contains, meets
from eval.errors import BadQuestions
from eval.questions import Question
from ingest import build
from retriever.index import open_index
from retriever.search import Retriever

SENTENCE_RIDGE, EVIDENCE_RIDGE = 0.001, 0.0001
NEW_SHARE = 0.3
"""What questions about documents without written questions count beside the others."""
FOREIGN_LOSS, NO_ANSWER_LOSS = 0.01, 0.06
"""Shares of the answerable dev questions that may be refused as foreign, and as not answered."""


Bounds = Sequence[tuple[float | None, float | None]]


@dataclass(frozen=True)
class Choice:
    """`features` (C, F) of a question's candidates; `relevant` (C,): which meet its evidence; `weight` in the loss."""

    features: NDArray[np.float64]
    relevant: NDArray[np.bool_]
    weight: float = 1.0


@contextmanager
def unwritten(corpus: Path, retriever: Retriever) -> Iterator[Retriever]:
    """A retriever of a corpus for whose documents no questions were written: all of them are new to it."""
    embedder = retriever.embedder
    with TemporaryDirectory() as home:
        build.ingest(Path(home), [corpus], embedder, {}, progress=lambda message: None)
        with closing(open_index(Path(home), embedder.name)) as index:
            yield Retriever(index, embedder, retriever.entries, retriever.weights)


def choices(questions: Sequence[Question], retriever: Retriever, weight: float = 1.0) -> list[Choice]:
    """Of what can be answered, where an answer is among the candidates."""
    found: list[Choice] = []
    reader = Reader(retriever)
    for question in (q for q in questions if q.answerable):
        result = retriever.search(question.text)
        candidates = [candidate for hit in result.hits for candidate in reader.candidates(hit)]
        evidence = [e for group in question.evidence for e in group]
        cited = [{"spans": c.quote.spans, "source_sha256": c.hit.document.source_sha256} for c in candidates]
        relevant = np.asarray([any(meets(citation, e) for e in evidence) for citation in cited])
        if relevant.any():
            ranked = selection.rank(result, needs_of(result, reader.weigher), reader)
            found.append(Choice(ranked.features, relevant, weight))
    return found


def fit_selection(found: Sequence[Choice]) -> dict[str, float]:
    """Feature → weight, by listwise softmax (Cao et al. 2007)."""
    total = sum(choice.weight for choice in found)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = SENTENCE_RIDGE * float(weights @ weights), 2 * SENTENCE_RIDGE * weights
        for choice in found:
            scores = choice.features @ weights
            every = np.exp(scores - scores.max())
            right = every * choice.relevant
            share = choice.weight / total
            value -= share * float(np.log(right.sum() / every.sum()))
            slope = slope - share * ((right / right.sum() - every / every.sum()) @ choice.features)
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


@dataclass(frozen=True)
class Outcomes:
    """Of questions (Q): `features` (Q, F) of their evidence, whether they are `answerable`, or else `foreign` to the
    documents' field, whether the answer is `right`, and what each counts (`weights`)."""

    features: NDArray[np.float64]
    answerable: NDArray[np.bool_]
    foreign: NDArray[np.bool_]
    right: NDArray[np.bool_]
    weights: NDArray[np.float64]


def outcomes(
    questions: Sequence[Question], inside: Sequence[str], outside: Sequence[str], retriever: Retriever
) -> Outcomes:
    """`inside` and `outside` the field, further questions without an answer: with them, those of `questions` count as
    much as without."""
    more, reader = (*inside, *outside), Reader(retriever)
    found = [choose(retriever.search(text), reader) for text in (*(q.text for q in questions), *more)]
    said = ["\n".join(candidate.text for candidate in one.chosen) for one in found]
    right = [q.answerable and contains(q, text) for q, text in zip(questions, said, strict=False)]
    answerable = np.asarray([q.answerable for q in questions] + [False] * len(more))
    share = sum(not q.answerable for q in questions) / max(1, int((~answerable).sum()))
    return Outcomes(
        np.asarray([[one.evidence.get(name, 0.0) for name in FEATURES] for one in found]),
        answerable,
        np.asarray([q.out_of_domain for q in questions] + [False] * len(inside) + [True] * len(outside)),
        np.asarray(right + [False] * len(more)),
        np.where(answerable, 1.0, share),
    )


def calibrate(found: Outcomes) -> dict[str, object]:
    """What `evidence.Calibration` holds."""
    relevance = _tell_apart(found, found.foreign)
    support = _tell_apart(found, ~found.answerable & ~found.foreign)
    sums = np.stack([found.features @ relevance, found.features @ support])
    least = [np.quantile(s[found.answerable], q) for s, q in zip(sums, (FOREIGN_LOSS, NO_ANSWER_LOSS), strict=True)]
    right = found.right & (sums[0] >= least[0]) & (sums[1] >= least[1])  # a refusal holds nothing
    best = found.features[:, FEATURES.index("best")]
    confidence = _logistic(
        np.stack([*np.minimum(sums, MOST_SURE), best, np.ones(len(best))], axis=1), right, found.weights
    )
    return {
        "relevance": _named(FEATURES, relevance),
        "support": _named(FEATURES, support),
        "confidence": _named(("relevance", "support", "best", "constant"), confidence),
        "least_relevance": round(float(least[0]), 4),
        "least_support": round(float(least[1]), 4),
    }


def _tell_apart(found: Outcomes, unanswerable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights that tell what can be answered from these `unanswerable` ones; both count the same in all."""
    used = found.answerable | unanswerable
    yes = found.answerable[used]
    weights = np.where(yes, 1 / yes.mean(), 1 / (1 - yes.mean())) if yes.any() and not yes.all() else np.ones(len(yes))
    bounds = [(0, None) if name in FOR else (None, 0) if name in AGAINST else (None, None) for name in FEATURES]
    return _logistic(found.features[used], yes, weights, bounds)


def _logistic(
    features: NDArray[np.float64], yes: NDArray[np.bool_], weights: NDArray[np.float64], bounds: Bounds | None = None
) -> NDArray[np.float64]:
    """Logistic regression with a light ridge; the last feature is the constant. Raises `BadQuestions`."""
    if yes.all() or not yes.any():
        raise BadQuestions("Calibration needs questions with an answer and questions without one.")
    signs, shares = np.where(yes, 1.0, -1.0), weights / weights.sum()

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (features @ theta)
        held = np.append(theta[:-1], 0.0)
        slope = -(signs * shares / (1 + np.exp(margins))) @ features + 2 * EVIDENCE_RIDGE * held
        return float(shares @ np.logaddexp(0, -margins) + EVIDENCE_RIDGE * held @ held), slope

    found: NDArray[np.float64] = minimize(
        loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds
    ).x
    return found


def _named(names: Sequence[str], weights: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}
