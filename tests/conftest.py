"""The shipped corpus, indexed once a run; and small made-up texts for everything else."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings
from lite import lite

from api.app import create_app
from api.kept import KeptAnswers
from api.service import Service
from api.settings import Settings
from ingest import build
from ingest.clustered import Milvus
from ingest.expand import read_expansions
from ingest.load import find_sources, load
from retriever.embed import StaticModel
from retriever.glossary import read_glossary
from retriever.index import open_index
from retriever.records import Document

os.environ["HF_HUB_OFFLINE"] = "1"  # no test reaches for a model hub
settings.register_profile("default", deadline=None)
settings.register_profile("long", max_examples=30_000, deadline=None)
ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "corpus"


def document(text: str, doc_id: str = "doc") -> Document:
    return Document(doc_id, "題名", text, "0" * 64, "1" * 64, "ja", "text/plain", "text/1")


@pytest.fixture(scope="session")
def corpus() -> dict[str, Document]:
    """The five documents by the first three characters of their ids."""
    return {d.doc_id[:3]: d for d in map(load, find_sources(CORPUS))}


@pytest.fixture(scope="session")
def model() -> StaticModel:
    return StaticModel()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Path:
    """A home with the shipped corpus indexed."""
    home = tmp_path_factory.mktemp("home")
    build.ingest(
        home / "index", [CORPUS], model, read_expansions([CORPUS / "expansions"]), progress=lambda message: None
    )
    return home


@pytest.fixture(scope="session")
def service(home: Path, model: StaticModel) -> Iterator[Service]:
    service = Service(
        open_index(home / "index", model.name),
        model,
        KeptAnswers(home / "answers.sqlite"),
        read_glossary(CORPUS / "glossary.tsv"),
    )
    yield service
    service.close()


@pytest.fixture(scope="session")
def in_milvus(home: Path, model: StaticModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same index, moved into Milvus Lite."""
    kept, entries = KeptAnswers(home / "answers.sqlite"), read_glossary(CORPUS / "glossary.tsv")
    with lite(tmp_path_factory.mktemp("milvus")) as (uri, _), closing(Milvus(uri, "", home / "copies")) as store:
        with closing(open_index(home / "index", model.name)) as index:
            store.move(index, model, lambda message: None)
        view, _ = store.open(model)
        yield Service(view, model, kept, entries)
    kept.close()


@pytest.fixture(params=["disk", "milvus"])
def either(request: pytest.FixtureRequest) -> Service:
    """What must hold wherever the index is."""
    found: Service = request.getfixturevalue({"disk": "service", "milvus": "in_milvus"}[request.param])
    return found


@pytest.fixture(scope="session")
def client(service: Service, home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=home), service), raise_server_exceptions=False) as client:
        yield client


Told = Callable[[str], None]
_LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="minutes, not seconds: see eval/reliability.md")


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether to try everything, not some of it."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture(scope="session")
def told(pytestconfig: pytest.Config) -> Told:
    """Says a line at the end of the run: what was tried, and how often."""
    return pytestconfig.stash.setdefault(_LINES, []).append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist passes on what it has to say."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = session.config.stash.get(_LINES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Without pytest-xdist there are no workers, nor this hook."""
    node.config.stash.setdefault(_LINES, []).extend(getattr(node, "workeroutput", {}).get("told", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_LINES, []):
        terminalreporter.write_line(line)
