"""What the routes and the command line do: search, ask, look up, read documents."""

import logging
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from api import schemas
from api.answer import compose
from api.gloss import names_of
from api.kept import KeptAnswers
from api.lookup import Finder
from api.quotes import prove, squeeze
from api.responses import answer_out, lookup_out, search_out
from api.settings import Settings
from retriever.embed import Embedder, open_model
from retriever.errors import BadGlossary, IndexDamaged, IndexMismatch, IndexMissing, ModelMissing, NotFound
from retriever.filters import Filters
from retriever.glossary import Entry, read_glossary
from retriever.index import Index, current_generation, open_index
from retriever.records import Document
from retriever.search import Retriever

log = logging.getLogger("tenkyo")

BESIDE = 10
"""Passages that are read for what other documents say of a question, be `top_k` smaller."""


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
        return search_out(result, request)

    def ask(self, request: schemas.AskIn) -> schemas.AnswerOut:
        started = time.perf_counter()
        filters = read_filters(request.filters)
        wide = max(request.top_k, BESIDE)
        found = self.retriever.search(request.question, wide, language=request.language, filters=filters)
        result, beyond = replace(found, hits=found.hits[: request.top_k]), found.hits[request.top_k :]
        searched = time.perf_counter()
        composition = compose(result, self.retriever, beyond)
        answer = answer_out(request, result, composition, self.names)
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
        return lookup_out(found)

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
