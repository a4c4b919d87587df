"""Names and terms in three languages: what a question says → the words that a Japanese report uses.

A glossary is a tab-separated file (see corpus/README.md). Its forms are found in a question by longest
match over units: a Latin word is one unit, any other character is one.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retriever.errors import BadGlossary
from retriever.text import FUNCTION_WORDS, in_japanese_forms, normalise, singular, variants, words

COLUMNS = ("ja", "en", "zh", "aliases", "kind", "source")
KINDS = frozenset(
    "company person model product agency policy event place technology industry economy society everyday".split()
)
NAMES = frozenset("company person model product agency place".split())
"""Kinds of what is called so, and not otherwise."""
ALIAS_WEIGHT = 0.5
"""Of an alias against the form that reports use."""

_UNITS = re.compile(r"[A-Za-z0-9]+(?:[.&][A-Za-z0-9]+)*\+*|[^\s\W_]")
_ALNUM = re.compile(r"[A-Za-z0-9]")
_DOTTED = re.compile(r"\b(?:[A-Z]\.){2,}")
_POSSESSIVE = re.compile(r"(?<=[A-Za-z])['’]s?\b")
_RUN_ON = re.compile(r"[ァ-ヺー]")
_HAN = re.compile(r"[\u3400-\u9fff]")

Units = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept. `ja` is the form of Japanese reports; `source`: the documents it was met in, or `general`."""

    ja: str
    en: str
    zh: str
    aliases: tuple[str, ...] = ()
    kind: str = "technology"
    source: str = "general"

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.ja, self.en, self.zh, *self.aliases)))


@dataclass(frozen=True, eq=False)
class Meaning:
    """What a form may mean: `reports`, the forms that Japanese reports use for it; `others` that mean the same. The
    form itself is in neither. `kinds`: of all that it may mean. What is worked out of it is kept."""

    reports: tuple[str, ...]
    others: tuple[str, ...]
    kinds: frozenset[str]

    @cached_property
    def means(self) -> tuple[str, ...]:
        return self.reports + self.others

    @cached_property
    def is_name(self) -> bool:
        """Whatever it may mean is one."""
        return bool(self.kinds) and self.kinds <= NAMES

    @cached_property
    def terms(self) -> Mapping[str, float]:
        """The words of all that it means, those of the reports' forms first, with weights.

        The reports' own form counts 1, another one `ALIAS_WEIGHT`; the weight of a form is spread over its words.
        """
        weights: dict[str, float] = {}
        for form in self.means:
            own = _words(form)
            weight = (1.0 if form in self.reports else ALIAS_WEIGHT) / max(1, len(own)) ** 0.5
            _keep_greatest(weights, dict.fromkeys(own, weight))
        return weights


class Match(NamedTuple):
    """`form`: a stretch of a question that the glossary knows."""

    form: str
    meaning: Meaning

    @property
    def means(self) -> tuple[str, ...]:
        return self.meaning.means

    @property
    def kinds(self) -> frozenset[str]:
        return self.meaning.kinds

    @property
    def is_name(self) -> bool:
        return self.meaning.is_name


def read_glossary(path: Path) -> list[Entry]:
    """All rows of a file. Raises `BadGlossary`, naming file and line."""
    try:
        lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadGlossary(f"{path}: can't be read ({error}).") from error
    if tuple(lines[0].split("\t")) != COLUMNS:
        raise BadGlossary(f"{path}:1: the first line must name the columns {', '.join(COLUMNS)}, with tabs between.")
    return [_entry(f"{path}:{number}", line) for number, line in enumerate(lines[1:], start=2)]


def _entry(where: str, line: str) -> Entry:
    values = line.split("\t")
    if len(values) != len(COLUMNS):
        raise BadGlossary(f"{where}: {len(values)} columns instead of {len(COLUMNS)}: {line[:60]!r}.")
    ja, en, zh, aliases, kind, source = (value.strip() for value in values)
    if not (ja and en and zh and source):
        raise BadGlossary(f"{where}: ja, en, zh and source can't be empty: {line[:60]!r}.")
    if kind not in KINDS:
        raise BadGlossary(f"{where}: kind {kind!r} is unknown. Use one of {', '.join(sorted(KINDS))}.")
    return Entry(ja, en, zh, tuple(a for alias in aliases.split("|") if (a := alias.strip())), kind, source)


class _Singulars(dict[str, str]):
    """Unit as it stands in a text → in lower case and singular, each worked out once: for the forms of a glossary."""

    def __missing__(self, unit: str) -> str:
        self[unit] = singular(unit).lower()
        return self[unit]


def units(text: str) -> Units:
    """Latin words in lower case and singular, every other letter or digit alone."""
    return tuple(_unit(found) for found in _UNITS.findall(_without_possessives(normalise(text))))


@lru_cache(maxsize=16384)
def _unit(written: str) -> str:
    return singular(written).lower()


def units_of(lines: Sequence[str]) -> list[Units]:
    """The same for many lines in one go, seven times as fast: most of a glossary is in letters that stand alone."""
    if not lines:
        return []
    text = unicodedata.normalize("NFKC", "\n".join(lines)).translate(variants())
    singulars = _Singulars()
    return [
        tuple(map(singulars.__getitem__, line if line.isalnum() and not _ALNUM.search(line) else _UNITS.findall(line)))
        for line in _without_possessives(text).split("\n")
    ]


_known_units = lru_cache(maxsize=4096)(units)
"""Of the glossary's own forms, which come again and again."""


def _without_dots(found: re.Match[str]) -> str:
    """U.S. is US."""
    return found[0].replace(".", "").ljust(len(found[0]))


def _without_possessives(text: str) -> str:
    """Blanks in their place, so that what follows stays where it is."""
    return _POSSESSIVE.sub(lambda found: " " * len(found[0]), text)


class Glossary:
    """Entries, found by any of their forms; and names that documents gloss, where no entry has them."""

    def __init__(self, entries: Iterable[Entry] = (), names: Mapping[str, str] = MappingProxyType({})):
        """`names`: Latin form → Japanese name."""
        self._entries = dict(_by_form(tuple(entries)))
        for latin, name in names.items():
            # as an alias: what stands before a bracket isn't always the name of what stands in it
            entry = Entry(latin, latin, latin, aliases=(name,), source="mined")
            self._entries.setdefault(units(latin), [entry])
        self._lengths: dict[Units, list[int]] = {}
        for first, length in sorted({(key[:2], len(key)) for key in self._entries}, key=itemgetter(1), reverse=True):
            self._lengths.setdefault(first, []).append(length)
        self._meanings: dict[Units, Meaning] = {}

    def matches(self, question: str, language: str) -> list[Match]:
        """The longest known forms in a question, from left to right, none over another."""
        written = _DOTTED.sub(_without_dots, normalise(in_japanese_forms(question, language)))
        found = list(_UNITS.finditer(_without_possessives(written)))
        asked = tuple(_unit(one[0]) for one in found)
        matches: list[Match] = []
        start = 0
        while start < len(asked):
            length = self._longest(asked, start)
            if length and not self._cuts_name(asked, start, length):
                key = asked[start : start + length]
                form = written[found[start].start() : found[start + length - 1].end()]
                matches.append(Match(form, self._meaning(key)))
                start += length
            else:
                start += 1
        return matches

    def _cuts_name(self, asked: Units, start: int, length: int) -> bool:
        """Whether what is no name takes the beginning of one as long: 备案中小米 holds 小米, not 中小."""
        return any(
            length <= (longest := self._longest(asked, later))
            and self._meaning(asked[later : later + longest]).is_name
            and not self._meaning(asked[start : start + length]).is_name
            for later in range(start + 1, start + length)
        )

    def _meaning(self, key: Units) -> Meaning:
        """What a form means, worked out when it is first met."""
        if key not in self._meanings:
            self._meanings[key] = _meaning(self._entries[key], key)
        return self._meanings[key]

    def _longest(self, asked: Units, start: int) -> int:
        """Units of the longest known form that starts at a place, 0 where none does."""
        pair = asked[start : start + 2]
        for length in (*self._lengths.get(pair, ()), *self._lengths.get(pair[:1], ())):
            key = asked[start : start + length]
            if key in self._entries and _stands_alone(asked, start, start + len(key)):
                return 0 if len(key) == 1 and key[0] in FUNCTION_WORDS else len(key)
        return 0


@lru_cache(maxsize=1)
def _by_form(entries: tuple[Entry, ...]) -> Mapping[Units, list[Entry]]:
    """Entries by each of their forms. The same for every generation of an index, as long as the file is."""
    found: dict[Units, list[Entry]] = {}
    forms = list(_with_japanese_forms(entries))
    for (_, entry), key in zip(forms, units_of([form for form, _ in forms]), strict=True):
        known = found.setdefault(key, [])
        if not known or known[-1] is not entry:  # the forms of an entry come one after the other
            known.append(entry)
    return found


def _with_japanese_forms(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Every form of every entry, each followed by what it is in Japanese characters where that is another one."""
    forms = [(form, entry) for entry in entries for form in entry.forms]
    japanese = in_japanese_forms("\n".join(form for form, _ in forms), "zh").split("\n")
    for (form, entry), converted in zip(forms, japanese, strict=False):
        yield form, entry
        if converted != form:
            yield converted, entry


def expanded_terms(matches: Sequence[Match]) -> dict[str, float]:
    """Words of a Japanese report → weight, for all that was found in a question."""
    weights: dict[str, float] = {}
    for match in matches:
        _keep_greatest(weights, match.meaning.terms)
    return weights


def _keep_greatest(weights: dict[str, float], found: Mapping[str, float]) -> None:
    for term, weight in found.items():
        if weight > weights.get(term, 0.0):
            weights[term] = weight


def _stands_alone(asked: Units, start: int, end: int) -> bool:
    """A form isn't part of a longer katakana word, nor a lone kanji part of a compound."""
    before = asked[start - 1] if start else ""
    after = asked[end] if end < len(asked) else ""
    if end - start == 1 and _HAN.match(asked[start]):
        return not (_HAN.match(before) or _HAN.match(after))
    run_on_before = _RUN_ON.match(before) and _RUN_ON.match(asked[start])
    run_on_after = _RUN_ON.match(after) and _RUN_ON.match(asked[end - 1])
    return not (run_on_before or run_on_after)


def _meaning(entries: Sequence[Entry], key: Units) -> Meaning:
    reports = dict.fromkeys(entry.ja for entry in entries if _known_units(entry.ja) != key)
    others = dict.fromkeys(other for entry in entries for other in entry.forms if _known_units(other) != key)
    kinds = frozenset(entry.kind for entry in entries)
    return Meaning(tuple(reports), tuple(other for other in others if other not in reports), kinds)


@lru_cache(maxsize=4096)
def _words(form: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words(form)))
