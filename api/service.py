"""What the routes and the command line do: search, ask, look up, read documents."""

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from typing import Any

from api import schemas
from api.answer import Composition, compose
from api.candidates import Candidate
from api.gloss import Names, gloss, names_of
from api.kept import KeptAnswers
from api.lookup import Finder, Match
from api.quotes import prove, squeeze
from api.settings import Settings
from retriever.embed import Embedder, open_model
from retriever.errors import BadGlossary, IndexDamaged, IndexMismatch, IndexMissing, ModelMissing, NotFound
from retriever.filters import Filters
from retriever.glossary import Entry, read_glossary
from retriever.index import Index, current_generation, open_index
from retriever.records import Document, Passage, Span
from retriever.search import Hit, Result, Retriever

log = logging.getLogger("tenkyo")
REFUSALS = {
    "ja": ("収録文書には見当たりません。", "見つかった箇所に現れない語：{}。", "、"),
    "zh": ("收录的文档中似乎没有提到。", "找到的段落中没有出现：{}。", "、"),
    "en": ("These documents don't seem to say it.", " No passage found names {}.", ", "),
}
NO_LANGUAGE_MODEL = "No language model is configured: the answer is extractive."


class Service:
    """An open index with its model, and the kept answers."""

    def __init__(self, index: Index, embedder: Embedder, kept: KeptAnswers, entries: Sequence[Entry] = ()):
        self.retriever = Retriever(index, embedder, entries)
        self.finder = Finder(self.retriever)
        self.names = names_of(entries)
        self.kept = kept

    @property
    def index(self) -> Index:
        return self.retriever.index

    def with_weights(self, weights: Mapping[str, Mapping[str, float]]) -> "Service":
        """The same index, model and kept answers, searched with other weights of the arms (for evaluation)."""
        other = copy(self)
        other.retriever = Retriever(self.index, self.retriever.embedder, self.retriever.entries, weights)
        return other

    def close(self) -> None:
        self.index.close()
        self.kept.close()

    def warm_up(self) -> None:
        """Load dictionaries and tables that the first query would wait for."""
        compose(self.retriever.search("準備運動 warm-up 热身", 1), self.retriever)

    def search(self, request: schemas.SearchIn) -> schemas.SearchOut:
        result = self.retriever.search(
            request.query, request.top_k, request.mode, request.language, read_filters(request.filters)
        )
        for hit in result.hits:
            prove(hit.document, hit.passage.text, hit.passage.spans)
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

    def ask(self, request: schemas.AskIn) -> schemas.AnswerOut:
        started = time.perf_counter()
        filters = read_filters(request.filters)
        result = self.retriever.search(request.question, request.top_k, language=request.language, filters=filters)
        searched = time.perf_counter()
        composition = compose(result, self.retriever)
        answer = _answer(request, result, composition, self.names)
        ended = time.perf_counter()
        answer.timings_ms = {
            "search": round(1000 * (searched - started), 3),
            "compose": round(1000 * (ended - searched), 3),
            "total": round(1000 * (ended - started), 3),
        }
        if answer.answer_id:
            self.kept.keep(answer.model_dump(mode="json"))
        return answer

    def answer(self, answer_id: str) -> schemas.AnswerOut:
        """A kept answer, each quote checked against the documents as they are now."""
        answer = schemas.AnswerOut.model_validate(self.kept.get(answer_id))
        for citation in answer.citations:
            citation.status = self._status(citation)
        return answer

    def _status(self, citation: schemas.CitationOut) -> Any:
        try:
            document = self.index.document(citation.doc_id)
        except NotFound:
            return "missing"
        held = "".join(document.text[start:end] for start, end in citation.spans)
        if document.source_sha256 == citation.source_sha256 and squeeze(held) == squeeze(citation.quote):
            return "intact"
        return "moved" if squeeze(citation.quote) in squeeze(document.text) else "changed"

    def lookup(self, request: schemas.LookupIn) -> schemas.LookupOut:
        found = self.finder.lookup(request.text, request.top_k, read_filters(request.filters))
        for match in found.matches:
            prove(match.document, match.quote.text, match.quote.spans)
        return schemas.LookupOut.model_validate({"status": found.status, "matches": [_match(m) for m in found.matches]})

    def documents(self) -> list[schemas.DocumentOut]:
        return [self._document(document) for document in self.index.documents()]

    def document(self, doc_id: str) -> schemas.DocumentOut:
        return self._document(self.index.document(doc_id))

    def _document(self, document: Document) -> schemas.DocumentOut:
        shared = {k: getattr(document, k) for k in schemas.DocumentOut.model_fields if hasattr(document, k)}
        return schemas.DocumentOut(
            **shared,
            characters=len(document.text),
            passages=self.index.passage_counts[document.doc_id],
            status="ready",
            error=None,
        )


def open_embedder(settings: Settings) -> Embedder:
    """Raises `ModelMissing`."""
    return open_model(settings.model, settings.query_prefix, settings.passage_prefix)


def open_service(settings: Settings, embedder: Embedder | None = None) -> Service:
    """Raises `IndexMissing`, `IndexDamaged`, `IndexMismatch` or `ModelMissing`."""
    embedder = embedder or open_embedder(settings)
    entries = read_glossary(settings.glossary) if settings.glossary.exists() else []
    return Service(open_index(settings.index, embedder.name), embedder, KeptAnswers(settings.answers), entries)


class ServiceHolder:
    """The service of an application. A new generation of the index is taken up at the next request;
    where it can't be opened the old one goes on, and where there is none each request says why."""

    def __init__(self, settings: Settings, service: Service | None = None):
        self._settings = settings
        self._fixed = service is not None
        self._service = service
        self._tried: str | None = None

    def current(self) -> Service:
        if self._fixed and self._service:
            return self._service
        newest = current_generation(self._settings.index)
        if self._service and newest in (self._service.index.generation, self._tried):
            return self._service
        self._tried = newest
        try:
            opened = open_service(self._settings, self._service.retriever.embedder if self._service else None)
        except (IndexMissing, IndexDamaged, IndexMismatch, BadGlossary, ModelMissing) as error:
            log.error("%s", error)
            if self._service is None:
                self._tried = None
                raise
            return self._service
        opened.warm_up()
        self.close()
        self._service = opened
        return opened

    def close(self) -> None:
        if self._service and not self._fixed:
            self._service.close()
            self._service = None


def read_filters(filters: schemas.FiltersIn) -> Filters:
    return Filters(tuple(filters.doc_ids), filters.published_from, filters.published_to, tuple(filters.kinds))


def passage_out(passage: Passage) -> schemas.PassageOut:
    shared = {name: getattr(passage, name) for name in schemas.PassageOut.model_fields}
    return schemas.PassageOut.model_validate(shared | {"section": list(passage.section)})


def _explained(result: Result) -> dict[str, Any]:
    """What was looked for: each arm's terms, and what the glossary made of the query."""
    return {
        "terms": {arm: list(terms) for arm, terms in result.terms.items()},
        "expansions": {match.form: list(match.means) for match in result.matches},
    }


def source_url(doc_id: str, spans: Sequence[Span]) -> str:
    """Opens the source at the lit place: `#` and the spans, as `start-end` pairs."""
    return f"/documents/{doc_id}#" + ",".join(f"{start}-{end}" for start, end in spans)


def _hit(hit: Hit, scores: dict[str, Any] | None) -> schemas.HitOut:
    return schemas.HitOut.model_validate(
        passage_out(hit.passage).model_dump()
        | {
            "rank": hit.rank,
            "score": hit.score,
            "title": hit.document.title,
            "published": hit.document.published,
            "scores": scores,
        }
    )


def _answer(request: schemas.AskIn, result: Result, found: Composition, names: Names) -> schemas.AnswerOut:
    language = result.language
    citations = [_citation(number, candidate) for number, candidate in enumerate(found.chosen, start=1)]
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
        disagreements=[],
        confidence=found.confidence,
        abstention=None if found.chosen else _abstention(found, language),
        mode="extractive",
        degraded=NO_LANGUAGE_MODEL if request.mode == "generative" else None,
        index_generation=result.generation,
        created=datetime.now(UTC),
        timings_ms={},
    )


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


def _citation(number: int, candidate: Candidate) -> schemas.CitationOut:
    passage, document = candidate.hit.passage, candidate.hit.document
    return schemas.CitationOut(
        number=number,
        passage_id=passage.passage_id,
        doc_id=document.doc_id,
        title=document.title,
        section=list(passage.section),
        page=passage.page,
        published=document.published,
        source_note=document.source_note,
        quote=candidate.quote.text,
        spans=list(candidate.quote.spans),
        source_sha256=document.source_sha256,
        url=source_url(document.doc_id, candidate.quote.spans),
    )


def _abstention(found: Composition, language: str) -> schemas.AbstentionOut:
    nearest = [_citation(number, candidate) for number, candidate in enumerate(found.nearest, start=1)]
    missing = list(found.missing)
    without, naming, comma = REFUSALS.get(language, REFUSALS["en"])
    reason = without + (naming.format(comma.join(missing)) if missing else "")
    return schemas.AbstentionOut(reason=reason, missing=missing, nearest=nearest)


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
