"""Do the questions that were written for the passages found ask for the same as this one?

Some forty were written for each passage, about all that it tells. Where the one most like the question asks why, and
the question who, or names another company or year, the passage tells of the same thing, but not what is asked.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from api.answers.aspects import asks_same
from api.answers.mentions import passed_over
from api.answers.needs import rarity
from api.answers.reading import Reader
from api.answers.selection import Ranked
from retriever.records import LANGUAGES, Asked
from retriever.search import Result

_LOOKED_AT = 30
"""Written questions, the most like first, among which one that asks for the same is looked for."""
_NEAREST = 10
"""Those in the question's language whose words are compared with its own."""


class Agreement(NamedTuple):
    """`likest`: the greatest cosine of a written question; `crowded`: the mean of the three greatest against it;
    `asks_other`: how far below it the likest one lies that asks for the same thing of no one else and of no other
    year, all of it where none does.

    Of the ten nearest in the question's language: `unasked`, how rare the rarest word is that none of them has, 0 to 1;
    `asked_both`, the most that one shares with it: the share of the question's words by rarity, and of its own, in
    their harmonic mean; `asked_own`: the share of that one's words that the question has.
    """

    likest: float = 0.0
    crowded: float = 0.0
    asks_other: float = 0.0
    unasked: float = 0.0
    asked_both: float = 0.0
    asked_own: float = 0.0


def agreement(result: Result, ranked: Ranked, reader: Reader) -> Agreement:
    """All 0 where no questions were written for the passage of the best sentence."""
    best = ranked.candidates[int(ranked.scores.argmax())].hit
    if not reader.read(best).written.asked:
        return Agreement()
    order = (-ranked.like).argsort(kind="stable").tolist()
    top = [max(0.0, float(ranked.like[i])) for i in order[:3]]
    agreeing = (
        max(0.0, float(ranked.like[i]))
        for i in order[:_LOOKED_AT]
        if asks_same(result.query, ranked.asked[i].text)
        and not _is_of_others(result, reader, ranked.asked[i], ranked.asked_words[i])
    )
    likest_same = next(agreeing, 0.0)
    own = (i for i in order if result.language not in LANGUAGES or ranked.asked[i].language == result.language)
    words = [frozenset(ranked.asked_words[i]) for i in islice(own, _NEAREST)]
    return Agreement(
        top[0], sum(top) / len(top) / (top[0] or 1.0), top[0] - likest_same, *_shared(result, reader, words)
    )


def _is_of_others(result: Result, reader: Reader, question: Asked, words: Sequence[str]) -> bool:
    if not any(match.is_name for match in result.matches):
        return False
    return bool(passed_over(result.matches, reader.matches(question.text, question.language), frozenset(words)))


def _shared(result: Result, reader: Reader, questions: Sequence[frozenset[str]]) -> tuple[float, float, float]:
    """See `Agreement`. Rare are words among the passages that questions were written for, however many others come."""
    passages = reader.index.asked_passages
    weights = {word: rarity(passages, reader.weigher.frequency(word, "asked_words")) for word in result.terms["words"]}
    known = frozenset[str]().union(*questions)
    unasked = max((weight for word, weight in weights.items() if word not in known), default=0.0)
    both, own = max((_overlap(weights, words) for words in questions), default=(0.0, 0.0))
    return unasked / rarity(passages, 0), both, own


def _overlap(weights: dict[str, float], words: frozenset[str]) -> tuple[float, float]:
    shared = weights.keys() & words
    if not shared:
        return 0.0, 0.0
    share, own = sum(weights[word] for word in shared) / sum(weights.values()), len(shared) / len(words)
    return 2 * share * own / (share + own), own
