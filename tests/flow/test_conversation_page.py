"""The page behind the link that operators are texted: read, answered in, handed back, completed, by HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest

from tests.flow import staff
from tests.flow.staff import OWN
from tests.flow.system import System, wait_for
from tests.flow.test_dashboard import FOREIGN, Visitor

DANA = "+15550840099"
SHOP = f"""
name = "Shop"
numbers = ["{OWN}"]
languages = ["en"]
instructions = "You answer a bicycle shop's number."

[handoff]
notify = ["{DANA}"]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A shop whose operator is texted."""
    path = tmp_path_factory.mktemp("shop")
    running = System(path, **staff.settings(staff.folder(path / "agents", shop=SHOP)))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def operator(shop: System) -> Visitor:
    visitor = Visitor(shop.base)
    assert visitor.sign_in() == 302
    return visitor


def opened(shop: System, phone: str, words: str = "Hello") -> str:
    """A customer who was answered; the path of the conversation's page."""
    shop.says(phone, words, to=OWN)
    shop.reply(phone)
    staff.settled(shop, phone)
    return f"/console/sessions/{shop.session(phone)['session']['session_id']}"


def called(shop: System, phone: str) -> str:
    """A customer who asked for a person; the path in the text that the operator got."""
    opened(shop, phone, "I want to talk to a human")
    session_id = shop.session(phone)["session"]["session_id"]
    (text,) = wait_for(lambda: [t for t in shop.replies(DANA) if session_id in t], "the operator's text")
    assert f" {shop.base}/console/sessions/{session_id}" in text
    return f"/console/sessions/{session_id}"


def read(visitor: Visitor) -> str:
    """What stands on the page, without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", visitor.text)).split())


def do(operator: Visitor, page: str, step: str, **fields: str) -> str:
    """Send a form of the page and go where it leads; what stands there."""
    assert operator.post(f"{page}/{step}", fields) == 303, operator.text
    assert operator.location == f"{page}?done={step}#newest"
    assert operator.get(operator.location.partition("#")[0]) == 200
    return read(operator)


def test_the_texted_link_leads_through_the_sign_in_and_back(shop: System) -> None:
    """Whoever opens the link in the text signs in and then sees the conversation that it names."""
    page = called(shop, "+15550840001")
    visitor = Visitor(shop.base)

    assert visitor.get(page) == 302
    assert visitor.location == f"/console/login?{urlencode({'next': page})}"
    assert visitor.sign_in(next=page) == 302
    assert visitor.location == page
    assert visitor.get(page) == 200
    for words in (
        "+15550840001",
        "sms",
        "WAITING_AGENT",
        "Shop",
        "I want to talk to a human",
        "Customer ·",
        "Notice ·",
        " UTC · received",
    ):
        assert words in read(visitor), words


def test_an_answer_reaches_the_customer_and_the_assistant_is_silent(shop: System, operator: Visitor) -> None:
    """What is typed goes out as written, lines and all; the page says so, and what the customer then writes is left alone."""
    phone = "+15550840002"
    page = called(shop, phone)

    told = do(operator, page, "answer", body="Dana here.\r\nYour bicycle is ready – £5 😀")

    assert "Your answer is on its way." in told and "A person has it" in told
    assert "Dana here.\nYour bicycle is ready – £5 😀" == shop.reply(phone, 2)
    shop.says(phone, "Thank you! When do you close?", to=OWN)
    staff.silent(shop, phone, 2)
    assert operator.get(page) == 200
    assert "When do you close?" in read(operator) and "Waits for a person" in read(operator)


def test_a_button_pressed_twice_answers_once(shop: System, operator: Visitor) -> None:
    """The same answer from the same page is sent once, however fast it comes; from the page as it is then, again."""
    phone = "+15550840003"
    page = opened(shop, phone)
    operator.get(page)

    def seen() -> str:
        return re.findall(r'name="seen" value="([^"]+)"', operator.text)[0]

    fields = {"body": "One moment.", "seen": seen()}
    with ThreadPoolExecutor() as pool:
        sent = [
            pool.submit(Visitor(shop.base, operator.cookie).post, f"{page}/answer", fields) for _ in range(4)
        ]
    assert [303] * 4 == [each.result() for each in sent]
    do(operator, page, "answer", **fields)
    staff.silent(shop, phone, 2)
    do(operator, page, "answer", body="One moment.", seen=seen())
    assert "One moment." == shop.reply(phone, 3)


def test_handed_back_with_a_note(shop: System, operator: Visitor) -> None:
    """The assistant has it again, answers what nobody answered, and is shown the note."""
    phone = "+15550840004"
    page = opened(shop, phone)
    do(operator, page, "answer", body="Dana here.")
    shop.says(phone, "Where is my order 12345?", to=OWN)
    wait_for(lambda: staff.state(shop, phone) == "WAITING_AGENT", "the customer to wait")
    staff.settled(shop, phone)

    told = do(operator, page, "handback", note="It ships tomorrow.")

    assert "The assistant has the conversation again." in told
    shop.reply(phone, 3)
    assert "It ships tomorrow." in str(shop.model_requests())
    assert "assistant" == shop.session(phone)["session"]["handled_by"]


def test_completed_is_over(shop: System, operator: Visitor) -> None:
    """A completed conversation has no forms; a page opened before is told so, and keeps what was typed."""
    phone = "+15550840005"
    page = opened(shop, phone)

    assert "This conversation is over." in do(operator, page, "complete")
    assert "CLOSED" == staff.state(shop, phone)
    assert "<textarea" not in operator.text
    for step in ("answer", "handback", "complete"):
        assert operator.post(f"{page}/{step}", {"body": "Still there?"}) == 409
        assert "A session cannot go from CLOSED" in read(operator)
    staff.silent(shop, phone, 1)


@pytest.mark.parametrize(("step", "name", "text", "sentence"), [
    ("answer", "body", "  \r\n ", "body must hold the words to send."),
    ("answer", "body", "語" * 7501, "body must be at most 7500 characters."),
    ("handback", "note", "x" * 2001, "The note must be at most 2000 characters."),
])  # fmt: skip
def test_a_refusal_says_why_and_keeps_the_words(
    shop: System, operator: Visitor, step: str, name: str, text: str, sentence: str
) -> None:
    """What cannot be sent is refused in a sentence, above the form with the words in it."""
    phone = "+15550840006"
    page = (
        opened(shop, phone)
        if not shop.replies(phone)
        else f"/console/sessions/{shop.session(phone)['session']['session_id']}"
    )
    shop.api("POST", f"/session/{quote(phone)}/handoff")

    assert operator.post(f"{page}/{step}", {name: text}) == 422
    assert sentence in read(operator)
    assert text.strip() in operator.text
    assert "WAITING_AGENT" == staff.state(shop, phone)
    assert 1 == len(shop.replies(phone))


def test_what_customers_write_is_inert(shop: System, operator: Visitor) -> None:
    """Markup stays text, in either direction of writing; the policy would run no script and no style of the page's own."""
    script, arabic = "<script>alert(1)</script></p>\"'><img src=x onerror=alert(1)>{{7*7}}", "أين طلبي؟"
    page = opened(shop, "+15550840007", script)
    shop.says("+15550840007", arabic, to=OWN)
    shop.reply("+15550840007", 2)
    staff.settled(shop, "+15550840007")
    told = {"order<script>": script, "size": {"inches": 28}}
    assert shop.api("PATCH", page.removeprefix("/console"), {"extracted_entities": told})[0] == 200
    assert (
        shop.api(
            "POST",
            f"{page.removeprefix('/console/sessions')}/handoff".replace("/", "/session/", 1),
            {"note": script},
        )[0]
        == 200
    )

    for path in (page, "/console/"):
        assert operator.get(path) == 200
        assert not re.search(r"<script|<img|<style|style=|\bon\w+=(?!alert\(1\)&gt;)", operator.text), path
        policy = operator.answer.getheader("Content-Security-Policy") or ""
        assert "default-src 'self'" in policy and "unsafe" not in policy and "form-action 'self'" in policy
        assert operator.answer.getheader("Cache-Control") == "no-store"
    operator.get(page)
    assert html.unescape(operator.text).count(script) >= 3
    assert 'size {"inches": 28}' in read(operator)
    assert f'<p class="text" dir="auto">{arabic}</p>' in operator.text


@pytest.mark.parametrize("step", ["answer", "handback", "complete"])
def test_posts_from_elsewhere_are_refused(shop: System, operator: Visitor, step: str) -> None:
    """A foreign page, one that says nothing, and whoever is not signed in change nothing."""
    phone = "+15550840008"
    page = (
        opened(shop, phone)
        if not shop.replies(phone)
        else f"/console/sessions/{shop.session(phone)['session']['session_id']}"
    )
    wait_for(
        lambda: shop.session(phone)["conversation_history"][-1]["status"] == "delivered", "the last callback"
    )
    before = shop.session(phone)

    for headers in FOREIGN:
        assert operator.post(f"{page}/{step}", {"body": "Buy!"}, **headers) == 403
        assert "nothing was done" in read(operator)
    assert operator.ask("POST", f"{page}/{step}", b"body=Buy") == 403
    assert operator.get(f"{page}/{step}") == 405
    stranger = Visitor(shop.base)
    assert stranger.post(f"{page}/{step}", {"body": "Buy!"}) == 303
    assert stranger.location == f"/console/login?{urlencode({'next': page})}"
    assert before == shop.session(phone)
    assert 1 == len(shop.replies(phone))


def test_nobody_is_not_found(shop: System, operator: Visitor) -> None:
    """An unknown id, one of a message, and a forgotten customer are a page that says so, whatever is asked of it."""
    phone = "+15550840009"
    page = opened(shop, phone)
    assert shop.api("DELETE", f"/privacy/delete/{quote(phone)}")[0] == 200

    for path in (
        page,
        page.rpartition("s")[0] + "m1",
        "/console/sessions/nobody",
        "/console/sessions/%3Cscript%3E",
    ):
        assert operator.get(path) == 404, path
        assert "There is no such conversation" in read(operator)
        assert operator.post(f"{path}/answer", {"body": "Hello?"}) == 404
        assert "<script" not in operator.text


def test_the_overview_lists_who_waits_first(shop: System, operator: Visitor) -> None:
    """``/console/`` links to who waits, longest first, then to the other open ones, and to nothing that is closed."""
    first, second = called(shop, "+15550840011"), called(shop, "+15550840012")
    other, over = opened(shop, "+15550840013"), opened(shop, "+15550840014")
    do(operator, over, "complete")

    assert Visitor(shop.base).get("/console/") == 302
    assert operator.get("/console/") == 200
    links = re.findall(r'href="(/console/sessions/[^"]+)"', operator.text)
    assert [page for page in links if page in (first, second, other, over)] == [first, second, other]
    waiting, _, rest = operator.text.partition("<h2>Open</h2>")
    assert second in waiting and other in rest


def test_the_stylesheet_is_there(shop: System, operator: Visitor) -> None:
    """The page loads one stylesheet, which exists, and which has room for narrow screens and for the night."""
    operator.get("/console/")
    (path,) = re.findall(r'rel="stylesheet" href="([^"]+)"', operator.text)

    assert operator.get(path) == 200
    assert "prefers-color-scheme: dark" in operator.text and "width <=" in operator.text
