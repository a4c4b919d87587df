"""What the routes and the command line do: search, ask, look up, read documents."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from pydantic import ValidationError

from api import schemas
from api.answers.answer import Composition, compose
from api.answers.generate import Declined, Writer, Written, write
from api.answers.gloss import names_of
from api.answers.reading import Reader
from api.citations.lookup import Finder
from api.citations.quotes import prove
from api.export import Format, Pack, pack
from api.generated import declined_out, generated_out, tell
from api.kept import Kept, KeptAnswersFailed
from api.noted import note_answer, note_stages
from api.recheck import recheck
from api.responses import answer_out, kept_out, lookup_out, retrieval_out, search_out
from api.settings import Settings
from api.stores import open_kept, open_store
from ingest.language_model import LanguageModel
from ingest.load import blank_pages_note
from ingest.stores import Store
from retriever.embed import Embedder, open_model
from retriever.errors import LanguageModelFailed
from retriever.filters import Filters
from retriever.glossary import Entry, read_glossary
from retriever.language import detect_language
from retriever.records import Document, Passage
from retriever.search import Hit, Result, Retriever
from retriever.view import View

log = logging.getLogger("tenkyo")

BESIDE = 10
"""Passages that are read for what other documents say of a question, be `top_k` smaller."""


Event = schemas.RetrievalEvent | schemas.SentenceOut | schemas.AnswerOut
MOST_SEARCHES = 5
"""Of a question: as often passages that give orders may come first. What is then still there of them goes."""
MOST_WRITTEN = 32
"""Answers that a language model writes at a time: each waits for it for seconds. Beyond that they are extractive."""
EXTRACTIVE = "The answer is extractive: {}."


@dataclass
class Asked:
    """A question on its way: `answer` is extractive until a language model's takes its place."""

    started: float
    result: Result
    composition: Composition
    answer: schemas.AnswerOut


class Service:
    """An open index with its model, and the kept answers."""

    def __init__(
        self,
        index: View,
        embedder: Embedder,
        kept: Kept,
        entries: Sequence[Entry] = (),
        writer: Writer | None = None,
        degraded: str = "",
    ):
        self.retriever = Retriever(index, embedder, entries)
        self.reader = Reader(self.retriever)
        self.finder = Finder(self.retriever)
        self.names = names_of(entries)
        self.kept = kept
        self.writer = writer
        self.degraded = degraded
        self.written_now = 0
        self._proved = WeakValueDictionary[int, Passage]()

    @property
    def index(self) -> View:
        return self.retriever.index

    def with_weights(self, weights: Mapping[str, float]) -> "Service":
        """The same index, model and kept answers, searched with other weights of the arms (for evaluation)."""
        other = copy(self)
        other.retriever = Retriever(self.index, self.retriever.embedder, self.retriever.entries, weights)
        other.reader = self.reader.over(other.retriever)
        return other

    def close(self) -> None:
        self.index.close()
        self.kept.close()

    def warm_up(self) -> None:
        """Load dictionaries and tables that the first query would wait for."""
        compose(self.retriever.search("準備運動をする warm-up", 1), self.reader)

    def warm_rest(self) -> None:
        """What the first lookup would wait for, the first question without a kana and the first in another language."""
        self.finder.folded()
        for text in ("準備運動", "热身运动", "Combien d'entreprises chinoises y a-t-il ?"):
            detect_language(text)

    def search(self, request: schemas.SearchIn) -> schemas.SearchOut:
        result = self.retriever.search(
            request.query, request.top_k, request.mode, request.language, read_filters(request.filters)
        )
        note_stages(result.timings_ms, "search.")
        for hit in result.hits:
            self._prove(hit)
        return search_out(result, request)

    def _prove(self, hit: Hit) -> None:
        """Once for a passage that stays in memory: neither it nor its document changes. Raises `UnprovenCitation`."""
        if self._proved.get(hit.place) is not hit.passage:
            prove(hit.document, hit.passage.text, hit.passage.spans)
            self._proved[hit.place] = hit.passage

    def ask(self, request: schemas.AskIn) -> schemas.AnswerOut:
        """An extractive answer."""
        return self._finish(self._find(request))

    async def answered(self, request: schemas.AskIn) -> schemas.AnswerOut:
        """The last of the events."""
        answer = [event async for event in self.events(request)][-1]
        assert isinstance(answer, schemas.AnswerOut)
        return answer

    async def events(self, request: schemas.AskIn) -> AsyncGenerator[Event, None]:
        """What was retrieved, the sentences as they come, and at last the whole answer."""
        asked = self._find(request)
        yield retrieval_out(asked.answer)
        if self.writer and asked.answer.answered and request.mode != "extractive":
            if self.written_now < MOST_WRITTEN:
                async for event in self._write(self.writer, asked):
                    yield event
                return
            asked.answer.degraded = EXTRACTIVE.format("the language model has enough to write already")
        for sentence in asked.answer.sentences:
            yield sentence
        yield self._finish(asked)

    async def _write(self, writer: Writer, asked: Asked) -> AsyncIterator[Event]:
        """A generated answer; the extractive one where the language model fails."""
        written: list[Written] = []
        self.written_now += 1
        told = tell(written, asked.answer.language, writer.flag)
        try:
            async for sentence in write(writer, asked.result, self.retriever):
                written.append(sentence)
                before, told = told, tell(written, asked.answer.language, writer.flag)
                for shown in told.sentences[len(before.sentences) :]:
                    yield shown
            if told.supported:
                asked.answer = generated_out(asked.answer, told, asked.composition, writer.model.model)
            else:
                asked.answer.degraded = EXTRACTIVE.format("the passages support nothing that the language model wrote")
        except Declined:
            asked.answer = declined_out(asked.answer, asked.composition, writer.model.model)
        except LanguageModelFailed as error:
            log.warning("%s", error)
            asked.answer.degraded = EXTRACTIVE.format(f"the language model {error.reason}")
        finally:
            self.written_now -= 1
        yield self._finish(asked)

    def _find(self, request: schemas.AskIn) -> Asked:
        started = time.perf_counter()
        found, reader = self._evidence(request, read_filters(request.filters))
        result, beyond = replace(found, hits=found.hits[: request.top_k]), found.hits[request.top_k :]
        composition = compose(result, reader, beyond)
        answer = answer_out(request, result, composition, self.names)
        if request.mode == "generative" and not self.writer:
            answer.degraded = EXTRACTIVE.format("no language model is configured")
        return Asked(started, result, composition, answer)

    def _evidence(self, request: schemas.AskIn, filters: Filters) -> tuple[Result, Reader]:
        """The best passages that give no orders, and what reads them as if the others weren't there."""
        retriever, wide = self.retriever, max(request.top_k, BESIDE)
        for _ in range(MOST_SEARCHES):
            result = retriever.search(request.question, wide, language=request.language, filters=filters)
            ordering = {hit.place: hit.passage for hit in result.hits if self.reader.read(hit).gives_orders}
            if not ordering:
                break
            log.info("left out, as they give orders: %s", ", ".join(p.passage_id for p in ordering.values()))
            retriever = retriever.without(ordering)
        return replace(result, hits=tuple(hit for hit in result.hits if hit.place not in ordering)), self.reader.over(
            retriever
        )

    def _finish(self, asked: Asked) -> schemas.AnswerOut:
        """Timed, and kept where it is to be."""
        answer, search = asked.answer, asked.result.timings_ms["total"]
        total = round(1000 * (time.perf_counter() - asked.started), 3)
        answer.timings_ms = {"search": search, "compose": round(total - search, 3), "total": total}
        note_stages(answer.timings_ms, "answer.")
        note_stages(asked.result.timings_ms, "search.")
        note_answer(answer.answered, answer.mode, answer.degraded is not None)
        if self.kept.days == 0:
            answer.answer_id = None
        if answer.answer_id:
            self._keep(answer)
        return answer

    def _keep(self, answer: schemas.AnswerOut) -> None:
        """An answer that can't be kept is given all the same, and says so."""
        try:
            self.kept.keep(answer.model_dump(mode="json"))
        except KeptAnswersFailed as error:
            log.error("%s", error)
            answer.answer_id = None
            answer.degraded = " ".join(filter(None, [answer.degraded, f"The answer isn't kept. {error}"]))

    def answer(self, answer_id: str) -> schemas.AnswerOut:
        """A kept answer, each quote checked against the documents as they are now."""
        return recheck(read_kept(self.kept.get(answer_id)), self.index)

    def answers(self, start: int, count: int) -> list[schemas.KeptOut]:
        """Kept answers, newest first, checked like `answer`."""
        kept = map(read_kept, self.kept.newest(start, count))
        return [kept_out(recheck(answer, self.index)) for answer in kept]

    def export(self, answer_id: str, kind: Format, base_url: str = "") -> Pack:
        """A kept answer as an evidence pack, checked like `answer`. `base_url`: what its links begin with."""
        return pack(self.answer(answer_id), kind, base_url)

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
            page_count=len(document.pages) or None,
            note=blank_pages_note(document.blank_pages) if document.blank_pages else None,
        )


def read_kept(body: Mapping[str, Any]) -> schemas.AnswerOut:
    """Raises `KeptAnswersFailed` where it isn't what was written."""
    try:
        return schemas.AnswerOut.model_validate(body)
    except ValidationError as error:
        raise KeptAnswersFailed("A kept answer is damaged. `tenkyo doctor --repair` saves the others.") from error


def open_embedder(settings: Settings) -> Embedder:
    """Raises `ModelMissing`."""
    return open_model(settings.model, settings.query_prefix, settings.passage_prefix)


def open_service(
    settings: Settings,
    embedder: Embedder | None = None,
    kept: Kept | None = None,
    fall_back: bool = True,
    store: Store | None = None,
) -> Service:
    """Raises `IndexMissing`, `IndexDamaged`, `IndexMismatch` or `ModelMissing`.

    `fall_back`: where the generation in use is damaged, open the last good one; `degraded` then says why.
    """
    embedder = embedder or open_embedder(settings)
    entries = read_glossary(settings.glossary) if settings.glossary.exists() else []
    store = store or open_store(settings)
    index, degraded = store.open(embedder, fall_back)
    if degraded:
        log.error("%s", degraded)
    kept = kept or open_kept(settings, store)
    return Service(index, embedder, kept, entries, open_writer(settings), degraded)


def open_writer(settings: Settings) -> Writer | None:
    """The language model, where one is configured."""
    if not (settings.llm_base_url and settings.llm_model):
        return None
    key = settings.llm_api_key.get_secret_value()
    model = LanguageModel(settings.llm_base_url, settings.llm_model, key, settings.llm_timeout_s)
    return Writer(model, settings.llm_timeout_s, settings.llm_unsupported == "flag")


def read_filters(filters: schemas.FiltersIn) -> Filters:
    return Filters(filters.doc_ids, filters.published_from, filters.published_to, filters.kinds)
