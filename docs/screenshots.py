"""Takes the README's screenshots of a running service: `python docs/screenshots.py http://127.0.0.1:8000`."""

import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize, sync_playwright

Scheme = Literal["light", "dark"]
FOLDER = Path(__file__).parent
SHOTS: tuple[tuple[str, ViewportSize, Scheme, str, str], ...] = (
    ("answer.png", {"width": 1200, "height": 760}, "light", "ja", "露光装置の国産比率は？"),
    (
        "phone.png",
        {"width": 390, "height": 800},
        "dark",
        "en",
        "How large was China's core AI industry in 2023?",
    ),
)


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for shot in SHOTS:
            take(browser, address, *shot)
        browser.close()


def take(
    browser: Browser, address: str, name: str, size: dict[str, int], scheme: str, lang: str, question: str
) -> None:
    page = browser.new_page(viewport=size, color_scheme=scheme, base_url=address)
    page.goto(f"/?lang={lang}")
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.locator("article .text .mark").first.click()
    page.locator("#panel mark").first.wait_for()
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    page.screenshot(path=FOLDER / name)
    page.close()


main(sys.argv[1])
