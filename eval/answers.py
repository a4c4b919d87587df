"""Answer metrics, one value a question, from the answers as the service gave them."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from api.citations.quotes import squeeze
from eval.questions import Evidence, Question
from retriever.text import words

SHORT_TYPES = frozenset({"number", "entity", "date"})
MET = 0.5
"""A citation meets an evidence if they share half of the shorter of the two."""


def fold(text: str) -> str:
    return squeeze(unicodedata.normalize("NFKC", text)).lower().replace(",", "")


def contains(question: Question, text: str | None) -> bool:
    """Every gold string stands in the text; for a single one, any accepted spelling will do."""
    said = fold(text or "")
    if len(question.answer) == 1 and any(fold(a) in said for a in question.accepted if a):
        return True
    return all(fold(a) in said for a in question.answer)


def meets(citation: Mapping[str, Any], evidence: Evidence) -> bool:
    spans = citation["spans"]
    shared = sum(max(0, min(evidence.end, end) - max(evidence.start, start)) for start, end in spans)
    shorter = min(evidence.end - evidence.start, sum(end - start for start, end in spans))
    return bool(citation["source_sha256"] == evidence.document) and shared >= MET * shorter


def is_exact(citation: Mapping[str, Any], sources: Mapping[str, str]) -> bool:
    held = "".join(sources[citation["source_sha256"]][start:end] for start, end in citation["spans"])
    return squeeze(held) == squeeze(citation["quote"])


def short_scores(question: Question, short: str) -> tuple[float, float]:
    """Exact match and token F1 of a short answer (Rajpurkar et al. 2016), best over the accepted spellings."""
    golds = (*question.answer, *question.accepted)
    exact = float(any(fold(gold) == fold(short) for gold in golds))
    return exact, max(_f1(words(gold), words(short)) for gold in golds)


def _f1(gold: Sequence[str], said: Sequence[str]) -> float:
    shared = (Counter(gold) & Counter(said)).total()
    return 2 * shared / (len(gold) + len(said)) if shared else 0.0


def measure_answers(
    questions: Sequence[Question], answers: Mapping[str, Mapping[str, Any]], sources: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Measure → question id → value. Each measure covers the questions that it is defined for."""
    values: dict[str, dict[str, float]] = {}

    def put(measure: str, question: Question, value: float) -> None:
        values.setdefault(measure, {})[question.id] = value

    for question in questions:
        answer = answers[question.id]
        citations = answer["citations"]
        put("confidence", question, answer["confidence"])
        put("refused", question, float(not answer["answered"]))
        if citations:
            put("quote_exact", question, float(np.mean([is_exact(c, sources) for c in citations])))
        if not question.answerable:
            continue
        put("contained", question, float(contains(question, answer["answer"])))
        places = [evidence for group in question.evidence for evidence in group]
        if citations:
            put("length", question, len(squeeze(answer["answer"])))
            put("citation_precision", question, float(np.mean([any(meets(c, e) for e in places) for c in citations])))
        cited = [any(meets(c, e) for c in citations for e in group) for group in question.evidence]
        put("citation_recall", question, float(np.mean(cited)))
        if len({evidence.document for evidence in places}) > 1 and len(cited) > 1:
            put("both_cited", question, float(all(cited)))
        if question.type in SHORT_TYPES and answer["short_answer"]:
            exact, f1 = short_scores(question, answer["short_answer"]["text"])
            put("short_exact", question, exact)
            put("short_f1", question, f1)
    return values


def abstention(questions: Sequence[Question], values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """How well refusing and `confidence` tell answerable from unanswerable questions."""
    confidence = np.asarray([values["confidence"][q.id] for q in questions])
    refused = np.asarray([values["refused"][q.id] for q in questions], bool)
    answerable = np.asarray([q.answerable for q in questions])
    outside = np.asarray([q.out_of_domain for q in questions])
    right = np.asarray([values["contained"].get(q.id, 0.0) for q in questions])
    hits = int((refused & ~answerable).sum())
    return {
        "auroc": auroc(confidence[answerable], confidence[~answerable]),
        "f1": 2 * hits / max(1, int(refused.sum() + (~answerable).sum())),
        "refused_out_of_domain": _share(refused[outside]),
        "refused_in_domain": _share(refused[~answerable & ~outside]),
        "refused_answerable": _share(refused[answerable]),
        "calibration_error": calibration_error(confidence, right),
    }


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties half (Mann-Whitney)."""
    if not len(positive) or not len(negative):
        return float("nan")
    from scipy import stats

    return float(stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: |mean confidence - share right| over ten equal bins, weighted by their size."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[bin_of == b].mean() - right[bin_of == b].mean()) * (bin_of == b).mean()
        for b in range(bins)
        if (bin_of == b).any()
    ]
    return float(sum(gaps))


def risk_coverage(confidence: Sequence[float], right: Sequence[float]) -> list[tuple[float, float]]:
    """(share answered, share wrong among them) as the confidence asked for falls."""
    order = np.argsort(-np.asarray(confidence), kind="stable")
    wrong = np.cumsum(1 - np.asarray(right)[order])
    count = np.arange(1, len(order) + 1)
    return [(float(n / len(order)), float(w / n)) for n, w in zip(count, wrong, strict=True)]
