"""Killed at any moment, with the store in Milvus: a reader sees whole documents only, and the next run completes it.

.venv/bin/pytest tests/test_milvus_kills.py --long      (some 200 kills; a quarter of an hour)
"""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import kills
import pytest
from conftest import Told
from lite import lite
from test_index import TEXTS
from test_milvus import IDS

from api.citations.quotes import prove
from api.kept import KeptAnswers
from api.kept_shared import SharedAnswers
from ingest.clustered import Milvus
from retriever.embed import StaticModel
from retriever.errors import IndexMissing

EVERY = {IDS[name]: [text] for name, text in TEXTS.items()}
"""By document, its passages."""
ANSWERS = sorted(f"ans_{number}" for number in range(20))
TAKES_S = 4.0


class Killer:
    """Runs commands that it kills at any moment, or leaves to end, and looks at the store after each."""

    def __init__(self, store: Milvus, folder: Path, model: StaticModel):
        self.store = store
        self.model = model
        self.home, self.corpus = folder / "home", folder / "corpus"
        self.killed = 0
        self._chance = random.Random(3)

    def run(self, *arguments: str) -> bool:
        """Whether it was left to end."""
        work = kills.in_milvus, self.home, self.corpus, self.store.cluster.uri
        ended = kills.after(self._chance.uniform(0, TAKES_S), *work, *arguments)
        assert self.held().items() <= EVERY.items()
        self.killed += ended.killed
        return not ended.killed

    def held(self) -> dict[str, list[str]]:
        """What is seen of the store: no passage is missing or there twice, each is proved."""
        try:
            index, _ = self.store.open(self.model)
        except IndexMissing:
            return {}
        assert list(self.store.examine(self.model)) == []
        found = {document: index.passages_of(document.doc_id) for document in index.documents()}
        for document, passages in found.items():
            assert len({passage.passage_id for passage in passages}) == len(passages)
            for passage in passages:
                prove(document, passage.text, passage.spans)
        return {document.doc_id: [passage.text for passage in passages] for document, passages in found.items()}


@contextmanager
def empty_milvus(folder: Path, model: StaticModel) -> Iterator[Killer]:
    with (
        TemporaryDirectory() as database,
        lite(Path(database)) as (uri, _),
        closing(Milvus(uri, "", Path(database) / "library")) as store,
    ):
        yield Killer(store, folder, model)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name, text in TEXTS.items():
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    return {name: str(tmp_path / f"{name}.txt") for name in TEXTS}


def test_an_ingest_and_a_removal_go_on(
    files: dict[str, str], tmp_path: Path, model: StaticModel, long: bool, told: Told
) -> None:
    removals = 0
    with empty_milvus(tmp_path, model) as killer:
        while killer.killed < (160 if long else 1):
            while not killer.run("ingest", *files.values()):
                pass
            assert killer.held() == EVERY
            before = killer.killed
            killer.run("ingest", "--remove", IDS["chip"])
            if IDS["chip"] in killer.store.library().removed():  # it was noted: whoever takes in next takes it out
                while not killer.run("ingest", files["energy"]):
                    pass
                assert killer.held() == {i: texts for i, texts in EVERY.items() if i != IDS["chip"]}
            removals += killer.killed - before
    told(f"ingests into Milvus: killed {killer.killed - removals} times, removals {removals} times; all hold")


def test_a_move_goes_on(files: dict[str, str], tmp_path: Path, model: StaticModel, long: bool, told: Told) -> None:
    home = tmp_path / "home"
    kills.undisturbed(kills.command, home, tmp_path / "corpus", "ingest", *files.values())
    with closing(KeptAnswers(home / "answers.sqlite")) as kept:
        for name in ANSWERS:
            kept.keep({"answer_id": name, "created": "2026-01-01T00:00:00Z"})
    killed = moves = 0
    while killed < (60 if long else 1):
        with empty_milvus(tmp_path, model) as killer:
            while not killer.run("move"):
                pass
            assert killer.held() == EVERY
            library, answers = killer.store.library(), SharedAnswers(killer.store.cluster)
            own = {entry.doc_id: library.source(entry).path.read_text("utf-8") for entry in library.entries()}
            assert own == {IDS[name]: text for name, text in TEXTS.items()}
            assert sorted(answer["answer_id"] for answer in answers.newest(0, 100)) == ANSWERS
        killed, moves = killed + killer.killed, moves + 1
    told(f"moves into Milvus: killed {killed} times until {moves} were done; all is there, each once")
