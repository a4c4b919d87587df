"""Where sources tell the same measure differently: both are told, none is settled on."""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from api.answers.candidates import Candidate
from api.answers.expected import FIGURES
from api.answers.measure import Asked, Told, counted, same_measure, told_in
from api.answers.needs import Needs
from api.answers.periods import periods_in
from api.answers.reading import Reader
from api.answers.sources import Line, place_of
from api.answers.twins import Twin
from retriever.search import Hit


class Beside(NamedTuple):
    """`differing`: the figures of one measure and time that contradict the first of them. `series`: figures of the
    measure that other documents tell for other times. Both empty as a rule."""

    differing: tuple[Told, ...] = ()
    series: tuple[Told, ...] = ()


def told_beside(
    question: str, chosen: Sequence[Candidate], hits: Iterable[Hit], needs: Needs, reader: Reader
) -> Beside:
    """What the sentences of some hits tell beside an answer's sentences `chosen`, best first."""
    wanted = set(needs.expected.kinds) & set(FIGURES)
    if not (wanted and chosen):
        return Beside()
    years, asked = {period.year for period in periods_in(question)}, counted(needs)
    answers = [told for c in chosen if (told := told_in(c, wanted, asked)) and _is_of(told, years)]
    if not answers:
        return Beside()
    known = {place_of(candidate) for candidate in chosen}
    others = (c for hit in hits for c in reader.candidates(hit) if place_of(c) not in known)
    every = [*answers, *(told for c in others if (told := told_in(c, wanted, asked)))]
    for one in answers:
        if found := _apart(other for other in every if _contradict(one, other, asked)):
            return Beside((one, *found))
    return Beside() if years else Beside(series=tuple(_at_other_times(answers[0], every, asked)))


def joined(lines: Sequence[Line], told: Beside) -> list[Line]:
    """The best line, those with the figures that are told beside, then the others."""
    twins = {place_of(line.candidate): line.twin for line in lines}
    candidates = [one.candidate for one in (*told.differing, *told.series)]
    added = [Line(candidate, twins.get(place_of(candidate), Twin(0.0, 0.0, 0.0))) for candidate in candidates]
    return list({place_of(line.candidate): line for line in (*lines[:1], *added, *lines)}.values())


def _is_of(told: Told, years: Set[int]) -> bool:
    """Whether a figure is of a year that is asked about."""
    return not years or (told.when is not None and told.when.year in years)


def _apart(found: Iterable[Told]) -> list[Told]:
    """One of those that tell the same."""
    kept: list[Told] = []
    for told in found:
        if not any(told.amount.agrees_with(known.amount) for known in kept):
            kept.append(told)
    return kept


def _at_other_times(one: Told, every: Sequence[Told], asked: Asked) -> list[Told]:
    """The same measure at other times that are named, one from each other document."""
    found = {
        other.candidate.hit.document.doc_id: other
        for other in reversed(every)
        if other.candidate.hit.document.doc_id != one.candidate.hit.document.doc_id
        and one.period
        and other.period
        and not one.period.meets(other.period)
        and same_measure(one, other, asked)
    }
    return list(found.values())


def _contradict(one: Told, other: Told, asked: Asked) -> bool:
    return (
        not one.amount.agrees_with(other.amount)
        and (one.when.meets(other.when) if one.when and other.when else one.when == other.when)
        and same_measure(one, other, asked)
    )
