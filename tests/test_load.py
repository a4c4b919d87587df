import hashlib
from pathlib import Path

import pytest

from ingest.load import Source, find_sources, load
from retriever.errors import SourceRefused

MANIFEST = """[[documents]]
id = "a"
file = "a.txt"
sha256 = "{sha256}"
title = "題"
language = "ja"
published = "2024-07"
published_basis = "inferred"
"""


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(SourceRefused) as error:
        load(Source(path, {}))
    assert path.name in str(error.value)
    return str(error.value)


def test_a_text_keeps_its_bytes_and_gets_a_lasting_id(tmp_path: Path) -> None:
    content = "一行目\r\n二行目 \n".encode()
    (tmp_path / "x.txt").write_bytes(content)
    document = load(Source(tmp_path / "x.txt", {}))
    assert document.text.encode() == content
    assert document.doc_id == hashlib.sha256(content).hexdigest()[:16]
    assert (document.title, document.language) == ("一行目", "ja")


def test_bad_files_are_refused_with_the_place(tmp_path: Path) -> None:
    assert "empty (0 bytes)" in refused(tmp_path / "empty.txt", b"")
    assert "empty (3 bytes)" in refused(tmp_path / "blank.txt", b" \n ")
    assert "byte 0x82 at offset 0" in refused(tmp_path / "sjis.txt", "こんにちは".encode("shift_jis"))
    assert "U+0000 at 1" in refused(tmp_path / "binary.txt", b"a\x00\x01b")
    with pytest.raises(SourceRefused, match=r"gone\.txt: can't be read"):
        load(Source(tmp_path / "gone.txt", {}))


def test_a_changed_byte_is_refused_with_both_hashes(tmp_path: Path) -> None:
    then = hashlib.sha256(b"text").hexdigest()
    (tmp_path / "manifest.toml").write_text(MANIFEST.format(sha256=then), "utf-8")
    (tmp_path / "a.txt").write_bytes(b"text")
    assert load(find_sources(tmp_path)[0]).published == "2024-07"
    (tmp_path / "a.txt").write_bytes(b"texT")
    with pytest.raises(SourceRefused) as error:
        load(find_sources(tmp_path)[0])
    assert then in str(error.value)
    assert hashlib.sha256(b"texT").hexdigest() in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('id = "a"', 'id = "a b"'), "id 'a b'"),
        (('title = "題"\n', ""), "title missing"),
        (('language = "ja"', 'lang = "ja"'), "language missing"),
        (('language = "ja"', 'language = "ja"\nfoo = 1'), "unknown key foo"),
        (("[[documents]]", "[[documents]"), "no valid TOML"),
        (("[[documents]]", "[[document]]"), "nothing else"),
        (('"2024-07"', "2024-07-01"), "published must be written as a string"),
        (('"2024-07"', '"July"'), "document 1: published: 'July' is no date"),
        (('"inferred"', '"guess"'), "published_basis 'guess'"),
        (('"ja"', '"日本語"'), "language '日本語'"),
    ],
)
def test_a_bad_manifest_says_what_is_wrong(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "manifest.toml").write_text(MANIFEST.format(sha256="0").replace(*change), "utf-8")
    with pytest.raises(SourceRefused, match=message):
        find_sources(tmp_path)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf" + "題".encode())
    assert load(Source(tmp_path / "bom.txt", {})).title == "題"
    assert "empty" in refused(tmp_path / "only.txt", b"\xef\xbb\xbf")
    assert "empty" in refused(tmp_path / "wide.txt", "\u3000\n".encode())


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"holds no \.txt or \.md file"):
        find_sources(tmp_path)
    with pytest.raises(SourceRefused, match="no such file or folder"):
        find_sources(tmp_path / "nowhere")


def test_a_title_is_what_a_reader_sees_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("\u200b\n\u202e題\u00adの\u2028名 \n本文", "utf-8")
    assert load(Source(tmp_path / "x.txt", {})).title == "題の 名"
    given = load(Source(tmp_path / "x.txt", {"title": "題\u200b\n名", "author": "\ufeff著者"}))
    assert (given.title, given.author) == ("題 名", "著者")
