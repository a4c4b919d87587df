"""Does a passage say what a sentence says that cites it? Checked without a network, strictly: what can't be told counts
as not supported.

Figures and dates must agree, names must be there in some form, so must a negation, and rises may not become falls;
of the words, most must be covered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from api.answers.candidates import Candidate, split_hit
from api.answers.needs import Needs, Weigher, needs_of
from api.answers.orders import is_order
from api.answers.polarity import is_denied, is_turned
from api.citations.figures import Figure, figures_in, is_rounded, same
from api.citations.terms import held_in
from retriever.glossary import Match
from retriever.search import Hit, Result, Retriever, query_terms
from retriever.text import normalise, proper_names

LEAST_COVERED = {"ja": 0.42, "en": 0.42, "zh": 0.22}
"""Least share of a sentence's weight that its evidence must hold. Of Chinese much is covered by bigrams only."""
LEAST_LIKE = 0.35
"""Least cosine of a sentence and the best sentence of its evidence."""
MOST_SENTENCES = 3
_LEAST_GAIN = 0.08
MISPLACED = 0.1
"""So much more like a sentence's clause another figure's clause must be."""
_CLAUSE = re.compile(r"[^、，,；;。]+(?:,(?=[0-9])[^、，,；;。]+)*")
_LATIN_NAME = re.compile(
    r"(?<=[^.!?\s] )[A-Z][A-Za-z0-9]*(?:[-+.][A-Za-z0-9]+)*"
    r"|\b[A-Za-z0-9]*(?:[A-Z][A-Za-z0-9-]*[A-Z0-9]|[a-z][A-Z])[A-Za-z0-9]*"
)
"""Capitals within a sentence, and whatever has two or a figure: the first word is no name for its capital alone."""
_NO_NAMES = frozenset(
    "January February March April May June July August September October November December "
    "AI IT GPU CPU CEO CTO LLM API President Chairman Minister Vice Professor Director Chief Deputy Dr Mr Ms".split()
)
_ALWAYS_NAMED = ("%", "ポイント", "月", "日")
_YEARS = range(1950, 2051)
_SMALL = "一二三四五六七八九十"
_REPORT = re.compile(r"報告|レポート|資料|记事|報道|报告|报道|\breport", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`evidence`: the sentences and rows that a sentence rests on; `faults`: what of it they don't say."""

    evidence: tuple[Candidate, ...]
    faults: tuple[str, ...]


def check(sentence: str, language: str, cited: Sequence[Hit], retriever: Retriever) -> Verdict:
    """An order is never supported. Where several documents are cited, what some of them say alone is theirs; else each
    clause must be one document's: a subject from one and a figure from another make a sentence that neither says."""
    if is_order(sentence):
        return Verdict((), ("order",))
    documents = dict.fromkeys(hit.document.doc_id for hit in cited)
    apart = [[hit for hit in cited if hit.document.doc_id == doc_id] for doc_id in documents]
    if len(apart) < 2:
        return _check(sentence, language, cited, retriever)
    alone = [verdict for hits in apart if not (verdict := _check(sentence, language, hits, retriever)).faults]
    if alone:
        return Verdict(tuple(candidate for verdict in alone for candidate in verdict.evidence), ())
    found = _check(sentence, language, cited, retriever)
    clauses = [clause for clause in _CLAUSE.findall(sentence) if any(c.isalnum() for c in clause)]
    torn = any(all(_check(clause, language, hits, retriever).faults for hits in apart) for clause in clauses)
    return Verdict(found.evidence, (*found.faults, "documents") if torn else found.faults)


def _check(sentence: str, language: str, cited: Sequence[Hit], retriever: Retriever) -> Verdict:
    candidates = [candidate for hit in cited for candidate in split_hit(hit)]
    if not candidates:
        return Verdict((), ("citation",))
    matches = retriever.matches(sentence, language)
    terms = query_terms(sentence, language, matches)
    vector = retriever.embedder.encode_queries([sentence])[0]
    asked = Result(sentence, language, "lexical", retriever.index.generation, terms, matches, vector, tuple(cited))
    needs = needs_of(asked, Weigher(retriever))
    like = _likeness(vector, [candidate.text for candidate in candidates], retriever)
    places = _evidence(sentence, needs, candidates, like)
    evidence = tuple(candidates[i] for i in places)
    words = " ".join(_with_headings(candidate) for candidate in evidence)
    whole = " ".join(f"{words} {hit.passage.text}" for hit in cited)
    clause = _nearest_clause(sentence, evidence, retriever)
    denied = is_denied(sentence, language)
    found = {
        "terms": needs.coverage_of(words) < LEAST_COVERED.get(language, 0.5) or like[places].max() < LEAST_LIKE,
        "figure": bool(_unsaid(figures_in(sentence), _with_figures(sentence, evidence))),
        "place": _is_misplaced(sentence, evidence, retriever),
        "name": _is_misnamed(asked, words, whole, retriever),
        "negation": is_denied(clause, "ja") if not denied else not is_denied(words, "ja"),
        "direction": is_turned(sentence, clause),
    }
    return Verdict(evidence, tuple(name for name, is_wrong in found.items() if is_wrong))


def _likeness(vector: NDArray[np.float32], texts: Sequence[str], retriever: Retriever) -> NDArray[np.float32]:
    """Cosines (T,)."""
    like: NDArray[np.float32] = retriever.embedder.encode_passages(list(texts)) @ vector
    return like


def _evidence(sentence: str, needs: Needs, candidates: Sequence[Candidate], like: NDArray[np.float32]) -> list[int]:
    """The fewest candidates that hold what the sentence says: the best one, then what adds words or figures."""
    said = figures_in(sentence)

    def worth(chosen: list[int]) -> float:
        text = " ".join(_with_headings(candidates[i]) for i in chosen)
        lost = len(_unsaid(said, text)) / max(1, len(said))
        return needs.coverage_of(text) + float(like[chosen].max()) - lost

    chosen: list[int] = []
    while len(chosen) < min(MOST_SENTENCES, len(candidates)):
        left = (i for i in range(len(candidates)) if i not in chosen)
        best = max(left, key=lambda i: worth([*chosen, i]))
        if chosen and worth([*chosen, best]) < worth(chosen) + _LEAST_GAIN:
            break
        chosen.append(best)
    return sorted(chosen, key=lambda i: (candidates[i].hit.rank, candidates[i].quote.spans[0]))


def _unsaid(said: Sequence[Figure], text: str) -> list[Figure]:
    """The figures that a text doesn't hold, also not to more digits. 三大 and 二本 count for small ones."""
    held = figures_in(text)
    small = {Decimal(_SMALL.index(character) + 1) for character in text if character in _SMALL}
    return [f for f in said if not (any(_agree(f, other) for other in held) or (not f.unit and f.value in small))]


def _agree(said: Figure, held: Figure) -> bool:
    """A share, a month or a day is one only where the evidence calls it so: 12 may be a row's number."""
    if said.unit in _ALWAYS_NAMED and said.unit != held.unit:
        return False
    units = said.unit == held.unit or not (said.unit and held.unit)
    return same(said, held) or (units and is_rounded(said.value, held.value))


def _unit(figure: Figure) -> str:
    """A bare 2023 is a year."""
    return figure.unit or ("年" if figure.value in _YEARS else "")


def _with_headings(candidate: Candidate) -> str:
    return " ".join((candidate.hit.document.title, *candidate.hit.passage.section, candidate.text))


def _with_figures(sentence: str, evidence: Sequence[Candidate]) -> str:
    """Where its figures may stand; the date of a report only where the sentence speaks of a report."""
    texts = [text for candidate in evidence for text in (*candidate.hit.passage.section, candidate.text)]
    if _REPORT.search(sentence):
        texts += [f"{c.hit.document.title} {(c.hit.document.published or '').replace('-', '年')}月" for c in evidence]
    return "\n".join(texts)


def _is_misplaced(sentence: str, evidence: Sequence[Candidate], retriever: Retriever) -> bool:
    """Whether a figure stands with something else in the evidence: its clause is less like the sentence's clause than
    one with another figure of its kind."""
    clauses = [clause for c in evidence for clause in _CLAUSE.findall(c.text)]
    held = [figures_in(clause) for clause in clauses]
    for said in _CLAUSE.findall(sentence):
        for figure in figures_in(said):
            own = [i for i, found in enumerate(held) if any(_agree(figure, other) for other in found)]
            rest = [i for i, found in enumerate(held) if i not in own and _unit(figure) in map(_unit, found)]
            if own and rest:
                vector = retriever.embedder.encode_queries([said])[0]
                like = _likeness(vector, [clauses[i] for i in (*own, *rest)], retriever)
                if like[: len(own)].max() < like[len(own) :].max() - MISPLACED:
                    return True
    return False


def _is_misnamed(asked: Result, words: str, whole: str, retriever: Retriever) -> bool:
    """Whether a name of the sentence is nowhere in the passages; or only elsewhere in them, and the evidence speaks of
    another of its kind. A Japanese subject goes unsaid where it is known, so elsewhere alone is no fault."""
    names = [match for match in asked.matches if match.is_name and not match.form.islower()]
    known = " ".join(match.form for match in asked.matches)
    found = proper_names(asked.query) if asked.language == "ja" else _LATIN_NAME.findall(asked.query)
    others = [name for name in found if name.replace(".", "") not in known and name not in _NO_NAMES]
    if any(_is_absent(forms, whole) for forms in (*map(_forms, names), *((name,) for name in others))):
        return True
    said = {form for match in names for form in _forms(match)}
    unsaid_kinds = {k for m in retriever.matches(words, "ja") if m.is_name and m.form not in said for k in m.kinds}
    return any(_is_absent(_forms(match), words) and match.kinds & unsaid_kinds for match in names)


def _forms(match: Match) -> tuple[str, ...]:
    return (match.form, *match.means)


def _is_absent(forms: Sequence[str], text: str) -> bool:
    written, held = normalise(text).lower(), held_in(text)
    return not any(normalise(form).lower() in written or ((own := held_in(form)) and own <= held) for form in forms)


def _nearest_clause(sentence: str, evidence: Sequence[Candidate], retriever: Retriever) -> str:
    """The sentence of the evidence, or the piece between two commas of one, that is most like the sentence."""
    clauses: list[str] = [clause for c in evidence for clause in (c.text, *_CLAUSE.findall(c.text))]
    vector = retriever.embedder.encode_queries([sentence])[0]
    return clauses[int(_likeness(vector, clauses, retriever).argmax())]
