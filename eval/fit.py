"""Learn the weights of fusion: the questions' evidence should come first.

Listwise softmax loss (Cao et al. 2007) over the candidates of each question; weights can't be negative and
stay near equal ones where the questions don't say. Those of passages with written questions add up to 1, so that
their scores lie between 0 and 1 and those of different questions can be compared: how sure an answer is, is reckoned
from them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from eval.bench import Task, answers_task, candidates, passages_task
from eval.errors import BadRun
from eval.questions import Question
from eval.rankers import Place, place_of
from eval.retrieval import covers
from retriever.arms import Candidates
from retriever.embed import Embedder
from retriever.fusion import NEW, Scores, Weights
from retriever.index import Index
from retriever.language import detect_language
from retriever.records import Document, Passage
from retriever.search import Retriever
from retriever.training.data import is_held_out, read_rows
from retriever.view import View

SHARPNESS = 10.0
PULL = 0.02
"""How strongly weights are drawn to equal ones."""
PUBLIC_WEIGHT = 800
_POOL = 200
"""Candidates of a question that are looked at: the best by each feature."""


@dataclass(frozen=True)
class Example:
    """`features` (C, F) of a question's candidates, `relevant` (C,) which hold its evidence; `weight` in the loss."""

    features: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    weight: float = 1.0


def feature_names(retriever: Retriever) -> list[str]:
    return sorted(apart(retriever.candidates("準備運動", "ja")))


def apart(found: Candidates) -> dict[str, Scores]:
    """The features of passages with written questions, and those of others under names of their own."""
    features = found.scored.features()
    new = {name: scores for name, scores in features.items() if not name.startswith("asked_")}
    known = {name: scores * found.expanded for name, scores in features.items()}
    return known | {NEW + name: scores * ~found.expanded for name, scores in new.items()}


def corpus_examples(questions: Sequence[Question], retriever: Retriever, names: Sequence[str]) -> Iterator[Example]:
    """Those that can be answered."""
    places = list(all_places(retriever))
    for question in questions:
        if question.answerable:
            evidence = [e for group in question.evidence for e in group]
            relevant = np.fromiter((any(covers(place, e) for e in evidence) for place in places), bool, len(places))
            language = detect_language(question.text)
            example = _example(retriever.candidates(question.text, language), relevant, names)
            if example:
                yield example


def on_disk(view: View) -> Index:
    """Weights are learnt on an index on this machine's disk. Raises `BadRun` for another."""
    if not isinstance(view, Index):
        raise BadRun("Weights are learnt on an index on the disk. Set TENKYO_STORE to disk.")
    return view


def all_places(retriever: Retriever) -> Iterable[Place]:
    """Every passage in the order of the index."""
    index = on_disk(retriever.index)
    for number in range(len(index.alive)):
        passage: Passage = index.passage(number)
        document: Document = index.document(passage.doc_id)
        yield place_of(passage, document)


def task_examples(task: Task, embedder: Embedder, names: Sequence[str]) -> list[Example]:
    """Of a public set that the model wasn't trained on."""
    examples: list[Example] = []
    for found, right in zip(candidates(task, embedder), task.relevant, strict=True):
        relevant = np.zeros(len(task.documents), bool)
        relevant[list(right)] = True
        if example := _example(found, relevant, names):
            examples.append(example)
    return examples


def _example(found: Candidates, relevant: NDArray[np.bool_], names: Sequence[str]) -> Example | None:
    zero = np.zeros(len(found.places), np.float32)
    own = apart(found)
    features = np.stack([own.get(name, zero) for name in names], axis=1)
    kept = np.unique(np.argsort(-features, axis=0)[:_POOL])
    hit = relevant[found.places[kept]]
    return Example(features[kept], hit) if hit.any() else None


def fit(examples: Sequence[Example], names: Sequence[str]) -> dict[str, float]:
    """Feature → weight, rounded; but for those of `NEW`, they add up to 1. What is next to nothing is left out."""
    known = np.asarray([not name.startswith(NEW) for name in names])
    start = np.full(len(names), 1 / known.sum())
    total = sum(example.weight for example in examples)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = PULL * float(((weights - start) ** 2).sum()), 2 * PULL * (weights - start)
        for example in examples:
            scores = SHARPNESS * (example.features @ weights)
            every = np.exp(scores - scores.max())
            right = every * example.relevant
            p_every, p_right = every / every.sum(), right / right.sum()
            value -= example.weight / total * float(np.log(right.sum() / every.sum()))
            slope -= example.weight / total * SHARPNESS * ((p_right - p_every) @ example.features)
        return value, slope

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(names))
    shares = found.x / found.x[known].sum()
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True) if share >= 5e-5}


def learn(
    known: tuple[Sequence[Question], Retriever], new: Sequence[tuple[Sequence[Question], Retriever]], data: Path
) -> Weights:
    """From questions about `known` documents; from questions about a document that is new to its retriever, which
    teach what holds for passages without written questions; and from JaQuAD titles that the model never saw.
    """
    retriever = known[1]
    names = feature_names(retriever)
    examples = [e for questions, asked in (known, *new) for e in corpus_examples(questions, asked, names)]
    return fit([*examples, *held_out_examples(data, retriever.embedder, names)], names)


def held_out_examples(data: Path, embedder: Embedder, names: Sequence[str]) -> list[Example]:
    """JaQuAD's, which weigh as much as `PUBLIC_WEIGHT` questions about the corpus."""
    rows = [row for row in read_rows(data, "jaquad-train") if is_held_out(row["title"])]
    tasks = [answers_task(rows, "held-out-answers"), passages_task(rows, "held-out-passages")]
    found = [e for task in tasks for e in task_examples(task, embedder, names)]
    return [replace(example, weight=PUBLIC_WEIGHT / len(found)) for example in found]


def write(weights: Mapping[str, object], path: Path) -> None:
    path.write_text(json.dumps(weights, indent=1, sort_keys=True) + "\n", "utf-8")
