"""What each part is worth: every arm, tokeniser and way of fusing on the same questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.service import Service
from eval.rankers import TOP_K, InProcess, Place, PlainBM25, Ranker, Scored
from retriever.arms import DENSE_ARMS, LEXICAL_ARMS
from retriever.fusion import Weights, arm_of, for_new_too, shipped_weights
from retriever.records import Document

ARMS = (*LEXICAL_ARMS, *DENSE_ARMS)
QUESTION_ARMS = ("asked_words", "asked_bigrams", "asked_dense")
RRF_K = 60


def with_weights(service: Service, weights: Weights) -> InProcess:
    return InProcess(service.with_weights(weights))


def equal(*arms: str) -> Weights:
    """One weight for each arm."""
    return for_new_too(dict.fromkeys(arms, 1 / len(arms)))


def without(*arms: str) -> Weights:
    """The shipped weights, some arms switched off."""
    return {name: weight for name, weight in shipped_weights().items() if arm_of(name) not in arms}


@dataclass
class RankFusion:
    """Reciprocal rank fusion (Cormack et al. 2009) of several rankings."""

    rankers: Sequence[Ranker]
    name: str = field(default="reciprocal rank fusion")

    def places(self) -> list[Place]:
        return self.rankers[0].places()

    def rank(self, question: str) -> list[Scored]:
        scores: dict[str, float] = {}
        places: dict[str, Place] = {}
        for ranker in self.rankers:
            for rank, scored in enumerate(ranker.rank(question), start=1):
                places[scored.place.id] = scored.place
                scores[scored.place.id] = scores.get(scored.place.id, 0.0) + 1 / (RRF_K + rank)
        best = sorted(scores, key=lambda pid: (-scores[pid], pid))[:TOP_K]
        return [Scored(places[pid], scores[pid]) for pid in best]

    def describe(self) -> dict[str, Any]:
        return {"ranker": self.name, "k": RRF_K}


def rankers(service: Service, documents: Sequence[Document]) -> Iterator[tuple[str, Ranker]]:
    """Name and ranker of each line of the ablation table."""
    single = {arm: with_weights(service, equal(arm)) for arm in ARMS}
    yield "BM25, 400-character chunks, words", PlainBM25(documents, ("words",))
    yield "BM25, 400-character chunks, words + bigrams", PlainBM25(documents)
    for arm, ranker in single.items():
        yield arm.replace("_", " "), ranker
    yield "words + bigrams", with_weights(service, equal("words", "bigrams"))
    yield "words + bigrams + dense", with_weights(service, equal("words", "bigrams", "dense"))
    yield "all, reciprocal rank fusion", RankFusion(list(single.values()))
    yield "all, one weight", with_weights(service, equal(*ARMS))
    yield "**all, learnt weights (shipped)**", InProcess(service)
    yield "shipped, without written questions", with_weights(service, without(*QUESTION_ARMS))
    yield "shipped, without the glossary", with_weights(service, without("glossary"))
    yield "shipped, without the model", with_weights(service, without(*DENSE_ARMS))
    yield "shipped, without headings", with_weights(service, without("headings"))
    yield "shipped, with neither questions nor glossary", with_weights(service, without(*QUESTION_ARMS, "glossary"))
