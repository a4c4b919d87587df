"""Extractive answers: the sentences and rows of the hits that answer best, each with its place.

Nothing is written anew. A sentence is chosen by how much of the question it covers (weighted by how
rare each term is), by its likeness to the question, and by its passage's rank. Where the best one
says too little of what was asked, the answer is that these documents don't say it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from api.quotes import Quote, mapped_passage, prove, quote
from ingest.mapped import Mapped
from ingest.structure import split_sentences
from retriever.records import Cell, Span
from retriever.search import Hit, Result, Retriever
from retriever.text import bigrams, words

MOST_CHARACTERS = 400
MOST_SENTENCES = 3
NEXT_SENTENCE = 0.8
"""A further sentence is taken if its score is at least this share of the best one's."""

ANSWER_AT = 0.5
"""Least confidence at which an answer is given."""

CONFIDENCE = {"coverage": 4.0, "likeness": 3.0, "other_language": 1.0, "constant": -3.0}
"""Logistic weights, fitted on the dev questions."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer's sentence: quoted from a source, or a label that was added."""

    text: str
    spans: tuple[Span, ...] = ()

    @property
    def is_quote(self) -> bool:
        return bool(self.spans)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or table row of a hit. `quote` is what its citation shows."""

    hit: Hit
    parts: tuple[Part, ...]
    quote: Quote

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Composition:
    """`chosen` is empty where the answer is withheld; `nearest` then holds the best there is."""

    chosen: tuple[Candidate, ...]
    nearest: tuple[Candidate, ...]
    confidence: float
    missing: tuple[str, ...]


def compose(question: str, result: Result, retriever: Retriever) -> Composition:
    """Choose, weigh, and withhold where the evidence is weak. Every quote is proved against its source."""
    candidates = [c for hit in result.hits for c in split_hit(hit)]
    if not candidates:
        return Composition((), (), 0.0, tuple(dict.fromkeys(words(question))))
    weights = term_weights(question, retriever)
    coverage = np.asarray([_coverage(c, weights) for c in candidates])
    vectors = retriever.embedder.encode([question, *(_context(c) for c in candidates)])
    likeness = vectors[1:] @ vectors[0]
    rank_share = np.asarray([c.hit.score for c in candidates]) / max(result.hits[0].score, 1e-6)
    scores = coverage + likeness + 0.5 * rank_share
    order = [candidates[i] for i in np.argsort(-scores, kind="stable")]
    best = float(scores.max())
    chosen = _take([c for c in order if scores[candidates.index(c)] >= NEXT_SENTENCE * best])
    top = [i for i, c in enumerate(candidates) if c.hit is order[0].hit]
    confidence = _confidence(float(coverage[top].max()), float(likeness.max()), result.language)
    for candidate in (*chosen, *order[:3]):
        prove(candidate.hit.document, candidate.quote.text, candidate.quote.spans)
    said = {term for hit in result.hits for term in words(hit.passage.text)}
    missing = tuple(term for term in dict.fromkeys(words(question)) if term not in said)
    answered = confidence >= ANSWER_AT
    return Composition(chosen if answered else (), _one_a_hit(order), confidence, missing)


def split_hit(hit: Hit) -> Iterator[Candidate]:
    """Sentences of a hit's prose and lines, rows of its tables."""
    if hit.passage.cells:
        for _, row in groupby(hit.passage.cells, key=lambda cell: cell.row):
            yield _row(hit, list(row))
        return
    mapped = mapped_passage(hit.passage, hit.document)
    for line in _lines(mapped):
        for sentence in split_sentences(line):
            found = quote(sentence, hit.document)
            if found.text:
                yield Candidate(hit, (Part(found.text, found.spans),), found)


def _lines(mapped: Mapped) -> Iterator[Mapped]:
    start = 0
    for line in mapped.text.split("\n"):
        if line.strip():
            yield mapped.slice(start, start + len(line))
        start += len(line) + 1


def _row(hit: Hit, cells: Sequence[Cell]) -> Candidate:
    """「社名：美团、製品名：(未公表)」: column names are labels, cells are quotes."""
    parts: list[Part] = []
    for cell in cells:
        name = cell.columns[-1] if cell.columns else ""
        label = ("、" if parts else "") + (f"{name}：" if name else "")
        if label:
            parts.append(Part(label))
        parts.append(Part(cell.text, (cell.span,)))
    ordered = sorted(cells, key=lambda cell: cell.span)
    return Candidate(hit, tuple(parts), Quote("\t".join(c.text for c in ordered), tuple(c.span for c in ordered)))


def term_weights(question: str, retriever: Retriever) -> Mapping[str, float]:
    """Terms of the question (words, and bigrams at a third) → how rare each is in the index."""
    total = max(1, len(retriever.index.alive))
    weights: dict[str, float] = {}
    for field, terms, share in (("words", words(question), 1.0), ("bigrams", bigrams(question), 0.33)):
        for term in terms:
            frequency = sum(segment.fields[field].frequency(term) for segment in retriever.index.segments)
            weights[f"{field} {term}"] = share * math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))
    return weights


def _context(candidate: Candidate) -> str:
    """A sentence with the last heading over it: a bullet alone says little."""
    return " ".join((*candidate.hit.passage.section[-1:], candidate.text))


def _coverage(candidate: Candidate, weights: Mapping[str, float]) -> float:
    """The share of the question's weight that the sentence and its headings hold: 0-1."""
    text = " ".join((*candidate.hit.passage.section, candidate.text))
    held = {f"words {term}" for term in words(text)} | {f"bigrams {term}" for term in bigrams(text)}
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0


def _confidence(coverage: float, likeness: float, language: str) -> float:
    """The probability that the answer holds what was asked for."""
    other = CONFIDENCE["other_language"] if language != "ja" else 0.0
    z = CONFIDENCE["constant"] + CONFIDENCE["coverage"] * coverage + CONFIDENCE["likeness"] * likeness + other
    return round(1 / (1 + math.exp(-z)), 4)


def _take(ordered: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best that fit, in reading order."""
    chosen: list[Candidate] = []
    for candidate in ordered[:MOST_SENTENCES]:
        used = sum(len(c.text) for c in chosen)
        if not chosen or used + len(candidate.text) <= MOST_CHARACTERS:
            chosen.append(candidate)
    return tuple(sorted(chosen, key=lambda c: (c.hit.rank, c.quote.spans[0])))


def _one_a_hit(ordered: Sequence[Candidate]) -> tuple[Candidate, ...]:
    first: dict[int, Candidate] = {}
    for candidate in ordered:
        first.setdefault(candidate.hit.rank, candidate)
    return tuple(first.values())[:3]
