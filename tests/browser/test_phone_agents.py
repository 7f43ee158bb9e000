"""The phone page says which assistant answers, and how to try another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from simulator.answering import Answering
from tests.browser.test_phone_page import start_simulator, stop_simulator
from tests.flow.local_twilio import environment


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The phone page of a local Twilio whose number the real estate preset answers; no web stands behind it."""
    environ = environment("http://127.0.0.1:9", tmp_path / "twilio.sqlite")
    preset = Answering("real_estate", "Estate agency", ("orders", "support"))
    process, port = start_simulator(environ | preset.environment(), "0")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/phone")
    yield page
    context.close()
    stop_simulator(process)


def test_who_answers(page: Page) -> None:
    """Beside the customers stands who answers them, and the command that lets another preset answer."""
    box = page.get_by_role("region", name="Who answers")

    expect(box).to_contain_text("Answered by Estate agency, +1 570 325 1809")
    expect(box).to_contain_text("DEFAULT_AGENT_ID=orders make run (or support)")
    expect(page.locator(".talk-head")).to_contain_text("to Estate agency")


def test_examples_fit_who_answers(page: Page) -> None:
    """An empty conversation begins with words for this preset, right-to-left where they are written so."""
    arabic = page.get_by_role("button", name="أبحث عن شقة")

    expect(page.get_by_role("button", name="apartment in Dubai Marina")).to_be_visible()
    expect(arabic).to_have_css("direction", "rtl")
    arabic.click()
    expect(page.locator(".item.mine .body")).to_have_css("direction", "rtl")
    expect(page.locator(".person-last").first).to_contain_text("You: أبحث")
