"""What was found, as the HTTP contract shows it."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from api import schemas
from api.answers.answer import Composition
from api.answers.candidates import Candidate
from api.answers.gloss import Names, gloss
from api.answers.sources import place_of
from api.citations.lookup import Lookup, Match
from retriever.records import Passage, Span
from retriever.search import Hit, Result

REFUSALS = {
    "ja": ("収録文書には見当たりません。", "見つかった箇所に現れない語：{}。", "、"),
    "zh": ("收录的文档中似乎没有提到。", "找到的段落中没有出现：{}。", "、"),
    "en": ("These documents don't seem to say it.", " No passage found names {}.", ", "),
}


def passage_out(passage: Passage) -> schemas.PassageOut:
    return schemas.PassageOut.model_validate(_shown(passage))


def _shown(passage: Passage) -> dict[str, Any]:
    shared = {name: getattr(passage, name) for name in schemas.PassageOut.model_fields}
    return shared | {"section": list(passage.section)}


def search_out(result: Result, request: schemas.SearchIn) -> schemas.SearchOut:
    explained = _explained(result) if request.explain else {}
    return schemas.SearchOut(
        query=result.query,
        language=result.language,
        mode=request.mode,
        degraded=None,
        index_generation=result.generation,
        hits=[_hit(hit, {**hit.scores, **explained} if request.explain else None) for hit in result.hits],
        timings_ms=dict(result.timings_ms),
    )


def _explained(result: Result) -> dict[str, Any]:
    """What was looked for: each arm's terms, and what the glossary made of the query."""
    return {
        "terms": {arm: list(terms) for arm, terms in result.terms.items()},
        "expansions": {match.form: list(match.means) for match in result.matches},
    }


def _hit(hit: Hit, scores: dict[str, Any] | None) -> schemas.HitOut:
    return schemas.HitOut.model_validate(
        _shown(hit.passage)
        | {
            "rank": hit.rank,
            "score": hit.score,
            "title": hit.document.title,
            "published": hit.document.published,
            "scores": scores,
        }
    )


def source_url(doc_id: str, spans: Sequence[Span]) -> str:
    """Opens the source at the lit place: `#` and the spans, as `start-end` pairs."""
    return f"/documents/{doc_id}#" + ",".join(f"{start}-{end}" for start, end in spans)


def answer_out(request: schemas.AskIn, result: Result, found: Composition, names: Names) -> schemas.AnswerOut:
    """An extractive answer."""
    language = result.language
    citations = [citation_out(number, candidate) for number, candidate in enumerate(found.chosen, start=1)]
    text, sentences = _sentences(found.chosen)
    return schemas.AnswerOut(
        answer_id=f"ans_{secrets.token_urlsafe(12)}" if request.store else None,
        question=request.question,
        language=language,
        answered=bool(found.chosen),
        answer=text or None,
        answer_language=found.chosen[0].hit.document.language if found.chosen else language,
        short_answer=_short_answer(found, language, names),
        sentences=sentences,
        citations=citations,
        disagreements=_disagreements(found),
        confidence=found.confidence,
        abstention=None if found.chosen else abstention_out(found, language),
        mode="extractive",
        degraded=None,
        index_generation=result.generation,
        created=datetime.now(UTC),
        timings_ms={},
    )


def retrieval_out(answer: schemas.AnswerOut) -> schemas.RetrievalEvent:
    """The places that an answer rests on, or the nearest ones where there is none."""
    cited = answer.citations or (answer.abstention.nearest if answer.abstention else [])
    found = [{"passage_id": c.passage_id, "doc_id": c.doc_id, "title": c.title} for c in cited]
    return schemas.RetrievalEvent(language=answer.language, passages=found)


def kept_out(answer: schemas.AnswerOut) -> schemas.KeptOut:
    """`answer` as `api.recheck` left it."""
    statuses = Counter(citation.status for citation in answer.citations if citation.status)
    shared = {name: getattr(answer, name) for name in schemas.KeptOut.model_fields if name != "statuses"}
    return schemas.KeptOut(**shared, statuses=dict(statuses))


def _short_answer(found: Composition, language: str, names: Names) -> schemas.ShortAnswerOut | None:
    if not found.short:
        return None
    shown = found.short.quote
    return schemas.ShortAnswerOut(
        text=shown.text,
        citation=found.short.sentence + 1,
        spans=list(shown.spans),
        gloss=gloss(shown.text, language, names),
    )


def _disagreements(found: Composition) -> list[schemas.DisagreementOut]:
    if not found.differing:
        return []
    numbers = {place_of(candidate): number for number, candidate in enumerate(found.chosen, start=1)}
    values = [
        schemas.ValueOut(
            value=told.statement.value.text,
            unit=told.amount.unit,
            as_of=told.as_of,
            as_of_basis="stated" if told.period else "published",
            citation=numbers[place_of(told.candidate)],
        )
        for told in found.differing
    ]
    return [schemas.DisagreementOut(measure=found.differing[0].statement.measure, values=values)]


def _sentences(chosen: Sequence[Candidate]) -> tuple[str, list[schemas.SentenceOut]]:
    """The answer's text, a sentence a line with its mark, and where each sentence lies in it."""
    lines: list[str] = []
    sentences: list[schemas.SentenceOut] = []
    start = 0
    for number, candidate in enumerate(chosen, start=1):
        parts = [
            schemas.PartOut(
                text=part.text,
                kind="quote" if part.is_quote else "label",
                citation=number if part.is_quote else None,
                spans=list(part.spans),
            )
            for part in candidate.parts
        ]
        end = start + len(candidate.text)
        sentences.append(
            schemas.SentenceOut(
                text=candidate.text, start=start, end=end, citations=[number], support="verbatim", parts=parts
            )
        )
        lines.append(f"{candidate.text}[{number}]")
        start += len(lines[-1]) + 1
    return "\n".join(lines), sentences


def citation_out(number: int, candidate: Candidate) -> schemas.CitationOut:
    passage, document = candidate.hit.passage, candidate.hit.document
    return schemas.CitationOut(
        number=number,
        passage_id=passage.passage_id,
        doc_id=document.doc_id,
        title=document.title,
        section=list(passage.section),
        page=passage.page,
        published=document.published,
        author=document.author,
        publisher=document.publisher,
        language=document.language,
        source_note=document.source_note,
        licence_note=document.licence_note,
        quote=candidate.quote.text,
        spans=list(candidate.quote.spans),
        source_sha256=document.source_sha256,
        url=source_url(document.doc_id, candidate.quote.spans),
    )


def abstention_out(found: Composition, language: str) -> schemas.AbstentionOut:
    nearest = [citation_out(number, candidate) for number, candidate in enumerate(found.nearest, start=1)]
    missing = list(found.missing)
    without, naming, comma = REFUSALS.get(language, REFUSALS["en"])
    reason = without + (naming.format(comma.join(missing)) if missing else "")
    return schemas.AbstentionOut(reason=reason, missing=missing, nearest=nearest)


def lookup_out(found: Lookup) -> schemas.LookupOut:
    return schemas.LookupOut.model_validate({"status": found.status, "matches": [_match(m) for m in found.matches]})


def _match(match: Match) -> dict[str, Any]:
    passage, document = match.passage, match.document
    return {
        "doc_id": document.doc_id,
        "title": document.title,
        "page": passage.page if passage else None,
        "section": list(passage.section) if passage else [],
        "quote": match.quote.text,
        "spans": list(match.quote.spans),
        "similarity": match.similarity,
        "numbers_agree": match.numbers_agree,
        "source_sha256": document.source_sha256,
        "url": source_url(document.doc_id, match.quote.spans),
    }
