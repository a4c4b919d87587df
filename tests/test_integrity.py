"""Small files are hashed at each opening, large ones when somebody touched them."""

import os
from pathlib import Path

import pytest

from retriever import integrity
from retriever.errors import IndexDamaged
from retriever.integrity import STAMPS, check_touched, check_whole, file_hashes, read_stamps


@pytest.fixture
def segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files, of which one counts as large; the clock has gone on since they were written."""
    monkeypatch.setattr(integrity, "SMALL_FILE", 100)
    monkeypatch.setattr(integrity, "_JUST_NOW_S", -1.0)
    folder = tmp_path / "segment"
    folder.mkdir()
    (folder / "small").write_bytes(b"a" * 10)
    (folder / "large").write_bytes(b"b" * 1000)
    return folder


def test_a_large_file_that_nobody_touched_is_not_read_again(segment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = file_hashes(segment)
    stamps = check_touched(segment, expected, {})
    assert list(stamps) == ["segment/large"]
    read: list[str] = []
    whole = integrity._hash
    monkeypatch.setattr(integrity, "_hash", lambda path: read.append(path.name) or whole(path))
    assert check_touched(segment, expected, stamps) == stamps
    assert read == ["small"]


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_flipped_byte_is_refused_even_where_the_time_of_modification_is_put_back(segment: Path, name: str) -> None:
    expected = file_hashes(segment)
    stamps = check_touched(segment, expected, {})
    before = (segment / name).stat()
    with (segment / name).open("r+b") as file:
        file.write(b"x")
    os.utime(segment / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IndexDamaged, match=f"segment/{name} has SHA-256"):
        check_touched(segment, expected, stamps)


def test_a_file_that_changed_just_now_is_read_again_next_time(segment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_JUST_NOW_S", 1000.0)
    assert check_touched(segment, file_hashes(segment), {}) == {}


def test_a_whole_check_trusts_no_stamp(segment: Path) -> None:
    expected = file_hashes(segment)
    check_whole(segment, expected)
    with pytest.raises(IndexDamaged, match="segment/large has SHA-256"):
        check_whole(segment, expected | {"large": "0" * 64})
    with pytest.raises(IndexDamaged, match="segment/more has SHA-256"):
        check_whole(segment, expected | {"more": "0" * 64})
    with pytest.raises(IndexDamaged, match="nowhere is missing"):
        check_whole(segment.with_name("nowhere"), expected)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": ["b"]}', "{"])
def test_stamps_that_cannot_be_read_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / STAMPS).write_text(content)
    assert read_stamps(tmp_path) == {}
