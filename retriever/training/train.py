"""Contrastive training of the static table: a query is nearer to its passage than to the others of its batch.

Multiple-negatives ranking loss (Henderson et al. 2017) on cosines, both ways, over batches that are drawn from one
source at a time; pairs that share a passage are masked. Checkpoints after each epoch; a second start goes on where the
first one stopped.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from retriever.embed import bag_of_tokens
from retriever.text import normalise
from retriever.training.data import Pair

BATCH = 1024
PAIRS_OF_A_TOPIC = 48
SCALE = 20.0
QUERY_DROPOUT, PASSAGE_DROPOUT = 0.1, 0.25

Bag = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The different tokens of a text, and how much each counts."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train."""

    epochs: int
    learning_rate: float
    seed: int


class Source:
    """Pairs of one origin, tokenised once. `times`: how often an epoch goes through them; a share of them below 1."""

    def __init__(self, name: str, tokeniser: Tokenizer, pairs: Sequence[Pair], times: float):
        self.name = name
        self.times = times
        self.queries = bags(tokeniser, [pair.query for pair in pairs])
        self.passages = bags(tokeniser, [pair.passage for pair in pairs])
        groups: dict[str, int] = {}
        self.groups = np.asarray([groups.setdefault(pair.group, len(groups)) for pair in pairs])
        self.topics: dict[str, list[int]] = {}
        for number, pair in enumerate(pairs):
            self.topics.setdefault(pair.topic or str(number), []).append(number)

    def batches(self, chance: random.Random) -> Iterator[list[int]]:
        """Of an epoch, in random order; pairs of one topic side by side."""
        left = self.times if self.queries else 0
        while left > 0:
            blocks: list[list[int]] = []
            for numbers in self.topics.values():
                mixed = chance.sample(numbers, len(numbers))
                blocks += [mixed[i : i + PAIRS_OF_A_TOPIC] for i in range(0, len(mixed), PAIRS_OF_A_TOPIC)]
            chance.shuffle(blocks)
            order = [number for block in blocks for number in block]
            whole = [order[i : i + BATCH] for i in range(0, max(1, len(order) - BATCH // 2), BATCH)]
            yield from chance.sample(whole, max(1, round(len(whole) * min(1.0, left))))
            left -= 1


def bags(tokeniser: Tokenizer, texts: Sequence[str]) -> list[Bag]:
    """Each different text is tokenised once."""
    different = list(dict.fromkeys(texts))
    found: dict[str, Bag] = {}
    for start in range(0, len(different), 4096):
        part = different[start : start + 4096]
        encoded = tokeniser.encode_batch([normalise(text) for text in part], add_special_tokens=False)
        for text, encoding in zip(part, encoded, strict=True):
            found[text] = bag_of_tokens(sorted(encoding.ids) or [0])  # what is dropped is drawn by place
    return [found[text] for text in texts]


def encode(table: nn.EmbeddingBag, texts: Sequence[Bag], dropout: float, chance: np.random.Generator) -> Tensor:
    """(texts, dimensions) unit vectors, a share of the tokens left out at random."""
    kept: list[Bag] = []
    for ids, weights in texts:
        left = chance.random(len(ids)) >= dropout
        kept.append((ids[left], weights[left]) if left.any() else (ids, weights))
    offsets = np.cumsum([0] + [len(ids) for ids, _ in kept[:-1]])
    vectors = table(
        torch.from_numpy(np.concatenate([ids for ids, _ in kept])),
        torch.from_numpy(offsets),
        per_sample_weights=torch.from_numpy(np.concatenate([weights for _, weights in kept])),
    )
    return nn.functional.normalize(vectors, dim=1)


def loss(queries: Tensor, passages: Tensor, groups: Tensor) -> Tensor:
    scores = SCALE * queries @ passages.T
    same = (groups[:, None] == groups[None, :]) & ~torch.eye(len(groups), dtype=torch.bool)
    scores = scores.masked_fill(same, -1e4)
    labels = torch.arange(len(groups))
    forward = nn.functional.cross_entropy(scores, labels)
    return (forward + nn.functional.cross_entropy(scores.T, labels)) / 2


def train(
    initial: NDArray[np.float32], sources: Sequence[Source], plan: Plan, checkpoints: Path
) -> NDArray[np.float32]:
    """The trained table, (pieces, dimensions)."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    table = nn.EmbeddingBag.from_pretrained(torch.from_numpy(initial), freeze=False, mode="sum")
    optimiser = torch.optim.Adam(table.parameters(), lr=plan.learning_rate)
    for epoch in range(_resume(table, optimiser, checkpoints), plan.epochs):
        chance, generator = random.Random(plan.seed + epoch), np.random.default_rng(plan.seed + epoch)
        batches = [(source, batch) for source in sources for batch in source.batches(chance)]
        chance.shuffle(batches)
        started, losses = time.monotonic(), dict[str, list[float]]()
        for step, (source, batch) in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = plan.learning_rate * (1 - (epoch + step / len(batches)) / plan.epochs)
            queries = encode(table, [source.queries[i] for i in batch], QUERY_DROPOUT, generator)
            passages = encode(table, [source.passages[i] for i in batch], PASSAGE_DROPOUT, generator)
            value = loss(queries, passages, torch.from_numpy(source.groups[batch]))
            optimiser.zero_grad()
            torch.autograd.backward(value)
            optimiser.step()
            losses.setdefault(source.name, []).append(value.item())
            if step % 50 == 49 or step + 1 == len(batches):
                shown = ", ".join(f"{name} {np.mean(values):.2f}" for name, values in sorted(losses.items()))
                seconds = time.monotonic() - started
                print(f"epoch {epoch + 1} step {step + 1}/{len(batches)}: {shown}; {seconds:.0f} s", file=sys.stderr)
        state = {"epoch": epoch + 1, "table": table.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save(state, checkpoints / "last.pt")
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
