"""The phone page calls Ringback and is called: typed and keyed, spoken where the browser can."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.talking import GREETING, HOLD, TalkingWeb, ask, opened
from tests.flow.system import System, wait_for

SAM = "+1987654321"
LONG = "Thank you for calling. " * 40

# A voice that tells what it speaks, and speaks until the test says that it has ended.
VOICE = """
window.spoken = [];
window.cancelled = 0;
const voices = [{lang: "en-US", name: "A", default: true}, {lang: "es-MX", name: "B"}];
let now = null;
Object.defineProperty(window, "speechSynthesis", {value: {
  getVoices: () => voices,
  get speaking() { return Boolean(now); },
  speak(said) { now = said; spoken.push([said.lang, said.text]); setTimeout(() => said.onstart?.(), 0); },
  cancel() { cancelled += 1; const was = now; now = null; setTimeout(() => was?.onerror?.({error: "interrupted"}), 0); },
}});
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
window.endOfSpeech = () => { const was = now; now = null; was?.onend?.(); };
"""
MUTE_VOICE = VOICE.replace("setTimeout(() => said.onstart?.(), 0)", "")
# An ear that hears what the test lays into it.
EAR = """
window.ears = [];
window.SpeechRecognition = window.webkitSpeechRecognition = class {
  start() { ears.push(this); }
  abort() { this.gone = true; setTimeout(() => this.onend?.(), 0); }
};
window.hear = (words, confidence, final = true) => ears.at(-1).onresult({
  results: [Object.assign([{transcript: words, confidence}], {isFinal: final})],
});
"""


def call(page: Page, how: str = "Call Ringback") -> None:
    page.get_by_role("button", name="Call", exact=True).click()
    page.get_by_role("menuitem", name=how).click()


def say(page: Page, words: str) -> None:
    """Waits until somebody listens, as a caller would."""
    expect(page.locator("#call-cue")).to_contain_text("Your turn")
    box = page.get_by_role("textbox", name="Say")
    box.fill(words)
    box.press("Enter")


def until(page: Page, true: str) -> None:
    """Waits for a fact of the page. Its security policy forbids the waiting that the browser could do itself."""
    wait_for(lambda: page.evaluate(f"Boolean({true})"), true)


def words(page: Page) -> list[str]:
    return page.locator("#call-words .said p").all_inner_texts()


def test_a_typed_call(page: Page, web: TalkingWeb) -> None:
    """A customer calls, types what is said, hears the answer as text, and hangs up; the call stays in the thread."""
    web.thinks_s = 3
    call(page)
    expect(page.locator("#call-status")).to_have_text("In progress")
    say(page, "Where is order 12345?")
    expect(page.locator("#call-status")).to_have_text("On hold")
    expect(page.locator("#call-words .theirs p").last).to_have_text("You said: Where is order 12345?")

    assert [GREETING, "Where is order 12345?", HOLD, "You said: Where is order 12345?"] == words(page)
    assert "0.95" == web.heard("/voice/turn")["Confidence"]
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("#call-status")).to_have_text("Ended")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    line = page.locator(".item.called")
    expect(line.locator(".call-told")).to_contain_text("Call, 0:")
    line.get_by_text("What was said").click()
    expect(line.locator(".said.mine p")).to_have_text("Where is order 12345?")
    expect(line.get_by_text("You hung up")).to_be_visible()
    expect(page.get_by_role("button", name="Alex Morgan")).to_contain_text("Call, 0:")


# The request of the key 1 takes longer than those behind it.
FIRST_KEY_LATE = """() => {
  const fetched = window.fetch;
  window.fetch = async (url, given) => {
    if (given?.body?.includes?.('"1"')) await new Promise((done) => setTimeout(done, 300));
    return fetched(url, given);
  };
}"""


def test_keypad(page: Page, web: TalkingWeb) -> None:
    """Keys reach Ringback in their order, by finger and by keyboard, and stand as one line; the pound key ends them."""
    call(page)
    page.evaluate(FIRST_KEY_LATE)
    expect(page.locator("#call-cue")).to_contain_text("Your turn")
    page.get_by_role("button", name="Keypad").click()
    expect(page.locator("#call-cue")).to_contain_text("# when done")
    page.get_by_role("button", name="1", exact=True).click()
    page.keyboard.press("2")
    page.keyboard.press("#")

    expect(page.get_by_text("You pressed 1 2. What else?")).to_be_visible()
    expect(page.locator("#call-words .aside")).to_have_text("Keys 1 2 #")
    assert "12" == web.heard("/voice/turn")["Digits"]


def test_typing_interrupts(page: Page, web: TalkingWeb) -> None:
    """Whoever types while the assistant speaks interrupts it; what was not heard is shown as not heard."""
    web.greeting = ask(LONG)
    call(page)
    expect(page.locator("#call-cue")).to_contain_text("You may interrupt")
    box = page.get_by_role("textbox", name="Say")
    box.press_sequentially("My order")

    expect(page.get_by_text("interrupted", exact=True)).to_be_visible()
    expect(page.locator("#call-words s")).not_to_be_empty()
    expect(page.locator("#call-words [data-spoken]")).to_have_count(0)
    box.press("Enter")
    assert "My order" == web.heard("/voice/turn")["SpeechResult"]


def test_nobody_listens(page: Page, web: TalkingWeb) -> None:
    """What is typed while nobody listens is not lost: it stays in the box, and the page says why."""
    web.answers["hold"] = "<Pause length='30'/>"
    call(page)
    say(page, "hold")
    expect(page.locator("#call-status")).to_have_text("On hold")
    box = page.get_by_role("textbox", name="Say")
    box.fill("Hello?")
    box.press("Enter")

    expect(page.get_by_text("not listening just now")).to_be_visible()
    expect(box).to_have_value("Hello?")


def test_broken_twiml(page: Page, web: TalkingWeb) -> None:
    """What Twilio cannot read is said with its code and a sentence, and stays until it is put away."""
    web.answers["break"] = "<Say>Now it breaks"
    call(page)
    say(page, "break")

    expect(page.locator("#call-words .trouble")).to_contain_text(
        "Twilio 12100: The answer is not well-formed"
    )
    expect(page.get_by_text("Twilio itself", exact=True)).to_be_visible()
    expect(page.locator("#call-status")).to_have_text("Ended")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".call-wrong")).to_contain_text("Twilio 12100")


def test_transfer(page: Page, web: TalkingWeb) -> None:
    """A transfer is shown while it rings, and the tester decides how it ends."""
    web.answers["a person"] = "<Say>Putting you through.</Say><Dial action='/voice/turn'>+15559990000</Dial>"
    call(page)
    say(page, "a person")

    expect(page.get_by_text("Put through to +1 555 999 0000")).to_be_visible()
    expect(page.locator("#call-status")).to_have_text("Transferring")
    page.get_by_role("button", name="Nobody answers").click()
    expect(page.get_by_text("Nobody took the transferred call")).to_be_visible()
    assert "no-answer" == web.heard("/voice/turn", 2)["DialCallStatus"]


def test_music_and_goodbye(page: Page, web: TalkingWeb) -> None:
    """Music and the other side's hanging up stand in the words of the call; it then closes by itself."""
    web.answers["bye"] = "<Play>https://example.com/music/waltz.mp3</Play><Say>Goodbye.</Say><Hangup/>"
    call(page)
    say(page, "bye")

    expect(page.get_by_text("Music, waltz.mp3")).to_be_visible()
    expect(page.get_by_text("Ringback hung up")).to_be_visible()
    expect(page.locator("#call")).to_be_hidden(timeout=20_000)


def test_anonymous(page: Page, web: TalkingWeb) -> None:
    """A call without a number says so to Ringback, and stays in the conversation it was made from."""
    call(page, "Call without showing my number")

    expect(page.locator("#call-as")).to_have_text("Alex Morgan, number not shown")
    assert "anonymous" == web.heard("/voice")["From"]
    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".call-told")).to_contain_text("number not shown")
    expect(page.locator(".person")).to_have_count(4)


def test_incoming_answered(page: Page, web: TalkingWeb) -> None:
    """Ringback calls: the phone rings on whatever conversation is open, and answering goes to the right one."""
    expect(page.locator("#live-text")).to_have_text("Live")  # a page that looks lets the phone ring
    web.ring(SAM)
    expect(page.get_by_role("alert").filter(has_text="Ringback calls Sam Rivera")).to_be_visible()
    page.get_by_role("button", name="Answer", exact=True).click()

    expect(page.locator("#who-name")).to_have_text("Sam Rivera")
    expect(page.get_by_text(GREETING)).to_be_visible()
    expect(page.get_by_role("button", name="Answer", exact=True)).to_be_hidden()
    say(page, "I am here")
    expect(page.get_by_text("You said: I am here")).to_be_visible()


def test_incoming_declined(page: Page, web: TalkingWeb) -> None:
    """A declined call is busy to Ringback and stands in the thread as declined."""
    expect(page.locator("#live-text")).to_have_text("Live")  # a page that looks lets the phone ring
    web.ring(SAM)
    page.get_by_role("button", name="Decline", exact=True).click()

    expect(page.get_by_role("button", name="Sam Rivera")).to_contain_text("Declined call")
    expect(page.get_by_role("button", name="Decline", exact=True)).to_be_hidden()
    expect(page.locator("#call")).to_be_hidden()


def test_elsewhere_while_on_a_call(page: Page, web: TalkingWeb) -> None:
    """A call goes on while another conversation is read, and a bar leads back to it, also after a reload."""
    call(page)
    say(page, "Hello")
    page.get_by_role("button", name="Sam Rivera").click()
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()
    page.get_by_role("button", name="On a call as Alex Morgan").click()

    expect(page.get_by_text("You said: Hello")).to_be_visible()
    page.reload()
    expect(page.get_by_text("You said: Hello")).to_be_visible()
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("#call-status")).to_have_text("Ended")


def test_a_call_from_elsewhere(page: Page, web: TalkingWeb) -> None:
    """A call that the command line or another tab began can be opened and spoken in."""
    page.request.post(f"{web.rest}/_control/calls", data={"from": "+1234567890"})
    page.locator(".item.called").get_by_role("button", name="Open").click()
    expect(page.get_by_text(GREETING)).to_be_visible()
    say(page, "from the page")

    expect(page.get_by_text("You said: from the page")).to_be_visible()


def test_raw_of_a_call(page: Page, web: TalkingWeb) -> None:
    """Beside the call stands what went over the wire: signed webhooks, the TwiML, the push into the live call."""
    call(page)
    say(page, "Hello")
    expect(page.get_by_text("You said: Hello")).to_be_visible()
    page.locator(".item.called").get_by_role("button", name="Raw").click()
    panel = page.get_by_role("region", name="Raw request and answer")

    expect(panel.get_by_text(f"{web.origin}/voice", exact=False).first).to_be_visible()
    expect(panel.get_by_text("X-Twilio-Signature").first).to_be_attached()
    expect(panel.locator("pre").filter(has_text="<Gather").first).to_be_attached()
    expect(panel.get_by_text("REST call")).to_be_attached()


def test_words_are_text(page: Page) -> None:
    """What is said on a call is shown as it was said and never becomes part of the page."""
    attack = "</Say><img src=x onerror=alert(1)> <b>bold</b>"
    call(page)
    say(page, attack)

    expect(page.locator("#call-words .theirs p").last).to_have_text(f"You said: {attack}")
    expect(page.locator("#call-words img, #call-words b")).to_have_count(0)


def test_the_browsers_voice(browser: Browser, web: TalkingWeb) -> None:
    """The browser's voice speaks in the language of the words; it can be turned off, and that is remembered."""
    web.greeting = ask("Hola, ¿en qué puedo ayudarle?").replace(
        '<Say language="en-US"', '<Say language="es-MX"'
    )
    with opened(browser, web, before=VOICE) as page:
        call(page)
        until(page, "spoken.length")
        assert ["es-MX", "Hola, ¿en qué puedo ayudarle?"] == page.evaluate("spoken[0]")
        expect(page.locator("#call-cue")).to_contain_text("You may interrupt")
        page.evaluate("endOfSpeech()")
        say(page, "one")
        expect(page.get_by_text("You said: one")).to_be_visible()
        until(page, "spoken.length === 3")  # the hold too
        speaker = page.get_by_role("button", name="Speaker")
        speaker.click()
        expect(speaker).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Hang up").click()
        page.reload()
        call(page)
        expect(page.get_by_role("button", name="Speaker")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#call-cue")).to_contain_text("Your turn")
        assert [] == page.evaluate("spoken")


def test_typing_stops_the_voice(browser: Browser, web: TalkingWeb) -> None:
    """The voice falls silent as soon as the caller types."""
    with opened(browser, web, before=VOICE) as page:
        call(page)
        until(page, "spoken.length")
        before = page.evaluate("cancelled")
        expect(page.locator("#call-cue")).to_contain_text("You may interrupt")
        page.get_by_role("textbox", name="Say").press_sequentially("st")

        until(page, f"cancelled > {before}")
        expect(page.locator("#call-cue")).to_contain_text("Your turn")


def test_a_voice_that_never_begins(browser: Browser, web: TalkingWeb) -> None:
    """A browser that promises a voice and never speaks holds nothing up."""
    with opened(browser, web, before=MUTE_VOICE) as page:
        call(page)
        say(page, "Hello")
        expect(page.get_by_text("You said: Hello")).to_be_visible()


def test_the_browsers_ear(browser: Browser, web: TalkingWeb) -> None:
    """What the browser hears is said with its confidence; the loudspeaker's own words are not taken for the caller's."""
    with opened(browser, web, before=VOICE + EAR) as page:
        call(page)
        mute = page.get_by_role("button", name="Mute")
        expect(mute).to_have_attribute("aria-pressed", "true")
        mute.click()
        until(page, "ears.length && spoken.length")
        page.evaluate("hear('this is customer service how', 0.9)")
        page.evaluate("hear('my order', 0, false)")
        expect(page.get_by_role("textbox", name="Say")).to_have_value("my order")
        expect(page.locator("#call-cue")).to_contain_text("Your turn: speak, type")
        page.evaluate("hear('my order is late', 0.62)")

        heard = web.heard("/voice/turn")
        assert ("my order is late", "0.62") == (heard["SpeechResult"], heard["Confidence"])
        expect(page.get_by_text("heard with 62%")).to_be_visible()


def test_no_microphone(browser: Browser, web: TalkingWeb) -> None:
    """Where the browser may not listen it says so once, mutes, and typing goes on."""
    with opened(browser, web, before=EAR) as page:
        call(page)
        expect(page.locator("#call-cue")).to_contain_text("Your turn")
        page.get_by_role("button", name="Mute").click()
        page.evaluate("ears.at(-1).onerror({error: 'not-allowed'})")

        expect(page.get_by_text("may not use the microphone")).to_be_visible()
        expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("textbox", name="Say").fill("typed")
        page.get_by_role("textbox", name="Say").press("Enter")
        assert "typed" == web.heard("/voice/turn")["SpeechResult"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width(browser: Browser, web: TalkingWeb, scheme: Literal["light", "dark"]) -> None:
    """On a narrow screen the call lies over the lower part of the thread, and nothing is wider than the screen."""
    with opened(browser, web, width=360, height=740, scheme=scheme) as page:
        page.get_by_role("button", name="Alex Morgan").click()
        call(page)
        say(page, "x" * 200)
        expect(page.get_by_text("You said: x")).to_be_visible()
        page.get_by_role("button", name="Keypad").click()

        assert 360 == page.evaluate("document.documentElement.scrollWidth")
        assert page.evaluate("document.querySelector('#call-scroll').scrollWidth") <= 360
        expect(page.get_by_role("button", name="Hang up")).to_be_in_viewport()
        expect(page.get_by_role("textbox", name="Say")).to_be_in_viewport()
        expect(page.locator("#scroll")).to_be_in_viewport()


def test_ringback_itself_on_the_phone(browser: Browser, tmp_path: Path) -> None:
    """Every process of ours behind the page: a question, an answer that knows the order, and goodbye."""
    running = System(tmp_path)
    try:
        running.start()
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(f"{running.simulator}/phone")
        call(page)
        for words in ("I have trouble with order 12345", "It has not shipped yet", "goodbye"):
            expect(page.locator("#call-cue")).to_contain_text("Your turn", timeout=30_000)
            say(page, words)
        expect(page.get_by_text("Ringback hung up")).to_be_visible(timeout=30_000)

        spoken = "".join(page.locator("#call-words .theirs p").all_inner_texts())
        assert "12345" in spoken.replace(" ", "")  # digit by digit, or as a number
        context.close()
    finally:
        running.stop()
