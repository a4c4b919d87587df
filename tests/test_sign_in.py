"""The page where a key is needed, and the API's documentation, in a real headless Chromium."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, listening
from playwright.sync_api import Browser, Page, expect

from api.app import create_app
from api.keys import Keys
from api.service import Service
from api.settings import Settings

PLACE = "/documents/004_17361f999aa8c8f0?lang=ja#1762-1781"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys(tmp_path / "keys.sqlite")
    yield keys
    keys.close()


@pytest.fixture
def address(service: Service, keys: Keys) -> Iterator[str]:
    with listening(create_app(Settings(home=keys.path.parent), service)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(base_url=address, locale="ja-JP") as context:
        yield context.new_page()


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("APIキー").fill(token)
    page.keyboard.press("Enter")


def test_a_key_opens_the_place_that_was_wanted(page: Page, keys: Keys) -> None:
    key, token = keys.add("newsroom", "read")
    page.goto(PLACE)
    expect(page.get_by_label("APIキー")).to_be_focused()
    assert [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")] == []
    sign_in(page, token + "x")
    expect(page.locator("#state")).to_contain_text("このキーは使えません")
    sign_in(page, token)
    expect(page.locator("#source mark").first).to_be_in_viewport()
    assert token not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
    page.goto("/?lang=ja")
    page.locator("#question").fill("露光装置の国産比率は？")
    page.keyboard.press("Enter")
    expect(page.locator("article .short")).to_contain_text("1%未満")
    keys.revoke(key.key_id)
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("サインインが必要です。ページを再読み込みしてください。")


def test_what_a_key_may_not_do_is_said(page: Page, keys: Keys) -> None:
    page.goto("/library?lang=ja")
    expect(page.locator("#documents li")).to_have_count(5)
    _, token = keys.add("newsroom", "read")
    page.reload()
    sign_in(page, token)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#documents li").first.get_by_role("button", name="削除").click()
    expect(page.locator("#state")).to_have_text("このキーでは許可されていない操作です。")
    page.get_by_role("button", name="サインアウト").click()
    expect(page.get_by_label("APIキー")).to_be_visible()


@pytest.fixture
def elsewhere(address: str) -> Iterator[str]:
    """A page on another site, with a link to a cited place."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="{address}{PLACE}">cited</a>'.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


def test_a_link_from_another_site_opens_the_place(page: Page, keys: Keys, elsewhere: str) -> None:
    """The browser keeps the cookie back then (SameSite=Strict); the page asks again from its own side."""
    _, token = keys.add("newsroom", "read")
    page.goto("/?lang=ja")
    sign_in(page, token)
    expect(page.locator("#question")).to_be_visible()
    page.goto(elsewhere)
    page.get_by_text("cited").click()
    expect(page.locator("#source mark").first).to_be_in_viewport()


def test_the_documentation_asks_no_other_host(page: Page, address: str) -> None:
    hosts: set[str] = set()
    wrong: list[str] = []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto("/docs")
    expect(page.get_by_text("/v1/search", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert hosts - {""} == {address.removeprefix("http://")}
    assert wrong == []
