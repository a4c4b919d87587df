import pytest
from made import word, word_by_hand

from ingest.docx import MOST_UNPACKED, read_docx
from retriever.errors import SourceRefused


def refusal(content: bytes) -> str:
    with pytest.raises(SourceRefused) as error:
        read_docx(content)
    return error.value.code


def test_a_document_of_python_docx() -> None:
    found = read_docx(word())
    assert (found.title, found.pages) == ("半導体の報告", ())
    assert found.text == (
        "第1章 概要\n\n国産比率は1%未満にとどまる。\n\n・露光装置\n・洗浄装置\n\n"
        "企業\t製品\t発表\n百度\t文心一言\t2023年3月\n\t文心一格\t2022年8月\n\n"
        "今後は露光装置が増える。\n\n枠の中の文である。\n"
    )


def test_a_document_written_by_hand_with_footnotes() -> None:
    body = (
        "<w:p><w:r><w:t>規模は5784億元</w:t></w:r><w:r><w:footnoteReference w:id='1'/></w:r><w:r><w:t>である。</w:t>"
        "<w:br/><w:t>改めた行。</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr><w:p><w:r><w:t>帯</w:t></w:r></w:p></w:tc></w:tr>"
        "<w:tr><w:tc><w:p><w:r><w:t>左</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>右</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    notes = "<w:footnote w:id='1'><w:p><w:r><w:t>2023年末の値。</w:t></w:r></w:p></w:footnote>"
    assert read_docx(word_by_hand(body, notes)).text == (
        "規模は5784億元である。\n改めた行。\n\n帯\t\n左\t右\n\n注：2023年末の値。\n"
    )


def test_bad_files_are_refused_with_what_is_wrong() -> None:
    whole = word()
    assert refusal(whole[: len(whole) // 2]) == "file_truncated"
    assert refusal(word_by_hand("<w:p/>")) == "no_text"
    assert refusal(word_by_hand("<w:p>")) == "file_damaged"
    assert refusal(word_by_hand("<w:p/>", more={"word/media/a": bytes(MOST_UNPACKED)})) == "zip_bomb"
    assert refusal(word().replace(b"word/document.xml", b"xl/workbook.xml..")) == "unknown_format"


def test_an_entity_expands_to_nothing() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "ああああ"><!ENTITY b "&a;&a;&a;&a;">]>'
    document = word_by_hand("", more={"word/document.xml": bomb.encode() + b"<a>&b;</a>"})
    assert refusal(document) in ("file_damaged", "no_text")
