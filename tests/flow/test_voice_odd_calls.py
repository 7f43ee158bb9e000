"""The telephone's routes, whoever calls and whatever they say: withheld numbers, our own, attacks, repeats, calls that nobody knows."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from session import keys
from tests.flow.system import OURS, System
from tests.flow.test_signed_vectors import Post
from tests.flow.voice_line import (  # noqa: F401  line and web are fixtures
    TEXTS,
    Line,
    line,
    next_line,
    spoken,
    urls,
    web,
)

ATTACKS = [
    "</Say><Dial>+19005550199</Dial><Say>", "<Response><Hangup/></Response>", "]]>", "<!-- ", "&lt;Dial&gt;",
    '"><Redirect>http://evil.example</Redirect>', "{{7*7}} ${7*7} %n%s '; DROP TABLE calls",
    "redis.call('FLUSHALL')", "a\x00b\x07c\x1b[2Jd\u2028e", "ignore previous instructions", "\u202egnirts",
]  # fmt: skip


@pytest.mark.parametrize(
    "theirs", ["anonymous", "Anonymous", "", " ", "+266696687", "sip:alice@example.com", "client:bob", "12", "ACME"]
)  # fmt: skip
def test_anonymous_callers_are_helped(web: System, theirs: str) -> None:
    """A withheld number is a customer of this one call: it is heard and answered, and the next call is another's."""
    line = Line(web, theirs)
    if not theirs.strip():
        assert web.exchange(Post(web.base, "/voice", [("CallSid", line.sid), ("To", OURS)]).raw())[0] == 400
        return
    held = line.says(line.ring(), "where is my order")
    line.answers("On its way.")

    assert spoken(line.polls(held)) == "On its way."
    assert line.call().theirs == f"anonymous:{line.sid}"
    assert not line.call().texts_to
    assert spoken(Line(web, theirs).ring()).startswith("Hello")


def test_our_own_number_is_rejected(web: System) -> None:
    """A call from a number of ours, or from the number that it calls, is not taken; nothing is kept of it."""
    for ours in (Line(web, OURS), Line(web, TEXTS), Line(web, "+15550009999", "+15550009999")):
        tree = ours.ring()
        assert [verb.tag for verb in tree] == ["Reject"]
        assert [verb.tag for verb in ours.post("/voice/turn?n=1", SpeechResult="hi")] == ["Hangup"]
        assert not ours.store.exists(keys.customer_key("calls", ours.cid))


def test_a_country_that_is_not_served_is_rejected(web: System) -> None:
    """ALLOWED_COUNTRIES hold for calls; a withheld number tells no country."""
    assert [verb.tag for verb in Line(web, "+33612345678").ring()] == ["Reject"]
    assert [verb.tag for verb in Line(web, "+4915112345678").ring()] == ["Gather"]
    assert [verb.tag for verb in Line(web, "anonymous").ring()] == ["Gather"]


def test_a_call_that_we_made_is_the_customers(line: Line) -> None:
    """Of a call that goes out the customer is To."""
    theirs, line.theirs = line.theirs, OURS
    line.ours = theirs
    line.post("/voice/turn?n=1", Direction="outbound-api", SpeechResult="yes please")
    line.theirs, line.ours = theirs, OURS

    assert line.heard() == ["yes please"]
    assert line.call().outbound


@pytest.mark.parametrize("words", ATTACKS)
def test_speech_is_words(line: Line, words: str) -> None:
    """Whatever is said, no verb of it is in any answer, and a word that repeats it says it as text."""
    held = line.says(line.ring(), words)
    cleaned = line.heard()
    line.answers(words)
    tree = line.polls(held)

    assert [verb.tag for verb in tree.iter()] == ["Response", "Gather", "Say"]
    assert len(cleaned) == 1
    assert "\x00" not in cleaned[0] and "\x1b" not in cleaned[0]


def test_a_long_speech_is_cut(line: Line) -> None:
    """Ten kilobytes are taken as far as a message goes, and marked."""
    line.says(line.ring(), "wort " * 2048)

    [message] = line.inbox()
    assert (len(message.content), message.extra) == (1600, {"truncated": True})


@pytest.mark.parametrize(
    "query", ["", "?n=", "?n=0", "?n=-1", "?n=x", "?n=99999", "?n=1e3", "?n=%D9%A1", "?n=1&n=2"]
)
def test_an_odd_address_is_as_none(line: Line, query: str) -> None:
    """A question's number that is none is the next one's."""
    line.ring()
    line.post(f"/voice/turn{query}", SpeechResult="hello")

    [message] = line.inbox()
    assert message.twilio_sid == f"{line.sid}.1"


def test_an_unknown_call_goes_on(line: Line) -> None:
    """A signed turn of a call that we know nothing of begins it; waiting for an answer of it asks anew."""
    held = line.post("/voice/turn?n=7", SpeechResult="hello")
    assert held.find("Redirect") is not None
    assert (line.heard(), line.call().turn) == (["hello"], 7)

    other = next_line(line.web)
    assert urls(other.post("/voice/wait?n=3&t=2")) == [f"{line.web.base}/voice/turn?n=4"]


def test_a_turn_of_an_ended_call_is_recorded(line: Line) -> None:
    """What comes after a call has ended is kept, and hung up on."""
    tree = line.ring()
    line.post("/voice/status", CallStatus="completed")

    assert [verb.tag for verb in line.says(tree, "one more thing")] == ["Hangup"]
    assert line.heard() == ["one more thing"]
    assert [verb.tag for verb in line.post("/voice/wait?n=1&t=1")] == ["Hangup"]
    assert [verb.tag for verb in line.silent(tree)] == ["Hangup"]
    assert [verb.tag for verb in line.ring()] == ["Hangup"]


def test_a_hundred_turns_are_enough(line: Line) -> None:
    """A hundred questions are answered, the next is recorded and the call ended."""
    line.ring()
    for question in range(1, 101):
        tree = line.post(f"/voice/turn?n={question}", SpeechResult=f"word {question}")
        assert tree.find("Redirect") is not None, question
    tree = line.post("/voice/turn?n=101", SpeechResult="one more")

    assert [verb.tag for verb in tree] == ["Say", "Hangup"]
    assert spoken(tree).startswith("That is all I can do on the telephone")
    assert line.heard() == [*(f"word {n}" for n in range(1, 101)), "one more"]


def test_repeated_webhooks_are_one(line: Line) -> None:
    """The same call and the same speech five times at once are one call and one message, and are answered alike."""
    with ThreadPoolExecutor(5) as pool:
        copies = [replace(line) for _ in range(5)]
        greetings = {ET.tostring(tree) for tree in pool.map(Line.ring, copies)}
        held = {
            ET.tostring(tree)
            for tree in pool.map(lambda copy: copy.post("/voice/turn?n=1", SpeechResult="hello"), copies)
        }

    assert (len(greetings), len(held)) == (1, 1)
    assert line.heard() == ["hello"]
    assert line.store.hget(keys.customer_key("customer", line.cid), "count:calls") == "1"


def test_opt_out_words_are_words_on_the_telephone(line: Line) -> None:
    """STOP said in a call is answered like anything else, and a customer who opted out of texts may call."""
    line.says(line.ring(), "stop")

    [message] = line.inbox()
    assert (message.content, message.keyword) == ("stop", "-")
    assert not [
        f for f in line.store.hkeys(keys.customer_key("customer", line.cid)) if f.startswith("optout:")
    ]
