"""Damage: refused with the reason, the last good index answers, `tenkyo doctor` says what it means and repairs it.

.venv/bin/pytest tests/test_doctor.py --long      (every file of a home, at several places)
"""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Told
from kills import copied
from made import report
from test_index import TEXTS
from typer.testing import CliRunner

from api.doctor import examine, put_right
from api.kept import KeptAnswers
from api.schemas import AskIn
from api.service import open_service
from api.serving import prepare
from api.settings import Settings
from ingest import build
from ingest.health import is_whole
from ingest.library import Library
from retriever.embed import StaticModel
from retriever.errors import IndexBusy, IndexDamaged
from retriever.generations import generations, writing
from retriever.index import open_index
from tenkyo import app

ROW = '{"document": "1", "spans": [[0, 1]], "ja": ["何？"], "en": [], "zh": []}\n'
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "corpus"
    folder.mkdir()
    for name in ("chip", "energy"):
        (folder / f"{name}.txt").write_text(TEXTS[name], "utf-8")
    return folder


@pytest.fixture(scope="module")
def template(corpus: Path, model: StaticModel) -> Path:
    """Two generations, a person's text and PDF, questions for them, and three kept answers."""
    settings = Settings(home=corpus.parent / "template", corpus=corpus)
    library = Library(settings.library)

    def ingest() -> None:
        build.ingest(settings.index, [corpus, *library.sources()], model, progress=lambda m: None, library=library)

    ingest()
    library.add(TEXTS["robot"].encode(), "own.txt", {"title": "自分の文書"}, "ready")
    library.add(report(), "own.pdf", {"title": "自分の報告"}, "ready")
    ingest()
    settings.own_expansions.mkdir()
    (settings.own_expansions / "own.jsonl").write_text(ROW * 2, "utf-8")
    with closing(open_service(settings, model)) as service:
        for _ in range(3):
            assert service.ask(AskIn(question="半導体の輸出規制で何が進むか")).answer_id
    return settings.home


@pytest.fixture
def settings(template: Path, corpus: Path, tmp_path: Path) -> Settings:
    return Settings(home=copied(template, tmp_path / "home"), corpus=corpus)


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[min(int(len(content) * place), len(content) - 1)] ^= 4
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(
        path.read_bytes()[:-1] if path.stat().st_size < 3 else path.read_bytes()[: path.stat().st_size // 2]
    )


def titles(settings: Settings, model: StaticModel) -> set[str]:
    with closing(open_index(settings.index, model.name)) as index:
        return {document.title for document in index.documents()}


def repaired(settings: Settings, model: StaticModel) -> list[str]:
    done = list(put_right(settings, model))
    assert list(examine(settings, model.name)) == []
    return done


ALL = {"自分の文書", "自分の報告", TEXTS["chip"], TEXTS["energy"]}


def test_a_whole_home_is_well(settings: Settings, model: StaticModel) -> None:
    assert list(examine(settings, model.name)) == []
    assert titles(settings, model) == ALL


def test_damage_to_any_file_of_the_index_is_found_survived_and_repaired(
    settings: Settings, template: Path, model: StaticModel, long: bool, told: Told
) -> None:
    """A flipped byte at the beginning, in the middle, at the end; half a file; none."""
    files = sorted(p.relative_to(template) for p in (template / "index").rglob("*") if p.is_file() and p.name != "LOCK")
    damages: dict[str, Damage] = {
        "first byte": lambda path: flip(path, 0),
        "a third": lambda path: flip(path, 0.33),
        "two thirds": lambda path: flip(path, 0.67),
        "last byte": lambda path: flip(path, 1),
        "half": truncate,
        "none": Path.unlink,
    }
    cases = [(file, name) for file in files for name in damages if (template / file).stat().st_size]
    survived = 0
    for file, name in cases if long else random.Random(1).sample(cases, 4):
        copied(template, settings.home)
        damages[name](settings.home / file)
        found = list(examine(settings, model.name))
        former_gone = name == "none" and file.name.startswith("000001-")  # as if there had been none
        assert bool(found) != former_gone, (file, name)
        try:
            open_index(settings.index, model.name).close()
            in_use = False  # the generation before is what was damaged
        except IndexDamaged:
            in_use = True
        if any(is_whole(settings.index, generation) for generation in generations(settings.index)):
            with closing(open_service(settings, model)) as service:  # the last good one
                assert bool(service.degraded) == in_use
                assert service.ask(AskIn(question="半導体の輸出規制で何が進むか", store=False)).citations
            survived += 1
        else:  # both generations need this file
            with pytest.raises(IndexDamaged, match=file.name):
                open_service(settings, model)
        repaired(settings, model)
        assert titles(settings, model) == ALL, (file, name)
    tried = len(cases) if long else 4
    told(f"index: {tried} damages to {len(files)} files found and repaired; in {survived} an index was left to answer")


@pytest.mark.parametrize("content", [b"", b"garbage", b"000009-aaaaaaaaaaaa\n"])
def test_a_pointer_to_nothing_is_found_and_repaired(settings: Settings, model: StaticModel, content: bytes) -> None:
    (settings.index / "CURRENT").write_bytes(content)
    with closing(open_service(settings, model)) as service:
        assert service.degraded
    assert list(examine(settings, model.name))
    repaired(settings, model)
    assert titles(settings, model) == ALL


def test_a_half_copied_generation_is_refused_and_repaired(settings: Settings, model: StaticModel) -> None:
    newest = max((settings.index / "segments").iterdir(), key=lambda path: path.stat().st_mtime)
    for path in sorted(newest.rglob("*.npy"))[::2]:
        path.unlink()
    with pytest.raises(IndexDamaged):
        open_index(settings.index, model.name)
    repaired(settings, model)
    assert titles(settings, model) == ALL


def test_a_removed_document_does_not_return_with_the_last_good_generation(
    settings: Settings, model: StaticModel
) -> None:
    library = Library(settings.library)
    doc_id = next(entry.doc_id for entry in library.entries() if entry.filename == "own.txt")
    library.remove([doc_id])
    build.ingest(settings.index, [], model, progress=lambda m: None, library=library)
    flip(settings.index / "generations" / f"{(settings.index / 'CURRENT').read_text().strip()}.json")
    with closing(open_service(settings, model)) as service:
        assert service.degraded
        assert {document.title for document in service.documents()} == ALL - {"自分の文書"}


def test_an_upload_to_a_damaged_index_loses_no_document(settings: Settings, model: StaticModel, tmp_path: Path) -> None:
    for store in settings.index.rglob("store.sqlite"):
        store.write_bytes(b"")
    (tmp_path / "new.txt").write_text("新しい工場の話である。", "utf-8")
    library = Library(settings.library)
    given = [tmp_path / "new.txt"]
    build.ingest(settings.index, given, model, progress=lambda m: None, library=library, again=[settings.corpus])
    assert titles(settings, model) == ALL | {"新しい工場の話である。"}


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [(p, d) for p in ("documents/*.json", "files/*", "extracted/*.json", "removed.json") for d in (flip, truncate)],
)
def test_damage_to_the_library_is_found_and_repaired(
    settings: Settings, model: StaticModel, pattern: str, damage: Damage
) -> None:
    library = Library(settings.library)
    library.remove(["nobody"])
    paths = sorted((settings.library).glob(pattern))
    assert paths
    if damage is flip and "json" in pattern:
        paths[0].write_bytes(b"{" + paths[0].read_bytes())  # a flipped letter of a title is no damage that shows
    else:
        damage(paths[0])
    assert len(list(examine(settings, model.name))) == 1
    open_service(settings, model).close()
    repaired(settings, model)
    assert titles(settings, model) == ALL


def test_a_file_that_cannot_be_had_back_is_given_again(settings: Settings, model: StaticModel, tmp_path: Path) -> None:
    library = Library(settings.library)
    pdf = next(entry for entry in library.entries() if entry.filename == "own.pdf")
    (settings.library / "files" / pdf.file_sha256).unlink()
    done = repaired(settings, model)
    assert "it can't be had back" in done[0]
    assert library.entry(pdf.doc_id).status == "failed"
    assert titles(settings, model) == ALL
    (tmp_path / "own.pdf").write_bytes(report())
    environment = {"TENKYO_HOME": str(settings.home), "TENKYO_CORPUS": str(settings.corpus)}
    assert CliRunner().invoke(app, ["ingest", str(tmp_path / "own.pdf")], env=environment).exit_code == 0
    assert library.holds(pdf.doc_id)
    assert library.entry(pdf.doc_id).status == "ready"


def test_questions_that_cannot_be_read_are_left_out(settings: Settings, model: StaticModel) -> None:
    path = settings.own_expansions / "own.jsonl"
    path.write_text("{\n" + ROW + "\n" + ROW, "utf-8")
    assert [finding.problem for finding in examine(settings, model.name)] == ["2 of its lines can't be read."]
    repaired(settings, model)
    assert path.read_text("utf-8") == ROW * 2


@pytest.mark.parametrize("damage", ["header", "page", "body", "garbage"])
def test_kept_answers_that_can_be_read_are_saved(settings: Settings, model: StaticModel, damage: str) -> None:
    path = settings.answers
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if damage == "body":
            with connection:
                connection.execute("UPDATE answers SET body = substr(body, 1, 100) WHERE rowid = 2")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[0:16] = b"x" * 16
    elif damage == "page":
        start = content.rindex(b'"created"') // 4096 * 4096
        content[start : start + 4096] = b"\xff" * 4096
    path.write_bytes(b"no database" if damage == "garbage" else content)
    assert [finding.place for finding in examine(settings, model.name)] == ["answers.sqlite"]
    with closing(open_service(settings, model)) as service:
        answer = service.ask(AskIn(question="半導体の輸出規制で何が進むか"))
        assert answer.citations
        if damage in ("header", "garbage"):
            assert answer.answer_id is None
            assert "The answer isn't kept." in answer.degraded
        before = len(list((settings.home).glob("*.damaged-*")))
        repaired(settings, model)
        assert len(list((settings.home).glob("*.damaged-*"))) > before
        kept = service.ask(AskIn(question="半導体の輸出規制で何が進むか")).answer_id  # into the new file, at once
    with closing(KeptAnswers(path)) as answers:
        assert answers.get(kept)["answer_id"] == kept
        assert len(answers.newest(0, 10)) >= {"header": 1, "garbage": 1, "page": 1, "body": 3}[damage]


def test_the_command_says_what_is_wrong_repairs_it_and_exits_accordingly(settings: Settings) -> None:
    environment = {"TENKYO_HOME": str(settings.home), "TENKYO_CORPUS": str(settings.corpus)}

    def doctor(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["doctor", *arguments], env=environment)
        return done.exit_code, done.stdout

    assert doctor() == (0, "All is well.\n")
    flip(next(settings.index.rglob("kinds.npy")))
    status, said = doctor()
    assert (status, "What to do: tenkyo doctor --repair" in said) == (1, True)
    status, said = doctor("--json")
    finding = json.loads(said)["findings"][0]
    assert (status, finding["place"].startswith("index/generations/")) == (1, True)
    assert finding["means"] == "No question can be answered." or finding["means"].startswith("Questions are answered")
    status, said = doctor("--repair", "--json")
    assert (status, json.loads(said)["healthy"]) == (0, True)
    assert json.loads(said)["repaired"][0].startswith("index: built again as generation 000003-")
    assert doctor("--nonsense")[0] == 2


def test_a_missing_index_is_built(settings: Settings, model: StaticModel) -> None:
    shutil.rmtree(settings.index)
    assert [finding.repair for finding in examine(settings, model.name)] == ["tenkyo ingest"]
    repaired(settings, model)
    assert titles(settings, model) == ALL


def test_a_service_starts_on_what_is_indexed_where_it_cannot_be_brought_up_to_date(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    newer = Settings(home=settings.home, corpus=tmp_path / "newer")
    shutil.copytree(settings.corpus, newer.corpus)
    (newer.corpus / "new.txt").write_text("新しい工場の話である。", "utf-8")
    with writing(settings.index):
        prepare(newer).close()
    assert capsys.readouterr().err.endswith("What is indexed is served as it is.\n")
    shutil.rmtree(settings.index)
    with writing(settings.index), pytest.raises(IndexBusy):
        prepare(newer)
