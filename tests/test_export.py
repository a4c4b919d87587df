"""Evidence packs: complete, and inert whatever a document or a question holds."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient
from markdown_it import MarkdownIt
from test_api import problem
from test_recheck import answer_of

from api import schemas
from api.export import COLUMNS, Format, in_markdown, labels, pack, quoted

HOSTILE = (
    '<script>alert("1")</script> | *bold* _it_ `code` [link](javascript:x) ![i](//h/x) &amp; $x$ ~~no~~ \\ #1\n'
    "# heading\n> quote\n- item\n+ item\n1. item\n```\nfence\n---\n===\n| a | b |\n|---|---|\nhttps://host.example/a "
    'www.host.example\n    indented\n=HYPERLINK("http://h","x")\n</blockquote>{{ 7*7 }}{% raw %}'
)
BIDI = "右\u202e左\u2066中\u2069\u061c\x1b[31m"
SPELT = "右⟦U+202E⟧左⟦U+2066⟧中⟦U+2069⟧⟦U+061C⟧⟦U+001B⟧[31m"
MOMENT = datetime(2026, 1, 3, 4, 5, tzinfo=UTC)


def checked(quote: str, status: str = "intact", **changed: Any) -> schemas.AnswerOut:
    """An answer of one sentence whose citation has a status."""
    answer = answer_of(quote, quote, [(0, len(quote))], **changed)
    for citation in answer.citations:
        citation.status = status  # type: ignore[assignment]
        citation.url = "/documents/own#0-9"
    return answer


def text_of(answer: schemas.AnswerOut, kind: Format, base_url: str = "") -> str:
    return pack(answer, kind, base_url, MOMENT).content.decode()


def rows_of(answer: schemas.AnswerOut) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(answer, "csv").removeprefix("\ufeff"), newline="")))


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_shows_hostile_text_literally_and_runs_nothing() -> None:
    answer = checked(HOSTILE, question=HOSTILE)
    answer.citations[0].title = HOSTILE
    answer.citations[0].section = [HOSTILE, '"><img src=x onerror=alert(1)>']
    page = Page(text_of(answer, "html"))
    harmless = checked("普通の文。")
    harmless.citations[0].section = ["節"]
    plain = Page(text_of(harmless, "html"))
    assert sorted(page.tags) == sorted(plain.tags)
    assert page.texts.count(HOSTILE) == 4  # question, answer, title, quote
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "srcset", "style"})
    assert {value for name, value in page.attributes if name == "href"} == {"#c1", "/documents/own#0-9"}
    assert not re.search(r"url\(|@import|https?:", text_of(harmless, "html"))


def test_markdown_reads_as_the_very_text() -> None:
    """A CommonMark reader with tables, strikethrough and raw HTML on gets the text back, and nothing but text."""
    answer = checked(HOSTILE, question=HOSTILE)
    answer.citations[0].title = HOSTILE
    rendered = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text_of(answer, "markdown"))
    )
    tags = set(re.findall(r"<(\w+)", rendered))
    assert tags == {"h1", "h2", "h3", "blockquote", "p", "br", "ul", "li", "a"}
    assert re.findall(r'href="([^"]*)"', rendered) == ["/documents/own#0-9"]
    quotes = re.findall(r"<blockquote>\s*<p>(.*?)</p>\s*</blockquote>", rendered, re.DOTALL)
    lines = [line.strip() for line in HOSTILE.split("\n")]
    for shown, mark in zip(quotes, ["", "[1]", ""], strict=True):
        assert unescape(re.sub(r"<br ?/?>\n", "\n", shown)).split("\n") == [*lines[:-1], lines[-1] + mark]
    assert " ".join(HOSTILE.split()) in unescape(rendered)  # the title, on one line


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b*c_d`e<f[g]", r"a\|b\*c\_d\`e\<f\[g\]"),
        ("一行\n二行", "一行 二行"),
        ("1%未満 (約5-6社)", "1%未満 (約5-6社)"),
        ("http://a www.b", r"http\://a www\.b"),
    ],
)
def test_markdown_escapes_what_would_be_interpreted(text: str, written: str) -> None:
    assert in_markdown(text) == written


def test_each_line_of_a_quote_stays_in_the_quote() -> None:
    assert quoted("- 一\n\n2. 二\n=") == "> \\- 一\\\n> 2\\. 二\\\n> \\="


@pytest.mark.parametrize("kind", ["html", "markdown", "csv"])
def test_marks_of_direction_are_spelt_out(kind: Format) -> None:
    text = text_of(checked(BIDI, question=BIDI), kind)
    assert not set(text) & set("\u202e\u2066\u2069\u061c\x1b")
    assert (in_markdown(SPELT) if kind == "markdown" else SPELT) in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "\n", "\n="])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    quote = f'{start}HYPERLINK("http://h","x")'
    answer = checked(quote, question=quote)
    answer.citations[0].title = quote
    row = rows_of(answer)[0]
    shown = "'" + quote.replace("\r", "\n")
    assert (row["quote"], row["title"], row["question"]) == (shown, shown, shown)
    assert not [cell for cell in row.values() if re.match(r"[=+\-@＝＋－＠\t\r]|\s+[=@]", cell)]


def test_the_csv_is_one_that_excel_opens() -> None:
    content = pack(checked('「引用」,"二重"\n二行目'), "csv").content
    assert content.startswith(b"\xef\xbb\xbfanswer_id,question,")
    assert '"「引用」,""二重""\n二行目"'.encode() in content
    assert content.count(b"\r\n") == 2
    (row,) = rows_of(checked('「引用」,"二重"\n二行目'))
    assert row["spans"] == "0–13"
    assert tuple(row) == tuple(COLUMNS)
    assert (row["number"], row["quote"], row["status"]) == ("1", '「引用」,"二重"\n二行目', "intact")
    assert (row["language"], row["answered"], row["evidence"]) == ("ja", "true", "citation")


def test_a_pack_tells_all_that_is_known_of_an_answer_and_its_citations() -> None:
    quote = "AI企業の16％。"
    answer = checked(
        quote,
        language="en",
        question="What share?",
        degraded="No language model.",
        short_answer={"text": "16％", "citation": 1, "spans": [(6, 9)], "gloss": "16 percent"},
        disagreements=[{"measure": "share", "values": [
            {"value": "16", "unit": "％", "as_of": "2023", "as_of_basis": "stated", "citation": 1},
            {"value": "17％", "unit": "％", "as_of": None, "as_of_basis": "published", "citation": 1},
        ]}],
    )  # fmt: skip
    cited = answer.citations[0]
    cited.title, cited.author, cited.publisher, cited.section = "題名", "著者名", "発行元名", ["章", "節"]
    cited.page, cited.published, cited.source_note, cited.licence_note = 7, "2025-09", "スライド", "社内限り"
    shown = [
        "What share?", "2026-01-02 00:00 UTC", "2026-01-03 04:05 UTC", "quotes only", "No language model.", quote,
        "16 percent", "not quoted", "16％ (2023)", "17％", "題名", "著者名", "発行元名", "章 › 節", "7", "2025-09",
        "スライド", "社内限り", "stands in the source as quoted (intact)", cited.source_sha256, "0–9",
        "http://127.0.0.1:8000/documents/own#0-9", "1 of 1 quotes",
    ]  # fmt: skip
    page = "".join(Page(text_of(answer, "html", "http://127.0.0.1:8000/")).texts)
    rendered = unescape(
        re.sub(r"<[^>]+>", "", MarkdownIt().render(text_of(answer, "markdown", "http://127.0.0.1:8000")))
    )
    for wanted in shown:
        assert wanted in page, wanted
        assert wanted in rendered, wanted


def test_the_marks_of_an_answer_lead_to_its_citations() -> None:
    quote = "脚注[1]のある文。"
    page = text_of(checked(quote), "html")
    assert f'{quote}<a href="#c1">[1]</a>' in page
    assert '<article id="c1">' in page


def test_what_no_quote_supports_is_said() -> None:
    answer = checked("文。", mode="generative")
    answer.sentences[0].support = "unsupported"
    assert "文。 <small" in text_of(answer, "html")
    assert "> 文。 (裏付けとなる引用なし)\\[1\\]" in text_of(answer, "markdown")


def test_an_abstention_has_its_reason_and_the_nearest_places() -> None:
    nearest = checked("近い文。").citations
    answer = checked(
        "文。", citations=[], sentences=[], answered=False, answer=None,
        abstention={"reason": "見当たりません。", "missing": ["東京"], "nearest": nearest},
    )  # fmt: skip
    for kind in ("html", "markdown"):
        text = text_of(answer, kind)
        assert "見当たりません。" in text
        assert "最も近い箇所（回答の根拠ではありません）" in text
        assert "近い文。" in text
    (row,) = rows_of(answer)
    assert (row["evidence"], row["abstention"], row["answer"]) == ("nearest", "見当たりません。", "")


@pytest.mark.parametrize(
    ("status", "link"),
    [
        ("intact", "/documents/own#0-9"),
        ("moved", "/documents/own#5-14"),
        ("changed", "/documents/own"),
        ("missing", ""),
    ],
)
def test_a_link_leads_to_where_the_quote_stands_now(status: str, link: str) -> None:
    answer = checked("文。", status)
    if status == "moved":
        place = {"spans": [(5, 14)], "source_sha256": "f" * 64, "url": "/documents/own#5-14"}
        answer.citations[0].now = schemas.PlaceOut.model_validate(place)
    (row,) = rows_of(answer)
    assert (row["status"], row["link"]) == (status, link)
    assert row["source_sha256_now"] == ("f" * 64 if status == "moved" else "")
    page = text_of(answer, "html")
    assert (f'href="{link}"' in page) == bool(link)
    assert ('class="warn"' in page) == (status != "intact")


@pytest.mark.parametrize(
    ("language", "shown", "title"),
    [
        ("ja", "ja", "引用根拠資料"),
        ("en", "en", "Evidence pack"),
        ("zh", "zh-Hans", "引用依据"),
        ("ko", "ja", "引用根拠資料"),
    ],
)
def test_labels_are_in_the_askers_language(language: str, shown: str, title: str) -> None:
    answer = checked("文。", language=language)
    answer.citations[0].language = "ja"
    page = text_of(answer, "html")
    assert f'<html lang="{shown}">' in page
    assert f'<p class="text" lang="{language}"' in page
    assert '<blockquote lang="ja"' in page
    assert text_of(answer, "markdown").startswith(f"# {title}\n")


def test_all_languages_have_all_labels() -> None:
    assert labels("ja").keys() == labels("en").keys() == labels("zh").keys()


@pytest.mark.parametrize(("kind", "suffix"), [("html", "html"), ("markdown", "md"), ("csv", "csv")])
def test_an_answer_is_exported_over_http(client: TestClient, kind: str, suffix: str) -> None:
    asked = client.post("/v1/ask", json={"question": "露光装置の国産比率は？"}).json()
    response = client.get(f"/v1/answers/{asked['answer_id']}/export", params={"format": kind})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"text/{kind}; charset=utf-8"
    assert response.headers["content-disposition"] == f"attachment; filename=tenkyo-{asked['answer_id']}.{suffix}"
    assert response.headers["x-content-type-options"] == "nosniff"
    cited = asked["citations"][0]
    assert f"http://testserver{cited['url']}" in response.text
    assert cited["quote"] in response.text
    assert "intact" in response.text


def test_html_is_the_format_by_default_and_others_are_refused(client: TestClient) -> None:
    answer_id = client.post("/v1/ask", json={"question": "露光装置の国産比率は？"}).json()["answer_id"]
    assert client.get(f"/v1/answers/{answer_id}/export").headers["content-type"] == "text/html; charset=utf-8"
    found = problem(client.get(f"/v1/answers/{answer_id}/export?format=pdf"), 422, "invalid_request")
    assert found["errors"][0]["pointer"] == "/format"
    problem(client.get(f"/v1/answers/{answer_id}/export?fromat=csv"), 422, "invalid_request")
    problem(client.get("/v1/answers/ans_none/export"), 404, "not_found")
    paths = client.get("/openapi.json").json()["paths"]
    found = paths["/v1/answers/{answer_id}/export"]["get"]["responses"]["200"]["content"]
    assert found.keys() == {"text/html", "text/markdown", "text/csv"}
