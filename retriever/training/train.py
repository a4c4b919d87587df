"""Contrastive training of the static table: a query is nearer to its passage than to the others of its batch.

Multiple-negatives ranking loss (Henderson et al. 2017) on cosines, both ways, over batches that are
drawn from one source at a time; pairs that share a passage are masked. Checkpoints after each epoch;
a second start goes on where the first one stopped.
"""

import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from retriever.text import normalise
from retriever.training.data import Pair

BATCH = 1024
SCALE = 20.0
LEARNING_RATE = 2e-3
QUERY_DROPOUT, PASSAGE_DROPOUT = 0.1, 0.25


def tokenise(tokeniser: Tokenizer, texts: list[str]) -> list[NDArray[np.int32]]:
    return [
        np.asarray(encoding.ids or [0], dtype=np.int32)
        for start in range(0, len(texts), 4096)
        for encoding in tokeniser.encode_batch(
            [normalise(t) for t in texts[start : start + 4096]], add_special_tokens=False
        )
    ]


class Source:
    """Pairs of one origin, tokenised once."""

    def __init__(self, name: str, tokeniser: Tokenizer, pairs: list[Pair]):
        self.name = name
        self.queries = tokenise(tokeniser, [pair.query for pair in pairs])
        self.passages = tokenise(tokeniser, [pair.passage for pair in pairs])
        groups: dict[str, int] = {}
        self.groups = np.asarray([groups.setdefault(pair.group, len(groups)) for pair in pairs])

    def batches(self, chance: random.Random) -> list[list[int]]:
        order = list(range(len(self.queries)))
        chance.shuffle(order)
        return [order[i : i + BATCH] for i in range(0, len(order) - BATCH // 2, BATCH)]


def bag(
    table: nn.EmbeddingBag, texts: list[NDArray[np.int32]], dropout: float, generator: np.random.Generator
) -> Tensor:
    """(texts, dimensions) unit vectors, a share of the tokens left out at random."""
    kept = [t[k] if (k := generator.random(len(t)) >= dropout).any() else t for t in texts]
    offsets = np.cumsum([0] + [len(t) for t in kept[:-1]])
    vectors = table(torch.from_numpy(np.concatenate(kept).astype(np.int64)), torch.from_numpy(offsets))
    return nn.functional.normalize(vectors, dim=1)


def loss(queries: Tensor, passages: Tensor, groups: Tensor) -> Tensor:
    scores = SCALE * queries @ passages.T
    same = groups[:, None] == groups[None, :]
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    labels = torch.arange(len(groups))
    forward = nn.functional.cross_entropy(scores, labels)
    return (forward + nn.functional.cross_entropy(scores.T, labels)) / 2


def train(
    initial: NDArray[np.float32], sources: list[Source], epochs: int, seed: int, checkpoints: Path
) -> NDArray[np.float32]:
    """The trained table, (pieces, dimensions)."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    table = nn.EmbeddingBag.from_pretrained(torch.from_numpy(initial), freeze=False, mode="mean")
    optimiser = torch.optim.Adam(table.parameters(), lr=LEARNING_RATE)
    first = _resume(table, optimiser, checkpoints)
    for epoch in range(first, epochs):
        chance, generator = random.Random(seed + epoch), np.random.default_rng(seed + epoch)
        batches = [(source, batch) for source in sources for batch in source.batches(chance)]
        chance.shuffle(batches)
        started, total = time.monotonic(), 0.0
        for step, (source, batch) in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * (1 - (epoch + step / len(batches)) / epochs)
            queries = bag(table, [source.queries[i] for i in batch], QUERY_DROPOUT, generator)
            passages = bag(table, [source.passages[i] for i in batch], PASSAGE_DROPOUT, generator)
            value = loss(queries, passages, torch.from_numpy(source.groups[batch]))
            optimiser.zero_grad()
            torch.autograd.backward(value)
            optimiser.step()
            total += value.item()
            if step % 50 == 49:
                seconds = time.monotonic() - started
                print(
                    f"epoch {epoch + 1} step {step + 1}/{len(batches)} loss {total / (step + 1):.3f} {seconds:.0f} s",
                    file=sys.stderr,
                )
        torch.save(
            {"epoch": epoch + 1, "table": table.state_dict(), "optimiser": optimiser.state_dict()},
            checkpoints / "last.pt",
        )
    weights: NDArray[np.float32] = table.weight.detach().numpy()
    return weights


def _resume(table: nn.EmbeddingBag, optimiser: torch.optim.Optimizer, checkpoints: Path) -> int:
    """Load the last checkpoint, if there is one; return how many epochs it has behind it."""
    if not (checkpoints / "last.pt").exists():
        return 0
    saved = torch.load(checkpoints / "last.pt", weights_only=True)
    table.load_state_dict(saved["table"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["epoch"])
