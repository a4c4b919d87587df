"""Retrieval metrics, one value a question: `ir-measures`, and *within 2,000 characters*."""

from collections.abc import Mapping, Sequence

import ir_measures
from ir_measures import RR, R, Success, nDCG

from api.citations.quotes import squeeze
from eval.questions import Evidence, Question
from eval.rankers import Place, Scored

MEASURES = (nDCG @ 10, RR, R @ 1, R @ 5, R @ 10, Success @ 5)
WITHIN = "within2000"
COVERED = 0.8
WITHIN_CHARACTERS = 2000
WITHIN_TOP_K = 20


def covers(place: Place, evidence: Evidence) -> bool:
    """The place's spans hold at least 80% of an evidence span."""
    overlap = sum(max(0, min(evidence.end, end) - max(evidence.start, start)) for start, end in place.spans)
    return place.document == evidence.document and overlap >= COVERED * (evidence.end - evidence.start)


def relevant(question: Question, places: Sequence[Place]) -> list[str]:
    """Ids of the places that hold an evidence of the question, in their order."""
    return [place.id for place in places if any(covers(place, e) for group in question.evidence for e in group)]


def within_characters(question: Question, ranking: Sequence[Scored]) -> bool:
    """Whether every evidence lies in the hits that a person has read after 2,000 characters.

    Hits in rank order until their text, white space dropped, reaches the limit, the crossing one whole.
    """
    read: list[Place] = []
    characters = 0
    for scored in ranking[:WITHIN_TOP_K]:
        read.append(scored.place)
        characters += len(squeeze(scored.place.text))
        if characters >= WITHIN_CHARACTERS:
            break
    return all(any(covers(place, e) for place in read for e in group) for group in question.evidence)


def measure(
    questions: Sequence[Question], rankings: Mapping[str, Sequence[Scored]], places: Sequence[Place]
) -> dict[str, dict[str, float]]:
    """Measure → question id → value, for every answerable question.

    A question whose evidence no single place holds, or that found nothing, counts 0: none is left out.
    """
    asked = [question for question in questions if question.answerable]
    qrels = {q.id: dict.fromkeys(relevant(q, places), 1) for q in asked}
    run = {q.id: {s.place.id: s.score for s in rankings[q.id]} for q in asked}
    values: dict[str, dict[str, float]] = {str(m): dict.fromkeys((q.id for q in asked), 0.0) for m in MEASURES}
    judged = {qid: found for qid, found in qrels.items() if found}
    for metric in ir_measures.iter_calc(MEASURES, judged, run):
        values[str(metric.measure)][metric.query_id] = float(metric.value)
    values[WITHIN] = {q.id: float(within_characters(q, rankings[q.id])) for q in asked}
    return values
