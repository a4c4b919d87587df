"""PDFs of three producers; the expected text and pages are written by hand."""

import re
from pathlib import Path

import pytest
from made import Pdf, printed, report, saved_by_libreoffice, two_pages_with_a_table

from ingest.chunk import read_document
from ingest.extracted import Extracted
from ingest.load import Source, load
from ingest.pdf import read_pdf
from retriever.errors import SourceRefused

VERTICAL = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>縦の報告</title>
<style>@page { size: A5; margin: 15mm } body { writing-mode: vertical-rl; font-size: 14pt }</style>
<h1>縦書きの報告</h1>
<p>中国の<ruby>人工知能<rt>じんこうちのう</rt></ruby>産業は二〇二三年に五七八四億元に達した。\
<ruby>露光装置<rt>ろこうそうち</rt></ruby>の国産比率は一％未満にとどまり、輸入に頼っている。\
「国産化」は進むが、サーバー（大型）は足りない。</p>
<p>第二段落である。企業数は四五〇〇社を超えた。</p>
<p style="break-before: page">二頁目の文章である。</p></html>"""

COLUMNS = """<!doctype html><html lang="ja"><meta charset="utf-8">
<style>@page { size: A4; margin: 20mm } body { font-size: 11pt } .two { column-count: 2; column-gap: 10mm }
td, th { border: 1px solid }</style>
<h1>二段組みの報告</h1>
<div class="two"><p>左の段の最初の文は、人型ロボットの市場が二〇三〇年に千億元を超えるという見通しを述べている。\
左の段の次の文は、薬局で働くロボットの台数が増えたことを述べている。\
左の段の終わりの文は、部品の国産化が進んだことを述べている。</p>
<p>右の段の最初の文は、半導体の輸出規制により国産チップの開発が進んだことを述べている。\
右の段の次の文は、露光装置が海外に依存していることを述べている。\
右の段の終わりの文は、投資額が増えたことを述べている。</p></div>
<h2>表の節</h2>
<table><tr><th>企業<th>製品<th>発表</tr><tr><td rowspan=2>百度<td>文心一言<td>2023年3月</tr>
<tr><td>文心一格<td>2022年8月</tr>
<tr><td>アリババ<td>通義千問<td>2023年4月</tr></table>
<p>本文の<ruby>漢字<rt>かんじ</rt></ruby>にふりがなを付ける。<ruby>東京<rt>とうきょうとっきょ</rt></ruby>も。</p></html>"""


def pages_of(found: Extracted) -> list[str]:
    """Each page's text without white space."""
    ends = [*found.pages[1:], len(found.text)]
    return [re.sub(r"\s", "", found.text[start:end]) for start, end in zip(found.pages, ends, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("printed")


def refusal(content: bytes) -> tuple[str, str]:
    with pytest.raises(SourceRefused) as error:
        read_pdf(content)
    return error.value.code, str(error.value)


def test_vertical_writing_of_chromium_is_in_order_and_without_readings(folder: Path) -> None:
    found = read_pdf(printed(VERTICAL, folder))
    assert found.title == "縦の報告"
    assert found.text == (
        "縦書きの報告\n\n"
        "中国の人工知能産業は二〇二三年に五七八四億元に達した。露光装置の国産比率は一％未満にとどまり、"
        "輸入に頼っている。「国産化」は進むが、サーバー（大型）は足りない。\n\n"
        "第二段落である。企業数は四五〇〇社を超えた。\n"
        " 二頁目の文章である。\n"
    )
    assert pages_of(found)[1] == "二頁目の文章である。"


def test_columns_and_a_table_of_chromium(folder: Path) -> None:
    found = read_pdf(printed(COLUMNS, folder))
    assert found.text == (
        "二段組みの報告\n\n"
        "左の段の最初の文は、人型ロボットの市場が二〇三〇年に千億元を超えるという見通しを述べている。"
        "左の段の次の文は、薬局で働くロボットの台数が増えたことを述べている。"
        "左の段の終わりの文は、部品の国産化が進んだことを述べている。\n\n"
        "右の段の最初の文は、半導体の輸出規制により国産チップの開発が進んだことを述べている。"
        "右の段の次の文は、露光装置が海外に依存していることを述べている。"
        "右の段の終わりの文は、投資額が増えたことを述べている。\n\n"
        "表の節\n\n"
        "企業\t製品\t発表\n百度\t文心一言\t2023年3月\n\t文心一格\t2022年8月\nアリババ\t通義千問\t2023年4月\n\n"
        "本文の漢字にふりがなを付ける。東京も。\n"
    )
    assert found.pages == (0,)


def test_a_word_document_saved_by_libreoffice(folder: Path) -> None:
    found = read_pdf(saved_by_libreoffice(two_pages_with_a_table(), folder))
    first, second = pages_of(found)
    assert first == "半導体の報告" + "国産比率は1%未満にとどまり、露光装置は海外に依存している。" * 3
    assert second == "企業製品発表百度文心一言2023年3月アリババ通義千問2023年4月第二頁の文章である。"
    assert "百度\t文心一言\t2023年3月\n" in found.text.replace(" ", "")  # it parts figures from kanji a little


def test_a_sentence_runs_over_lines_pages_and_page_numbers(tmp_path: Path) -> None:
    found = read_pdf(report())
    assert found.text == (
        "ロボットの報告\n\n"
        "人型ロボットの市場は2030年に1,000億元を超えるものと見込まれる。"
        "薬局でも働いている台数は去年の三倍に増え、今年は四千台を超えた。国産の部品も増えている。\n"
    )
    assert pages_of(found)[1] == "今年は四千台を超えた。国産の部品も増えている。"
    (tmp_path / "report.pdf").write_bytes(report())
    _, passages = read_document(load(Source(tmp_path / "report.pdf", {})))
    assert [(p.page, p.text) for p in passages] == [
        (
            1,
            "ロボットの報告\n人型ロボットの市場は2030年に1,000億元を超えるものと見込まれる。"
            "薬局でも働いている台数は去年の三倍に増え、今年は四千台を超えた。",
        ),
        (2, "国産の部品も増えている。"),
    ]


def test_fonts_without_a_map_shift_jis_and_downwards() -> None:
    pdf = Pdf().write(50, 500, "明朝の行、1,234億元", "ゴシックの行").page()
    pdf.write_shift_jis(50, 500, "シフトJISの字の並び、表示").page()
    pdf.write_downwards(300, 500, "縦書きの一行目である。").write_downwards(280, 500, "二行目「括弧」とー。").page()
    assert pages_of(read_pdf(pdf.save())) == [
        "明朝の行、1,234億元ゴシックの行",
        "シフトJISの字の並び、表示",
        "縦書きの一行目である。二行目「括弧」とー。",
    ]


def test_columns_that_are_written_line_by_line_are_read_one_by_one() -> None:
    left = (
        "左の段は輸出規制から始まる長い文であり、",
        "国産チップの開発が急に進んだことを述べ、",
        "最後に投資額の話で終わるのである。",
    )
    right = (
        "右の段は人型ロボットから始まる文であり、",
        "薬局や工場で働く台数が増えたことを述べ、",
        "最後に部品の国産化で終わるのである。",
    )
    pdf = Pdf()
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        pdf.write(40, 500 - 14 * number, one).write(260, 500 - 14 * number, other)
    assert pages_of(read_pdf(pdf.page().save())) == ["".join((*left, *right))]


def test_tables_with_and_without_rules() -> None:
    ruled = Pdf().grid((50, 150, 250, 350), (500, 480, 450, 430))
    ruled.write(52, 485, "企業").write(152, 485, "製品").write(252, 485, "発表")
    ruled.write(52, 465, "百度").write(152, 468, "文心", "一言").write(252, 465, "2023年3月")
    ruled.write(52, 435, "アリババ").write(252, 435, "2023年4月")
    assert read_pdf(ruled.page().save()).text == "企業\t製品\t発表\n百度\t文心一言\t2023年3月\nアリババ\t\t2023年4月\n"
    plain = Pdf()
    for number, cells in enumerate((("年", "台数"), ("2023", "1,000台"), ("2024", "3,000台"))):
        plain.write(50, 500 - 14 * number, cells[0]).write(150, 500 - 14 * number, cells[1])
    assert read_pdf(plain.page().save()).text == "年\t台数\n2023\t1,000台\n2024\t3,000台\n"


def test_a_running_head_stays_once_and_page_numbers_go() -> None:
    pdf = Pdf()
    for number in range(1, 5):
        pdf.write(50, 570, "年次報告").write(50, 300, f"本文の{'一二三四'[number - 1]}枚目である。").write(
            200, 20, str(number + 6)
        ).page()
    assert pages_of(read_pdf(pdf.save())) == [
        "年次報告本文の一枚目である。",
        "本文の二枚目である。",
        "本文の三枚目である。",
        "本文の四枚目である。",
    ]


def test_a_figure_alone_at_the_bottom_is_no_page_number() -> None:
    pdf = Pdf().write(50, 300, "市場の規模は次の通り。").write(50, 30, "5784").page()
    assert read_pdf(pdf.save()).text == "市場の規模は次の通り。\n\n5784\n"


def test_pages_without_text_are_named_and_empty_ones_are_not() -> None:
    pdf = Pdf().write(50, 500, "一枚目").page()
    pdf.canvas.rect(50, 50, 300, 400, fill=1)
    pdf.page().page()
    found = read_pdf(pdf.write(50, 500, "四枚目").page().save())
    assert found.blank_pages == (2,)
    assert pages_of(found) == ["一枚目", "", "", "四枚目"]


def test_three_hundred_pages_keep_their_numbers() -> None:
    pdf = Pdf()
    for number in range(1, 301):
        pdf.write(50, 300, f"第{number}号の記事である。").page()
    found = read_pdf(pdf.save())
    assert len(found.pages) == 300
    assert pages_of(found)[299] == "第300号の記事である。"


def test_bad_pdfs_are_refused_with_what_is_wrong() -> None:
    whole = report()
    assert refusal(whole[: len(whole) // 2])[0] == "file_truncated"
    assert refusal(b"%PDF-1.7\nno pdf at all\n%%EOF\n")[0] == "file_damaged"
    locked = Pdf(encrypt="secret").write(50, 500, "秘密").page().save()
    code, message = refusal(locked)
    assert code == "file_encrypted"
    assert "password" in message
    pdf = Pdf()
    for _ in range(2):
        pdf.canvas.rect(50, 50, 300, 400, fill=1)
        pdf.page()
    code, message = refusal(pdf.save())
    assert (code, "none of the 2 pages has text" in message) == ("no_text", True)


def test_latin_words_keep_their_spaces_and_lose_the_hyphens_of_lines() -> None:
    lines = (
        "The core industry of artificial intelligence in manage-",
        "ment and offices reached 578.4 billion yuan by the end",
    )
    pdf = Pdf().write(50, 500, *lines, "of 2023 and grew.", font="Helvetica").page()
    assert read_pdf(pdf.save()).text == (
        "The core industry of artificial intelligence in management and offices "
        "reached 578.4 billion yuan by the end of 2023 and grew.\n"
    )


def test_the_number_of_a_note_stays_apart_and_a_turned_page_is_read() -> None:
    pdf = Pdf().write(50, 500, "規模は5784億元").write(125, 504, "1", size=6).write(129, 500, "である。").page()
    pdf.canvas.rotate(90)
    pdf.write(50, -100, "横向きの頁の一行目であり、", "横向きの頁の二行目である。").page()
    text = read_pdf(pdf.save()).text
    assert text == "規模は5784億元 1 である。\n 横向きの頁の一行目であり、横向きの頁の二行目である。\n"
