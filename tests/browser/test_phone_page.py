"""The phone page in a real browser, against the local Twilio and a tiny web that answers by REST."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flow.local_twilio import AC, TOKEN, environment

ALEX = "+1234567890"
SILENCE = "Nobody answers this"
ROOT = Path(__file__).parents[2]
ORDER = "Hi, I'm having trouble with my order #12345"


@dataclass(frozen=True)
class System:
    """What a browser test needs of a running system. Another fixture may offer a real Ringback so."""

    phone_url: str
    stop_web: Callable[[], None]
    restart_twilio: Callable[[], None]


class AnsweringWeb(ThreadingHTTPServer):
    """Stands where Ringback stands: takes a webhook, then texts back through the REST API."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.rest = ""

    def text_back(self, form: dict[str, str]) -> None:
        known = "12345" in form["Body"]
        body = "Let me look up order 12345." if known else f"You said: {form['Body']}"
        params = {"To": form["From"], "From": form["To"], "Body": body}
        request = urllib.request.Request(
            f"{self.rest}/2010-04-01/Accounts/{AC}/Messages.json", urlencode(params).encode()
        )
        login = base64.b64encode(f"{AC}:{TOKEN}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        urllib.request.urlopen(request, timeout=5).close()


class _Answering(BaseHTTPRequestHandler):
    server: AnsweringWeb

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        answer = b"<Response/>"
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        if form["Body"] != SILENCE:
            threading.Timer(0.2, self.server.text_back, [form]).start()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    web = AnsweringWeb()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    environ = environment(f"http://127.0.0.1:{web.server_address[1]}", tmp_path / "twilio.sqlite")
    process, port = start_simulator(environ, "0")
    running = [process]
    web.rest = f"http://127.0.0.1:{port}"

    def restart_twilio() -> None:
        stop_simulator(running.pop())
        running.append(start_simulator(environ, port)[0])

    def stop_web() -> None:
        web.shutdown()
        web.server_close()

    yield System(f"{web.rest}/phone", stop_web, restart_twilio)
    stop_simulator(running.pop())
    stop_web()


def start_simulator(environ: dict[str, str], port: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "simulator", "--port", port]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def stop_simulator(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(timeout=10)
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """A laptop's window on the phone page; any complaint in the browser's console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(system.phone_url)
    yield page
    context.close()
    # That a server is away for a moment is a test's own doing, and told to the reader in the page.
    assert [] == [text for text in complaints if "net::ERR_" not in text]


def say(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")


def control(system: System, path: str, body: dict[str, Any]) -> None:
    url = system.phone_url.replace("/phone", f"/_control/{path}")
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def test_dialogue(page: Page) -> None:
    """A customer texts, sees that it was taken, and gets an answer with its delivery ticks."""
    page.get_by_role("button", name=ORDER).click()

    mine, theirs = page.locator(".item.mine"), page.locator(".item.theirs")
    expect(mine.get_by_text(ORDER)).to_be_visible()
    expect(mine.locator(".mark")).to_have_attribute("title", "Taken by Ringback")
    expect(theirs.get_by_text("Let me look up order 12345.")).to_be_visible()
    expect(theirs.locator(".mark")).to_have_attribute("title", "Delivered")
    expect(page.locator("#waiting")).to_be_hidden()


def test_waits_for_a_reply(page: Page, system: System) -> None:
    """While nobody has answered the page says so, quietly, and to a screen reader."""
    control(system, "inbound", {"from": ALEX, "body": SILENCE})

    expect(page.get_by_role("status").filter(has_text="Waiting for a reply")).to_be_attached()


def test_keyboard(page: Page) -> None:
    """Enter sends and Shift+Enter makes a new line; a blank message is not sent."""
    box = page.get_by_role("textbox", name="Message")
    box.press_sequentially("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    box.press("Enter")

    expect(page.locator(".item.mine .body")).to_have_text("one\ntwo", use_inner_text=True)
    expect(box).to_have_value("")
    expect(box).to_be_focused()
    box.fill("   ")
    box.press("Enter")
    expect(page.locator(".item.theirs")).to_have_count(1)
    expect(page.locator(".item.mine")).to_have_count(1)


def test_markup_is_text(page: Page) -> None:
    """What a message says is shown as it was written and never becomes part of the page."""
    attack = "<img src=x onerror=alert(1)> <b>bold</b> </script>"
    say(page, attack)

    expect(page.locator(".item.mine .body")).to_have_text(attack)
    expect(page.locator(".item.theirs .body")).to_have_text(f"You said: {attack}")
    expect(page.locator("#thread img, #people img, #thread b")).to_have_count(0)


def test_raw_panel(page: Page) -> None:
    """Beside each bubble stands what went over the wire: the signed request, or the REST call."""
    say(page, "Where is it?")
    expect(page.locator(".item.theirs")).to_have_count(1)

    page.locator(".item.mine").get_by_role("button", name="Raw").click()
    panel = page.get_by_role("region", name="Raw request and answer")
    expect(panel.get_by_text("X-Twilio-Signature")).to_be_visible()
    expect(panel.get_by_text("/sms")).to_be_visible()
    expect(panel.get_by_text("<Response/>")).to_be_visible()
    page.locator(".item.theirs").get_by_role("button", name="Raw").click()
    expect(panel.get_by_text("REST call")).to_be_visible()
    expect(panel.get_by_text("201", exact=True)).to_be_visible()
    assert TOKEN not in panel.inner_text()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_customers_and_channels(page: Page, system: System) -> None:
    """Each customer and channel is a conversation of its own; news elsewhere is marked unread."""
    say(page, "a text")
    expect(page.locator(".item.theirs")).to_have_count(1)
    page.get_by_text("WhatsApp", exact=True).click()
    expect(page.get_by_text("No WhatsApp messages")).to_be_visible()
    say(page, "a WhatsApp")
    expect(page.locator(".item.theirs .mark")).to_have_attribute("title", "Read")

    control(system, "inbound", {"from": "+1987654321", "body": "Hi there"})
    sam = page.get_by_role("button", name="Sam Rivera")
    expect(sam.locator(".badge")).to_contain_text("1")
    sam.click()
    expect(page.locator(".item.mine .body")).to_have_text("Hi there")
    expect(sam.locator(".badge")).to_have_count(0)


def test_add_a_number(page: Page) -> None:
    """A number can be added, written as people write numbers; what is none is refused in words."""
    page.get_by_role("button", name="Add a number").click()
    page.get_by_label("Number", exact=True).fill("555")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("with + and the country code")).to_be_visible()

    page.get_by_label("Number", exact=True).fill("+44 (7700) 900-456")
    page.get_by_role("button", name="Add", exact=True).click()
    say(page, "hello")
    expect(page.locator("#who-name")).to_have_text("+447700900456")
    expect(page.locator(".item.theirs .body")).to_have_text("You said: hello")


def test_failed_delivery(page: Page, system: System) -> None:
    """A reply that did not arrive carries Twilio's code."""
    control(system, "faults", {"kind": "undelivered", "code": 30003})
    say(page, "hello")

    expect(page.locator(".item.theirs").get_by_text("Undelivered 30003")).to_be_visible()


def test_web_is_away(page: Page, system: System) -> None:
    """Where Ringback cannot be reached a plain sentence says so, and the message shows that it failed."""
    system.stop_web()
    say(page, "anyone?")

    expect(page.get_by_role("alert").filter(has_text="Ringback's web cannot be reached")).to_be_visible()
    expect(page.locator(".item.mine").get_by_text("Not taken by Ringback")).to_be_visible()


def test_restart(page: Page, system: System) -> None:
    """After a restart of the local Twilio the page goes on by itself, with the conversation so far."""
    say(page, "before")
    expect(page.locator(".item.theirs")).to_have_count(1)
    system.restart_twilio()
    control(system, "inbound", {"from": ALEX, "body": "after"})

    expect(page.locator(".item.mine .body")).to_have_text(["before", "after"])
    expect(page.locator(".item.theirs .body")).to_have_text(["You said: before", "You said: after"])
    expect(page.locator("#live-text")).to_have_text("Live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width(browser: Browser, system: System, scheme: Literal["light", "dark"]) -> None:
    """On a narrow screen there is one pane with a way back, and nothing is wider than the screen."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    page.goto(system.phone_url)
    expect(page.get_by_role("textbox", name="Message")).to_be_hidden()
    page.get_by_role("button", name="Alex Morgan").click()
    say(page, "x" * 200)
    expect(page.locator(".item.theirs")).to_have_count(1)
    page.locator(".item.mine").get_by_role("button", name="Raw").click()
    expect(page.locator(".item.mine").get_by_text("X-Twilio-Signature")).to_be_attached()

    assert 360 == page.evaluate("document.documentElement.scrollWidth")
    assert page.evaluate("document.querySelector('#scroll').scrollWidth") <= 360
    page.get_by_role("button", name="All customers").click()
    expect(page.get_by_role("heading", name="Phone")).to_be_visible()
    context.close()
