"""The figure, date, name or term that a question asks for, out of the sentences that answer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.answers.candidates import Candidate, Part
from api.answers.expected import Expected
from api.answers.needs import Needs
from api.answers.twins import Twin
from api.answers.values import Value, values_in
from api.citations.quotes import Quote, mapped, quote
from retriever.records import Span

CLOSE = 0.6
"""Least cosine to a written question at which its short answer is taken over."""


LEAST_SAID = 0.1
"""Least share of the question's weight in the clause of a figure, else it counts something else."""
NAMED = 0.5
"""What a clause that has the names asked for is worth beside its other words."""


OfOthers = Callable[[str, str], bool]
"""Whether a text in a language is about others than those that a question names."""


@dataclass(frozen=True, slots=True)
class Short:
    """`sentence`: its place among the chosen ones."""

    sentence: int
    quote: Quote


def short_answer(
    chosen: Sequence[Candidate], twins: Sequence[Twin], needs: Needs, is_of_others: OfOthers
) -> Short | None:
    """The best of the sentences `chosen`, best first, with their `twins`; none where no single thing is asked for."""
    found = [
        (twin.likeness, i)
        for i, twin in enumerate(twins)
        if twin.asked and twin.asked.short and not is_of_others(twin.asked.text, twin.asked.language)
    ]
    for likeness, i in sorted(found, reverse=True):
        asked = twins[i].asked
        known = _at(chosen[i], asked.short) if asked else None
        if likeness >= CLOSE and known and _fits(known.text, needs.expected):
            return Short(i, known)
    for i, candidate in enumerate(chosen):
        told = _best_value(candidate, needs, is_of_others)
        if told.value and told.part and told.said >= LEAST_SAID:
            shown = mapped(told.part.text, told.part.spans, candidate.hit.document)
            return Short(i, quote(shown.slice(told.value.start, told.value.end), candidate.hit.document))
    return None


def _fits(text: str, asked: Expected) -> bool:
    """Whether a short answer is of a kind that the question asks for, as far as one can tell."""
    values = values_in(text)
    if not asked.kinds:
        return not any(value.kind != "person" and value.text == text for value in values)
    return asked.kinds == ("person",) or any(value.kind in asked.kinds for value in values)


def _at(candidate: Candidate, spans: Sequence[Span]) -> Quote | None:
    """What a candidate shows of some spans of its source."""
    for part in (part for part in candidate.parts if part.is_quote):
        shown = mapped(part.text, part.spans, candidate.hit.document)
        inside = [i for i, place in enumerate(shown.offsets) if any(start <= place < end for start, end in spans)]
        if inside:
            return quote(shown.slice(inside[0], inside[-1] + 1), candidate.hit.document)
    return None


class _Told(NamedTuple):
    """A value with its part of a sentence, and the share of the question that its clause says."""

    said: float
    value: Value | None = None
    part: Part | None = None


def _best_value(candidate: Candidate, needs: Needs, is_of_others: OfOthers) -> _Told:
    """The fitting value whose clause says most of what was asked; one that is told of others says nothing of it."""
    told = candidate.row.told if needs.expected.kinds else ()
    fitting = [i for i, (value, _, _) in enumerate(told) if needs.expected.fit(value)]
    if not fitting:
        return _Told(0.0)
    held = needs.held(candidate.row.told_terms)
    said = needs.coverage(held) + NAMED * needs.naming(needs.met(held))
    worth = {i: 0.0 if is_of_others(told[i][2], "ja") else float(said[i]) for i in fitting}
    best = max(worth, key=worth.__getitem__)
    value, part, _ = told[best]
    return _Told(worth[best], value, part)
