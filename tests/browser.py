"""A real headless Chromium, and the application on a port for it."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def listening(app: ASGIApp, **options: Any) -> Iterator[str]:
    """The address of an application that runs until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips where there is none, unless TENKYO_TEST_PROGRAMS is `required`."""
    if not CHROMIUM:
        if os.environ.get("TENKYO_TEST_PROGRAMS") == "required":
            pytest.fail("No Chromium is installed: the tests of the page can't run (Debian: apt install chromium).")
        pytest.skip("no Chromium is installed: the page is not tested (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
