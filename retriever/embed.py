"""Texts → unit vectors. The shipped model is a table of token vectors, read here without torch.

The same files load in `sentence_transformers`; a test holds the two equal to 1e-5.
"""

import hashlib
from collections import Counter
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
VARIANTS = "variants.json"
_FILES = ("model.safetensors", "tokenizer.json", VARIANTS)


class Embedder(Protocol):
    """What index and search ask of a model."""

    name: str
    dimensions: int

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), each row of length 1."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same for what is searched: some models want another prefix there."""


class StaticModel:
    """The sum of the vectors of a text's tokens (int8 rows with one scale each), brought to length 1.

    A token counts by the square root of how often it occurs: a passage's subject, named in each sentence, would
    drown the rest otherwise (JaQuAD dev: 76.8 nDCG@10 without the root, 78.1 with it).
    """

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
        encoded = self.tokeniser.encode_batch_fast([normalise(text) for text in texts], add_special_tokens=False)
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for vector, encoding in zip(vectors, encoded, strict=True):
            ids, weights = bag_of_tokens(encoding.ids)
            # no matrix product: it would wake BLAS's threads for a long text
            np.einsum("t,td->d", weights * self.scales[ids], self.rows[ids], out=vector)
        vectors /= np.sqrt(np.vecdot(vectors, vectors)[:, None]).clip(1e-12)
        return vectors

    encode_queries = encode_passages = encode


def open_model(name: str = "", query_prefix: str | None = None, passage_prefix: str | None = None) -> Embedder:
    """The shipped model; or a static one by its folder, or any other by its name. Raises `ModelMissing`."""
    if not name or (Path(name) / VARIANTS).is_file():
        return StaticModel(Path(name) if name else SHIPPED_MODEL)
    from retriever.transformer import TransformerModel

    return TransformerModel(name, query_prefix, passage_prefix)


def bag_of_tokens(ids: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A text's different tokens and the square roots of their counts."""
    counts = Counter(ids)
    return np.fromiter(counts, np.int64), np.sqrt(np.fromiter(counts.values(), np.float32))


def model_hash(folder: Path) -> str:
    """SHA-256 over the weights and the tokeniser: the name under which an index knows its model."""
    digest = hashlib.sha256()
    for name in _FILES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
