"""The telephone's routes behind the real web server: how a call is greeted, heard, held, answered and ended."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

from session import keys, optout, records
from session.calls import Calls, Then
from session.ledger import Ledger
from session.model import Channel, Lane
from tests.flow.system import OURS, System, wait_for
from tests.flow.voice_line import (  # noqa: F401  line and web are fixtures
    CLOSED,
    DESK,
    TEXTS,
    VOICE,
    WARNED,
    Line,
    line,
    next_line,
    rung,
    spoken,
    urls,
    web,
)

# A call in words


def test_a_call_is_greeted_and_asked(line: Line) -> None:
    """A call begins with a greeting within a question that takes speech and keys, in the language of the agent."""
    tree = line.ring()
    gather = tree.find("Gather")
    assert gather is not None

    assert [verb.tag for verb in tree] == ["Gather"]
    assert spoken(tree) == "Hello. You are speaking with our automatic assistant. How can I help you?"
    assert gather.attrib == {
        "input": "dtmf speech", "action": f"{line.web.base}/voice/turn?n=1", "method": "POST", "language": "en-US",
        "speechTimeout": "auto", "timeout": "5", "actionOnEmptyResult": "true",
    }  # fmt: skip
    assert line.call().live
    assert line.store.hget(keys.customer_key("customer", line.cid), "count:calls") == "1"


def test_what_is_said_is_a_message_like_any_other(line: Line) -> None:
    """Speech stands in the customer's inbox with Twilio's confidence, and the answer is a hold at once."""
    tree = line.says(line.ring(), "where is my order 12345", Confidence="0.87")

    assert [verb.tag for verb in tree] == ["Say", "Pause", "Redirect"]
    assert spoken(tree) == "One moment, please."
    assert tree.findtext("Redirect") == f"{line.web.base}/voice/wait?n=1&t=1"
    [message] = line.inbox()
    assert (message.content, message.lane, message.twilio_sid) == (
        "where is my order 12345", VOICE, f"{line.sid}.1",
    )  # fmt: skip
    assert message.extra == {"confidence": 0.87}
    assert line.call().turn == 1
    wait_for(lambda: rung(line), "the ring")


def test_keys_are_said_too(line: Line) -> None:
    """Digits are taken as what was said, and marked; they are never unsure."""
    gather = line.ring().find("Gather")
    assert gather is not None
    line.post(gather.attrib["action"], Digits="12345", Confidence="0.0")

    [message] = line.inbox()
    assert (message.content, message.extra) == ("12345", {"digits": True})


def test_the_poll_speaks_the_answer_once(line: Line) -> None:
    """A waiting call gets its answer by its own poll, the same poll again gets it again, and the next one never."""
    held = line.says(line.ring(), "hello")
    assert [verb.tag for verb in line.polls(held)] == ["Pause", "Redirect"]
    line.answers("Your order is on its way.")

    first, second = line.polls(held), line.polls(held)
    later = line.post("/voice/wait?n=1&t=2")

    assert spoken(first) == spoken(second) == "Your order is on its way."
    assert urls(first) == [f"{line.web.base}/voice/turn?n=2"]
    assert spoken(later) == "I did not hear anything. Are you still there?"
    assert line.delivery() == [("voice", "Your order is on its way.", "sent")]


def test_push_and_poll_never_speak_both(line: Line) -> None:
    """While a push is under way the poll waits; of a word that was pushed it says nothing."""
    held = line.says(line.ring(), "hello")
    line.answers("Answer.")
    calls = Calls(Ledger(line.store))
    outcome, word = calls.take(line.cid, line.sid, 1, "push")
    assert (outcome, word and word.text) == ("TAKEN", "Answer.")

    assert [verb.tag for verb in line.polls(held)] == ["Pause", "Redirect"]
    calls.settle(line.cid, line.sid, 1, "spoken")
    assert spoken(line.post("/voice/wait?n=1&t=2")).startswith("I did not hear")


def test_waiting_ends(line: Line) -> None:
    """A caller who waits hears every so often that we are there, and is asked for more when it takes too long."""
    tree, said = line.says(line.ring(), "hello"), []
    while tree.find("Redirect") is not None:
        tree = line.polls(tree)
        said.append(spoken(tree))
        assert len(said) < 10

    # CALL_HOLD_SECONDS are 6 here, and a poll comes after 2.
    assert said == [
        "", "I am still looking, please stay on the line.",
        "This takes longer than usual. Can I do anything else for you in the meantime?",
    ]  # fmt: skip
    assert urls(tree) == [f"{line.web.base}/voice/turn?n=2&late=1"]


def test_an_answer_that_came_late_is_spoken_after_silence(line: Line) -> None:
    """Who was asked for more and said nothing hears the answer that came meanwhile."""
    tree = line.says(line.ring(), "hello")
    while tree.find("Redirect") is not None:
        tree = line.polls(tree)
    line.answers("Here it is.")

    assert spoken(line.silent(tree)) == "Here it is."


def test_goodbye_and_dial_follow_a_word(line: Line) -> None:
    """A word's end is as decided: hung up after it, for an agent without a person's number also where one was meant."""
    held = line.says(line.ring(), "bye")
    line.answers("Goodbye then.", Then.HANGUP)

    assert [verb.tag for verb in line.polls(held)] == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("ours", "said", "verbs"),
    [
        (OURS, "I have noted what you said", ["Say", "Hangup"]),
        (DESK, "I am putting you through", ["Say", "Dial"]),
    ],
)
def test_a_person_who_stepped_in_has_the_caller_too(
    web: System, ours: str, said: str, verbs: list[str]
) -> None:
    """What was decided before a person took the conversation over is not said: the caller is put through, or told."""
    line = next_line(web, ours)
    held = line.says(line.ring(), "hello there")
    line.answers("Not to be said.")
    assert web.api("POST", f"/session/{quote(line.theirs)}/handoff")[0] == 200

    for tree in (line.polls(held), line.polls(held)):
        assert [verb.tag for verb in tree] == verbs
        assert spoken(tree).startswith(said)
    assert [status for _, _, status in line.delivery()] == ["undelivered"]


def test_a_customer_we_know_is_welcomed_back(line: Line) -> None:
    """Whoever has written or called before hears so; who only rang and said nothing does not."""
    line.ring()
    again = Line(line.web, line.theirs)
    assert not spoken(again.ring()).startswith("Welcome back")
    again.says(again.ring(), "hello there")

    third = Line(line.web, line.theirs)
    assert spoken(third.ring()).startswith("Welcome back. You are speaking")
    assert line.store.hget(keys.customer_key("customer", line.cid), "count:calls") == "3"


def test_a_customers_language_is_spoken_and_heard(line: Line) -> None:
    """The language that is known of a customer is the call's."""
    line.store.hset(keys.customer_key("customer", line.cid), "language", "es")
    tree = line.ring()
    gather, say = tree.find("Gather"), tree.find("Gather/Say")
    assert gather is not None and say is not None

    assert gather.attrib["language"] == say.attrib["language"] == "es-MX"
    assert spoken(tree).startswith("Hola")
    assert spoken(line.says(tree, "quiero saber de mi pedido")) == "Un momento, por favor."


def test_an_agent_speaks_as_its_file_says(web: System) -> None:
    """Its own greeting, hints and music; a greeting in a language that it has no words for is ours."""
    line = next_line(web, TEXTS)
    tree = line.ring()
    gather = tree.find("Gather")
    assert gather is not None

    assert (spoken(tree), gather.attrib["hints"]) == ("The workshop, hello.", "derailleur,a & b")
    held = line.says(tree, "hello")
    assert held.findtext("Play") == "https://music.example/a.mp3"
    french = next_line(web, TEXTS)
    french.store.hset(keys.customer_key("customer", french.cid), "language", "fr")
    assert spoken(french.ring()).startswith("Bonjour")


def test_closed_lines_say_so(web: System) -> None:
    """Outside hours an agent says so before its greeting, or in its place and hangs up."""
    closed, warned = next_line(web, CLOSED).ring(), next_line(web, WARNED).ring()

    assert [verb.tag for verb in closed] == ["Say", "Hangup"]
    assert spoken(closed).startswith("We are closed now.")
    assert warned.find("Gather") is not None
    assert re.match(r"We are closed now\..* Hello\. You are speaking", spoken(warned))


# Silence and doubt


def test_silence_is_asked_about_and_ends(line: Line) -> None:
    """The same question is asked again; after three silences in a row the call is over. A repeat counts once."""
    tree = line.ring()
    said = []
    for _ in range(3):
        again, tree = line.silent(tree), line.silent(tree)
        assert ET.tostring(again) == ET.tostring(tree)
        said.append(spoken(tree))

    assert said[:2] == ["I did not hear anything. Are you still there?"] * 2
    assert [verb.tag for verb in tree] == ["Say", "Hangup"]
    assert line.inbox() == []


def test_silences_in_a_row_are_counted(line: Line) -> None:
    """Something said in between begins the count anew."""
    tree = line.silent(line.silent(line.ring()))
    line.says(tree, "hello")
    assert line.call().silences == 0
    assert line.post("/voice/turn?n=2").find("Gather") is not None


@pytest.mark.parametrize(
    ("confidence", "asked_again"),
    [("0.39", True), ("0.01", True), ("0", False), ("0.0", False), ("-1", False), ("0.4", False), ("1e9", False), ("", False), ("abc", False), ("nan", False)],
)  # fmt: skip
def test_what_is_heard_badly_is_asked_once(line: Line, confidence: str, asked_again: bool) -> None:
    """Below the agent's bound the caller is asked to say it again, once; no confidence, or an odd one, is sure."""
    tree = line.says(line.ring(), "mumble", Confidence=confidence)
    assert spoken(tree).startswith("Sorry, I did not catch that.") == asked_again
    assert line.heard() == ([] if asked_again else ["mumble"])

    if asked_again:
        line.says(tree, "mumble again", Confidence=confidence)
        assert line.heard() == ["mumble again"]


# The end


def test_what_nobody_heard_goes_by_text(web: System) -> None:
    """An agent that says so owes the answer as SMS when the call ends before it is spoken, once; the record tells."""
    line = next_line(web, TEXTS)
    line.says(line.ring(), "where is my order")
    line.answers("It left us yesterday.")
    assert line.delivery() == [("voice", "It left us yesterday.", "queued")]

    for _ in range(3):
        line.post("/voice/status", CallStatus="completed", CallDuration="9")

    assert line.delivery() == [
        ("voice", "It left us yesterday.", "undelivered"), ("sms", "It left us yesterday.", "queued"),
    ]  # fmt: skip
    [number] = line.store.lrange(keys.customer_key("outbox", line.cid), 0, -1)
    part = records.decode_part(str(line.store.hget(keys.customer_key("parts", line.cid), number)))
    assert (part["to"], part["from"], part["lane"]) == (line.theirs, TEXTS, f"sms|{TEXTS}")


@pytest.mark.parametrize("why", ["not asked for", "opted out", "anonymous", "putting through"])
def test_what_nobody_heard_stays_where_no_text_may_go(web: System, why: str) -> None:
    """Without the agent's leave, after a STOP, or without a number the words are recorded as not heard, and that is all."""
    line = Line(web, "anonymous", TEXTS) if why == "anonymous" else next_line(web, TEXTS)
    line.ours = OURS if why == "not asked for" else TEXTS
    line.says(line.ring(), "hello")
    if why == "opted out":
        line.store.hset(keys.customer_key("customer", line.cid), optout.field(Lane(Channel.SMS, TEXTS)), "1")
    line.answers("Words.", Then.DIAL if why == "putting through" else Then.LISTEN)

    line.post("/voice/status", CallStatus="completed")

    assert line.delivery() == [("voice", "Words.", "undelivered")]
    assert not line.store.exists(keys.customer_key("outbox", line.cid))


def test_what_was_heard_is_not_texted(web: System) -> None:
    """The end of a call changes nothing about what was spoken in it."""
    line = next_line(web, TEXTS)
    held = line.says(line.ring(), "hello")
    line.answers("Heard.")
    line.polls(held)
    line.post("/voice/status", CallStatus="completed")

    assert line.delivery() == [("voice", "Heard.", "sent")]


@pytest.mark.parametrize("status", ["ringing", "in-progress", "queued", "initiated", "nonsense", ""])
def test_a_call_that_goes_on_is_not_ended(line: Line, status: str) -> None:
    """News that is not the last one changes nothing, and an unknown call is not made up by any."""
    line.post("/voice/status", CallStatus="completed")
    assert not line.store.exists(keys.customer_key("calls", line.cid))
    line.ring()
    line.post("/voice/status", CallStatus=status)

    assert line.call().live


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"DialCallStatus": "completed"}, "ACTIVE"),
        ({"QueueResult": "bridged"}, "ACTIVE"),
        ({"DialCallStatus": "no-answer"}, "WAITING_AGENT"),
        ({"DialCallStatus": "busy"}, "WAITING_AGENT"),
        ({"QueueResult": "hangup"}, "WAITING_AGENT"),
        ({}, "WAITING_AGENT"),
    ],
)
def test_how_calling_a_person_ended(line: Line, fields: dict[str, str], state: str) -> None:
    """After a talk the assistant has the conversation back; where nobody was there it goes on waiting for a person."""
    held = line.says(line.ring(), "hello")
    line.answers("I am putting you through.", Then.DIAL, handoff=True)
    line.polls(held)

    tree = line.post("/voice/turn?n=2&dialled=1", **fields)

    session = Ledger(line.store).read(line.cid)[1]
    assert session
    assert session.state == state
    assert [verb.tag for verb in tree] == (["Hangup"] if state == "ACTIVE" else ["Say", "Hangup"])
    assert bool(session.note) == (state == "ACTIVE")
