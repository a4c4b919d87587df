"""Do the questions that were written for the passages found ask for the same as this one?

Some forty were written for each passage, about all that it tells. Where the one most like the question asks why, and
the question who, or names another company or year, the passage tells of the same thing, but not what is asked.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from api.answers.aspects import aspect_of
from api.answers.mentions import passed_over
from api.answers.needs import rarity
from api.answers.periods import years_in
from api.answers.reading import Reader
from api.answers.selection import Ranked
from retriever.records import Asked
from retriever.search import Result

LOOKED_AT, IN_ITS_LANGUAGE = 30, 10
"""Of the written questions, most like the asked one first."""
_NEAREST = 3
_RAREST = 6.0
"""About the rarity of a word that no question has."""


class Agreement(NamedTuple):
    """`likest`: the greatest cosine; `near`: the mean of the three greatest; `asks_other`: how far below the greatest
    the likest one lies that asks for the same, of the same, in the same year. Of those in its language: `unasked`, the
    rarity of the rarest word of the question that none has; `asked_share`, the most of its words' rarity that one
    has; `asked_both`, the same and the share of that one's words that it has, in their harmonic mean.
    """

    likest: float = 0.0
    near: float = 0.0
    asks_other: float = 0.0
    unasked: float = 0.0
    asked_share: float = 0.0
    asked_both: float = 0.0


def agreement(result: Result, ranked: Ranked, reader: Reader) -> Agreement:
    """All 0 where no questions were written for the passage of the best sentence."""
    best = ranked.candidates[int(ranked.scores.argmax())].hit
    if not reader.read(best).written.asked:
        return Agreement()
    asked = [question for reading in ranked.readings for question in reading.written.asked]
    words = [words for reading in ranked.readings for words in reading.written.words]
    order = (-ranked.like).argsort(kind="stable").tolist()
    top = [max(0.0, float(ranked.like[i])) for i in order[:_NEAREST]]
    same = _likest_of_same(result, reader, [(asked[i], words[i]) for i in order[:LOOKED_AT]])
    agreeing = 0.0 if same is None else max(0.0, float(ranked.like[order[same]]))
    own = [frozenset(words[i]) for i in order if asked[i].language == result.language][:IN_ITS_LANGUAGE]
    return Agreement(top[0], float(np.mean(top)), top[0] - agreeing, *_shared(result, reader, own))


def _likest_of_same(result: Result, reader: Reader, questions: Sequence[tuple[Asked, Sequence[str]]]) -> int | None:
    aspect, years = aspect_of(result.query), years_in(result.query)
    names = any(match.is_name for match in result.matches)
    for i, (question, words) in enumerate(questions):
        if aspect_of(question.text) != aspect:
            continue
        told = years_in(question.text) if years else frozenset()
        if told and not told & years:
            continue
        matches = reader.matches(question.text, question.language) if names else ()
        if not passed_over(result.matches, matches, frozenset(words)):
            return i
    return None


def _shared(result: Result, reader: Reader, questions: Sequence[frozenset[str]]) -> tuple[float, float, float]:
    """See `Agreement`."""
    passages = max(1, reader.index.passages)
    weights = {word: rarity(passages, reader.frequency(word, "asked_words")) for word in result.terms["words"]}
    total = sum(weights.values()) or 1.0
    known = frozenset[str]().union(*questions)
    unasked = max((weight for word, weight in weights.items() if word not in known), default=0.0) / _RAREST
    shares = [sum(weights[word] for word in weights.keys() & words) / total for words in questions]
    back = [len(weights.keys() & words) / len(words) if words else 0.0 for words in questions]
    both = [2 * share * own / (share + own) if share else 0.0 for share, own in zip(shares, back, strict=True)]
    return unasked, max(shares, default=0.0), max(both, default=0.0)
