"""What each part is worth: every arm, tokeniser and way of fusing on the same questions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.service import Service
from eval.questions import Question
from eval.rankers import TOP_K, InProcess, Place, PlainBM25, Ranker, Scored
from eval.retrieval import WITHIN
from eval.run import Run, execute
from eval.statistics import estimate
from eval.tables import LANGUAGES
from retriever.fusion import WEIGHTS
from retriever.records import Document
from retriever.segment import FIELDS

ARMS = (*FIELDS, "dense")
RRF_K = 60
GRID = {"bigrams": (0.0, 0.5, 1.0), "headings": (0.0, 0.3), "dense": (0.4, 0.8, 1.2)}


def with_weights(service: Service, weights: Mapping[str, Mapping[str, float]]) -> InProcess:
    return InProcess(service.with_weights(weights))


def only(*arms: str, weight: float | None = None) -> dict[str, dict[str, float]]:
    """The shipped weights with all other arms switched off; or one weight for each arm that is left."""
    return {
        language: {arm: (shipped[arm] if weight is None else weight) if arm in arms else 0.0 for arm in ARMS}
        for language, shipped in WEIGHTS.items()
    }


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
    single = {arm: with_weights(service, only(arm, weight=1.0)) for arm in ARMS}
    yield "BM25, 400-character chunks, words", PlainBM25(documents, ("words",))
    yield "BM25, 400-character chunks, words + bigrams", PlainBM25(documents)
    yield "words", single["words"]
    yield "bigrams", single["bigrams"]
    yield "words + bigrams", with_weights(service, only("words", "bigrams"))
    yield "words + bigrams + headings", with_weights(service, only("words", "bigrams", "headings"))
    yield "dense", single["dense"]
    yield "words + dense", with_weights(service, only("words", "dense"))
    yield "all, reciprocal rank fusion", RankFusion(list(single.values()))
    yield "all, weighted sum, one weight", with_weights(service, only(*ARMS, weight=1.0))
    yield "**all, weighted sum (shipped)**", InProcess(service)


def leave_one_out(service: Service, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Each document as if it were new: the weights are chosen on the questions of the others.

    Nothing else of the present system is made from a document: no expansion, no glossary, no training.
    """
    asked = [q for q in questions if len(q.evidence) == 1]
    runs = [execute(asked, with_weights(service, weights), {}, progress=lambda m: None)[0] for weights in _grid()]
    found: list[dict[str, Any]] = []
    for document in service.index.documents():
        own = {q.id for q in asked if q.evidence[0][0].document == document.source_sha256}
        for language in LANGUAGES:
            mine = [q.id for q in asked if q.language == language and q.id in own]
            others = [q.id for q in asked if q.language == language and q.id not in own]
            best = max(runs, key=lambda run: _mean(run, others))
            if mine:
                scores = estimate([best.values[WITHIN][qid] for qid in mine])
                found.append({"document": document.doc_id, "language": language, "within": scores})
    return found


def _grid() -> list[dict[str, dict[str, float]]]:
    return [
        {language: {"words": 1.0, "bigrams": b, "headings": h, "dense": d} for language in WEIGHTS}
        for b in GRID["bigrams"]
        for h in GRID["headings"]
        for d in GRID["dense"]
    ]


def _mean(run: Run, ids: Sequence[str]) -> float:
    return sum(run.values[WITHIN][qid] for qid in ids) / max(1, len(ids))
