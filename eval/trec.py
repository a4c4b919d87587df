"""TREC run and qrels files of any origin: read with file and line in every error, scored by `ir-measures`."""

from collections.abc import Set
from pathlib import Path

import ir_measures

from eval.errors import BadRun
from eval.retrieval import MEASURES
from eval.statistics import Estimate, estimate


def read_run(path: Path) -> dict[str, dict[str, float]]:
    """Query → document → score, from lines `query Q0 document rank score tag`."""
    run: dict[str, dict[str, float]] = {}
    for where, fields in _lines(path, 6):
        query, _, document, _, score, _ = fields
        try:
            value = float(score)
        except ValueError:
            raise BadRun(f"{where}: {score!r} is no score.") from None
        if document in run.setdefault(query, {}):
            raise BadRun(f"{where}: {document!r} stands twice under query {query!r}.")
        run[query][document] = value
    return run


def read_qrels(path: Path, known: Set[str]) -> dict[str, dict[str, int]]:
    """Query → document → relevance, from lines `query 0 document relevance`; each document must be known."""
    qrels: dict[str, dict[str, int]] = {}
    for where, fields in _lines(path, 4):
        query, _, document, relevance = fields
        if document not in known:
            raise BadRun(f"{where}: no passage of this index is called {document!r}.")
        if not relevance.lstrip("-").isdecimal():
            raise BadRun(f"{where}: {relevance!r} is no relevance.")
        if document in qrels.setdefault(query, {}):
            raise BadRun(f"{where}: {document!r} stands twice under query {query!r}.")
        qrels[query][document] = int(relevance)
    return qrels


def _lines(path: Path, count: int) -> list[tuple[str, list[str]]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRun(f"{path}: can't be read ({error}).") from error
    lines = [
        (f"{path}:{number}", line.split()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    ]
    if not lines:
        raise BadRun(f"{path}: is empty.")
    for where, fields in lines:
        if len(fields) != count:
            raise BadRun(f"{where}: has {len(fields)} fields, not {count}.")
    return lines


def score(run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]]) -> dict[str, Estimate]:
    """Over every judged query: one that the run lacks counts 0. Raises `BadRun` for a query without qrels."""
    if unjudged := sorted(run.keys() - qrels.keys()):
        raise BadRun(f"query {unjudged[0]!r} ({len(unjudged)} in all) is in the run and has no qrels.")
    values = {str(measure): dict.fromkeys(qrels, 0.0) for measure in MEASURES}
    for metric in ir_measures.iter_calc(MEASURES, qrels, run):
        values[str(metric.measure)][metric.query_id] = float(metric.value)
    return {measure: estimate(list(found.values())) for measure, found in values.items()}
