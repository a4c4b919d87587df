"""Quality is a regression test: the dev scores are kept, question by question, and a significant loss fails."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.errors import BadRun, ScoresFell
from eval.retrieval import WITHIN
from eval.run import Run
from eval.statistics import paired_p_value
from eval.tables import LANGUAGES, ids_where

EXPECTED = Path(__file__).with_name("expected.json")
MEASURES = (WITHIN, "contained", "refused")
TOLERANCE = 0.01
SIGNIFICANT = 0.05
_WORSE = {WITHIN: -1, "contained": -1, "refused": 1}
_SHOWN = 10


def expectation(run: Run, command: str) -> dict[str, Any]:
    """What is kept of a run: how it was made, the scores, and the questions behind each."""
    scores = {measure: {lang: _score(run, measure, lang) for lang in LANGUAGES} for measure in MEASURES}
    held = {measure: sorted(qid for qid, value in run.values[measure].items() if value) for measure in MEASURES}
    return {
        "command": command,
        "configuration": run.manifest["configuration"],
        "questions_sha256": run.manifest["questions_sha256"],
        "tolerance": TOLERANCE,
        "scores": scores,
        "held": held,
    }


def _score(run: Run, measure: str, language: str) -> float:
    found = run.estimate(measure, _answerable(run, language))
    return round(found.mean, 4) if found else 0.0


def _answerable(run: Run, language: str) -> list[str]:
    named = set(ids_where(run.questions, language=language))
    return [q.id for q in run.questions if q.answerable and q.id in named]


def write_expected(run: Run, command: str, path: Path = EXPECTED) -> None:
    path.write_text(json.dumps(expectation(run, command), ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


def read_expected(path: Path = EXPECTED) -> dict[str, Any]:
    try:
        expected: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadRun(f"{path.name}: can't be read ({error}). Write it with `tenkyo eval gate --update`.") from error
    return expected


def check(run: Run, expected: Mapping[str, Any]) -> list[str]:
    """One line a measure and language. Raises `ScoresFell`, naming the lost questions."""
    if run.manifest["questions_sha256"] != expected["questions_sha256"]:
        raise BadRun("The dev questions have changed since the scores were kept. Run `tenkyo eval gate --update`.")
    lines: list[str] = []
    fallen: list[str] = []
    for measure in MEASURES:
        held = set(expected["held"][measure])
        for language in LANGUAGES:
            ids = _answerable(run, language)
            now = [run.values[measure][qid] for qid in ids]
            then = [float(qid in held) for qid in ids]
            change = (sum(now) - sum(then)) / len(ids)
            p_value = paired_p_value(now, then)
            means = f"{sum(now) / len(ids):.3f}, expected {sum(then) / len(ids):.3f}"
            line = f"{measure} {language}: {means} (p {p_value:.3f})"
            lines.append(line)
            if change * _WORSE[measure] > expected["tolerance"] and p_value < SIGNIFICANT:
                lost = [q for q, n, t in zip(ids, now, then, strict=True) if (n - t) * _WORSE[measure] > 0]
                fallen.append(f"{line}; lost: {', '.join(lost[:_SHOWN])}{' …' if len(lost) > _SHOWN else ''}")
    if fallen:
        raise ScoresFell("Scores fell significantly.\n" + "\n".join(fallen))
    return lines
