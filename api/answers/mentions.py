"""Does a passage speak of those that a question names, or of others?"""

import re
import unicodedata
from collections.abc import Iterable, Set

from api.citations.terms import held_in_form
from retriever.glossary import Match
from retriever.text import FUNCTION_WORDS

REQUESTS = frozenset("tell explain please describe give show list me 多大 多高 多長 多遠".split())
"""What a question in English or Chinese asks with. No function words: 多大 says something in Japanese."""
_NAME = re.compile(r"[ァ-ヶー]{3,}|\b(?=[A-Za-z0-9.+-]*[A-Z])[A-Za-z][A-Za-z0-9.+-]*[A-Za-z0-9]", re.ASCII)
_NO_NAMES = FUNCTION_WORDS | REQUESTS
EACH_ITS_OWN = ("company", "model", "product")
"""Kinds of names that the rows of a table are about, one row of one, the next of another."""
_EXCLUSIVE = ("place", *EACH_ITS_OWN)
"""Kinds of names of which one doesn't stand for another."""


def names_in(question: str) -> list[str]:
    found = dict.fromkeys(_NAME.findall(unicodedata.normalize("NFKC", question)))
    return [name for name in found if name.lower() not in _NO_NAMES]


def passed_over(asked: Iterable[Match], told: Iterable[Match], around: Set[str], value: bool = False) -> list[str]:
    """The names that a question asks about, where a text tells others of their kind and the words `around` it have
    none of them: asked for Japan's companies, a passage tells those of China. With `value`, a figure or date is asked
    for: it is somebody's, so that a text which never names them can't tell it."""
    names, others = ([match for match in matches if match.is_name] for matches in (asked, told))
    for kind in _EXCLUSIVE:
        wanted = [match for match in names if kind in match.kinds]
        if wanted and not any(is_named(match, around) for match in wanted):
            forms = {form for match in wanted for form in (match.form, *match.means)}
            tells_others = any(kind in match.kinds and match.form not in forms for match in others)
            if tells_others or (value and kind != "place"):  # reports on China needn't say so
                return [match.form for match in wanted]
    return []


def is_named(match: Match, held: Set[str]) -> bool:
    """Whether a text with these words has a name in any of its forms."""
    return any(form and form <= held for form in map(held_in_form, (match.form, *match.means)))
