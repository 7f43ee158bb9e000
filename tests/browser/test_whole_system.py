"""The stranger's first minute: the phone page in a browser, and behind it every process of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flow.system import System


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    running = System(tmp_path)
    try:
        running.start()
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(f"{running.simulator}/phone")
        yield page
        context.close()
    finally:
        running.stop()


def test_the_readme_dialogue_typed_as_a_new_user_would(page: Page) -> None:
    """Two texts from the phone page get two answers, and the second knows the order of the first."""
    box, answers = page.get_by_role("textbox", name="Message"), page.locator(".item.theirs")
    box.fill("Hi, I'm having trouble with my order #12345")
    box.press("Enter")
    expect(answers).to_have_count(1, timeout=20_000)
    box.fill("It hasn't shipped yet")
    box.press("Enter")
    expect(answers).to_have_count(2, timeout=20_000)

    expect(answers.nth(1)).to_contain_text("12345")
    expect(answers.nth(1).locator(".mark")).to_have_attribute("title", "Delivered")
