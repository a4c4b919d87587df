"""Tables of results: Markdown, and plain text for a terminal."""

from collections.abc import Sequence

from eval.questions import Question
from eval.retrieval import WITHIN
from eval.run import Run
from eval.statistics import Estimate, estimate

RETRIEVAL = (WITHIN, "nDCG@10", "RR", "R@1", "R@5", "R@10", "Success@5")
ANSWERS = (
    "contained",
    "citation_precision",
    "citation_recall",
    "both_cited",
    "quote_exact",
    "length",
    "short_exact",
    "short_f1",
)
LANGUAGES = ("ja", "en", "zh")
NAMES = {WITHIN: "within 2,000", "quote_exact": "quotes exact", "citation_precision": "citation precision"} | {
    "citation_recall": "citation recall",
    "both_cited": "both documents cited",
    "short_exact": "short answer EM",
    "short_f1": "short answer F1",
    "contained": "gold contained",
}


def cell(found: Estimate | None, percent: bool = True) -> str:
    """89.5 (85.2-93.3)."""
    if found is None:
        return "–"
    factor, digits = (100, 1) if percent else (1, 0)
    mean, low, high = (f"{factor * value:.{digits}f}" for value in (found.mean, found.low, found.high))
    return f"{mean} ({low}-{high})"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def plain(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in [header, *rows]
    )


def ids_where(questions: Sequence[Question], **wanted: str) -> list[str]:
    return [q.id for q in questions if all(getattr(q, name) == value for name, value in wanted.items())]


def by_language(run: Run, measures: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Measures down, all questions and each language across."""
    header = ["", "all", *LANGUAGES]
    rows: list[list[str]] = []
    for measure in measures:
        percent = measure != "length"
        cells = [cell(run.estimate(measure, ids_where(run.questions, language=lang)), percent) for lang in LANGUAGES]
        rows.append([NAMES.get(measure, measure), cell(run.estimate(measure), percent), *cells])
    return header, [row for row in rows if row[1] != "–"]


def yardstick_rows(run: Run) -> list[list[str]]:
    """Plain BM25 within 2,000 characters, in the columns of `by_language`."""
    rows: list[list[str]] = []
    for name, values in run.yardsticks.items():
        by = [[values[qid] for qid in ids_where(run.questions, language=lang) if qid in values] for lang in LANGUAGES]
        cells = [cell(estimate(found)) if found else "–" for found in (list(values.values()), *by)]
        rows.append([f"{name}, {NAMES[WITHIN]}", *cells])
    return rows


def slices(run: Run, measure: str) -> tuple[list[str], list[list[str]]]:
    """One measure by type, style, document, and for questions that need two documents."""
    groups: dict[str, list[str]] = {}
    for question in run.questions:
        if not question.answerable:
            continue
        documents = {evidence.document[:6] for group in question.evidence for evidence in group}
        names = [f"type {question.type}", f"style {question.style}", *(f"document {d}" for d in documents)]
        for name in [*names, "two documents" if len(documents) > 1 else "one document"]:
            groups.setdefault(name, []).append(question.id)
    rows = [[name, cell(run.estimate(measure, ids)), str(len(ids))] for name, ids in sorted(groups.items())]
    return ["slice", NAMES.get(measure, measure), "questions"], rows
