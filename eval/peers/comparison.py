"""All tools on the same passages and questions: what they find, how fast, and what it costs."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from eval.peers.adapters import Entry, Tool
from eval.peers.corpus import Pair, Text
from eval.peers.process import Built, Round, Worker, working
from eval.rankers import TOP_K, Place, Scored
from eval.statistics import Estimate, estimate, paired_p_value
from ingest.build import say
from retriever.embed import Embedder

Ranking = tuple[str, Callable[[str], list[Scored]]]
"""The name of a tool, and what ranks places for a question."""
K = 10
ROUND = 40
"""Questions that a tool is asked before the next one has its turn. Fewer would measure how it refills the processor's
caches, in which the one before has left its own."""
LIMIT_S = 120
"""Processor seconds after which a tool is asked no more: its figures rest on the questions until then."""


@dataclass(frozen=True)
class Outcome:
    """`found[i]`: places for question i, best first, for as many questions as it was asked. Rates in questions a
    second: the median of rounds, by its processor time and by the clock."""

    name: str
    version: str
    built: Built
    found: Sequence[Sequence[int]]
    cpu_rate: float
    rate: float

    def recall(self, pairs: Sequence[Pair], k: int) -> list[float]:
        """One value for each question that it was asked."""
        asked = zip(pairs, self.found, strict=False)
        return [float(pair.place in found[:k]) for pair, found in asked]


def compare(
    entries: Sequence[Entry],
    texts: Sequence[Text],
    vectors: NDArray[np.float32],
    pairs: Sequence[Pair],
    limit_s: float = LIMIT_S,
    progress: Callable[[str], None] = say,
) -> list[Outcome]:
    """Tools that aren't installed are left to the caller. The last pair is only there to warm up."""
    *pairs, warm = pairs
    with ExitStack() as stack:
        workers = {stack.enter_context(working(entry, texts, vectors)): entry for entry in entries}
        for worker in workers:
            worker.start(warm.question, K)
        built = {worker: worker.built() for worker in workers}
        progress(f"{len(texts):,} passages: all indexes are there")
        rounds = in_turns(list(workers), [pair.question for pair in pairs], limit_s, progress)
    return [_outcome(entry, built[worker], rounds[worker]) for worker, entry in workers.items()]


def in_turns(
    workers: Sequence[Worker], questions: Sequence[str], limit_s: float, progress: Callable[[str], None]
) -> Mapping[Worker, Sequence[Round]]:
    """A few questions to each in turn, another one first each time: whatever else the machine does hits all alike."""
    rounds: dict[Worker, list[Round]] = {worker: [] for worker in workers}
    for number, start in enumerate(range(0, len(questions), ROUND)):
        first = number % len(workers)
        for worker in [*workers[first:], *workers[:first]]:
            if sum(done.cpu_seconds for done in rounds[worker]) < limit_s:
                rounds[worker].append(worker.search(questions[start : start + ROUND], K))
        progress(f"{min(start + ROUND, len(questions)):,} of {len(questions):,} questions")
    return rounds


def _outcome(entry: Entry, built: Built, rounds: Sequence[Round]) -> Outcome:
    return Outcome(
        entry.name,
        entry.version or "",
        built,
        [places for done in rounds for places in done.found],
        statistics.median(len(done.found) / done.cpu_seconds for done in rounds),
        statistics.median(len(done.found) / done.seconds for done in rounds),
    )


def against(ours: Outcome, theirs: Outcome, pairs: Sequence[Pair]) -> float:
    """p of the difference in R@10 on the questions that both were asked (paired randomisation test)."""
    asked = min(len(ours.found), len(theirs.found))
    return paired_p_value(ours.recall(pairs, K)[:asked], theirs.recall(pairs, K)[:asked])


def recall(outcome: Outcome, pairs: Sequence[Pair], k: int) -> Estimate:
    return estimate(outcome.recall(pairs, k))


def over_places(
    entries: Sequence[Entry], embedder: Embedder, places: Sequence[Place], texts: Sequence[Text]
) -> Iterator[Ranking]:
    """Each tool in turn, in this process, over the passages of an index; `texts` are theirs."""
    vectors = embedder.encode_passages([text.whole for text in texts])
    for entry in entries:
        tool = entry.make(embedder)
        with TemporaryDirectory() as folder:
            tool.build(texts, vectors, Path(folder))
            yield entry.name, partial(_rank, tool, places)


def _rank(tool: Tool, places: Sequence[Place], question: str) -> list[Scored]:
    found = tool.search(question, TOP_K)
    return [Scored(places[place], 1 / rank) for rank, place in enumerate(found, start=1)]
