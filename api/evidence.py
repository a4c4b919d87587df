"""How well a sentence answers a question: what of it it covers, how like it is, and what its passage scored.

A question is a list of needs. A Japanese word is a need of its own; so is each name or term that the glossary knows
in a question of another language. A need is met by its own words or by those of any form that means the same.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from retriever.search import Result, Retriever
from retriever.text import bigrams, in_japanese_forms, normalise, words

REQUESTS = frozenset("tell explain please describe give show list me".split())
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]")
CALIBRATION = Path(__file__).with_name("calibration.json")
ARMS = ("headings", "dense", "asked_bigrams")
"""Whose best score speaks for an answer, whichever passage has it: another document can't take it away."""
FOR = ("best", *ARMS, "alike")
AGAINST = (
    "lacks_value",
    "far_value",
    "wrong_year",
    "rarest",
    "missing",
    "absent_name",
    "another_name",
    "unheard_name",
    "unknown",
)
FEATURES = (*FOR, *AGAINST, "new", "constant")
"""Of the evidence. What is `FOR` an answer never counts against it, nor the other way round."""
_BIGRAM_SHARE = 0.33
"""Of a word's weight: bigrams hold what a dictionary cuts apart."""


@dataclass(frozen=True, slots=True)
class Need:
    """`name` is what a reader is told is missing; `forms`: sets of words, one of which must be there whole;
    `is_name`: of a company, person, place and so on."""

    name: str
    weight: float
    forms: tuple[frozenset[str], ...]
    is_name: bool = False


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

    def naming(self, held: frozenset[str]) -> float:
        """The share of the names asked for that these words hold."""
        names = [need for need in self.needs if need.is_name]
        return sum(any(form <= held for form in need.forms) for need in names) / len(names) if names else 0.0

    def unmet(self, held: frozenset[str]) -> tuple[Need, ...]:
        return tuple(need for need in self.needs if not any(form <= held for form in need.forms))

    def unmet_share(self, held: frozenset[str]) -> float:
        """Of the weight of all needs."""
        total = sum(need.weight for need in self.needs)
        return sum(need.weight for need in self.unmet(held)) / total if total else 0.0


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
            is_name = any(word in own and match.is_name for own, match in known)
            needs.append(_need(word, [word], others, retriever, is_name))
    else:
        covered = frozenset[str]().union(*(own for own, _ in known))
        needs += [_need(m.form, sorted(own), m.means, retriever, m.is_name) for own, m in known if own]
        asked = tuple(word for word in asked if word not in REQUESTS)
        needs += [_need(w, [w], (), retriever) for w in asked if w not in covered and _frequency(w, "words", retriever)]
    pairs = bigrams(written) if result.language != "en" else []
    weights = {pair: _BIGRAM_SHARE * _rarity(_frequency(pair, "bigrams", retriever), retriever) for pair in pairs}
    met = {need.name for need in needs if any(_is_known(form, retriever) for form in need.forms)}
    unknown = tuple(need.name for need in needs if need.name not in met)
    if result.language != "ja":
        unknown += tuple(w for w in asked if w not in covered and not _frequency(w, "words", retriever))
    return Needs(tuple(needs), weights, unknown)


def words_asked(result: Result) -> frozenset[str]:
    """Of the question, and of what the glossary knew in it."""
    own = held_in(in_japanese_forms(result.query, result.language))
    return own.union(*(held_in(form) for match in result.matches for form in match.means))


def as_written(question: str, asked: Iterable[str]) -> tuple[str, ...]:
    """Words as the question spells them: the dictionary knows the English recipe as レシピ."""
    spelled = {word: latin for latin in _LATIN.findall(question) for word in held_in(latin)}
    return tuple(dict.fromkeys(spelled.get(word, word) for word in asked))


def _need(name: str, own: Sequence[str], others: Sequence[str], retriever: Retriever, is_name: bool = False) -> Need:
    """Weighs as much as the rarest word of its commonest form."""
    forms = tuple(dict.fromkeys(f for f in (frozenset(own), *(held_in(o) for o in others)) if f))
    commonest = max((min(_frequency(word, "words", retriever) for word in form) for form in forms), default=0)
    return Need(name, _rarity(commonest, retriever), forms, is_name)


def _is_known(form: frozenset[str], retriever: Retriever) -> bool:
    return all(_frequency(word, "words", retriever) for word in form)


def _rarity(frequency: int, retriever: Retriever) -> float:
    """BM25's inverse document frequency."""
    total = max(1, len(retriever.index.alive))
    return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def _frequency(term: str, field: str, retriever: Retriever) -> int:
    """In how many passages of the whole index a term occurs."""
    return retriever.frequency(term, field)


MOST_SURE = 3.0
"""Past these odds (20 to 1) relevance and support say no more of whether the answer is right."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic regressions over `FEATURES`, and the least of each at which one answers.

    `relevance`: is this the documents' field? `support`: do they say just what is asked? `confidence`, that an answer
    holds what was asked for, is reckoned from the sums of both and the best sentence's score.
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
    relevant = weigh(evidence, learnt.relevance) >= learnt.least_relevance
    return relevant and weigh(evidence, learnt.support) >= learnt.least_support


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability that an answer from this evidence holds what was asked for."""
    learnt = calibration()
    sums = {name: min(MOST_SURE, weigh(evidence, getattr(learnt, name))) for name in ("relevance", "support")}
    return 1 / (1 + math.exp(-weigh(sums | {"best": evidence["best"], "constant": 1.0}, learnt.confidence)))


def weigh(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """A logistic regression's sum: the logarithm of the odds."""
    return sum(weight * evidence.get(name, 0.0) for name, weight in weights.items())
