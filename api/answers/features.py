"""What speaks for an answer and what against it: the features that its confidence is reckoned from."""

from collections.abc import Collection, Set

from api.answers.agreement import agreement
from api.answers.candidates import Candidate
from api.answers.evidence import ARMS
from api.answers.mentions import passed_over
from api.answers.needs import Needs, rarity
from api.answers.reading import Reader, words_in
from api.answers.selection import Ranked
from retriever.search import Result

_SCALES = {"headings": 30, "asked_bigrams": 100}
"""Brings BM25 scores near to 1, so that the weights learnt for all evidence are of one size."""


def evidence_of(result: Result, ranked: Ranked, needs: Needs, reader: Reader, of_another: bool) -> dict[str, float]:
    """By the names of `evidence.FEATURES`; those of the best sentence with its headings, where nothing else is
    said. `rarest`: of the words that neither it nor its twin holds, 0 to 1; `alike`: how much of the twin was asked;
    `new`: that no questions were written for its passage."""
    best = int(ranked.scores.argmax())
    twin = ranked.twins.of(best)
    held = ranked.held[:, [best]]
    either = held if twin.asked is None else held | ranked.asked_held[:, [twin.number]]
    absent, unmet = needs.absent(ranked.all_met), needs.unmet(needs.met(either))
    return {
        **{arm: max(hit.scores.get(arm, 0.0) for hit in result.hits) / _SCALES.get(arm, 1) for arm in ARMS},
        "best": float(ranked.scores[best]) / 10,
        "alike": _share(frozenset(ranked.asked_words[twin.number]) if twin.asked else (), needs.words),
        "lacks_value": float(ranked.feature("lacks_value")[best]),
        "wrong_year": float(ranked.feature("wrong_year")[best]),
        "rarest": max((need.weight for need in unmet), default=0.0) / rarity(reader.index.passages, 0),
        "missing": needs.unmet_share(ranked.all_met),
        "another_name": float(of_another),
        "unheard_name": len(absent) / max(1, len(needs.names)),
        "unknown": len(needs.unknown) / max(1, len(needs.needs) + len(needs.unknown)),
        **agreement(result, ranked, reader)._asdict(),
        "new": float(not reader.read(ranked.candidates[best].hit).written.asked),
        "constant": 1.0,
    }


def _share(words: Collection[str], known: Set[str]) -> float:
    """Of some words that are known; a half where there are none."""
    return sum(word in known for word in words) / len(words) if words else 0.5


def names_passed_over(result: Result, candidate: Candidate, reader: Reader, needs: Needs) -> list[str]:
    """The names that a question asks about, and that the candidate's passage passes over for others."""
    if not any(match.is_name for match in result.matches):
        return []
    reading = reader.read(candidate.hit)
    told = reader.matches(" ".join((reading.document.title, *reading.passage.section, candidate.text)))
    around = reading.words_around | reading.words_asked
    found = passed_over(result.matches, told, around, bool(needs.expected.kinds))
    if found and (before := reader.read_before(candidate.hit)):  # there a subject may have its name
        found = passed_over(result.matches, told, around | before.words_around, bool(needs.expected.kinds))
    return found


def is_of_others(result: Result, reader: Reader, text: str, language: str) -> bool:
    """Whether a clause, or a written question, is about others than those that are asked about."""
    if not any(match.is_name for match in result.matches):
        return False
    return bool(passed_over(result.matches, reader.matches(text, language), words_in(text, language)))
