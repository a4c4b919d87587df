"""A run: rankings and answers for all questions of a split, as TREC files, values and a manifest.

    NAME/run.trec  qrels.trec  answers.jsonl  values.json  manifest.json

Written under another name and renamed when whole: an interrupted run leaves nothing half written.
The same configuration and seed give the same bytes; latencies are kept apart, in latency.json.
"""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.answers import abstention, measure_answers
from eval.errors import BadRun
from eval.questions import Question
from eval.rankers import Asked, Ranker, Scored
from eval.retrieval import measure, relevant, within_characters
from eval.statistics import SEED, Estimate, estimate
from ingest.build import say

VOLATILE = ("answer_id", "created", "timings_ms", "index_generation")
_PROGRESS_EVERY = 100


@dataclass(frozen=True)
class Run:
    """`values`: measure → question id → value. `summary`: what is one figure for all questions.

    `yardsticks`: plain BM25 on the same questions, name → question id → within 2,000 characters.
    """

    manifest: dict[str, Any]
    values: dict[str, dict[str, float]]
    summary: dict[str, float]
    questions: tuple[Question, ...]
    yardsticks: dict[str, dict[str, float]] = field(default_factory=dict)

    def estimate(self, measure: str, only: Sequence[str] | None = None) -> Estimate | None:
        """Over the questions that have the measure, or over those of them that are named."""
        values = self.values.get(measure, {})
        found = [values[qid] for qid in (only if only is not None else values) if qid in values]
        return estimate(found) if found else None


def execute(
    questions: Sequence[Question],
    ranker: Ranker,
    sources: Mapping[str, str],
    ask: Callable[[str], Asked] | None = None,
    progress: Callable[[str], None] = say,
    yardsticks: Mapping[str, Ranker] | None = None,
) -> tuple[Run, dict[str, str]]:
    """Rank for every question, and ask it where `ask` is given. Returns the run and its files by name."""
    rankings: dict[str, list[Scored]] = {}
    answers: dict[str, Asked] = {}
    for number, question in enumerate(questions, start=1):
        rankings[question.id] = ranker.rank(question.text)
        if ask:
            answers[question.id] = ask(question.text)
        if number % _PROGRESS_EVERY == 0 or number == len(questions):
            progress(f"{number} of {len(questions)} questions")
    places = ranker.places()
    values = measure(questions, rankings, places)
    summary: dict[str, float] = {}
    if answers:
        values |= measure_answers(questions, {qid: a.body for qid, a in answers.items()}, sources)
        summary = abstention(questions, values)
    measured = {name: _within(questions, other) for name, other in (yardsticks or {}).items()}
    manifest = {
        "configuration": ranker.describe(),
        "questions": len(questions),
        "questions_sha256": hashlib.sha256("\n".join(f"{q.id} {q.text}" for q in questions).encode()).hexdigest(),
        "seed": SEED,
        "versions": {name: version(name) for name in ("ir-measures", "numpy", "scipy", "faiss-cpu", "sudachipy")},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    files = {
        "run.trec": _trec_run(rankings),
        "qrels.trec": "".join(f"{q.id} 0 {pid} 1\n" for q in questions for pid in relevant(q, places)),
        "answers.jsonl": "".join(_answer_line(qid, a.body) for qid, a in answers.items()),
        "values.json": _json({"values": values, "summary": summary, "yardsticks": measured}),
        "manifest.json": _json(manifest),
        "questions.json": _json([q.id for q in questions]),
        "latency.json": _json({qid: round(a.seconds, 6) for qid, a in answers.items()}),
    }
    return Run(manifest, values, summary, tuple(questions), measured), files


def _within(questions: Sequence[Question], ranker: Ranker) -> dict[str, float]:
    return {q.id: float(within_characters(q, ranker.rank(q.text))) for q in questions if q.answerable}


def _trec_run(rankings: Mapping[str, Sequence[Scored]]) -> str:
    return "".join(
        f"{qid} Q0 {s.place.id} {rank} {s.score:.6f} tenkyo\n"
        for qid, ranking in rankings.items()
        for rank, s in enumerate(ranking, start=1)
    )


def _answer_line(qid: str, body: Mapping[str, Any]) -> str:
    lasting = {key: value for key, value in body.items() if key not in VOLATILE}
    return json.dumps({"id": qid} | lasting, ensure_ascii=False) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def save(files: Mapping[str, str], folder: Path) -> None:
    """Write all files, then give the folder its name; an older run of that name is replaced."""
    draft = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, text in files.items():
        (draft / name).write_text(text, "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def load(folder: Path, questions: Sequence[Question]) -> Run:
    """A run that was saved. Raises `BadRun` where it is incomplete or of other questions."""
    try:
        stored = json.loads((folder / "values.json").read_text("utf-8"))
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        ids = json.loads((folder / "questions.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadRun(f"{folder}: no complete run ({error}). Run `tenkyo eval run` again.") from error
    if not ids or not stored["values"]:
        raise BadRun(f"{folder}: the run is empty. Run `tenkyo eval run` again.")
    known = {question.id: question for question in questions}
    if unknown := [qid for qid in ids if qid not in known]:
        raise BadRun(f"{folder}: question {unknown[0]!r} ({len(unknown)} in all) is in no question file.")
    asked = tuple(known[qid] for qid in ids)
    return Run(manifest, stored["values"], stored["summary"], asked, stored["yardsticks"])


def read_answers(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "answers.jsonl").read_text("utf-8").splitlines()
    return {body["id"]: body for body in map(json.loads, lines)}
