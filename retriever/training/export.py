"""Save a trained table in sentence-transformers format: int8 rows, each with its own scale."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from torch.nn import Module


def quantise(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(rows, dimensions) int8 and (rows,) scales: row * scale is within 1/254 of each row's largest value."""
    scales = np.abs(table).max(axis=1).clip(1e-8) / 127
    return np.round(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def export(table: NDArray[np.float32], tokeniser: Tokenizer, out: Path) -> None:
    """Write the model, then replace its weights by the quantised ones (keys as model2vec names them)."""
    modules: list[Module] = [StaticEmbedding(tokeniser, embedding_weights=table), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(out), create_model_card=False)
    rows, scales = quantise(table)
    weights = next(out.rglob("model.safetensors"))
    save_file({"embeddings": rows, "weights": scales}, weights)
