"""Save a trained table in sentence-transformers format: int8 rows, each with its own scale."""

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from retriever.embed import SHIPPED_MODEL
from retriever.text import variants

MODULE = SHIPPED_MODEL / "sublinear.py"
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sublinear.SublinearEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.base.modules.normalize.Normalize"},
]
_CONFIG = {"model_type": "SentenceTransformer", "prompts": {}, "similarity_fn_name": "cosine"}


def quantise(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(rows, dimensions) int8 and (rows,) scales: row * scale is within 1/254 of each row's largest value."""
    scales = np.abs(table).max(axis=1).clip(1e-8) / 127
    return np.round(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def export(table: NDArray[np.float32], tokeniser: Tokenizer, out: Path) -> None:
    """Write the model; the weights' keys are as model2vec names them."""
    (out / "1_Normalize").mkdir(parents=True, exist_ok=True)
    rows, scales = quantise(table)
    save_file({"embeddings": rows, "weights": scales}, out / "model.safetensors")
    tokeniser.save(str(out / "tokenizer.json"))
    if out != SHIPPED_MODEL:
        shutil.copy(MODULE, out)
    folded = {chr(code): form for code, form in sorted(variants().items())}
    _write_json(folded, out / "variants.json")
    _write_json(_MODULES, out / "modules.json")
    _write_json(_CONFIG, out / "config_sentence_transformers.json")
    _write_json({}, out / "1_Normalize" / "config.json")


def _write_json(values: object, path: Path) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")
