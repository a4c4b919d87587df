import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from made import report

from ingest.extracted import Extracted
from ingest.load import Source, find_sources, load
from retriever.errors import SourceRefused

SAMPLE = "半導体の国産比率は１％未満にとどまる。\r\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
MANIFEST = """[[documents]]
id = "a"
file = "a.txt"
sha256 = "{sha256}"
title = "題"
language = "ja"
published = "2024-07"
published_basis = "inferred"
"""


def code_of(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(SourceRefused) as error:
        load(Source(path, {}))
    return error.value.code


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
    assert "byte 0xd6 at offset 0" in refused(tmp_path / "gbk.txt", "中国产业".encode("gb18030"))
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
    with pytest.raises(SourceRefused, match=r"holds no \.txt, .* \.xhtml file"):
        find_sources(tmp_path)
    with pytest.raises(SourceRefused, match="no such file or folder"):
        find_sources(tmp_path / "nowhere")


def test_a_title_is_what_a_reader_sees_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("\u200b\n\u202e題\u00adの\u2028名 \n本文", "utf-8")
    assert load(Source(tmp_path / "x.txt", {})).title == "題の 名"
    given = load(Source(tmp_path / "x.txt", {"title": "題\u200b\n名", "author": "\ufeff著者"}))
    assert (given.title, given.author) == ("題 名", "著者")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (SAMPLE.encode(), "UTF-8"),
        (SAMPLE.encode("utf-8-sig"), "UTF-8"),
        (SAMPLE.encode("cp932"), "Shift_JIS"),
        (SAMPLE.encode("euc_jp"), "EUC-JP"),
        (SAMPLE.encode("iso2022_jp"), "ISO-2022-JP"),
        (SAMPLE.encode("utf-16"), "UTF-16"),
        ("カ".encode("cp932"), "Shift_JIS"),
        ("カ".encode("euc_jp"), "EUC-JP"),
    ],
)
def test_each_japanese_encoding_is_told(tmp_path: Path, content: bytes, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    document = load(Source(tmp_path / "a.txt", {}))
    assert document.encoding == encoding
    assert document.text in (SAMPLE, "カ")
    assert document.file_sha256 == hashlib.sha256(content).hexdigest()
    assert document.source_sha256 == hashlib.sha256(document.text.encode()).hexdigest()


def test_a_file_is_what_its_content_says(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_bytes(report())
    (tmp_path / "page.txt").write_text("<!-- a --><!DOCTYPE html><p>本文である。", "utf-8")
    (tmp_path / "plain.pdf").write_text("ただの文である。", "utf-8")
    kinds = [load(Source(tmp_path / name, {})).media_type for name in ("report.txt", "page.txt", "plain.pdf")]
    assert kinds == ["application/pdf", "text/html", "text/plain"]


def test_what_cannot_be_read_is_named_with_a_code(tmp_path: Path) -> None:
    assert code_of(tmp_path / "a.pdf", b"") == "file_empty"
    assert code_of(tmp_path / "a.txt", b"\x00\x01") == "not_text"
    assert code_of(tmp_path / "a.txt", b"\xff\xff\xff") == "unknown_encoding"
    assert code_of(tmp_path / "a.pdf", b"\x89PNG\r\n") == "unknown_format"
    assert code_of(tmp_path / "a.docx", OLE + "EncryptedPackage".encode("utf-16-le")) == "file_encrypted"
    assert code_of(tmp_path / "a.doc", OLE + b"WordDocument") == "unknown_format"
    assert "save it as .docx" in refused(tmp_path / "a.doc", OLE)


class Kept(dict[str, Extracted]):
    """Extracted texts, kept in memory."""

    def find(self, file_sha256: str) -> Extracted | None:
        return self.get(file_sha256)

    def keep(self, file_sha256: str, extracted: Extracted) -> None:
        self[file_sha256] = extracted


def test_a_kept_text_is_never_extracted_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(SAMPLE.encode("cp932"))
    kept = Kept()
    first = load(Source(tmp_path / "a.txt", {}), kept)
    kept[first.file_sha256] = replace(kept[first.file_sha256], text="前の版の文である。", extractor="text/0")
    again = load(Source(tmp_path / "a.txt", {}), kept)
    assert (again.text, again.extractor) == ("前の版の文である。", "text/0")
