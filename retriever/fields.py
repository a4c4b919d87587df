"""What of a passage is matched, field by field."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from retriever.postings import Run, invert
from retriever.records import Asked, Document, Passage
from retriever.text import bigrams, in_japanese_forms, words

FIELDS = ("words", "bigrams", "headings", "asked_words", "asked_bigrams")
"""Content words, character bigrams, the words of title, section names and date, and the words and bigrams of the
questions that were written for the passage. A field's number is its place here."""

Texts = tuple[str, str, tuple[tuple[str, str], ...]]
"""A passage's text, its headings, and (language, text) of the questions written for it."""


def texts_of(document: Document, passage: Passage, asked: Sequence[Asked]) -> Texts:
    headings = " ".join(dict.fromkeys((document.title, *passage.section, written_date(document.published))))
    return passage.text, headings, tuple((question.language, question.text) for question in asked)


class Inverted(NamedTuple):
    """The postings of some passages in the order of `FIELDS`; `asked_words[i]`: of each question written for i."""

    runs: tuple[Run, ...]
    asked_words: list[list[list[str]]]


class Matched(NamedTuple):
    """A passage's terms in the order of `FIELDS`; `asked_words`: of each question that was written for it."""

    fields: tuple[Sequence[str], ...]
    asked_words: list[list[str]]


def terms_of(texts: Texts) -> Matched:
    text, headings, asked = texts
    questions = [in_japanese_forms(question, language) for language, question in asked]
    asked_words = list(map(words, questions))
    pairs = list(chain(*map(bigrams, questions)))
    return Matched((words(text), bigrams(text), _headings(headings), list(chain(*asked_words)), pairs), asked_words)


def invert_fields(passages: Sequence[Texts]) -> Inverted:
    found = list(map(terms_of, passages))
    runs = (invert(number, [matched.fields[number] for matched in found]) for number in range(len(FIELDS)))
    return Inverted(tuple(runs), [matched.asked_words for matched in found])


@lru_cache(maxsize=1024)
def _headings(headings: str) -> tuple[str, ...]:
    """A section's passages share them."""
    return tuple(words(headings))


def written_date(published: str | None) -> str:
    """2025-09-25 → 2025年9月25日, at the precision that is known."""
    parts = (published or "").split("-")
    return "".join(f"{int(part)}{unit}" for part, unit in zip(parts, "年月日", strict=False) if part)


def embedding_text(passage: Passage) -> str:
    """What of a passage is embedded: its section names give a bare row or bullet its subject."""
    return " ".join((*passage.section, passage.text))
