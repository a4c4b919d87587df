"""What a question asks for: a list of needs, and which texts meet them.

A Japanese word is a need of its own; so is each name or term that the glossary knows in a question of another
language. A need is met by its own words or by those of any form that means the same.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set, Sized
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from api.answers.expected import Expected, expected
from api.answers.mentions import REQUESTS, names_in
from api.answers.periods import years_in
from api.citations.terms import Held, Terms, as_text, held_in_form, pair_codes, read_terms, word_codes
from retriever.glossary import Match
from retriever.search import Result
from retriever.view import View

_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]")
_BIGRAM_SHARE = 0.33
"""Of a word's weight: bigrams hold what a dictionary cuts apart."""
_IN_NO_TEXT = frozenset({"\0"})
_TERMS_IN_MEMORY = 16384
_NEEDS_IN_MEMORY = 4096


Met = NDArray[np.bool_]
"""(M, T): the needs of a question, then its names, and which of some texts meet each."""


class Counts(Protocol):
    """In how many passages of an index a term occurs: a retriever knows."""

    @property
    def index(self) -> View: ...

    def frequency(self, term: str, field: str) -> int: ...


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
    """What a question asks for; `bigrams` of Japanese and Chinese ones by weight; `names`: its Katakana and Latin
    ones; `words`: of the question, and of what the glossary knew in it; `expected`: the kind of value; `years` that it
    names.

    What texts (T) hold of it, `held` says: (W, T), by the words and pairs of letters that the question looks for; and
    `met` (M, T), by the needs and the names.
    """

    needs: tuple[Need, ...]
    bigrams: Mapping[str, float]
    unknown: tuple[str, ...]
    """Words that no passage of the index holds, in any form."""
    names: tuple[Need, ...]
    words: frozenset[str]
    expected: Expected
    years: frozenset[str]

    @property
    def are_none(self) -> bool:
        return not (self.needs or self.bigrams or self.unknown)

    def held(self, terms: Terms) -> Held:
        """(W, T)."""
        return terms.hold(self._codes)

    def coverage(self, held: Held) -> NDArray[np.float64]:
        """(T,): the share of the weight that each text holds, 0 to 1."""
        pairs = np.asarray([*self.bigrams.values()])
        found = self._weights @ self.met(held)[: len(self.needs)] + pairs @ held[len(self._words) :]
        share: NDArray[np.float64] = found / (self._weights.sum() + pairs.sum() or 1.0)
        return share

    def coverage_of(self, text: str) -> float:
        return float(self.coverage(self.held(read_terms([as_text(text)])))[0])

    def novelty(self, words: Set[str]) -> float:
        """The share of a text's different words that the question has in no form; nothing where it has no words."""
        return 1 - len(words & self._known) / len(words) if words else 0.0

    def naming(self, met: Met) -> NDArray[np.float64]:
        """(T,): the share of the names asked for that each text holds."""
        names = np.asarray([need.is_name for need in self.needs], np.float64)
        share: NDArray[np.float64] = names @ met[: len(self.needs)] / max(1.0, names.sum())
        return share

    def unmet(self, met: Met) -> tuple[Need, ...]:
        """Those that one text, or several together, `met` (M, 1), don't meet."""
        return tuple(
            need for need, is_met in zip(self.needs, met[: len(self.needs), 0].tolist(), strict=True) if not is_met
        )

    def unmet_share(self, met: Met) -> float:
        """Of the weight of all needs."""
        return sum(need.weight for need in self.unmet(met)) / (float(self._weights.sum()) or 1.0)

    def absent(self, met: Met) -> list[str]:
        """Katakana and Latin names of the question that a text, `met` (M, 1), has in no form: 0 to all of them."""
        found = met[len(self.needs) :, 0].tolist()
        return [name.name for name, is_met in zip(self.names, found, strict=True) if not is_met]

    def met(self, held: Held) -> Met:
        """Eight texts a byte: `reduceat` takes columns one by one."""
        if not self._forms:
            return np.zeros((0, held.shape[1]), bool)
        places, forms, needs = self._layout
        whole = np.bitwise_and.reduceat(np.packbits(held, axis=1)[places], forms)
        return np.unpackbits(np.bitwise_or.reduceat(whole, needs), axis=1, count=held.shape[1]).view(np.bool_)

    @cached_property
    def _forms(self) -> list[tuple[frozenset[str], ...]]:
        """By need, then by name. A name without a word is in no text."""
        return [need.forms or (_IN_NO_TEXT,) for need in (*self.needs, *self.names)]

    @cached_property
    def _layout(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The places of the words of all forms, one form after the other; where each form begins among them; where
        each need begins among the forms."""
        forms = [form for forms in self._forms for form in forms]
        places = [self._words[word] for form in forms for word in form]
        return np.asarray(places), _starts(forms), _starts(self._forms)

    @cached_property
    def _words(self) -> dict[str, int]:
        """The words of all forms, with their places among the terms."""
        different = dict.fromkeys(word for forms in self._forms for form in forms for word in form)
        return {word: place for place, word in enumerate(different)}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._words)

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        return np.concatenate((word_codes(self._words), pair_codes(self.bigrams)))

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray([need.weight for need in self.needs], np.float64)


def _starts(parts: Iterable[Sized]) -> NDArray[np.int64]:
    """Where each begins, one after the other."""
    return np.asarray([0, *accumulate(map(len, parts))][:-1])


class Weigher:
    """How rare words are in an index, and what they ask for. What was worked out last is remembered: the same names
    are asked for again and again."""

    def __init__(self, counts: Counts):
        self.passages = max(1, counts.index.passages)
        self.frequency = lru_cache(maxsize=_TERMS_IN_MEMORY)(counts.frequency)
        self.need = lru_cache(maxsize=_NEEDS_IN_MEMORY)(partial(_need, self.passages, self.frequency))

    def is_known(self, need: Need) -> bool:
        """Whether the index holds all words of one of its forms."""
        return any(_rarest(self.frequency, form) for form in need.forms)

    def rarity(self, term: str, field: str) -> float:
        return rarity(self.passages, self.frequency(term, field))


def needs_of(result: Result, weigher: Weigher) -> Needs:
    """From the query's words and from what the glossary knew in it."""
    asked = tuple(result.terms["words"])
    known = [(held_in_form(match.form), match) for match in result.matches]
    if result.language == "ja":
        needs = [_need_of_word(word, known, weigher) for word in asked]
        unknown: list[str] = []
    else:
        covered = frozenset[str]().union(*(own for own, _ in known))
        rest = [word for word in asked if word not in REQUESTS and word not in covered]
        unknown = [word for word in rest if not weigher.frequency(word, "words")]
        needs = [weigher.need(m.form, tuple(sorted(own)), m.means, m.is_name) for own, m in known if own]
        needs += [weigher.need(word, (word,)) for word in rest if word not in unknown]
    pairs = result.terms["bigrams"] if result.language != "en" else {}
    known_names = {need.name for need in needs if weigher.is_known(need)}
    return Needs(
        tuple(needs),
        {pair: _BIGRAM_SHARE * weigher.rarity(pair, "bigrams") for pair in pairs},
        (*(need.name for need in needs if need.name not in known_names), *unknown),
        tuple(_named(name, result) for name in names_in(result.query)),
        frozenset(asked).union(*(match.meaning.terms for match in result.matches)),
        expected(result.query),
        years_in(result.query),
    )


def as_written(question: str, asked: Iterable[str]) -> tuple[str, ...]:
    """Words as the question spells them: the dictionary knows the English recipe as レシピ."""
    spelled = {word: latin for latin in _LATIN.findall(question) for word in held_in_form(latin)}
    return tuple(dict.fromkeys(spelled.get(word, word) for word in asked))


def rarity(passages: int, frequency: int) -> float:
    """BM25's inverse document frequency."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def _need(
    passages: int,
    frequency: Callable[[str, str], int],
    name: str,
    own: tuple[str, ...],
    others: tuple[str, ...] = (),
    is_name: bool = False,
) -> Need:
    """Weighs as much as the rarest word of its commonest form."""
    forms = tuple(dict.fromkeys(form for form in (frozenset(own), *map(held_in_form, others)) if form))
    commonest = max((_rarest(frequency, form) for form in forms), default=0)
    return Need(name, rarity(passages, commonest), forms, is_name)


def _rarest(frequency: Callable[[str, str], int], form: frozenset[str]) -> int:
    """How often its rarest word occurs."""
    return min(frequency(word, "words") for word in form)


def _need_of_word(word: str, known: Sequence[tuple[frozenset[str], Match]], weigher: Weigher) -> Need:
    matches = [match for own, match in known if word in own]
    others = tuple(form for match in matches for form in match.means)
    return weigher.need(word, (word,), others, any(match.is_name for match in matches))


def _named(name: str, result: Result) -> Need:
    others = (form for m in result.matches if name in m.form or m.form in name for form in m.means)
    return Need(name, 0.0, tuple(form for form in map(held_in_form, (name, *others)) if form))
