"""What a customer sends besides words, from the phone page, and how the page shows what came with a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.talking import TalkingWeb, opened, png
from tests.flow.system import System, wait_for

ALEX = "+1234567890"
NADIA = "US.13491208655302741918"
PICTURE: FilePayload = {"name": "order.png", "mimeType": "image/png", "buffer": png()}
DOOR: FilePayload = {"name": "door.png", "mimeType": "image/png", "buffer": png(30, 50)}
INVOICE: FilePayload = {"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
SCRIPT: FilePayload = {
    "name": "page.html",
    "mimeType": "text/html",
    "buffer": b"<script>document.title='taken'</script>",
}
DRAWING: FilePayload = {
    "name": "drawing.svg",
    "mimeType": "image/svg+xml",
    "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
}
# A microphone that hums, for a machine that has none.
MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const audio = new AudioContext(), hum = audio.createOscillator(), out = audio.createMediaStreamDestination();
  hum.connect(out); hum.start();
  return out.stream;
};
"""
NO_MICROPHONE = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };"
)


def on_whatsapp(page: Page) -> None:
    page.get_by_text("WhatsApp", exact=True).click()
    expect(page.get_by_role("textbox", name="Message")).to_have_attribute("placeholder", "WhatsApp message")


def choose(page: Page, what: str) -> None:
    page.get_by_role("button", name="Send something else").click()
    page.get_by_role("menuitem", name=what).click()


def attach(page: Page, *files: FilePayload, kind: str = "Pictures") -> None:
    with page.expect_file_chooser() as chooser:
        choose(page, kind)
    chooser.value.set_files(list(files))
    expect(page.locator(".attached.ready")).to_have_count(len(files))


def send(page: Page, words: str = "") -> None:
    box = page.get_by_role("textbox", name="Message")
    box.fill(words)
    page.get_by_role("button", name="Send", exact=True).click()


def loaded(page: Page, pictures: str) -> bool:
    """Whether every picture there has come."""
    script = "all => all.length > 0 && all.every(image => image.complete && image.naturalWidth > 0)"
    return bool(page.locator(pictures).evaluate_all(script))


def test_pictures_by_text(page: Page, web: TalkingWeb) -> None:
    """Several pictures and a caption go as one MMS, with a preview before and the pictures in the bubble after."""
    attach(page, PICTURE, DOOR)
    wait_for(lambda: loaded(page, ".attached img"), "the previews")
    send(page, "Both are broken")

    form = web.heard("/sms")
    assert ("2", "image/png", "Both are broken") == (
        form["NumMedia"],
        form["MediaContentType1"],
        form["Body"],
    )
    assert form["MessageSid"].startswith("MM")
    expect(page.locator(".item.mine .body")).to_have_text("Both are broken")
    wait_for(lambda: loaded(page, ".item.mine .gallery img"), "the pictures")
    expect(page.locator("#tray")).to_be_hidden()


def test_pictures_by_whatsapp(page: Page, web: TalkingWeb) -> None:
    """WhatsApp carries a file in a message: two become two messages, the caption with the first."""
    on_whatsapp(page)
    attach(page, PICTURE, DOOR)
    send(page, "Look")

    first, second = web.heard("/whatsapp"), web.heard("/whatsapp", 2)
    assert [("1", "Look"), ("1", "")] == [(form["NumMedia"], form["Body"]) for form in (first, second)]
    expect(page.locator(".item.mine")).to_have_count(2)


def test_an_attachment_is_taken_back(page: Page, web: TalkingWeb) -> None:
    """What was attached can be taken out again before it is sent; with nothing left there is nothing to send."""
    attach(page, PICTURE)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    page.get_by_role("button", name="Remove order.png").click()

    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(page.locator(".attached")).to_have_count(0)


def test_document(page: Page, web: TalkingWeb) -> None:
    """A document is a chip with its name, which gives the file and opens nothing."""
    attach(page, INVOICE, kind="Documents or sound")
    send(page)
    chip = page.locator(".item.mine a.chip")

    expect(chip).to_contain_text("invoice.pdf")
    assert "application/pdf" == web.heard("/sms")["MediaContentType0"]
    with page.expect_download() as download:
        chip.click()
    assert "invoice.pdf" == download.value.suggested_filename
    assert INVOICE["buffer"] == Path(download.value.path()).read_bytes()


def test_files_are_never_run(page: Page, web: TalkingWeb) -> None:
    """A page and a drawing with scripts are chips like any document; nothing of them is shown or run."""
    attach(page, SCRIPT, DRAWING, kind="Documents or sound")
    send(page)

    expect(page.locator(".item.mine a.chip")).to_have_count(2)
    expect(page.locator(".item.mine img")).to_have_count(0)
    for url in page.locator(".item.mine a.chip").evaluate_all("all => all.map(chip => chip.href)"):
        assert "attachment" in page.request.get(url).headers["content-disposition"]


def test_too_large(page: Page, web: TalkingWeb) -> None:
    """What the channel does not carry is said in a sentence, and comes back to be sent otherwise."""
    heavy: FilePayload = {"name": "film.mp4", "mimeType": "video/mp4", "buffer": b"\0" * 6_000_000}
    attach(page, heavy, kind="Documents or sound")
    send(page, "my film")

    expect(page.get_by_role("alert").filter(has_text="5 MB")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("my film")
    expect(page.locator(".attached.ready")).to_have_count(1)


@pytest.mark.parametrize("channel", ["SMS", "WhatsApp"])
def test_voice_note(browser: Browser, web: TalkingWeb, channel: str) -> None:
    """A voice note is recorded, can be heard before it goes, and is a player in the bubble."""
    with opened(browser, web, before=MICROPHONE) as page:
        page.get_by_text(channel, exact=True).click()
        choose(page, "Voice note")
        expect(page.get_by_text("Recording")).to_be_visible()
        expect(page.locator("#record-clock")).to_have_text("0:01")
        page.get_by_role("button", name="Done").click()
        expect(page.locator(".attached.ready audio")).to_be_visible()
        send(page)

        form = web.heard(f"/{channel.lower()}")
        assert form["MediaContentType0"] in ("audio/ogg", "audio/mp4")
        player = page.locator(".item.mine audio")
        wait_for(lambda: player.evaluate("player => player.readyState >= 1"), "the recording's beginning")


def test_voice_note_thrown_away(browser: Browser, web: TalkingWeb) -> None:
    """A recording that is cancelled leaves nothing behind."""
    with opened(browser, web, before=MICROPHONE) as page:
        choose(page, "Voice note")
        page.get_by_role("button", name="Cancel").click()

        expect(page.get_by_text("Recording")).to_be_hidden()
        expect(page.locator(".attached")).to_have_count(0)
        expect(page.get_by_role("textbox", name="Message")).to_be_focused()


def test_no_microphone(browser: Browser, web: TalkingWeb) -> None:
    """Where the browser may not record, it says so and what else can be done."""
    with opened(browser, web, before=NO_MICROPHONE) as page:
        choose(page, "Voice note")

        expect(page.get_by_role("alert").filter(has_text="may not use the microphone")).to_be_visible()


def test_place(page: Page, web: TalkingWeb) -> None:
    """A place goes with its name and coordinates and is a small map in the bubble; examples stand ready."""
    on_whatsapp(page)
    choose(page, "Place")
    page.get_by_role("button", name="Dubai Marina Mall").click()
    page.get_by_role("button", name="Send place").click()

    form = web.heard("/whatsapp")
    assert ("Dubai Marina Mall", "25.0765", "55.1403") == (form["Label"], form["Latitude"], form["Longitude"])
    expect(page.locator(".item.mine .place")).to_contain_text("25.0765, 55.1403")


def test_places_are_whatsapps(page: Page) -> None:
    """SMS offers only what SMS carries."""
    page.get_by_role("button", name="Send something else").click()
    expect(page.get_by_role("menuitem")).to_have_text(
        ["Pictures", "Documents or sound", "Voice note", "Contact"]
    )
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Documents or sound")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.get_by_role("button", name="Send something else")).to_be_focused()


def test_contact(page: Page, web: TalkingWeb) -> None:
    """A contact goes as a card, and is a chip with name and number."""
    choose(page, "Contact")
    page.get_by_role("textbox", name="Name", exact=True).fill("Sam Rivera")
    page.get_by_role("textbox", name="Phone", exact=True).fill("+1987654321")
    page.get_by_role("button", name="Send contact").click()

    assert web.heard("/sms")["MediaContentType0"] == "text/vcard"
    expect(page.locator(".item.mine .contact")).to_contain_text("Sam Rivera")
    expect(page.locator(".item.mine .contact")).to_contain_text("+1987654321")


def test_button_and_list(page: Page, web: TalkingWeb) -> None:
    """A tapped button and a row chosen from a list carry what WhatsApp gives with them."""
    on_whatsapp(page)
    choose(page, "Tap a button")
    page.get_by_role("button", name="Yes, please").click()
    page.get_by_role("button", name="Tap it").click()
    tapped = web.heard("/whatsapp")
    assert ("Yes, please", "yes") == (tapped["ButtonText"], tapped["ButtonPayload"])
    expect(page.locator(".item.mine").get_by_text("Tapped a button")).to_be_visible()

    choose(page, "Choose from a list")
    page.get_by_label("The row's title").fill("Two bedrooms")
    page.get_by_label("Its id (ListId)").fill("beds-2")
    page.get_by_role("button", name="Choose it").click()
    chosen = web.heard("/whatsapp", 2)
    assert ("Two bedrooms", "beds-2") == (chosen["ListTitle"], chosen["ListId"])


def test_reply_and_reaction(page: Page, web: TalkingWeb) -> None:
    """A message of WhatsApp can be answered by name and reacted to; both show what they are about."""
    on_whatsapp(page)
    send(page, "Which one?")
    answer = page.locator(".item.theirs")
    expect(answer).to_have_count(1)
    sid = answer.get_attribute("data-sid")
    answer.get_by_role("button", name="Reply or react").click()
    page.get_by_role("menuitem", name="Reply").click()
    expect(page.locator("#tray .quote")).to_contain_text("You said: Which one?")
    send(page, "This one")
    assert sid == web.heard("/whatsapp", 2)["OriginalRepliedMessageSid"]
    expect(page.locator(".item.mine .quote")).to_contain_text("You said: Which one?")

    answer.first.get_by_role("button", name="Reply or react").click()
    page.get_by_role("menuitem", name="👍").click()
    reaction = web.heard("/whatsapp", 3)
    assert ("👍", sid) == (reaction["Body"], reaction["OriginalRepliedMessageSid"])


def test_customer_without_a_number(page: Page, web: TalkingWeb) -> None:
    """A WhatsApp customer without a phone number is added by id, and can be neither texted nor called."""
    page.get_by_role("button", name="Add a number").click()
    page.get_by_label("Number", exact=True).fill(f"whatsapp:{NADIA}")
    page.get_by_label("Name, if you like").fill("Nadia")
    page.get_by_role("button", name="Add", exact=True).click()
    send(page, "hello")

    form = web.heard("/whatsapp")
    assert (f"whatsapp:{NADIA}", NADIA) == (form["From"], form["ExternalUserId"])
    expect(page.locator("#who-name")).to_have_text("Nadia")
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_hidden()
    expect(page.get_by_text("SMS", exact=True)).to_be_hidden()
    expect(page.locator(".item.theirs .body")).to_have_text("You said: hello")


def test_window_and_template(page: Page, web: TalkingWeb) -> None:
    """WhatsApp's clock shows how long free text may go, can run out, and then only a template arrives."""
    on_whatsapp(page)
    expect(page.locator("#window")).to_contain_text("Only templates until you write")
    send(page, "hello")
    expect(page.locator("#window")).to_contain_text("may write freely for 24 h")
    expect(page.locator(".item.theirs")).to_have_count(1)
    page.get_by_role("button", name="Let a day pass").click()
    expect(page.locator("#window")).to_contain_text("24 hours are over")
    web.write(ALEX, "Are you there?")
    expect(page.get_by_text("Failed 63016")).to_be_visible()
    web.write(ALEX, ContentSid="HX" + "a" * 32, ContentVariables=json.dumps({"1": "Alex"}))

    template = page.locator(".item.theirs").last
    expect(template.get_by_text("Template HXaaaa…aaaa")).to_be_visible()
    expect(template.locator(".mark").last).to_have_attribute("title", "Read")
    send(page, "I am back")
    expect(page.locator("#window")).to_contain_text("may write freely for 24 h")


def test_typing(page: Page, web: TalkingWeb) -> None:
    """While Ringback shows that it is typing the page does, and marks the message as read, until the answer comes."""
    web.silent = True
    on_whatsapp(page)
    send(page, "hello")
    web.types(web.heard("/whatsapp")["MessageSid"])

    expect(page.get_by_text("typing…")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Ringback is typing")).to_be_attached()
    expect(page.locator(".item.mine .mark")).to_have_attribute("title", "Read by Ringback")
    web.write(ALEX, "Here I am")
    expect(page.get_by_text("Here I am").last).to_be_visible()
    expect(page.get_by_text("typing…")).to_be_hidden()


def test_ringbacks_media(page: Page, web: TalkingWeb) -> None:
    """A picture that Ringback sends is shown; a file from elsewhere is a link, for the local Twilio fetches nothing."""
    on_whatsapp(page)
    send(page, "hello")
    expect(page.locator(".item.theirs")).to_have_count(1)
    web.write(ALEX, "The plan", MediaUrl=f"{web.origin}/plan.png")
    wait_for(lambda: loaded(page, ".item.theirs .picture img"), "the picture")
    web.write(ALEX, "The lease", MediaUrl="https://example.com/lease.pdf")

    link = page.locator(".item.theirs a.chip")
    expect(link).to_contain_text("lease.pdf")
    expect(link).to_have_attribute("href", "https://example.com/lease.pdf")
    expect(page.get_by_role("button", name="Alex Morgan")).to_contain_text("The lease")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width(browser: Browser, web: TalkingWeb, scheme: Literal["light", "dark"]) -> None:
    """On a narrow screen pictures, places, sheets and menus fit it."""
    with opened(browser, web, width=360, height=740, scheme=scheme) as page:
        page.get_by_role("button", name="Alex Morgan").click()
        on_whatsapp(page)
        wide: FilePayload = {"name": "wide" * 30 + ".png", "mimeType": "image/png", "buffer": png(900, 40)}
        attach(page, wide)
        send(page)
        choose(page, "Place")
        page.get_by_role("button", name="21 Baker Street").click()
        assert page.locator("#place-sheet").evaluate("sheet => sheet.getBoundingClientRect().right") <= 360
        page.get_by_role("button", name="Send place").click()
        expect(page.locator(".item.mine .place")).to_be_visible()
        page.get_by_role("button", name="Reply or react").last.click()

        assert page.get_by_role("menu").evaluate("menu => menu.getBoundingClientRect().right") <= 360
        assert 360 == page.evaluate("document.documentElement.scrollWidth")
        assert page.evaluate("document.querySelector('#scroll').scrollWidth") <= 360


def test_a_picture_for_ringback_itself(browser: Browser, tmp_path: Path) -> None:
    """Every process of ours behind the page: a picture with a caption is fetched, looked at and answered."""
    running = System(tmp_path)
    try:
        running.start()
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(f"{running.simulator}/phone")
        on_whatsapp(page)
        attach(page, PICTURE)
        send(page, "My order #12345 came like this")

        expect(page.locator(".item.theirs")).to_have_count(1, timeout=30_000)
        expect(page.locator(".item.theirs .body")).to_contain_text("order.png")
        context.close()
    finally:
        running.stop()
