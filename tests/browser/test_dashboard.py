"""The queue dashboard in a real browser: signing in, seeing a turn, and what its policy lets it do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flow.system import System

PASSWORD = "tests-console-password"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(tmp_path_factory.mktemp("dashboard"))
    try:
        yield running.start()
    finally:
        running.stop()


def picture(page: Page, name: str) -> None:
    """For people to look at, where a folder for it is named."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sign_in_page_at_phone_width(
    browser: Browser, system: System, scheme: Literal["light", "dark"]
) -> None:
    """A wrong password is told in words beside the field, without a script and within a narrow screen."""
    context = browser.new_context(
        viewport={"width": 375, "height": 700}, color_scheme=scheme, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(f"{system.base}/rq/")
    picture(page, f"signin-{scheme}")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    picture(page, f"signin-{scheme}-wrong")
    box = page.locator("main").bounding_box()
    assert box is not None
    assert 0 <= box["x"]
    assert box["x"] + box["width"] <= 375
    context.close()


def test_operator_sees_a_turn_and_signs_out(browser: Browser, system: System) -> None:
    """From the sign-in to the list of queues, the finished turn, its page, the worker, and out again."""
    system.says("+15551239001", "Hello")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"{system.base}/rq/")
    picture(page, "signin-wide")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")

    turns = page.locator("#queues tr[data-role=queue]").filter(has_text="turns")
    expect(turns).to_be_visible()
    expect(turns.locator("td").nth(5)).not_to_have_text("0", timeout=20_000)
    picture(page, "queues")
    turns.locator("td").nth(5).get_by_role("link").click()
    expect(page.get_by_text("answer customer").first).to_be_visible()
    expect(page.get_by_text("Delete")).to_have_count(0)
    picture(page, "jobs")
    page.locator(".job_id a").first.click()
    expect(page.locator("#job-data")).to_contain_text("finished")
    expect(page.get_by_role("button", name="Requeue")).to_be_hidden()
    picture(page, "job")
    page.get_by_role("link", name="Workers").click()
    expect(page.locator("tr[data-role=worker]")).to_have_count(1)
    picture(page, "workers")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Operator sign-in")).to_be_visible()
    context.close()
    assert [] == complaints
