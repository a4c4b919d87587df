"""What the figures of a sentence say: how much, of what, and for which time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from api.answers.amounts import Amount, amount_of
from api.answers.expected import FIGURES
from api.answers.periods import Period, is_relative, periods_in
from api.answers.values import Value
from api.citations.terms import held_in
from retriever.records import Span

_SOURCE = re.compile(r"(?:による|によれ|の(?:統計|調査|推計|報告|発表|集計)で|が(?:発表|公表)した)")
_HIGHER = re.compile(r"(?:約|およそ|ほぼ)?(?:[0-9０-９][0-9０-９,，.．]*[百千]?[兆億亿万])+$")
_SUBJECT = re.compile(r"[はがも]|における")
_TOPIC = re.compile(r"[はがも]|における|の")
_STATES = re.compile(r"[はがも：:]")
"""A line of a chart (英国 20.29%) doesn't say what it counts: what it stands under does."""
_BEFORE = re.compile(
    r"(?:[はがもでにを：:の約]|およそ|ほぼ|累計|合計|計|(?:令和|平成)?[0-9０-９]{1,4}年(?:度|末)?(?:[0-9０-９]{1,2}月)?末?(?:時点)?)+$"
)
_ORNAMENTS = " 　・•-👉"
_ENDS = "、。；;，（）()"


@dataclass(frozen=True, slots=True)
class Statement:
    """A figure and what is said of it. `scope`: the words around it that say what it counts; `words`: those, and
    what stands over the sentence; `measure`: those in front of it, as they stand there; `period` that the sentence
    or its heading names, if any."""

    value: Value
    amount: Amount
    scope: str
    words: frozenset[str]
    measure: str
    period: Period | None


def statements_in(
    text: str, values: Sequence[Value], quoted: Sequence[Span], title: str, section: Sequence[str]
) -> Iterator[Statement]:
    """Of a sentence or row with its `values`; `quoted`: which stretches of it stand in its source."""
    for value in (_whole(text, value) for value in values if value.kind in FIGURES):
        if not any(start <= value.start and value.end <= end for start, end in quoted):
            continue
        amount, scope = amount_of(value, text), _scope(text, value, values)
        if amount and _STATES.search(scope) and not is_relative(scope):
            held = held_in(" ".join((scope, title, *section)))
            period = _period(value, scope, text, section)
            yield Statement(value, amount, scope, held, _measure(text, value), period)


def _whole(text: str, value: Value) -> Value:
    """With the 1万 in front of 4,000台."""
    start = value.start - len(found[0]) if (found := _HIGHER.search(text[: value.start])) else value.start
    return Value(value.kind, text[start : value.end], start, value.end)


def _clauses(text: str) -> list[tuple[int, int]]:
    ends = [-1, *(i for i, character in enumerate(text) if character in _ENDS), len(text)]
    return [(a + 1, b) for a, b in pairwise(ends) if a + 1 < b]


def _scope(text: str, value: Value, values: Sequence[Value]) -> str:
    """The clause of a figure. Where it names no subject, with those before it, back to another figure, and with those
    that open the sentence, up to its first figure."""
    clauses = _clauses(text)
    own = next((c for c in clauses if c[0] <= value.start < c[1]), (0, len(text)))
    if _SUBJECT.search(text[own[0] : value.start]):
        return text[own[0] : own[1]]
    before = [(start, end) for start, end in clauses if start < own[0]]
    figures = [v.start for v in values if v.kind in FIGURES]
    bare = [not any(start <= figure < end for figure in figures) for start, end in before]
    opening = next((n for n, is_bare in enumerate(bare) if not is_bare), len(bare))
    leading = next((n for n, is_bare in enumerate(reversed(bare)) if not is_bare), len(bare))
    kept = [c for n, c in enumerate(before) if n < opening or n >= len(before) - leading]
    told = [text[start:end] for start, end in kept if not _SOURCE.search(text[start:end])]
    return "、".join([*told, text[own[0] : own[1]]])


def _measure(text: str, value: Value) -> str:
    """What stands before a figure: 「中国のAIコア産業の規模」."""
    clauses = [text[a : min(b, value.start)] for a, b in _clauses(text) if a < value.start]
    named = [c for c in clauses if not _SOURCE.search(c) and _TOPIC.search(c)] or clauses
    return _BEFORE.sub("", named[-1]).strip(_ORNAMENTS) if named else ""


def _period(value: Value, scope: str, text: str, section: Sequence[str]) -> Period | None:
    """The last that is named before a figure in its scope, or the first after it; else the only one of its sentence
    or of a heading over it."""
    before, _, after = scope.partition(value.text)
    if beside := periods_in(before)[::-1] or periods_in(after):
        return beside[0]
    for around in (text, *reversed(section)):
        if found := set(periods_in(around)):
            return found.pop() if len(found) == 1 else None
    return None
