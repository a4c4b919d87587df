"""The comparison as Markdown, for `eval/performance.md`."""

from collections.abc import Iterable, Mapping, Sequence

from eval.peers.adapters import Entry
from eval.peers.comparison import K, Outcome, against, recall
from eval.peers.corpus import Pair
from eval.questions import Question
from eval.retrieval import WITHIN
from eval.statistics import estimate
from eval.tables import LANGUAGES, cell, ids_where, markdown

MISSING = "not installed: pip install -e '.[peers]'"
SETUP = """\
Every tool has the same passages and vectors (the shipped model's, made beforehand) and searches hybrid, as its
documentation shows: txtai its `Embeddings` with BM25, scores normalised; Haystack its in-memory document store, both
retrievers joined by reciprocal ranks; LlamaIndex its BM25 retriever and FAISS, fused by relative scores (by ranks it
finds less). None of them splits Japanese into words: each gets whole Latin words and pairs of other characters as its
terms, by its own setting for that. Questions are encoded within the time measured.

The model was trained on questions about the five reports, not about the passages of the larger tables: on the reports,
whoever leans on its vectors does well, also in English and Chinese. Weights of a new document were learnt with models
that hadn't seen it, and lean on them less."""

Values = Mapping[str, Mapping[str, float]]
"""Measure → question id → value, as `eval.retrieval.measure` gives them."""


def shipped_lines(questions: Sequence[Question], rows: Mapping[str, Values], missing: Sequence[Entry]) -> list[str]:
    """The reports and the dev questions; `rows`: by the name of a tool."""
    by = {language: ids_where(questions, language=language) for language in LANGUAGES}
    header = ["evidence within 2,000 characters", *LANGUAGES]
    within = [
        [name, *(cell(estimate([values[WITHIN][qid] for qid in ids])) for ids in by.values())]
        for name, values in rows.items()
    ]
    ranks = [[name, *(_at_ranks(values, ids) for ids in by.values())] for name, values in rows.items()]
    absent = [[entry.name, MISSING, "", ""] for entry in missing]
    return [
        f"### The reports ({sum(map(len, by.values()))} dev questions)",
        "",
        *markdown(header, within + absent).splitlines(),
        "",
        *markdown(["R@1 / R@5", *LANGUAGES], ranks).splitlines(),
    ]


def _at_ranks(values: Values, ids: Sequence[str]) -> str:
    return " / ".join(f"{100 * estimate([values[m][qid] for qid in ids]).mean:.1f}" for m in ("R@1", "R@5"))


def wide_lines(count: int, outcomes: Sequence[Outcome], pairs: Sequence[Pair], missing: Sequence[Entry]) -> list[str]:
    """`count` passages of JaQuAD and Wikipedia; the first outcome is ours."""
    ours = outcomes[0]
    header = ["", "questions", "R@1", "R@10", "p", "questions/s (processor)", "(clock)", "Tenkyo's speed"]
    header += ["build", "memory: index", "library"]
    rows = [[*_found(outcome, ours, pairs), *_cost(outcome, ours)] for outcome in outcomes]
    absent = [[entry.name, MISSING, *[""] * (len(header) - 2)] for entry in missing]
    return [f"### {count:,} passages", "", *markdown(header, rows + absent).splitlines()]


def _found(outcome: Outcome, ours: Outcome, pairs: Sequence[Pair]) -> Iterable[str]:
    yield f"{outcome.name} {outcome.version}".strip()
    yield str(len(outcome.found))
    yield from (cell(recall(outcome, pairs, k)) for k in (1, K))
    yield "" if outcome is ours else f"{against(ours, outcome, pairs):.3f}"


def _cost(outcome: Outcome, ours: Outcome) -> Iterable[str]:
    yield f"{outcome.cpu_rate:,.1f}"
    yield f"{outcome.rate:,.1f}"
    yield "" if outcome is ours else f"{ours.cpu_rate / outcome.cpu_rate:.1f} times"
    yield f"{outcome.built.cpu_seconds:,.0f} s"
    yield from (f"{size / 1e6:,.0f} MB" for size in (outcome.built.index, outcome.built.library))
