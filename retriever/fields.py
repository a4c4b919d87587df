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
questions that were written for the passage."""

Texts = tuple[str, str, tuple[tuple[str, str], ...]]
"""A passage's text, its headings, and (language, text) of the questions written for it."""


def texts_of(document: Document, passage: Passage, asked: Sequence[Asked]) -> Texts:
    headings = " ".join(dict.fromkeys((document.title, *passage.section, written_date(document.published))))
    return passage.text, headings, tuple((question.language, question.text) for question in asked)


class Inverted(NamedTuple):
    """The postings of some passages in the order of `FIELDS`; `asked_words[i]`: of each question written for i."""

    runs: tuple[Run, ...]
    asked_words: list[list[list[str]]]


def invert_fields(passages: Sequence[Texts]) -> Inverted:
    questions = [[in_japanese_forms(text, language) for language, text in asked] for _, _, asked in passages]
    asked_words = [list(map(words, own)) for own in questions]
    runs = (
        invert([words(text) for text, _, _ in passages]),
        invert([bigrams(text) for text, _, _ in passages]),
        invert([_headings(headings) for _, headings, _ in passages]),
        invert([list(chain(*own)) for own in asked_words]),
        invert([list(chain(*map(bigrams, own))) for own in questions]),
    )
    return Inverted(runs, asked_words)


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
