"""How well a sentence answers a question: what of it it covers, how like it is, and what its passage scored.

A question is a list of needs. A Japanese word is a need of its own; so is each name or term that the glossary knows
in a question of another language. A need is met by its own words or by those of any form that means the same.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from retriever.search import Result, Retriever
from retriever.text import FUNCTION_WORDS, bigrams, in_japanese_forms, normalise, words

_NAME = re.compile(r"[ァ-ヶー]{3,}|\b(?=[A-Za-z0-9.+-]*[A-Z])[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]", re.ASCII)
_REQUESTS = frozenset("tell explain please describe give show list me".split())
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]")
CALIBRATION = Path(__file__).with_name("calibration.json")
FEATURES = (
    "score",
    "best",
    "covered",
    "like",
    "asked",
    "far_value",
    "best_lacks_value",
    "lacks_value",
    "other_year",
    "missing",
    "absent_name",
    "unheard_name",
    "unknown",
    "other",
    "foreign",
    "constant",
)
_BIGRAM_SHARE = 0.33
"""Of a word's weight: bigrams hold what a dictionary cuts apart."""


@dataclass(frozen=True, slots=True)
class Need:
    """`name` is what a reader is told is missing; `forms`: sets of words, one of which must be there whole."""

    name: str
    weight: float
    forms: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Needs:
    """What a question asks for; `bigrams` of Japanese and Chinese ones by weight."""

    needs: tuple[Need, ...]
    bigrams: Mapping[str, float]
    unknown: tuple[str, ...]
    """Words that no passage of the index holds, in any form."""

    def coverage(self, text: str, held: frozenset[str]) -> float:
        """The share of the weight that a text holds, 0 to 1; `held` are its words."""
        total = sum(need.weight for need in self.needs) + sum(self.bigrams.values())
        written = _written(text)
        found = sum(need.weight for need in self.needs if any(form <= held for form in need.forms))
        found += sum(weight for bigram, weight in self.bigrams.items() if bigram in written)
        return found / total if total else 0.0

    def missing(self, held: frozenset[str]) -> tuple[str, ...]:
        return tuple(need.name for need in self.needs if not any(form <= held for form in need.forms))


@lru_cache(maxsize=8192)
def held_in(text: str) -> frozenset[str]:
    """A text's words. The same sentences are weighed for one question after another."""
    return frozenset(words(text))


@lru_cache(maxsize=8192)
def _written(text: str) -> str:
    return normalise(text).lower()


def needs_of(result: Result, retriever: Retriever) -> Needs:
    """From the query's words and from what the glossary knew in it."""
    written = in_japanese_forms(result.query, result.language)
    asked = tuple(dict.fromkeys(words(written)))
    known = [(held_in(match.form), match) for match in result.matches]
    needs: list[Need] = []
    if result.language == "ja":
        for word in asked:
            others = [form for own, match in known if word in own for form in match.means]
            needs.append(_need(word, [word], others, retriever))
    else:
        covered = frozenset[str]().union(*(own for own, _ in known))
        needs += [_need(match.form, sorted(own), match.means, retriever) for own, match in known if own]
        asked = tuple(word for word in asked if word not in _REQUESTS)
        needs += [_need(w, [w], (), retriever) for w in asked if w not in covered and _frequency(w, "words", retriever)]
    pairs = bigrams(written) if result.language != "en" else []
    weights = {pair: _BIGRAM_SHARE * _rarity(_frequency(pair, "bigrams", retriever), retriever) for pair in pairs}
    met = {need.name for need in needs if any(_is_known(form, retriever) for form in need.forms)}
    unknown = tuple(need.name for need in needs if need.name not in met)
    if result.language != "ja":
        unknown += tuple(w for w in asked if w not in covered and not _frequency(w, "words", retriever))
    return Needs(tuple(needs), weights, unknown)


def absent_names(result: Result, held: frozenset[str]) -> list[str]:
    """Katakana and Latin names of a question that a text with these words holds in no form: 0 to all of them."""
    absent: list[str] = []
    for name in names_in(result.query):
        others = (other for m in result.matches if name in m.form or m.form in name for other in m.means)
        if not any(form and form <= held for form in map(held_in, (name, *others))):
            absent.append(name)
    return absent


def as_written(question: str, asked: Iterable[str]) -> tuple[str, ...]:
    """Words as the question spells them: the dictionary knows the English recipe as レシピ."""
    spelled = {word: latin for latin in _LATIN.findall(question) for word in held_in(latin)}
    return tuple(dict.fromkeys(spelled.get(word, word) for word in asked))


def names_in(question: str) -> list[str]:
    found = dict.fromkeys(_NAME.findall(unicodedata.normalize("NFKC", question)))
    return [name for name in found if name.lower() not in FUNCTION_WORDS | _REQUESTS]


def _need(name: str, own: Sequence[str], others: Sequence[str], retriever: Retriever) -> Need:
    """Weighs as much as the rarest word of its commonest form."""
    forms = tuple(dict.fromkeys(f for f in (frozenset(own), *(held_in(o) for o in others)) if f))
    commonest = max((min(_frequency(word, "words", retriever) for word in form) for form in forms), default=0)
    return Need(name, _rarity(commonest, retriever), forms)


def _is_known(form: frozenset[str], retriever: Retriever) -> bool:
    return all(_frequency(word, "words", retriever) for word in form)


def _rarity(frequency: int, retriever: Retriever) -> float:
    """BM25's inverse document frequency."""
    total = max(1, len(retriever.index.alive))
    return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def _frequency(term: str, field: str, retriever: Retriever) -> int:
    """In how many passages of the whole index a term occurs."""
    return retriever.frequency(term, field)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Three logistic regressions over `FEATURES`, and the least `relevance` and `support` at which one answers.

    `relevance`: is this the documents' field? `support`: do they say just what is asked? `confidence`: does the
    answer hold it?
    """

    relevance: Mapping[str, float]
    support: Mapping[str, float]
    confidence: Mapping[str, float]
    least_relevance: float
    least_support: float


@cache
def calibration() -> Calibration:
    """As `tenkyo eval fit` learnt it."""
    return Calibration(**json.loads(CALIBRATION.read_text("utf-8")))


def is_enough(evidence: Mapping[str, float]) -> bool:
    """Whether to answer."""
    learnt = calibration()
    relevant = probability(evidence, learnt.relevance) >= learnt.least_relevance
    return relevant and probability(evidence, learnt.support) >= learnt.least_support


def probability(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-sum(weight * evidence.get(name, 0.0) for name, weight in weights.items())))
