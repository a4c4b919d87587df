"""Texts → unit vectors. The shipped model is a table of token vectors, read here without torch.

The same files load in `sentence_transformers`; a test holds the two equal to 1e-5.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from retriever.errors import ModelMissing
from retriever.text import normalise

SHIPPED_MODEL = Path(__file__).with_name("model")
_FILES = ("model.safetensors", "tokenizer.json")


class Embedder(Protocol):
    """What index and search ask of a model."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), each row of length 1."""


class StaticModel:
    """The mean of the vectors of a text's tokens (int8 rows with one scale each)."""

    def __init__(self, folder: Path = SHIPPED_MODEL):
        """Raises `ModelMissing`, naming the file that isn't there."""
        for name in _FILES:
            if not (folder / name).is_file():
                raise ModelMissing(
                    f"The embedding model has no file {folder.name}/{name}. Restore it from the repository."
                )
        self.tokeniser = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = load_file(folder / "model.safetensors")
        self.rows: NDArray[np.int8] = weights["embeddings"]
        self.scales: NDArray[np.float32] = weights["weights"]
        self.dimensions = int(self.rows.shape[1])
        self.name = model_hash(folder)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encoded = self.tokeniser.encode_batch([normalise(text) for text in texts], add_special_tokens=False)
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for vector, encoding in zip(vectors, encoded, strict=True):
            ids = np.asarray(encoding.ids, np.intp)
            if len(ids):
                np.matmul(self.scales[ids], self.rows[ids], out=vector)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
        return vectors


def model_hash(folder: Path) -> str:
    """SHA-256 over the weights and the tokeniser: the name under which an index knows its model."""
    digest = hashlib.sha256()
    for name in _FILES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
