"""What Twilio is told in a call: well-formed, short enough, ours, whatever is said in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.agent import LANGUAGES, Agent, VoiceRules
from session import twiml
from session.calls import Then, Word

AGENT = Agent("agent", "Agent", "", "", ())
ROUTES = twiml.Routes("https://bot.example.com")
OURS, PERSON = "+15550001111", "+15550003333"
DIALS = Agent("dials", "Dials", "", "", (), voice=VoiceRules(transfer=PERSON))
QUEUES = Agent("queues", "Queues", "", "", (), voice=VoiceRules(queue="A & B <queue>"))
HINTED = Agent("hinted", "Hinted", "", "", (), voice=VoiceRules(hints=tuple(f"word {i}" for i in range(100))))
VOICE = twiml.voice_for(AGENT, "en")
INJECTION = "</Say><Dial>+19005550199</Dial><Say>"

WAYS: dict[str, Callable[[str], str]] = {
    "ask": lambda text: twiml.ask(text, VOICE, ROUTES.turn(1)),
    "ask with hints": lambda text: twiml.ask(text, twiml.voice_for(HINTED, "ar"), ROUTES.turn(9999, 3)),
    "hold": lambda text: twiml.hold(text, "", VOICE, ROUTES.wait(1, 1), 2),
    "goodbye": lambda text: twiml.goodbye(text, VOICE),
    "dial": lambda text: twiml.dial(text, VOICE, DIALS, ROUTES.dialled(1), OURS),
    "queue": lambda text: twiml.dial(text, VOICE, QUEUES, ROUTES.dialled(1), OURS),
}
VERBS = {
    "ask": ["Gather", "Say"], "ask with hints": ["Gather", "Say"], "hold": ["Say", "Pause", "Redirect"],
    "goodbye": ["Say", "Hangup"], "dial": ["Say", "Dial", "Number"], "queue": ["Say", "Enqueue"],
}  # fmt: skip
TEXTS = st.text(st.characters(codec=None), max_size=200) | st.text("<>&\"'a. ]!-", max_size=6000)


def said(document: str) -> str:
    return "".join("".join(say.itertext()) for say in ET.fromstring(document).iter("Say"))


@pytest.mark.parametrize("way", WAYS)
@given(text=TEXTS)
@example(INJECTION)
@example("&" * 5000)
@example("\x00\x0b\ud800\ufffe\uffff")
@example("👋" * 4001)
@example("]]><!--<?xml?><![CDATA[")
@example("لا تقلق " * 900)
def test_whatever_is_said_is_said(way: str, text: str) -> None:
    """The document is well-formed, has at most 4000 characters, our verbs alone, and addresses of ours alone."""
    document = WAYS[way](text)

    tree = ET.fromstring(document.encode())
    verbs = [verb.tag for verb in tree.iter()][1:]
    assert [v for v in verbs if v != "Say"] == [v for v in VERBS[way] if v != "Say"]
    assert verbs.count("Say") <= 1
    assert len(document) <= twiml.CHARS_MAX
    found = [verb.attrib["action"] for verb in tree.iter() if "action" in verb.attrib]
    found += [verb.text or "" for verb in tree.iter("Redirect")]
    assert all(url.startswith("https://bot.example.com/voice/") for url in found)
    assert all("Dial" not in (verb.tail or "") for verb in tree.iter())


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=300))
def test_what_fits_is_said_in_full(text: str) -> None:
    """Words that fit come out as they went in, but for the blanks around them, carriage returns and a number's sign."""
    without_signs = re.sub(r"#(?=\d)", "", text.strip(), count=twiml.SPELT_MAX)
    assert said(twiml.goodbye(text, VOICE)) == without_signs


def test_an_injection_is_read_aloud() -> None:
    """A verb that somebody said is text."""
    assert said(twiml.ask(INJECTION, VOICE, ROUTES.turn(1))) == INJECTION


def test_what_is_too_long_ends_with_a_sentence() -> None:
    """A long answer is cut behind a sentence, as late as the room for it allows, escapes counted."""
    for sentence in ("This is a sentence. ", "Fish & chips <now>. "):
        document = twiml.ask(sentence * 400, VOICE, ROUTES.turn(1))
        assert said(document).endswith(sentence.strip())
        longest = len(sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        assert len(document) <= twiml.CHARS_MAX
        room = min(twiml.CHARS_MAX - len(document), twiml.SAID_MAX - len(said(document)))
        assert 0 <= room < longest


def test_other_letters_cost_what_they_are() -> None:
    """Letters beyond ASCII stand as themselves: an Arabic answer may be as long as an English one."""
    text = "ا" * 3000
    assert said(twiml.goodbye(text, twiml.voice_for(AGENT, "ar"))) == text


def test_a_question_hears_speech_and_keys() -> None:
    """Silence comes back to us, too, and hints are given where the agent has some."""
    gather = ET.fromstring(twiml.ask("Hello?", twiml.voice_for(HINTED, "de"), ROUTES.turn(3, 1))).find(
        "Gather"
    )
    assert gather is not None
    assert gather.attrib.pop("hints").startswith("word 0,word 1,")

    assert gather.attrib == {
        "input": "dtmf speech", "action": "https://bot.example.com/voice/turn?n=3&again=1", "method": "POST",
        "language": "de-DE", "speechTimeout": "auto", "timeout": "5", "actionOnEmptyResult": "true",
    }  # fmt: skip


def test_music_is_played_in_the_place_of_words() -> None:
    """A hold with music says nothing; one with neither waits in silence, at least a second."""
    music = ET.fromstring(twiml.hold("Hm", "https://m.example/a.mp3?x=1&y=2", VOICE, ROUTES.wait(1, 2), 2))
    silent = ET.fromstring(twiml.hold("", "", VOICE, ROUTES.wait(1, 2), 0))

    assert [verb.tag for verb in music] == ["Play", "Pause", "Redirect"]
    assert music.findtext("Play") == "https://m.example/a.mp3?x=1&y=2"
    assert [(verb.tag, verb.attrib.get("length")) for verb in silent] == [("Pause", "1"), ("Redirect", None)]


@pytest.mark.parametrize(
    ("agent", "then", "verbs"),
    [
        (AGENT, Then.LISTEN, ["Gather"]),
        (AGENT, Then.HANGUP, ["Say", "Hangup"]),
        (DIALS, Then.DIAL, ["Say", "Dial"]),
        (QUEUES, Then.DIAL, ["Say", "Enqueue"]),
        (AGENT, Then.DIAL, ["Say", "Hangup"]),
    ],
)
def test_what_follows_a_word(agent: Agent, then: Then, verbs: list[str]) -> None:
    """The next question, the end, or a person; an agent without one ends the call."""
    word = Word("CA" + "0" * 32, 4, "Words.", then)
    tree = ET.fromstring(twiml.speak(word, VOICE, agent, ROUTES, OURS))

    assert [verb.tag for verb in tree] == verbs
    actions = [verb.attrib["action"] for verb in tree if "action" in verb.attrib]
    assert actions in ([], [ROUTES.turn(5)], [ROUTES.dialled(5)])
    if verbs[-1] == "Dial":
        assert tree.findtext("Dial/Number") == PERSON
        assert tree.find("Dial").attrib["callerId"] == OURS  # type: ignore[union-attr]
    if verbs[-1] == "Enqueue":
        assert tree.findtext("Enqueue") == "A & B <queue>"


@pytest.mark.parametrize(
    ("languages", "rules", "asked", "said_in", "voice", "heard_in"),
    [
        (("en",), VoiceRules(), "", "en-US", "Polly.Joanna", "en-US"),
        (("de", "en"), VoiceRules(), "", "de-DE", "Polly.Vicki", "de-DE"),
        (("en",), VoiceRules(), "ar", "arb", "Polly.Zeina", "ar-EG"),
        (("en",), VoiceRules(), "ar-AE", "arb", "Polly.Zeina", "ar-AE"),
        (("en",), VoiceRules(), "pt", "pt-BR", "Polly.Vitoria", "pt-BR"),
        (("en",), VoiceRules(), "pt_PT", "pt-PT", "", "pt-PT"),
        (("en",), VoiceRules(), "it", "en-US", "Polly.Joanna", "en-US"),
        (("en",), VoiceRules(languages={"it": "it-IT"}), "it", "it-IT", "", "it-IT"),
        (("en",), VoiceRules(languages={"en": "en-GB"}, voices={"en": "Polly.Amy"}), "en", "en-GB", "Polly.Amy", "en-GB"),
        (("en",), VoiceRules(voices={"ar": "Polly.Hala-Neural"}), "ar", "arb", "Polly.Hala-Neural", "ar-EG"),
        (("en",), VoiceRules(languages={"ar": "ar-AE"}), "ar", "ar-AE", "", "ar-AE"),
        (("es-ES",), VoiceRules(), "", "es-ES", "", "es-ES"),
    ],
)  # fmt: skip
def test_how_a_language_sounds(
    languages: tuple[str, ...], rules: VoiceRules, asked: str, said_in: str, voice: str, heard_in: str
) -> None:
    """Each language has a kind that is spoken and one that is heard; the agent's own words come first."""
    agent = Agent("agent", "Agent", "", "", (), languages=languages, voice=rules)
    found = twiml.voice_for(agent, asked)

    assert (found.say_language, found.say_voice, found.hear_language) == (said_in, voice, heard_in)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_of_ours_has_a_voice(language: str) -> None:
    """The six languages of the notices are heard as themselves."""
    assert twiml.voice_for(AGENT, language).hear_language.startswith(language)


def test_short_answers() -> None:
    """The answers without a word."""
    head = '<?xml version="1.0" encoding="UTF-8"?><Response'
    assert twiml.reject() == head + "><Reject /></Response>"
    assert twiml.hangup() == head + "><Hangup /></Response>"
    assert twiml.nothing() == head + " />"


@pytest.mark.parametrize(
    ("voice", "document"),
    [
        (
            twiml.Voice("en-US", "Polly.Joanna", "en-US"),
            'Order <say-as interpret-as="digits">12345</say-as> &amp; <say-as interpret-as="digits">77</say-as>.</Say>',
        ),
        (twiml.Voice("en-GB", "", "en-GB"), "Order 1 2 3 4 5 &amp; 7 7.</Say>"),
    ],
)
def test_an_orders_number_is_read_digit_by_digit(voice: twiml.Voice, document: str) -> None:
    """An order's number is spelt out: by a tag where the voice knows tags, so that the words hold it whole."""
    assert document in twiml.goodbye("Order #12345 & #77.", voice)


@given(st.text("#0123456789 &.", max_size=6000), st.sampled_from(["Polly.Joanna", ""]))
def test_numbers_without_end_fit_too(text: str, speaker: str) -> None:
    """However many numbers are spelt, a document keeps to Twilio's 4000 characters and a word to its voice's 3000."""
    document = twiml.ask(text, twiml.Voice("en-US", speaker, "en-US"), ROUTES.turn(1))

    assert len(document) <= twiml.CHARS_MAX
    assert len("".join(ET.fromstring(document).itertext())) <= 3000
