"""A first check of a model: JaQuAD dev, each question against all passages of the set."""

from pathlib import Path

import numpy as np

from retriever.embed import Embedder
from retriever.training.data import read_rows

RESAMPLES = 1000


def jaquad_dev(data: Path, model: Embedder, seed: int) -> tuple[float, float, float]:
    """Mean nDCG@10 in percent with its bootstrap interval; one relevant passage a question."""
    rows = list(read_rows(data, "jaquad-dev"))
    passages = list(dict.fromkeys(row["context"] for row in rows))
    place = {passage: number for number, passage in enumerate(passages)}
    relevant = np.asarray([place[row["context"]] for row in rows])
    scores = model.encode_queries([row["question"] for row in rows]) @ model.encode_passages(passages).T
    ranks = (scores > scores[np.arange(len(rows)), relevant][:, None]).sum(axis=1) + 1
    gains = np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0)
    chance = np.random.default_rng(seed)
    means = [gains[chance.integers(0, len(gains), len(gains))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return 100 * float(gains.mean()), 100 * float(low), 100 * float(high)
