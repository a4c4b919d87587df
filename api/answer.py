"""Extractive answers: the sentences and rows of the hits that answer best, each with its place.

Nothing is written anew. A sentence is chosen by how much of the question it covers (weighted by how
rare each term is), by its likeness to the question, and by its passage's rank. Where the best one
says too little of what was asked, the answer is that these documents don't say it.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from api.quotes import Quote, mapped, mapped_passage, prove, quote, squeeze
from ingest.mapped import Mapped
from ingest.structure import split_sentences
from retriever.records import Cell, Span
from retriever.search import Hit, Result, Retriever
from retriever.text import bigrams, normalise, words

MOST_CHARACTERS = 400
_LONGEST = 390
MOST_SENTENCES = 3
NEXT_SENTENCE = 0.8
"""A further sentence is taken if its score is at least this share of the best one's."""

_RANK_WEIGHT, _FORM_WEIGHT = 0.5, 0.5
_LABEL = 30
_SOURCE_LINE = re.compile(r"^(?:写真)?(?:出所|資料|出典)[)）:：]?|^※?注[)）:：]|^Date:|(?:引用|作成)。?$")
_SAYS_SOMETHING = re.compile(r"[^\W\d_]{2}.*[^\W\d_]{2}", re.DOTALL)
_ASKS_DEFINITION = re.compile(
    r"定義|とは|って何|意味|何です|[什甚][么麼]是|是什[么麼]|what (?:is|are|does .* mean)|defin", re.IGNORECASE
)
_DEFINES = re.compile(r"とは、?.+(?:指す|いう|造語|である|です|こと)|：.+(?:指す|略)")
_FIGURE = re.compile(r"[0-9０-９]")

ANSWER_AT = 0.4
"""Least probability that the documents speak of what is asked at which an answer is given."""

CONFIDENCE = {"coverage": 3.2, "likeness": 2.0, "unknown": -1.1, "other": -0.5, "foreign": 0.1, "constant": -1.7}
RELEVANCE = {"coverage": 4.6, "likeness": 9.4, "unknown": -5.1, "other": -2.6, "foreign": 1.1, "constant": -3.0}
"""Weights of two logistic regressions on the dev questions. Confidence: does the answer hold the gold
answer? Relevance: do the documents speak of it at all? `unknown`: the share of a Japanese question's
words that no passage of the index holds; `other`: the same for `foreign` ones, in another language."""


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
    asked = tuple(dict.fromkeys(result.terms["words"]))
    candidates = [candidate for hit in result.hits for candidate in split_hit(hit)]
    if not candidates:
        return Composition((), (), 0.0, asked)
    coverage, likeness = _evidence(question, candidates, retriever)
    rank_share = np.asarray([c.hit.score for c in candidates]) / max(result.hits[0].score, 1e-6)
    scores = coverage + likeness + _RANK_WEIGHT * rank_share + np.asarray([_form(question, c) for c in candidates])
    order = np.argsort(-scores, kind="stable")
    near_best = [candidates[i] for i in order if scores[i] >= NEXT_SENTENCE * scores[order[0]]]
    chosen, nearest = _take(near_best), _one_a_hit([candidates[i] for i in order])
    for candidate in (*chosen, *nearest):
        prove(candidate.hit.document, candidate.quote.text, candidate.quote.spans)
    unknown = [term for term in asked if not _frequency(term, "words", retriever)]
    evidence = {
        "coverage": float(coverage[order[0]]),
        "likeness": float(likeness.max()),
        "foreign": float(result.language != "ja"),
        "other" if result.language != "ja" else "unknown": len(unknown) / max(1, len(asked)),
        "constant": 1.0,
    }
    said = {term for hit in result.hits for term in words(hit.passage.text)}
    missing = tuple(term for term in asked if term not in said)
    answered = _probability(evidence, RELEVANCE) >= ANSWER_AT
    return Composition(chosen if answered else (), nearest, round(_probability(evidence, CONFIDENCE), 4), missing)


def _evidence(
    question: str, candidates: Sequence[Candidate], retriever: Retriever
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """For each candidate: the share of the question that it covers, and its likeness to the question."""
    weights = term_weights(question, retriever)
    vectors = retriever.embedder.encode([question, *(_context(c) for c in candidates)])
    return _coverages(candidates, weights), vectors[1:] @ vectors[0]


def split_hit(hit: Hit) -> Iterator[Candidate]:
    """Sentences of a hit's prose and lines, rows of its tables; each short enough to be an answer."""
    if hit.passage.cells:
        for _, row in groupby(hit.passage.cells, key=lambda cell: cell.row):
            for group in _repeated_groups(list(row)):
                yield _row(hit, group)
        return
    for line in _lines(mapped_passage(hit.passage, hit.document)):
        for sentence in split_sentences(line):
            found = quote(_clauses(sentence), hit.document)
            if found.text:
                yield Candidate(hit, (Part(found.text, found.spans),), found)


def _clauses(sentence: Mapped) -> Mapped:
    """A sentence over the limit keeps its first clauses."""
    if len(sentence) <= _LONGEST:
        return sentence
    cut = sentence.text.rfind("、", 0, _LONGEST)
    return sentence.slice(0, cut if cut > 0 else _LONGEST)


def _lines(passage: Mapped) -> Iterator[Mapped]:
    start = 0
    for line in passage.text.split("\n"):
        if line.strip():
            yield passage.slice(start, start + len(line))
        start += len(line) + 1


def _repeated_groups(row: Sequence[Cell]) -> list[list[Cell]]:
    """社名 製品名 社名 製品名 …: each pair says something of its own."""
    groups: list[list[Cell]] = []
    names: set[str] = set()
    for cell in row:
        name = cell.columns[-1] if len(cell.columns) > 1 else ""
        if not groups or name in names:
            groups.append([])
            names = set()
        groups[-1].append(cell)
        names |= {name} - {""}
    return groups


def _row(hit: Hit, cells: Sequence[Cell]) -> Candidate:
    """「第2回…：社名：美团、製品名：(未公表)」: column names are labels, cells are quotes."""
    bands = [band for band in cells[0].columns[:-1] if all(band in cell.columns for cell in cells)]
    parts = [Part(f"{band}：") for band in bands]
    shown: list[Cell] = []
    for cell in cells:
        name = cell.columns[-1] if cell.columns else ""
        comma = "" if not shown or shown[-1].text.endswith(("。", "、")) else "、"
        label = f"{comma}{name}：" if name else comma
        if shown and sum(len(p.text) for p in parts) + len(label) + len(cell.text) > _LONGEST:
            break
        parts += [Part(label)] if label else []
        beginning = quote(mapped(cell.text, cell.spans, hit.document).slice(0, _LONGEST // 2), hit.document)
        parts.append(Part(beginning.text, beginning.spans))
        shown.append(cell)
    quotes = sorted((part.spans, part.text) for part in parts if part.is_quote)
    spans = tuple(span for found, _ in quotes for span in found)
    return Candidate(hit, tuple(parts), Quote("\t".join(text for _, text in quotes), spans))


def term_weights(question: str, retriever: Retriever) -> Mapping[tuple[str, str], float]:
    """Terms of the question (words, and bigrams at a third), by field → how rare each is in the index."""
    total = max(1, len(retriever.index.alive))
    weights: dict[tuple[str, str], float] = {}
    for field, terms, share in (("words", words(question), 1.0), ("bigrams", bigrams(question), 0.33)):
        for term in terms:
            frequency = _frequency(term, field, retriever)
            weights[field, term] = share * math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))
    return weights


def _frequency(term: str, field: str, retriever: Retriever) -> int:
    """In how many passages of the whole index a term occurs."""
    return sum(segment.fields[field].frequency(term) for segment in retriever.index.segments)


def _context(candidate: Candidate) -> str:
    """A sentence with the last heading over it: a bullet alone says little."""
    return " ".join((*candidate.hit.passage.section[-1:], candidate.text))


def _coverages(candidates: Sequence[Candidate], weights: Mapping[tuple[str, str], float]) -> NDArray[np.float64]:
    """For each candidate, the share of the question's weight that it and its headings hold: 0-1."""
    total = sum(weights.values()) or 1.0
    headings = {c.hit.rank: " ".join(c.hit.passage.section) for c in candidates}
    heading_words = {rank: set(words(text)) for rank, text in headings.items()}
    shares: list[float] = []
    for candidate in candidates:
        rank = candidate.hit.rank
        held_words = heading_words[rank] | set(words(candidate.text))
        text = normalise(f"{headings[rank]} {candidate.text}").lower()
        held = (
            weight
            for (field, term), weight in weights.items()
            if (term in held_words if field == "words" else term in text)
        )
        shares.append(sum(held) / total)
    return np.asarray(shares)


def _form(question: str, candidate: Candidate) -> float:
    """What the form alone says: a definition for who asks for one; no bare heading, caption, figure or source line."""
    text = candidate.text
    if _SOURCE_LINE.search(text) or not _SAYS_SOMETHING.search(text):
        return -_FORM_WEIGHT
    if _ASKS_DEFINITION.search(question) and _DEFINES.search(text):
        return _FORM_WEIGHT
    fuller = text.endswith("。") or len(candidate.parts) > 1 or _FIGURE.search(text) or len(text) > _LABEL
    return 0.0 if fuller else -_FORM_WEIGHT


def _probability(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-sum(weights[name] * value for name, value in evidence.items())))


def _take(ordered: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best that fit with their marks, none twice, in reading order."""
    chosen: list[Candidate] = []
    used = 0
    for candidate in ordered:
        repeated = any(squeeze(candidate.text) in squeeze(c.text) for c in chosen)
        size = len(candidate.text) + len("[1]\n")
        if len(chosen) < MOST_SENTENCES and not repeated and used + size <= MOST_CHARACTERS + 1:
            chosen.append(candidate)
            used += size
    return tuple(sorted(chosen, key=lambda c: (c.hit.rank, c.quote.spans[0])))


def _one_a_hit(ordered: Sequence[Candidate]) -> tuple[Candidate, ...]:
    first: dict[int, Candidate] = {}
    for candidate in ordered:
        first.setdefault(candidate.hit.rank, candidate)
    return tuple(first.values())[:3]
