"""Killed at every step and at any moment: a reader sees the old index or the new one, and the next run completes it.

.venv/bin/pytest tests/test_kills.py --long      (every step, and 200 random moments; minutes)
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import kills
import pytest
from conftest import Told
from endpoint import Reply, serving
from fastapi.testclient import TestClient
from test_doc2query import GOOD
from test_index import TEXTS

from api.app import create_app
from api.citations.quotes import prove
from api.kept import KeptAnswers
from api.settings import Settings
from ingest.expand import read_expansions
from ingest.library import Library
from retriever.embed import StaticModel
from retriever.index import open_index
from retriever.search import Retriever

OWN = TEXTS["robot"].encode()
OWN_ID = hashlib.sha256(OWN).hexdigest()[:16]
RANDOM_MOMENTS = 250
"""In the long run, of all operations together; those that come too late don't count."""
Operation = tuple[str, Callable[..., None], tuple[Any, ...]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills") / "corpus"
    folder.mkdir()
    entries = []
    for name in ("chip", "energy"):
        (folder / f"{name}.txt").write_text(TEXTS[name], "utf-8")
        sha256 = hashlib.sha256(TEXTS[name].encode()).hexdigest()
        entries.append(
            f'[[documents]]\nid = "{name}"\nfile = "{name}.txt"\nsha256 = "{sha256}"\ntitle = "題"\nlanguage = "ja"\n'
        )
    (folder / "manifest.toml").write_text("".join(entries), "utf-8")
    return folder


@pytest.fixture(scope="module")
def empty(corpus: Path) -> Path:
    """Before the first ingest."""
    home = corpus.parent / "empty"
    home.mkdir()
    return home


@pytest.fixture(scope="module")
def shipped(corpus: Path) -> Path:
    """With the shipped documents."""
    kills.undisturbed(kills.command, corpus.parent / "shipped", corpus, "ingest")
    return corpus.parent / "shipped"


@pytest.fixture(scope="module")
def owned(corpus: Path, shipped: Path) -> Path:
    """With a person's document, too."""
    home = kills.copied(shipped, corpus.parent / "owned")
    kills.undisturbed(kills.give, home, corpus, OWN)
    return home


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as endpoint:
        endpoint.default = Reply(GOOD)
        yield endpoint.base_url


@pytest.fixture(params=["ingest", "ingest PATH", "ingest --remove", "ingest --expand", "upload", "delete"])
def operation(request: pytest.FixtureRequest, corpus: Path) -> tuple[str, Path, Callable[..., None], tuple[Any, ...]]:
    """Its name, the home that it begins with, and what is run there."""
    own = corpus.parent / "own.txt"
    own.write_bytes(OWN)
    begin = {"ingest": "empty", "ingest --remove": "owned", "delete": "owned"}.get(request.param, "shipped")
    home = request.getfixturevalue(begin)
    endpoint = request.getfixturevalue("endpoint") if request.param == "ingest --expand" else ""
    work: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {
        "ingest": (kills.command, ("ingest",)),
        "ingest PATH": (kills.command, ("ingest", str(own))),
        "ingest --remove": (kills.command, ("ingest", "--remove", OWN_ID)),
        "ingest --expand": (kills.expand, (endpoint,)),
        "upload": (kills.give, (OWN,)),
        "delete": (kills.take_away, (OWN_ID,)),
    }
    return (request.param, home, *work[request.param])


def held(home: Path, model: StaticModel) -> frozenset[tuple[str, str]]:
    """The documents with their titles; each passage proved, and one found. Nothing before the first generation."""
    if not (home / "index" / "CURRENT").exists():
        return frozenset()
    with closing(open_index(home / "index", model.name)) as index:
        for document in index.documents():
            for passage in index.passages_of(document.doc_id):
                prove(document, passage.text, passage.spans)
        assert Retriever(index, model).search("半導体の輸出規制").hits[0].document.doc_id == "chip"
        questions = frozenset(q.text for n in range(index.manifest.passages) for q in index.questions_of(n).asked)
        return frozenset((d.doc_id, d.title) for d in index.documents()) | {("questions", q) for q in questions}


def complete(name: str, home: Path, corpus: Path, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """What is done next: the same again, or what a service does when it starts."""
    if name in ("upload", "delete"):
        library = Library(home / "library")
        library.forget_removed()
        noted = library.entry(OWN_ID) if name == "upload" else OWN_ID in library.removed()
        if not noted:  # nobody was answered: it is asked for again
            kills.undisturbed(work, home, corpus, *arguments)
        kills.undisturbed(kills.worker, home, corpus)
    elif name == "ingest --remove" and OWN_ID in Library(home / "library").removed():
        Library(home / "library").forget_removed()
        kills.undisturbed(kills.command, home, corpus, "ingest")
    else:
        kills.undisturbed(work, home, corpus, *arguments)


def check(name: str, home: Path, model: StaticModel, before: frozenset[Any], after: frozenset[Any]) -> None:
    found = held(home, model)
    middle = {document for document in after if document[0] != "questions"} if name == "ingest --expand" else after
    assert found in (before, after, middle)


def check_completed(name: str, home: Path, model: StaticModel, after: frozenset[Any]) -> None:
    assert held(home, model) == after
    library = Library(home / "library")
    owns = name in ("ingest PATH", "upload")
    assert [entry.status for entry in library.entries()] == (["ready"] if owns else [])
    assert library.holds(OWN_ID) == owns
    files = [path.name for path in (home / "library" / "files").glob("[!.]*")]
    assert files == ([hashlib.sha256(OWN).hexdigest()] if owns else [])
    read_expansions([home / "expansions"])


def test_killed_at_every_step(
    operation: tuple[str, Path, Callable[..., None], tuple[Any, ...]],
    corpus: Path,
    tmp_path: Path,
    model: StaticModel,
    long: bool,
    told: Told,
) -> None:
    name, template, work, arguments = operation
    before = held(template, model)
    home = kills.copied(template, tmp_path / "home")
    took = kills.undisturbed(work, home, corpus, *arguments)
    after = held(home, model)
    assert after != before
    steps = range(100_000) if long else sorted(random.Random(name).sample(range(150), 4))
    hit = 0
    for step in steps:
        home = kills.copied(template, tmp_path / "home")
        if not kills.at_step(step, work, home, corpus, *arguments).killed:
            break
        hit += 1
        check(name, home, model, before, after)
        if not long or step % 4 == 0:
            complete(name, home, corpus, work, arguments)
            check_completed(name, home, model, after)
    chance, late, moments = random.Random(name), 0, 0
    while long and moments < RANDOM_MOMENTS // 6:
        home = kills.copied(template, tmp_path / "home")
        if not kills.after(chance.uniform(0, took), work, home, corpus, *arguments).killed:
            late += 1
            continue
        moments += 1
        check(name, home, model, before, after)
        complete(name, home, corpus, work, arguments)
        check_completed(name, home, model, after)
    told(f"tenkyo {name}: killed before {hit} of its steps and at {moments} random moments (took {took:.1f} s)")


def test_a_service_keeps_what_it_has_said(
    shipped: Path, corpus: Path, tmp_path: Path, model: StaticModel, long: bool, told: Told
) -> None:
    """Killed with its requests under way; its worker may live on for a while, and another service starts."""
    chance, said = random.Random(2), 0
    for _ in range(12 if long else 1):
        home = kills.copied(shipped, tmp_path / "home")
        ended = kills.after(chance.uniform(4, 20), kills.serve, home, corpus, OWN)
        assert ended.killed
        held(home, model)
        settings = Settings(home=home, corpus=corpus)
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            for kind, name in ended.told:
                if kind == "kept":
                    assert client.get(f"/v1/answers/{name}").json()["citations"][0]["status"] == "intact"
            deadline = time.monotonic() + 120
            while any(d["status"] == "processing" for d in client.get("/v1/documents").json()["documents"]):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            there = client.get(f"/v1/documents/{OWN_ID}").status_code == 200
            last = [kind for kind, _ in ended.told[-2:]]  # after it only a question can have been under way
            assert there or last != ["given", "kept"]
            assert not there or last != ["taken away", "kept"]
        said += len(ended.told)
    told(
        f"services: killed {12 if long else 1} times, {said} answers, uploads and deletions had been answered; all hold"
    )


def test_an_answer_that_was_given_is_kept(tmp_path: Path, long: bool, told: Told) -> None:
    path, chance = tmp_path / "answers.sqlite", random.Random(1)
    given: list[str] = []
    killed = 0
    for _ in range(60 if long else 6):
        ended = kills.after(chance.uniform(0.2, 1.2), kills.keep_answers, path, 100_000)
        killed += ended.killed
        given += ended.told
        with closing(KeptAnswers(path)) as kept:
            there = {answer["answer_id"] for answer in kept.newest(0, 1_000_000)}
        assert set(given) <= there
        assert len(there) - len(given) <= killed  # those that were kept but not yet told
    assert given
    told(f"kept answers: killed {killed} times, {len(given)} answers given, all of them there")
