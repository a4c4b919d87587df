"""Does a passage speak of those that a question names, or of others?"""

import re
import unicodedata

from api.evidence import REQUESTS, held_in
from retriever.glossary import Match
from retriever.search import Result, Retriever
from retriever.text import FUNCTION_WORDS

_NAME = re.compile(r"[ァ-ヶー]{3,}|\b(?=[A-Za-z0-9.+-]*[A-Z])[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]", re.ASCII)
_NO_NAMES = FUNCTION_WORDS | REQUESTS
_EXCLUSIVE = ("place", "company", "model", "product")
"""Kinds of names of which one doesn't stand for another."""


def names_in(question: str) -> list[str]:
    found = dict.fromkeys(_NAME.findall(unicodedata.normalize("NFKC", question)))
    return [name for name in found if name.lower() not in _NO_NAMES]


def absent_names(result: Result, held: frozenset[str]) -> list[str]:
    """Katakana and Latin names of a question that a text with these words holds in no form: 0 to all of them."""
    absent: list[str] = []
    for name in names_in(result.query):
        others = (other for m in result.matches if name in m.form or m.form in name for other in m.means)
        if not any(form and form <= held for form in map(held_in, (name, *others))):
            absent.append(name)
    return absent


def passed_over(result: Result, text: str, around: str, retriever: Retriever) -> list[str]:
    """The names that a question asks about, where a `text` names others of their kind and nothing `around` it has any
    of them: asked for Japan's companies, a passage tells those of China."""
    held = held_in(around)
    for kind in _EXCLUSIVE:
        asked = [match for match in result.matches if match.is_name and kind in match.kinds]
        if asked and not any(is_named(match, held) for match in asked):
            forms = {form for match in asked for form in (match.form, *match.means)}
            told = (match for match in retriever.matches(text, "ja") if match.is_name and kind in match.kinds)
            if any(match.form not in forms for match in told):
                return [match.form for match in asked]
    return []


def is_named(match: Match, held: frozenset[str]) -> bool:
    """Whether a text with these words has a name in any of its forms."""
    return any(form and form <= held for form in map(held_in, (match.form, *match.means)))
