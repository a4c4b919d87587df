"""The other tools, each set up for hybrid search as its documentation shows, all with the same vectors.

None knows Japanese words, but each takes a pattern for its terms. Each imports its library when it is made, not
before: none is a dependency.
"""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eval.peers.corpus import Text
from eval.peers.own import Tenkyo
from retriever.embed import Embedder

TERMS = r"(?=((?<![a-z0-9])[a-z0-9]+|[^\W_a-z0-9]{2}))"
"""Whole words of Latin letters and digits, and all pairs of other characters. The tools lower-case first."""


class Tool(Protocol):
    """Made with an embedder, built once, then asked."""

    def build(self, texts: Sequence[Text], vectors: NDArray[np.float32], folder: Path) -> None:
        """`vectors` (texts, dimensions), of length 1; what goes to disk goes into the folder."""

    def search(self, query: str, k: int) -> list[int]:
        """The places of the best `k` texts, best first."""


class MakesTool(Protocol):
    def __call__(self, embedder: Embedder) -> Tool: ...


class Entry(NamedTuple):
    """`packages`: what must be installed, the one whose version counts first; our own needs none."""

    name: str
    make: MakesTool
    packages: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """Nothing where a package is missing."""
        try:
            versions = [version(package) for package in self.packages]
        except PackageNotFoundError:
            return None
        return versions[0] if versions else ""


class Txtai:
    """Embeddings with `scoring`: BM25 in SQLite and NumPy beside FAISS, their scores normalised and averaged."""

    def __init__(self, embedder: Embedder):
        from txtai import Embeddings

        known: dict[str, NDArray[np.float32]] = {}

        def transform(texts: Sequence[str]) -> NDArray[np.float32]:
            """What is indexed has its vectors already; only queries are encoded."""
            return np.stack([known[text] for text in texts]) if known else embedder.encode_queries(texts)

        scoring = {"method": "bm25", "terms": True, "normalize": True, "tokenizer": {"regexp": TERMS}}
        self._known = known
        self._embeddings = Embeddings(method="external", transform=transform, scoring=scoring)

    def build(self, texts: Sequence[Text], vectors: NDArray[np.float32], folder: Path) -> None:
        self._known |= {text.whole: vector for text, vector in zip(texts, vectors, strict=True)}
        self._embeddings.index((place, text.whole, None) for place, text in enumerate(texts))
        self._known.clear()

    def search(self, query: str, k: int) -> list[int]:
        return [place for place, _ in self._embeddings.search(query, k)]


class Haystack:
    """A pipeline of the two in-memory retrievers, joined by reciprocal ranks."""

    def __init__(self, embedder: Embedder):
        os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
        from haystack import Pipeline, component
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        @component
        class TextEmbedder:
            @component.output_types(embedding=list[float])  # type: ignore[untyped-decorator]
            def run(self, text: str) -> dict[str, list[float]]:
                return {"embedding": embedder.encode_queries([text])[0].tolist()}

        self._store = InMemoryDocumentStore(bm25_tokenization_regex=TERMS, return_embedding=False)
        self._pipeline = Pipeline()
        self._pipeline.add_component("embedder", TextEmbedder())
        self._pipeline.add_component("dense", InMemoryEmbeddingRetriever(self._store))
        self._pipeline.add_component("bm25", InMemoryBM25Retriever(self._store))
        self._pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        self._pipeline.connect("embedder.embedding", "dense.query_embedding")
        self._pipeline.connect("dense", "joiner")
        self._pipeline.connect("bm25", "joiner")

    def build(self, texts: Sequence[Text], vectors: NDArray[np.float32], folder: Path) -> None:
        from haystack import Document

        documents = [
            Document(id=str(place), content=text.whole, embedding=vector.tolist())
            for place, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
        self._store.write_documents(documents)

    def search(self, query: str, k: int) -> list[int]:
        arms = {"bm25": {"query": query, "top_k": k}, "dense": {"top_k": k}}
        found = self._pipeline.run({"embedder": {"text": query}, "joiner": {"top_k": k}} | arms)
        return [int(document.id) for document in found["joiner"]["documents"]]


class LlamaIndex:
    """A FAISS index and its BM25 retriever (bm25s), fused by scores brought to one scale.

    Of its ways to fuse this one found most: JaQuAD's own passage among ten of 10,000 in 96%, by ranks in 95%.
    """

    def __init__(self, embedder: Embedder):
        from llama_index.core.embeddings import BaseEmbedding

        class Model(BaseEmbedding):  # type: ignore[misc]
            def _get_query_embedding(self, query: str) -> list[float]:
                vector: list[float] = embedder.encode_queries([query])[0].tolist()
                return vector

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

            def _get_text_embedding(self, text: str) -> list[float]:
                return self._get_query_embedding(text)

        self._model = Model()
        self._k = 0

    def build(self, texts: Sequence[Text], vectors: NDArray[np.float32], folder: Path) -> None:
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.faiss import FaissVectorStore

        nodes = [
            TextNode(id_=str(place), text=text.whole, embedding=vector.tolist())
            for place, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(vectors.shape[1]))
        context = StorageContext.from_defaults(vector_store=store)
        self._index = VectorStoreIndex(nodes, storage_context=context, embed_model=self._model)
        self._bm25 = self._lexical(nodes)

    def _lexical(self, nodes: Sequence[Any]) -> Any:
        from llama_index.retrievers.bm25 import BM25Retriever

        for node in nodes:
            node.embedding = None  # its copy of each would stay in memory
        return BM25Retriever.from_defaults(nodes=list(nodes), token_pattern=TERMS, skip_stemming=True)

    def search(self, query: str, k: int) -> list[int]:
        if k != self._k:
            self._fusion, self._k = self._fused(k), k
        return [int(found.node.node_id) for found in self._fusion.retrieve(query)]

    def _fused(self, k: int) -> Any:
        """How many hits it gives is fixed when it is made. No language model writes more queries."""
        from llama_index.core.llms import MockLLM
        from llama_index.core.retrievers import QueryFusionRetriever

        self._bm25.similarity_top_k = k
        arms = [self._index.as_retriever(similarity_top_k=k), self._bm25]
        return QueryFusionRetriever(
            arms, llm=MockLLM(), mode="relative_score", similarity_top_k=k, num_queries=1, use_async=False
        )


PEERS = (
    Entry("Tenkyo", Tenkyo),
    Entry("txtai", Txtai, ("txtai",)),
    Entry("Haystack", Haystack, ("haystack-ai",)),
    Entry(
        "LlamaIndex",
        LlamaIndex,
        ("llama-index-core", "llama-index-retrievers-bm25", "llama-index-vector-stores-faiss"),
    ),
)
