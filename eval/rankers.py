"""What is evaluated: the service in this process, a service at an address, or plain BM25 over chunks."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2 as httpx
import numpy as np

from api.schemas import AskIn, FiltersIn, SearchIn
from api.service import Service
from eval.errors import ServerFailed
from retriever.lexical import Lexical
from retriever.postings import build_postings
from retriever.records import Document, Passage, Span
from retriever.text import bigrams, words

TOP_K = 20
CHUNK, OVERLAP = 400, 80


@dataclass(frozen=True, slots=True)
class Place:
    """A passage or chunk that can be found: its document's SHA-256, spans and text."""

    id: str
    document: str
    spans: tuple[Span, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Scored:
    place: Place
    score: float


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer as the service gave it, and how long it took in seconds."""

    body: dict[str, Any]
    seconds: float


def place_of(passage: Passage, document: Document) -> Place:
    return Place(passage.passage_id, document.source_sha256, passage.spans, passage.text)


class Ranker(Protocol):
    """`describe`: what made the ranking, for the manifest."""

    def places(self) -> list[Place]: ...
    def rank(self, question: str) -> list[Scored]: ...
    def describe(self) -> dict[str, Any]: ...


@dataclass
class InProcess:
    """The service of this process, with any mode."""

    service: Service
    mode: str = "hybrid"
    _shas: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._shas = {d.doc_id: d.source_sha256 for d in self.service.index.documents()}

    def places(self) -> list[Place]:
        return [
            Place(p.passage_id, self._shas[p.doc_id], p.spans, p.text)
            for doc_id in self._shas
            for p in self.service.index.passages_of(doc_id)
        ]

    def rank(self, question: str) -> list[Scored]:
        hits = self.service.retriever.search(question, TOP_K, self.mode).hits
        return [Scored(place_of(h.passage, h.document), h.score) for h in hits]

    def ask(self, question: str) -> Asked:
        started = time.perf_counter()
        answer = self.service.ask(AskIn(question=question, store=False, filters=FiltersIn()))
        return Asked(answer.model_dump(mode="json"), time.perf_counter() - started)

    def describe(self) -> dict[str, Any]:
        index = self.service.index
        return {
            "ranker": "tenkyo",
            "mode": self.mode,
            "weights": dict(self.service.retriever.weights),
            "versions": dict(index.versions),
            "corpus": dict(sorted(self._shas.items())),
            "passages": sum(index.passage_counts.values()),
        }


@dataclass
class Remote:
    """A service at an address. Raises `ServerFailed` when it stops answering."""

    base_url: str
    mode: str = "hybrid"
    _shas: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.base_url, timeout=30)
        self._shas = {d["doc_id"]: d["source_sha256"] for d in self._pages("/v1/documents", "documents")}

    def close(self) -> None:
        self._client.close()

    def _get(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **options)
            response.raise_for_status()
            body: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerFailed(f"{self.base_url}{path}: {error}. Nothing of this run was kept.") from error
        return body

    def _pages(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            parameters = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = self._get("GET", path, params=parameters)
            found += page[key]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def documents(self) -> dict[str, str]:
        """Source texts by their SHA-256."""
        try:
            return {sha: self._client.get(f"/v1/documents/{doc_id}/source").text for doc_id, sha in self._shas.items()}
        except httpx.HTTPError as error:
            raise ServerFailed(f"{self.base_url}: {error}.") from error

    def places(self) -> list[Place]:
        return [
            _place(p, self._shas)
            for doc_id in self._shas
            for p in self._pages(f"/v1/documents/{doc_id}/passages", "passages")
        ]

    def rank(self, question: str) -> list[Scored]:
        request = SearchIn.model_validate({"query": question, "top_k": TOP_K, "mode": self.mode})
        body = self._get("POST", "/v1/search", json=request.model_dump())
        return [Scored(_place(hit, self._shas), hit["score"]) for hit in body["hits"]]

    def ask(self, question: str) -> Asked:
        started = time.perf_counter()
        body = self._get("POST", "/v1/ask", json={"question": question, "store": False})
        return Asked(body, time.perf_counter() - started)

    def describe(self) -> dict[str, Any]:
        return {
            "ranker": "tenkyo",
            "base_url": self.base_url,
            "mode": self.mode,
            "corpus": dict(sorted(self._shas.items())),
        }


def _place(values: dict[str, Any], shas: dict[str, str]) -> Place:
    spans = tuple((start, end) for start, end in values["spans"])
    return Place(values["passage_id"], shas[values["doc_id"]], spans, values["text"])


class PlainBM25:
    """The yardstick: BM25 over chunks of 400 characters (80 overlap); words, and bigrams if they are asked for."""

    def __init__(self, documents: Sequence[Document], fields: Sequence[str] = ("words", "bigrams")):
        self.fields = tuple(fields)
        self._places = [
            Place(
                f"{d.doc_id}.{start}",
                d.source_sha256,
                ((start, min(start + CHUNK, len(d.text))),),
                d.text[start : start + CHUNK],
            )
            for d in documents
            for start in range(0, len(d.text), CHUNK - OVERLAP)
        ]
        self._tokenisers = [{"words": words, "bigrams": bigrams}[field] for field in fields]
        texts = [place.text for place in self._places]
        self._lexical = Lexical([build_postings(*(list(map(tokenise, texts)) for tokenise in self._tokenisers))])

    def places(self) -> list[Place]:
        return self._places

    def rank(self, question: str) -> list[Scored]:
        arms = [(field, Counter(tokenise(question))) for field, tokenise in enumerate(self._tokenisers)]
        scores = self._lexical.scores(arms)[0].sum(axis=0)
        best = np.argsort(-scores, kind="stable")[:TOP_K]
        return [Scored(self._places[i], float(scores[i])) for i in best]

    def describe(self) -> dict[str, Any]:
        return {"ranker": "bm25", "fields": list(self.fields), "chunk": CHUNK, "overlap": OVERLAP}
