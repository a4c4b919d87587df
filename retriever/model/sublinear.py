"""The model's first stage for `sentence_transformers`: this file travels with the weights.

    SentenceTransformer("retriever/model", trust_remote_code=True)

It reads raw text as `retriever.embed` does, without anything of this project: NFKC, one form per character
(`variants.json`), the tokeniser; then each different token counts by the square root of how often it occurs.
"""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

_SPACES = re.compile(r"\s+")


class SublinearEmbedding(StaticEmbedding):
    """A weighted sum of token vectors; `Normalize` brings it to length 1."""

    variants: dict[int, str]

    def preprocess(  # type: ignore[override]
        self, inputs: list[str], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        folded = (unicodedata.normalize("NFKC", text).translate(self.variants) for text in inputs)
        texts = [_SPACES.sub(" ", text).strip() for text in folded]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        bags = [np.unique(encoding.ids, return_counts=True) for encoding in encodings]
        return {
            "input_ids": torch.from_numpy(np.concatenate([ids for ids, _ in bags]).astype(np.int64)),
            "offsets": torch.from_numpy(np.cumsum([0, *(len(ids) for ids, _ in bags[:-1])])),
            "token_weights": torch.from_numpy(np.sqrt(np.concatenate([n for _, n in bags])).astype(np.float32)),
        }

    def forward(self, features: dict[str, torch.Tensor], **kwargs: Any) -> dict[str, torch.Tensor]:
        features["sentence_embedding"] = torch.nn.functional.embedding_bag(
            features["input_ids"],
            self.embedding.weight,
            features["offsets"],
            mode="sum",
            per_sample_weights=features["token_weights"],
        )
        return features

    @classmethod
    def load(  # type: ignore[override]
        cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any
    ) -> "SublinearEmbedding":
        parent = super().load(model_name_or_path, subfolder, **kwargs)
        module = cls(parent.tokenizer, embedding_weights=parent.embedding.weight.detach())
        variants = json.loads((Path(model_name_or_path) / subfolder / "variants.json").read_text("utf-8"))
        module.variants = {ord(character): form for character, form in variants.items()}
        return module
