"""The cheap first look at whether an index is current."""

from pathlib import Path

import pytest

from ingest.unchanged import is_unchanged, note_unchanged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An index, noted as current with one folder."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "CURRENT").write_text("000001-0123456789ab\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("a", "utf-8")
    assert not is_unchanged(tmp_path / "index", "model", [tmp_path / "files"])
    note_unchanged(tmp_path / "index", "model", [tmp_path / "files"])
    return tmp_path


def test_what_was_noted_is_known(root: Path) -> None:
    assert is_unchanged(root / "index", "model", [root / "files"])
    assert not is_unchanged(root / "index", "another", [root / "files"])


@pytest.mark.parametrize(
    ("file", "content"),
    [("files/a.txt", "b"), ("files/b.txt", "a"), ("index/CURRENT", "000002-0123456789ab\n"), ("files/a.txt", None)],
)
def test_any_change_is_seen(root: Path, file: str, content: str | None) -> None:
    if content is None:
        (root / file).unlink()
    else:
        (root / file).write_text(content, "utf-8")
    assert not is_unchanged(root / "index", "model", [root / "files"])
