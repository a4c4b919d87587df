"""Each document as if it were new: what a report gets that a user adds tomorrow.

Nothing made from the document is used: its expansions and the glossary rows that it alone gave are left out, the
weights are learnt on the other documents' questions, and the model is one that was trained without it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from api.kept import KeptAnswers
from api.service import Service
from api.settings import Settings
from eval.fit import learn
from eval.questions import Question
from eval.rankers import InProcess
from eval.retrieval import WITHIN
from eval.run import execute
from eval.statistics import Estimate, estimate
from eval.tables import LANGUAGES
from ingest import build
from ingest.expand import read_expansions
from ingest.load import find_sources, load
from retriever.embed import StaticModel
from retriever.fusion import Weights
from retriever.glossary import Entry, read_glossary
from retriever.index import open_index
from retriever.records import Document
from retriever.search import Retriever


@dataclass(frozen=True)
class LeftOut:
    """Evidence within 2,000 characters for the questions of a document that was new to everything."""

    document: str
    language: str
    within: Estimate
    dense: Estimate


@dataclass(frozen=True)
class Newcomer:
    """A document, the questions about it alone, and a service to which it is new."""

    document: Document
    questions: tuple[Question, ...]
    service: Service

    @property
    def example(self) -> tuple[Sequence[Question], Retriever]:
        return self.questions, self.service.retriever


@contextmanager
def newcomers(settings: Settings, questions: Sequence[Question], models: Path) -> Iterator[list[Newcomer]]:
    """Each document of the corpus as a new one; MODELS/ID is the model trained without it."""
    with ExitStack() as stack:
        yield [
            Newcomer(
                document,
                tuple(q for q in questions if len(q.evidence) == 1 and _rests_on(q, document)),
                stack.enter_context(_without(settings, document, models)),
            )
            for document in map(load, find_sources(settings.corpus))
        ]


def leave_out(settings: Settings, questions: Sequence[Question], models: Path, data: Path) -> Iterator[LeftOut]:
    """For each document and language; `models` as in `newcomers`."""
    with newcomers(settings, questions, models) as found:
        for newcomer in found:
            others = [q for q in questions if not _rests_on(q, newcomer.document)]
            rest = [other.example for other in found if other is not newcomer]
            yield from _measure(newcomer, learn((others, newcomer.service.retriever), rest, data))


def _measure(newcomer: Newcomer, weights: Weights) -> Iterator[LeftOut]:
    service = newcomer.service.with_weights(weights)
    runs = {
        mode: execute(newcomer.questions, InProcess(service, mode), {}, progress=lambda m: None)[0]
        for mode in ("hybrid", "dense")
    }
    for language in LANGUAGES:
        ids = [q.id for q in newcomer.questions if q.language == language]
        if ids:
            within = {mode: estimate([run.values[WITHIN][qid] for qid in ids]) for mode, run in runs.items()}
            yield LeftOut(newcomer.document.doc_id, language, within["hybrid"], within["dense"])


def _rests_on(question: Question, document: Document) -> bool:
    return any(e.document == document.source_sha256 for group in question.evidence for e in group)


@contextmanager
def _without(settings: Settings, document: Document, models: Path) -> Iterator[Service]:
    """A service over the whole corpus that knows nothing of a document but its text."""
    embedder = StaticModel(models / document.doc_id)
    expansions = read_expansions(settings.expansions)
    expansions.pop(document.source_sha256, None)
    with TemporaryDirectory() as home:
        index = Path(home) / "index"
        build.ingest(index, [settings.corpus], embedder, expansions, progress=lambda m: None)
        entries = [entry for entry in read_glossary(settings.glossary) if not only_from(entry, document)]
        kept = KeptAnswers(Path(home) / "answers.sqlite")
        with closing(Service(open_index(index, embedder.name), embedder, kept, entries)) as service:
            yield service


def only_from(entry: Entry, document: Document) -> bool:
    """Glossary rows name a document by the first three characters of its id."""
    return entry.source == document.doc_id[:3]
