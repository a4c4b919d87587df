"""Questions that span documents: one that compares two things, or asks for both, gets a sentence of each source.

What asks so is told by its words; which documents it spans, by what the sentences of one leave unsaid.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from api.answers.needs import Needs
from api.answers.reading import Reader
from api.answers.selection import Ranked, rank
from api.answers.sources import Line
from retriever.search import Hit, Result

NEAR = 4.0
"""How far below the best a further sentence may score where documents are spanned: each part of a question is said
by its own sentence, which covers half of it at most."""
FURTHEST = 8.0
"""How far below the best the first sentence of another document may score."""
CLOSE = 2.0
"""Within this, another document's sentence need add nothing."""
LEAST_ADDED = 0.02
"""Least share of a question's weight that another document's sentence must add."""

_BOTH_JA = re.compile(
    r"それぞれ|両方|双方|[をと]比べ(?:たい|ています|て(?:ください|$))|比較して|違い(?:は|を)|どう(?:違い|違う|異なり)|どう変わ[りっる]|、その後"
    r"|(?<=[一-鿿ァ-ヶー])と(?:、|(?=(?:19|20)[0-9]{2}年))"
)
_BOTH = re.compile(
    r"对比|相比|比较一下|^请?比较|[和与跟].+的?比较|分别|有(?:何|什么)不同"
    r"|^compare\b|, compared (?:with|to)\b|\bversus\b|\bvs\b|\bdifferences?\b|\brespectively\b",
    re.IGNORECASE,
)
_ASKS_JA = re.compile(r"何|誰|いつ|どこ|どの|どんな|どう|どちら|いくら|いくつ|どれ|なぜ")
_ASKS_ZH = re.compile(r"多少|哪|什么|几[家个名位台项款次种倍类天年所条大]|怎么|怎样|谁|何时|如何|吗")
_ASKS_EN = re.compile(r"\b(?:how|what|which|who|whose|when|where|why)\b", re.IGNORECASE)
_CLAUSES_JA = re.compile(r"[。?]|(?<=[かで])、")
_CLAUSES_ZH = re.compile(r"[,?;。]")
_CLAUSES_EN = re.compile(
    r"[?;.](?:\s|$)|\band (?=(?:how|what|which|who|when|where|why|through|in what)\b)", re.IGNORECASE
)
_KANA, _HAN = re.compile(r"[ぁ-ん]"), re.compile(r"[一-鿿]")


def asks_several(question: str) -> bool:
    """Whether a question compares things or asks for more than one: それぞれ, 对比, or two clauses that ask."""
    text = unicodedata.normalize("NFKC", question).strip()
    if _KANA.search(text):
        several = sum(bool(_ASKS_JA.search(clause)) for clause in _CLAUSES_JA.split(text)) > 1
        return several or bool(_BOTH_JA.search(text)) or "?それとも" in text
    clauses, asks = (_CLAUSES_ZH, _ASKS_ZH) if _HAN.search(text) else (_CLAUSES_EN, _ASKS_EN)
    return bool(_BOTH.search(text)) or sum(bool(asks.search(clause)) for clause in clauses.split(text)) > 1


def of_each_document(
    result: Result,
    beyond: Sequence[Hit],
    needs: Needs,
    reader: Reader,
    take: Callable[[Ranked, Sequence[int]], Sequence[int]],
) -> list[Line]:
    """For a question that asks for several things: the lines that `take` takes, best first, where the sentences of
    one document leave something unsaid that another's say; else none."""
    wider = replace(result, hits=(*result.hits, *beyond))
    ranked = rank(wider, needs, reader)
    order = [int(i) for i in (-ranked.scores).argsort(kind="stable")]
    below = ranked.below
    taken = take(ranked, [i for i in order if below[i] <= CLOSE or i == order[0]])
    other = _of_another(ranked, [i for i in order if below[i] <= FURTHEST], taken, needs)
    if other is None:
        return []
    turns = [order[0], other, *(i for i in order if below[i] <= NEAR)]
    return [Line(ranked.candidates[i], ranked.twins.of(i)) for i in take(ranked, turns)]


def _of_another(ranked: Ranked, order: Sequence[int], taken: Sequence[int], needs: Needs) -> int | None:
    """The best candidate of another document that says more than those taken; none where they span documents."""
    documents = [candidate.hit.document.doc_id for candidate in ranked.candidates]
    known = {documents[i] for i in taken}
    if len(known) > 1:
        return None
    said = _coverage(ranked, taken, needs)
    for i in order:
        adds = ranked.below[i] <= CLOSE or _coverage(ranked, [*taken, i], needs) - said >= LEAST_ADDED
        if documents[i] not in known and adds:
            return i
    return None


def _coverage(ranked: Ranked, chosen: Sequence[int], needs: Needs) -> float:
    """The share of a question's weight that some sentences hold together, with their headings."""
    return float(needs.coverage(np.logical_or.reduce(ranked.held[:, chosen], axis=1, keepdims=True))[0])
