"""A floor under retrieval, on the Japanese dev questions with one evidence.

*Within 2,000 characters*: hits in rank order until their text, white space dropped, reaches 2,000
(the crossing one whole); found when one hit's spans cover at least 80% of an evidence span.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from api.citations.quotes import squeeze
from api.service import Service
from retriever.lexical import Lexical
from retriever.postings import build_postings
from retriever.records import Document, Span
from retriever.text import bigrams, words

Place = tuple[str, tuple[Span, ...], str]
"""Document SHA-256, spans, text."""


@pytest.fixture(scope="module")
def questions(corpus: dict[str, Document]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (ROOT / "eval/questions/dev.jsonl").read_text("utf-8").splitlines()]
    sources = {document.source_sha256: document.text for document in corpus.values()}
    for evidence in (e for q in found for group in q["evidence"] for e in group):
        assert sources[evidence["document"]][evidence["start"] : evidence["end"]] == evidence["quote"]
    return [q for q in found if q["language"] == "ja" and len(q["evidence"]) == 1]


def is_found(question: dict[str, Any], ranked: Sequence[Place]) -> bool:
    shown: list[Place] = []
    for place in ranked[:20]:
        shown.append(place)
        if sum(len(squeeze(text)) for _, _, text in shown) >= 2000:
            break
    return any(covers(place, evidence) for place in shown for evidence in question["evidence"][0])


def covers(place: Place, evidence: dict[str, Any]) -> bool:
    document, spans, _ = place
    start, end = evidence["start"], evidence["end"]
    overlap = sum(max(0, min(end, e) - max(start, s)) for s, e in spans)
    return document == evidence["document"] and overlap >= 0.8 * (end - start)


def test_plain_bm25_finds_too_little_for_the_questions_to_be_easy(
    questions: list[dict[str, Any]], corpus: dict[str, Document]
) -> None:
    """BM25 over chunks of 400 characters (80 overlap), words and bigrams: at most 88%."""
    chunks: list[Place] = [
        (document.source_sha256, ((start, min(start + 400, len(document.text))),), document.text[start : start + 400])
        for document in corpus.values()
        for start in range(0, len(document.text), 320)
    ]
    lexical = Lexical([build_postings(*([tokenise(text) for _, _, text in chunks] for tokenise in (words, bigrams)))])
    found = 0
    for question in questions:
        arms = [(field, Counter(tokenise(question["question"]))) for field, tokenise in enumerate((words, bigrams))]
        scores = lexical.scores(arms)[0].sum(axis=0)
        found += is_found(question, [chunks[i] for i in np.argsort(-scores, kind="stable")])
    assert len(questions) >= 100
    assert found / len(questions) <= 0.88


def test_evidence_is_found_within_two_thousand_characters(questions: list[dict[str, Any]], service: Service) -> None:
    found = 0
    for question in questions:
        hits = service.retriever.search(question["question"], 20).hits
        found += is_found(question, [(h.document.source_sha256, h.passage.spans, h.passage.text) for h in hits])
    assert found / len(questions) >= 0.94, f"{found} of {len(questions)}"
