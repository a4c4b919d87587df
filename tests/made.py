"""Documents as other programs make them: reportlab, Chromium's print, LibreOffice, python-docx, and a DOCX by hand."""

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import CIDFont, UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_FONTS = (
    UnicodeCIDFont("HeiseiMin-W3"),
    UnicodeCIDFont("HeiseiKakuGo-W5"),
    CIDFont("HeiseiMin-W3", "90ms-RKSJ-H"),
    CIDFont("HeiseiMin-W3", "UniJIS-UCS2-V"),
)
"""None is embedded, and none says which characters its codes are: the reader must know Japanese fonts."""


class Pdf:
    """A PDF drawn line by line: `write` places text, `page` ends a page."""

    def __init__(self, width: float = 420, height: float = 595, **options: object):
        for font in _FONTS:
            pdfmetrics.registerFont(font)
        self._file = io.BytesIO()
        self.canvas = Canvas(self._file, pagesize=(width, height), invariant=1, **options)

    def write(self, x: float, y: float, *lines: str, size: float = 10, font: str = "HeiseiMin-W3") -> "Pdf":
        """Lines under each other."""
        self.canvas.setFont(font, size)
        for number, line in enumerate(lines):
            self.canvas.drawString(x, y - 1.4 * size * number, line)
        return self

    def write_shift_jis(self, x: float, y: float, text: str) -> "Pdf":
        return self.write(x, y, text.encode("cp932").decode("latin-1"), font="HeiseiMin-W3-90ms-RKSJ-H")

    def write_downwards(self, x: float, y: float, text: str) -> "Pdf":
        return self.write(x, y, text.encode("utf-16-be").decode("latin-1"), font="HeiseiMin-W3-UniJIS-UCS2-V")

    def grid(self, xs: Sequence[float], ys: Sequence[float]) -> "Pdf":
        self.canvas.grid(list(xs), list(ys))
        return self

    def page(self) -> "Pdf":
        self.canvas.showPage()
        return self

    def save(self) -> bytes:
        self.canvas.save()
        return self._file.getvalue()


def report() -> bytes:
    """Two pages of a report, with a running head and page numbers; a sentence runs over the page."""
    pdf = Pdf()
    pdf.write(50, 540, "ロボットの報告", size=14, font="HeiseiKakuGo-W5")
    pdf.write(
        50,
        500,
        "人型ロボットの市場は2030年に1,000億元を超えるものと見",
        "込まれる。薬局でも働いている台数は去年の三倍に増え、",
    )
    pdf.write(200, 20, "- 1 -").page()
    pdf.write(50, 540, "今年は四千台を超えた。国産の部品も増えている。").write(200, 20, "- 2 -").page()
    return pdf.save()


def printed(html: str, folder: Path) -> bytes:
    """What Chromium prints of a page; skips the test where there is no Chromium."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine to print a page with")
    (folder / "page.html").write_text(html, "utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    subprocess.run(
        [*command, f"--user-data-dir={folder}/profile", f"--print-to-pdf={folder}/page.pdf", f"{folder}/page.html"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return (folder / "page.pdf").read_bytes()


def saved_by_libreoffice(word: bytes, folder: Path) -> bytes:
    """A Word document as a PDF of LibreOffice; skips the test where there is none, unless CI requires it."""
    office = shutil.which("soffice")
    if not office:
        if os.environ.get("TENKYO_TEST_PROGRAMS") == "required":
            pytest.fail("No LibreOffice is installed (Debian: apt install libreoffice-writer-nogui).")
        pytest.skip("no LibreOffice is installed (Debian: apt install libreoffice-writer-nogui)")
    (folder / "saved.docx").write_bytes(word)
    profile = f"-env:UserInstallation=file://{folder}/office"
    command = [office, profile, "--headless", "--convert-to", "pdf", "saved.docx"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return (folder / "saved.pdf").read_bytes()


def two_pages_with_a_table() -> bytes:
    """A Word document of two pages: a paragraph, and a table with a paragraph under it."""
    document = docx.Document()
    document.add_heading("半導体の報告", 1)
    document.add_paragraph("国産比率は1%未満にとどまり、露光装置は海外に依存している。" * 3)
    document.add_page_break()
    table = document.add_table(0, 3)
    table.style = "Table Grid"
    for row in (("企業", "製品", "発表"), ("百度", "文心一言", "2023年3月"), ("アリババ", "通義千問", "2023年4月")):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph("第二頁の文章である。")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word() -> bytes:
    """A document of python-docx: heading, list, merged cells, deleted text, a reading over a word, a text box."""
    document = docx.Document()
    document.core_properties.title = "半導体の報告"
    document.add_heading("第1章 概要", 1)
    document.add_paragraph("国産比率は1%未満にとどまる。")
    document.add_paragraph("露光装置", style="List Bullet")
    document.add_paragraph("洗浄装置", style="List Bullet")
    table = document.add_table(3, 3)
    for row, cells in enumerate(
        (("企業", "製品", "発表"), ("百度", "文心一言", "2023年3月"), ("", "文心一格", "2022年8月"))
    ):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    body = document.element.body
    body.append(
        parse_xml(
            f'<w:p xmlns:w="{WORD}"><w:r><w:t>今後は</w:t></w:r><w:del><w:r><w:delText>減る</w:delText></w:r></w:del>'
            "<w:r><w:ruby><w:rt><w:r><w:t>ろこう</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>露光</w:t></w:r></w:rubyBase>"
            "</w:ruby></w:r><w:r><w:t>装置が増える。</w:t></w:r></w:p>"
        )
    )
    body.append(
        parse_xml(
            f'<w:sdt xmlns:w="{WORD}"><w:sdtContent><w:p><w:r><w:t>枠の中の文である。</w:t></w:r></w:p>'
            "</w:sdtContent></w:sdt>"
        )
    )
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word_by_hand(body: str, notes: str = "", more: dict[str, bytes] | None = None) -> bytes:
    """The least that Word opens: a package of a body's XML, with footnotes where there are some."""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}.document.main+xml"/>'
        f'<Override PartName="/word/footnotes.xml" ContentType="{kind}.footnotes+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{relations}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="b" '
        f'Type="{relations}/footnotes" Target="footnotes.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        "word/footnotes.xml": f'<w:footnotes xmlns:w="{WORD}">{notes}</w:footnotes>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**parts, **(more or {})}.items():
            archive.writestr(name, content)
    return file.getvalue()
