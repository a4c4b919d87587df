"""What a person gave outlives the index; what was removed stays away."""

import hashlib
import json
from pathlib import Path

import pytest
from made import report
from test_index import TEXTS, CountingModel, search

from ingest.build import Outcome, ingest, is_current
from ingest.extracted import Extracted
from ingest.library import Library, known_entry
from retriever.errors import NotFound
from retriever.generations import read_manifest
from retriever.index import open_index


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


def build(root: Path, library: Library, *paths: Path) -> Outcome:
    return ingest(root, paths, CountingModel(), progress=lambda message: None, library=library)


def given(tmp_path: Path, library: Library, *names: str) -> list[str]:
    """Texts as a person gives them, taken in."""
    ids = []
    for name in names:
        entry = library.add(TEXTS[name].encode(), f"{name}.txt", {"title": name}, "ready")
        ids.append(entry.doc_id)
    ingest(tmp_path / "ix", library.sources(), CountingModel(), progress=lambda message: None, library=library)
    return ids


def test_what_was_removed_is_gone_and_does_not_come_back(tmp_path: Path, library: Library) -> None:
    robot, chip = given(tmp_path, library, "robot", "chip")
    assert is_current(tmp_path / "ix", [], CountingModel(), library=library)
    library.remove([robot])
    assert not is_current(tmp_path / "ix", [], CountingModel(), library=library)
    outcome = build(tmp_path / "ix", library)
    assert (outcome.removed, outcome.passages) == ((robot,), 1)
    assert search(tmp_path / "ix", "ロボット") == [TEXTS["chip"]]
    assert is_current(tmp_path / "ix", [], CountingModel(), library=library)
    (tmp_path / "robot.txt").write_text(TEXTS["robot"], "utf-8")
    assert build(tmp_path / "ix", library, tmp_path / "robot.txt").added == ()
    library.restore([robot])
    assert build(tmp_path / "ix", library, tmp_path / "robot.txt").added == (robot,)
    assert library.removed() == frozenset()
    assert [entry.doc_id for entry in library.entries()] == [chip]


def test_the_last_document_can_be_removed(tmp_path: Path, library: Library) -> None:
    (robot,) = given(tmp_path, library, "robot")
    library.remove([robot])
    assert build(tmp_path / "ix", library).passages == 0
    assert len(read_manifest(tmp_path / "ix").segments) == 1
    assert search(tmp_path / "ix", "ロボット") == []


def test_a_removed_text_leaves_the_disk_with_the_generation_before(tmp_path: Path, library: Library) -> None:
    (robot,) = given(tmp_path, library, "robot")
    given(tmp_path, library, "chip")
    library.remove([robot])
    build(tmp_path / "ix", library)
    given(tmp_path, library, "energy")
    assert not any("薬局".encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_index_is_built_again_from_the_library_alone(tmp_path: Path, library: Library) -> None:
    ids = given(tmp_path, library, "robot", "chip")
    ingest(tmp_path / "other", library.sources(), CountingModel(), progress=lambda message: None, library=library)
    index = open_index(tmp_path / "other", "counting")
    assert {d.doc_id: d.title for d in index.documents()} == dict(zip(ids, ("robot", "chip"), strict=True))
    index.close()


def test_a_file_is_extracted_once_whatever_the_extractor_is_today(tmp_path: Path, library: Library) -> None:
    (tmp_path / "report.pdf").write_bytes(report())
    build(tmp_path / "ix", library, tmp_path / "report.pdf")
    path = next((tmp_path / "library" / "extracted").iterdir())
    kept = json.loads(path.read_text("utf-8"))
    assert kept["pages"] == [0, len(kept["text"]) - len("今年は四千台を超えた。国産の部品も増えている。\n")]
    old = Extracted("前の版が読んだ文である。\n", "application/pdf", "pdfium/1", (0,), (2,))
    library.keep(hashlib.sha256(report()).hexdigest(), old)
    outcome = build(tmp_path / "again", library, tmp_path / "report.pdf")
    index = open_index(tmp_path / "again", "counting")
    document = index.document(outcome.added[0])
    assert (document.text, document.extractor, document.pages) == (old.text, "pdfium/1", (0,))
    assert outcome.blank_pages == {document.doc_id: (2,)}
    index.close()


def test_the_same_text_in_another_encoding_is_a_duplicate(tmp_path: Path, library: Library) -> None:
    for name, encoding in (("a.txt", "utf-8"), ("b.txt", "cp932"), ("c.txt", "euc_jp")):
        (tmp_path / name).write_bytes(TEXTS["robot"].encode(encoding))
    first = hashlib.sha256(TEXTS["robot"].encode()).hexdigest()[:16]
    outcome = build(tmp_path / "ix", library, tmp_path / "a.txt", tmp_path / "b.txt")
    assert outcome.added == (first,)
    assert [(d.file, d.doc_id) for d in outcome.duplicates] == [("b.txt", first)]
    later = build(tmp_path / "ix", library, tmp_path / "c.txt")
    assert [(d.file, d.doc_id) for d in later.duplicates] == [("c.txt", first)]


def test_an_entry_that_was_taken_away_is_not_written_again(library: Library) -> None:
    entry = library.add(b"text", "a.txt", {})
    library.remove([entry.doc_id])
    library.settle(entry, status="ready")
    with pytest.raises(NotFound, match=entry.doc_id):
        known_entry(library, entry.doc_id)
    assert library.entry("../../etc/passwd") is None
