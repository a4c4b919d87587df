"""The passages and questions of the comparison: JaQuAD, and windows of sentences of Wikipedia's Kyoto articles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench import read_rows
from eval.errors import BadQuestions
from eval.statistics import SEED

WINDOW = 150
"""Characters that a window of whole sentences has at least, the last one of an article aside."""


@dataclass(frozen=True, slots=True)
class Text:
    """A passage for every tool: ours keeps the title a field of its own, the others index `whole`."""

    title: str
    text: str

    @property
    def whole(self) -> str:
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the place of the passage that it was written for."""

    question: str
    place: int


def read_texts(data: Path, count: int) -> list[Text]:
    """`count` distinct passages: JaQuAD dev first, then its training set, then Wikipedia. Raises `BadQuestions`."""
    squad = (
        Text(row["title"], row["context"]) for name in ("jaquad-dev", "jaquad-train") for row in read_rows(data, name)
    )
    wikipedia = (window for row in read_rows(data, "kyoto-wikipedia-ja-en") for window in windows(row))
    texts = list(islice(dict.fromkeys(chain(squad, wikipedia)), count))
    if len(texts) < count:
        raise BadQuestions(f"{data} gives {len(texts):,} distinct passages, not {count:,}.")
    return texts


def windows(article: dict[str, Any]) -> Iterator[Text]:
    """Runs of whole Japanese sentences."""
    title, run = article["title"][0], ""
    for sentence, _ in chain.from_iterable(paragraph["sentences"] for paragraph in article["paragraphs"]):
        run += sentence
        if len(run) >= WINDOW:
            yield Text(title, run)
            run = ""
    if run:
        yield Text(title, run)


def read_pairs(data: Path, texts: Sequence[Text], count: int) -> list[Pair]:
    """Questions of JaQuAD dev, drawn by chance, the same at every call."""
    places = {text.text: place for place, text in enumerate(texts)}
    rows = [row for row in read_rows(data, "jaquad-dev") if row["context"] in places]
    drawn = np.random.default_rng(SEED).permutation(len(rows))[:count]
    return [Pair(rows[i]["question"], places[rows[i]["context"]]) for i in drawn]
