"""A real Chromium; without one these tests are skipped on a laptop and fail in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.talking import TalkingWeb, opened, talking


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = os.environ.get("CHROMIUM") or next((path for path in found if path), None)
    if chromium is None:
        reason = "Chromium is not installed (apt-get install chromium, or name it in CHROMIUM)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[TalkingWeb]:
    with talking(tmp_path) as running:
        yield running


@pytest.fixture
def page(browser: Browser, web: TalkingWeb) -> Iterator[Page]:
    with opened(browser, web) as shown:
        yield shown
