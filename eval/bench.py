"""Public benchmarks, rebuilt exactly: MTEB's JaQuADRetrieval, JaQuAD dev passages, JSQuAD test passages."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import R, nDCG

from eval.errors import BadQuestions
from eval.statistics import Estimate, estimate, paired_p_value
from retriever.arms import CANDIDATES, Candidates
from retriever.embed import Embedder
from retriever.fusion import (
    NEW,
    Nearest,
    Weights,
    arm_of,
    combine,
    measured,
    shipped_weights,
)
from retriever.lexical import Lexical
from retriever.postings import build_postings
from retriever.text import bigrams, words

MTEB_QUERIES, MTEB_DOCUMENTS = 2048, 3014
DEPTH = 100
ARMS: Mapping[str, tuple[str, ...]] = {
    "words": ("words",),
    "bigrams": ("bigrams",),
    "BM25 (words + bigrams)": ("words", "bigrams"),
    "dense": ("dense",),
    "hybrid": ("words", "bigrams", "dense"),
}
PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "jaquad-mteb": {
        "multilingual-e5-large": "nDCG@10 64.62",
        "multilingual-e5-base": "nDCG@10 61.03",
        "multilingual-e5-small": "nDCG@10 59.00",
        "GritLM-7B": "nDCG@10 61.61",
        "LaBSE": "nDCG@10 39.15",
    },
    "jsquad": {
        "JaColBERTv2": "R@1 92.1",
        "multilingual-e5-large": "R@1 86.5",
        "bge-m3 dense": "R@1 85.0",
    },
}
"""From MTEB's results repository and the model cards of JaColBERT; pools of JSQuAD may differ from ours."""


@dataclass(frozen=True)
class Task:
    """`relevant[i]`: places in `documents` that answer query i."""

    name: str
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[tuple[int, ...], ...]


def read_rows(data: Path, name: str) -> list[dict[str, Any]]:
    path = data / f"{name}.jsonl.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise BadQuestions(
            f"{path}: can't be read ({error}). Give the folder with the benchmark data: --data PATH."
        ) from error


def jaquad_mteb(data: Path) -> Task:
    """JaQuADRetrieval as MTEB defines it."""
    rows = read_rows(data, "jaquad-dev")
    task = answers_task(
        [rows[i] for i in np.random.default_rng(42).permutation(len(rows))[:MTEB_QUERIES]], "jaquad-mteb"
    )
    if (len(task.queries), len(task.documents)) != (MTEB_QUERIES, MTEB_DOCUMENTS):
        raise BadQuestions(
            f"JaQuAD dev gives {len(task.queries)} queries and {len(task.documents)} documents, not 2,048 and 3,014."
        )
    return task


def answers_task(rows: Sequence[Mapping[str, Any]], name: str) -> Task:
    """Two relevant documents a query, its passage and its bare answer; every document opens with its title."""
    place: dict[str, int] = {}
    documents: list[str] = []
    for row in rows:
        for text in (row["context"], row["answers"][0]["text"]):
            if text not in place:
                place[text] = len(documents)
                documents.append(f"{row['title']} {text}")
    relevant = tuple((place[row["context"]], place[row["answers"][0]["text"]]) for row in rows)
    return Task(name, tuple(row["question"] for row in rows), tuple(documents), relevant)


def passages_task(rows: Sequence[Mapping[str, Any]], name: str) -> Task:
    """Each question against all passages of a SQuAD-like set; its own is the relevant one."""
    place = {text: i for i, text in enumerate(dict.fromkeys(row["context"] for row in rows))}
    titles = {row["context"]: row["title"] for row in rows}
    documents = tuple(f"{titles[text]} {text}" for text in place)
    return Task(name, tuple(r["question"] for r in rows), documents, tuple((place[r["context"]],) for r in rows))


TASKS: Mapping[str, Callable[[Path], Sequence[Task]]] = {
    "jaquad": lambda data: (jaquad_mteb(data), passages_task(read_rows(data, "jaquad-dev"), "jaquad-passages")),
    "jsquad": lambda data: (passages_task(read_rows(data, "jsquad-test"), "jsquad"),),
}


def candidates(task: Task, embedder: Embedder) -> Iterator[Candidates]:
    """What a search over the task's documents would weigh, query by query: the retriever's own terms and scales."""
    tokenisers = {"words": words, "bigrams": bigrams}
    lexical = Lexical([build_postings(*([tokenise(d) for d in task.documents] for tokenise in tokenisers.values()))])
    documents = embedder.encode_passages(task.documents)
    places = np.arange(len(task.documents))
    for query, vector in zip(task.queries, embedder.encode_queries(task.queries), strict=True):
        arms = [(field, Counter(tokenise(query))) for field, tokenise in enumerate(tokenisers.values())]
        scores, bounds = lexical.scores(arms)
        cosines = documents @ vector
        nearest = np.sort(np.argsort(-cosines, kind="stable")[:CANDIDATES])
        scored = measured(list(tokenisers), scores, bounds, {"dense": Nearest(nearest, cosines[nearest])}, places)
        yield Candidates(places, scored, np.zeros(len(places), bool))


Values = Mapping[str, Mapping[str, Sequence[float]]]
"""Arm → measure → one value a query."""


def evaluate(task: Task, embedder: Embedder) -> Values:
    """With the shipped weights."""
    runs: dict[str, dict[str, dict[str, float]]] = {arm: {} for arm in ARMS}
    for number, found in enumerate(candidates(task, embedder)):
        for arm, names in ARMS.items():
            total = found.scored.scores[found.scored.arms.index(names[0])]
            if len(names) > 1:
                total = combine(found.scored, found.expanded, _weights_of(names))
            best = np.argsort(-total, kind="stable")[:DEPTH]
            runs[arm][str(number)] = {str(i): float(total[i]) - 1e-9 * rank for rank, i in enumerate(best)}
    qrels = {str(n): {str(d): 1 for d in found} for n, found in enumerate(task.relevant)}
    return {arm: _values(qrels, run) for arm, run in runs.items()}


def estimates(values: Values) -> dict[str, dict[str, Estimate]]:
    return {arm: {name: estimate(found) for name, found in measures.items()} for arm, measures in values.items()}


def p_values(values: Values, ours: str, theirs: str) -> dict[str, float]:
    """By measure, of the difference between two arms (paired randomisation test)."""
    return {name: paired_p_value(found, values[theirs][name]) for name, found in values[ours].items()}


def _weights_of(arms: Sequence[str]) -> Weights:
    """The shipped ones of some arms, for passages without questions."""
    return {name: weight for name, weight in shipped_weights().items() if name.startswith(NEW) and arm_of(name) in arms}


def _values(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> dict[str, list[float]]:
    measures = (nDCG @ 10, R @ 1, R @ 10)
    values: dict[str, dict[str, float]] = {str(m): dict.fromkeys(qrels, 0.0) for m in measures}
    for metric in ir_measures.iter_calc(measures, qrels, run):
        values[str(metric.measure)][metric.query_id] = float(metric.value)
    return {name: list(found.values()) for name, found in values.items()}
