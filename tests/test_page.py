"""The page in a real headless Chromium: asked, clicked and read as a person does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, listening
from fastapi.testclient import TestClient
from made import report
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from api.app import create_app
from api.pages import _words
from api.service import Service
from api.settings import Settings
from ingest import build
from retriever.embed import StaticModel

QUESTION = "2023年末時点の中国のAIコア産業の規模はいくらですか"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def address(service: Service, home: Path) -> Iterator[str]:
    with listening(create_app(Settings(home=home), service)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A fresh profile. Whatever the console calls an error fails the test."""
    errors: list[str] = []
    with browser.new_context(base_url=address, locale="ja-JP") as context:
        context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        yield context
    assert errors == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def ask(page: Page, question: str = QUESTION, lang: str = "ja") -> None:
    page.goto(f"/?lang={lang}")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    expect(page.locator("article.answer")).to_be_visible()


def squeezed(text: str | None) -> str:
    return "".join((text or "").split())


def serious(page: Page) -> list[Any]:
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]


def test_a_mark_opens_the_source_with_the_quote_lit(page: Page) -> None:
    ask(page)
    quote = page.locator("article blockquote").first.text_content()
    page.locator("article .text .mark").first.click()
    expect(page.locator("#panel mark").first).to_be_in_viewport()
    lit = "".join(page.locator("#panel mark").all_text_contents())
    assert squeezed(lit) == squeezed(quote)
    assert "5,784億元" in squeezed(lit)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("article .text .mark").first).to_be_focused()


def test_a_permalink_opens_in_a_fresh_profile(page: Page, browser: Browser, address: str) -> None:
    ask(page)
    page.locator("article .text .mark").first.click()
    quote = page.locator("article blockquote").first.text_content()
    permalink = page.locator("#panel .facts a").get_attribute("href")
    with browser.new_context(base_url=address) as fresh:
        other = fresh.new_page()
        other.goto(str(permalink))
        expect(other.locator("mark").first).to_be_in_viewport()
        assert squeezed("".join(other.locator("mark").all_text_contents())) == squeezed(quote)


@pytest.mark.parametrize(
    ("lang", "question", "heading"),
    [
        ("ja", QUESTION, "引用"),
        ("en", "How large was China's core AI industry at the end of 2023?", "Citations"),
        ("zh", "2023年底中国人工智能核心产业的规模是多少？", "引文"),
    ],
)
def test_the_page_speaks_three_languages(page: Page, lang: str, question: str, heading: str) -> None:
    ask(page, question, lang)
    expect(page.locator("article h2", has_text=re.compile(f"^{heading}$"))).to_be_visible()
    assert "5,784億元" in squeezed(page.locator("article .text").text_content())
    assert page.locator("html").get_attribute("lang") == {"ja": "ja", "en": "en", "zh": "zh-Hans"}[lang]


def test_an_abstention_is_shown_as_one(page: Page) -> None:
    ask(page, "今日の東京の天気はどうですか")
    expect(page.locator("article .short")).to_have_text("収録文書では答えられません")
    assert page.locator("article blockquote").count() >= 1
    assert page.locator("article .text").count() == 0


def test_an_answer_can_be_opened_again_and_forgotten(page: Page) -> None:
    ask(page)
    page.reload()
    expect(page.locator("article .facts", has_text="原文どおり").first).to_be_visible()
    page.goto("/history?lang=ja")
    line = page.locator("#answers li").first
    expect(line.locator("h3")).to_have_text(QUESTION)
    expect(line.locator(".facts")).to_contain_text("原文どおり")
    before = page.locator("#answers li").count()
    line.get_by_role("button", name="削除").click()
    expect(page.locator("#answers li")).to_have_count(before - 1)


def test_a_pasted_sentence_is_looked_up(page: Page) -> None:
    page.goto("/lookup?lang=ja")
    page.locator("#text").fill("国産比率は２％未満にとどまっています")
    page.get_by_role("button", name="照合").click()
    expect(page.locator("#state")).to_have_text("よく似た箇所があります（一致ではありません）")
    expect(page.locator("#matches .notice")).to_contain_text("数字が違います")
    page.get_by_role("link", name="原文を開く").first.click()
    assert "1%未満" in squeezed("".join(page.locator("#panel mark").all_text_contents()))


@pytest.fixture(scope="module")
def own_address(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Iterator[str]:
    """A service with one short document, to add to and to take away from."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "energy.txt").write_text("太陽光と風力の発電量が増えている。", "utf-8")
    settings = Settings(home=folder / "home", corpus=folder / "corpus")
    build.ingest(settings.index, [settings.corpus], model, progress=lambda message: None)
    with listening(create_app(settings)) as address:
        yield address


def test_a_pdf_is_added_asked_about_and_deleted(browser: Browser, own_address: str) -> None:
    question = "人型ロボットの市場は2030年にどのくらいになりますか"
    with browser.new_context(base_url=own_address) as context:
        page = context.new_page()
        page.goto("/library?lang=ja")
        files: list[FilePayload] = [{"name": "報告<b>.pdf", "mimeType": "application/pdf", "buffer": report()}]
        page.locator("#file").set_input_files(files)
        expect(page.locator("#state")).to_contain_text("利用可能", timeout=60_000)
        expect(page.locator("#documents li")).to_have_count(2)
        ask(page, question)
        expect(page.locator("article .text")).to_contain_text("1,000億元")
        expect(page.locator("article .cards .facts").first).to_contain_text("ページ 1")
        page.goto("/library?lang=ja")
        page.on("dialog", lambda dialog: dialog.accept())
        page.locator("#documents li", has_text="ロボットの報告").get_by_role("button", name="削除").click()
        expect(page.locator("#documents li")).to_have_count(1, timeout=60_000)
        page.goto("/?lang=ja")
        page.fill("#question", question)
        page.keyboard.press("Enter")
        expect(page.locator("article .short")).to_have_text("収録文書では答えられません")


@pytest.mark.parametrize(
    ("lang", "told"), [("ja", "ファイルが空です。"), ("en", "The file is empty."), ("zh", "文件是空的。")]
)
def test_a_bad_file_is_refused_in_the_persons_language(
    browser: Browser, own_address: str, lang: str, told: str
) -> None:
    with browser.new_context(base_url=own_address) as context:
        page = context.new_page()
        page.goto(f"/library?lang={lang}")
        page.locator("#file").set_input_files([{"name": "a.pdf", "mimeType": "application/pdf", "buffer": b""}])
        expect(page.locator("#state")).to_contain_text(told, timeout=30_000)


def test_the_keyboard_alone_reaches_a_source_and_comes_back(page: Page) -> None:
    ask(page)
    for _ in range(40):
        if page.evaluate("document.activeElement.matches('.text .mark')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()


def test_a_phone_shows_everything_without_scrolling_sideways(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size(PHONE)
    ask(page)
    page.locator("article .text .mark").first.click()
    expect(page.locator("#panel mark").first).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_markdown_is_copied_with_its_citations(context: BrowserContext, page: Page) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page)
    page.get_by_role("button", name="Markdownでコピー").click()
    expect(page.get_by_role("button", name="コピーしました")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"**{QUESTION}**")
    assert re.search(r"^\[\^1\]: 「.*5,784億元.*」.*<http://127\.0\.0\.1:\d+/documents/.*#\d+-\d+.*>$", copied, re.M)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["/", "/lookup", "/library", "/history", "/documents/004_17361f999aa8c8f0#1762-1781"])
def test_axe_finds_nothing_serious(page: Page, view: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(view)
    page.wait_for_load_state("networkidle")
    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_an_answer(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    ask(page)
    page.locator("article .text .mark").first.click()
    expect(page.locator("#panel mark").first).to_be_visible()
    assert serious(page) == []


def test_the_page_is_light_and_asks_no_other_host(page: Page, address: str) -> None:
    sizes: list[int] = []
    hosts: set[str] = set()
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) < 150_000
    assert hosts == {address.removeprefix("http://")}


def test_what_a_document_or_question_says_stays_text(page: Page) -> None:
    ask(page, "<img src=x onerror=document.title='owned'> AIコア産業の規模は？")
    expect(page.locator("article h2").first).to_contain_text("<img src=x")
    assert page.locator("article img").count() == 0
    assert "owned" not in page.title()


def test_every_page_has_the_same_words_in_each_language(client: TestClient) -> None:
    words = _words()
    assert words["ja"].keys() == words["en"].keys() == words["zh"].keys()
    for path in ("/", "/lookup", "/library", "/history"):
        response = client.get(path, params={"lang": "en"})
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert '<html lang="en">' in response.text
    assert client.get("/", params={"lang": "xx"}).status_code == 422
