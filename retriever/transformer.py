"""Any other embedding model, through sentence-transformers; its library is imported when a model is opened."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retriever.errors import ModelMissing

PREFIXES = {
    "e5-": ("query: ", "passage: "),
    "ruri-v3": ("検索クエリ: ", "検索文書: "),
    "ruri-": ("クエリ: ", "文章: "),
}
"""Part of a model's name → what its card wants before queries and before passages."""


class TransformerModel:
    """A model by its name on the hub or by its folder.

    A prefix that isn't given is the one in the model's own configuration, or else the one known for its family.
    """

    def __init__(self, name: str, query_prefix: str | None = None, passage_prefix: str | None = None):
        """Raises `ModelMissing` where it can't be loaded: no such model, or no network."""
        from sentence_transformers import SentenceTransformer

        try:
            self._model: Any = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelMissing(
                f"The embedding model {name!r} can't be loaded ({type(error).__name__}: {_first_line(error)}). "
                "Check its name and the network, give its folder, or unset TENKYO_MODEL for the shipped one."
            ) from error
        known = next((pair for part, pair in PREFIXES.items() if part in Path(name).name.lower()), ("", ""))
        own = self._model.prompts
        self._query = query_prefix if query_prefix is not None else own.get("query") or known[0]
        self._passage = (
            passage_prefix if passage_prefix is not None else own.get("document") or own.get("passage") or known[1]
        )
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        identity = "\n".join((name, self._query, self._passage, _weights_hash(self._model)))
        self.name = f"{Path(name).name} {hashlib.sha256(identity.encode()).hexdigest()[:16]}"

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts, self._query)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts, self._passage)

    def _encode(self, texts: Sequence[str], prefix: str) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        prefixed = [prefix + text for text in texts]
        return np.asarray(self._model.encode(prefixed, normalize_embeddings=True, prompt=""), np.float32)


def _weights_hash(model: Any) -> str:
    """Of a tensor's first values each: two versions of a model on the hub share a name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.flatten()[:64].float().numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
