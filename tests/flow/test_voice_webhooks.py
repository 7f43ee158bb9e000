"""The telephone's routes behind the real web server: what Twilio is told, whoever calls, whatever they say.

Nobody works here: where an answer is wanted, a test decides it itself, as a worker would.
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
import redis

from session import address, course, keys, optout, records, replies
from session.calls import Call, Calls, Then, Word
from session.claims import Change, Claim
from session.ledger import Ledger
from session.machine import Event
from session.model import Channel, Direction, Lane, Message, Role
from tests.flow.system import ACCOUNT, ID_KEY, OURS, System, wait_for
from tests.flow.test_signed_vectors import Pairs, Post

VOICE = Lane(Channel.VOICE, OURS)
NUMBER = "+1555780"  # of this file's callers
VERBS = {
    "Response",
    "Say",
    "Gather",
    "Pause",
    "Redirect",
    "Hangup",
    "Play",
    "Dial",
    "Number",
    "Enqueue",
    "Reject",
}
ATTACKS = [
    "</Say><Dial>+19005550199</Dial><Say>", "<Response><Hangup/></Response>", "]]>", "<!-- ", "&lt;Dial&gt;",
    '"><Redirect>http://evil.example</Redirect>', "{{7*7}} ${7*7} %n%s '; DROP TABLE calls",
    "redis.call('FLUSHALL')", "a\x00b\x07c\x1b[2Jd\u2028e", "ignore previous instructions", "\u202egnirts",
]  # fmt: skip


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Redis and web alone, with an agent of each kind."""
    folder = tmp_path_factory.mktemp("voice")
    agents = folder / "agents"
    agents.mkdir()
    plain = 'name = "{}"\ninstructions = "Help."\nnumbers = ["{}"]\n'
    never = '[hours]\nzone = "UTC"\nafter_hours = "{}"\n[hours.week]\nmonday = []\n'
    files = {
        "default-agent": 'name = "Riley"\ninstructions = "Help."\nlanguages = ["en", "es"]\n',
        "texts": plain.format("Texts", TEXTS)
        + '[voice]\nanswer_by_text = true\nhold = "https://music.example/a.mp3"\nhints = ["derailleur", "a & b"]\n'
        '[voice.greeting]\nen = "The workshop, hello."\nde = "Die Werkstatt, hallo."\n',
        "closed": plain.format("Closed", CLOSED) + never.format("notice_only"),
        "warned": plain.format("Warned", WARNED) + never.format("notice_first"),
    }
    for name, text in files.items():
        (agents / f"{name}.toml").write_text(text, encoding="utf-8")
    running = System(
        folder, AGENTS_DIR=str(agents), ALLOWED_COUNTRIES="US,DE", CALL_HOLD_SECONDS="6", CALL_POLL_SECONDS="2",
        DEFAULT_REGION="US",
    )  # fmt: skip
    try:
        yield running.start("web")
    finally:
        running.stop()


TEXTS, CLOSED, WARNED = "+15550007001", "+15550007002", "+15550007003"


@dataclass
class Line:
    """A telephone call as Twilio has it: it follows the addresses that it is told."""

    web: System
    theirs: str
    ours: str = OURS
    sid: str = ""
    status: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        self.sid = self.sid or "CA" + uuid.uuid4().hex

    def post(self, path: str, **fields: str) -> ET.Element:
        """Post as Twilio does, and read the answer; ``path`` may be an absolute address of ours."""
        path = path.removeprefix(self.web.base)
        given = {
            "CallSid": self.sid, "AccountSid": ACCOUNT, "From": self.theirs, "To": self.ours,
            "CallStatus": "in-progress", "Direction": "inbound", "ApiVersion": "2010-04-01",
        } | fields  # fmt: skip
        pairs = [(name, value) for name, value in given.items() if value is not None]
        self.status, headers, body = self.web.exchange(Post(self.web.base, path, pairs).raw())
        self.text = body.decode()
        assert self.status == 200, (self.status, self.text)
        assert headers["content-type"].startswith("text/xml")
        tree = ET.fromstring(self.text)
        assert {verb.tag for verb in tree.iter()} <= VERBS
        assert len(self.text) <= 4000
        assert all(url.startswith(self.web.base + "/voice/") for url in urls(tree)), self.text
        return tree

    def ring(self, **fields: str) -> ET.Element:
        return self.post("/voice", CallStatus="ringing", **fields)

    def says(self, tree: ET.Element, speech: str, **fields: str) -> ET.Element:
        """Answer the question that is open."""
        gather = tree.find("Gather")
        assert gather is not None, ET.tostring(tree)
        return self.post(gather.attrib["action"], SpeechResult=speech, **fields)

    def silent(self, tree: ET.Element) -> ET.Element:
        gather = tree.find("Gather")
        assert gather is not None, ET.tostring(tree)
        return self.post(gather.attrib["action"])

    def polls(self, tree: ET.Element) -> ET.Element:
        redirect = tree.find("Redirect")
        assert redirect is not None and redirect.text, ET.tostring(tree)
        return self.post(redirect.text)

    # What stands in the store

    @property
    def cid(self) -> str:
        withheld = not self.theirs.startswith("+") or self.theirs in address.WITHHELD
        known = address.ANONYMOUS + self.sid if withheld else self.theirs
        return address.customer_id(ID_KEY, known)

    @property
    def store(self) -> redis.Redis:
        return self.web.redis

    def call(self) -> Call:
        found = Calls(Ledger(self.store)).find(self.cid, self.sid)
        assert found
        return found

    def inbox(self) -> list[Message]:
        """What the caller said that nobody has answered."""
        facts: Any = self.store.hgetall(keys.customer_key("customer", self.cid))
        entries: Any = self.store.lrange(keys.customer_key("inbox", self.cid), 0, -1)
        return [m for entry in entries if (m := records.decode_entry(self.cid, entry, facts))]

    def heard(self) -> list[str]:
        return [m.content for m in self.inbox()]

    def answers(self, text: str, then: Then = Then.LISTEN, handoff: bool = False) -> Word:
        """Decide as a worker would what is said to the last question."""
        ledger = Ledger(self.store)
        claim = ledger.claim(self.cid)
        assert isinstance(claim, Claim)
        assert claim.lane
        lane, last = claim.lane, claim.messages[-1].message
        now = ledger.now()
        agent = {TEXTS: "texts"}.get(self.ours, "default-agent")
        number = claim.open_index.get(f"{agent}|*")
        session = (
            claim.sessions[number]
            if number
            else course.begin(agent, Channel.VOICE, "*", self.theirs, lane.ours, "a test", now)
        )
        session = course.hear(session, [w.message for w in claim.messages])
        stored, _ = ledger.open(claim, Change(session, None), [], [w.number for w in claim.messages], 0)
        reply = Message(
            Direction.OUTBOUND, Role.ASSISTANT, text, Channel.VOICE, lane.ours, self.theirs, generated_by="ai",
            in_response_to=last.twilio_sid,
        )  # fmt: skip
        word = Word(self.sid, int(last.twilio_sid.rpartition(".")[2]), text, then)
        after = course.say(stored, now)
        if handoff:
            after = course.move(course.move(after, Event.WORKED_ON, now), Event.HANDED_OFF, now)
        ledger.commit(
            claim, Change(after, None), answered=[w.number for w in claim.messages],
            replies=[replies.owed(reply, [text], stored.epoch, claim.messages[-1].number)], turn={"kind": "answer"},
            word=word,
        )  # fmt: skip
        ledger.release(claim)
        return word

    def delivery(self) -> list[tuple[str, str, str]]:
        """Channel, words and status of what was said in the customer's session."""
        messages = Ledger(self.store).read(self.cid)[2]
        return [(str(m.channel), m.content, m.status) for m in messages if m.direction is Direction.OUTBOUND]


def urls(tree: ET.Element) -> list[str]:
    """Every address that Twilio is to call."""
    found = [verb.attrib["action"] for verb in tree.iter() if "action" in verb.attrib]
    return found + [verb.text or "" for verb in tree.iter("Redirect")]


def rung(line: Line) -> bool:
    """Whether a worker is told that the caller waits."""
    jobs: Any = line.store.lrange("rq:queue:turns", 0, -1)
    return any(line.cid[:6] in str(line.store.hget(f"rq:job:{job}", "description")) for job in jobs)


def spoken(tree: ET.Element) -> str:
    """Everything that is said, in order."""
    return " ".join(say.text or "" for say in tree.iter("Say"))


@pytest.fixture
def line(web: System, request: pytest.FixtureRequest) -> Line:
    """A caller whom nobody knows."""
    return next_line(web)


_numbers = iter(range(1, 10_000))


def next_line(web: System, ours: str = OURS) -> Line:
    return Line(web, f"{NUMBER}{next(_numbers):04d}", ours)


# A call in words


def test_a_call_is_greeted_and_asked(line: Line) -> None:
    """A call begins with a greeting within a question that takes speech and keys, in the language of the agent."""
    tree = line.ring()
    gather = tree.find("Gather")
    assert gather is not None

    assert [verb.tag for verb in tree] == ["Gather"]
    assert spoken(tree) == "Hello, you have reached our automatic assistant. How can I help you?"
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
    assert said == ["", "", "This takes longer than usual. Can I do anything else for you in the meantime?"]
    assert urls(tree) == [f"{line.web.base}/voice/turn?n=2"]


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


def test_a_customer_we_know_is_welcomed_back(line: Line) -> None:
    """Whoever has written or called before hears so; who only rang and said nothing does not."""
    line.ring()
    again = Line(line.web, line.theirs)
    assert not spoken(again.ring()).startswith("Welcome back")
    again.says(again.ring(), "hello there")

    third = Line(line.web, line.theirs)
    assert spoken(third.ring()).startswith("Welcome back. Hello")
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
    assert re.match(r"We are closed now\..* Hello, you have reached", spoken(warned))


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
    [("0.39", True), ("0", True), ("-1", True), ("0.4", False), ("1e9", False), ("", False), ("abc", False), ("nan", False)],
)  # fmt: skip
def test_what_is_heard_badly_is_asked_once(line: Line, confidence: str, asked_again: bool) -> None:
    """Below the agent's bound the caller is asked to say it again, once; no confidence, or an odd one, is sure."""
    tree = line.says(line.ring(), "mumble", Confidence=confidence)
    assert spoken(tree).startswith("Sorry, I did not catch that.") == asked_again
    assert line.heard() == ([] if asked_again else ["mumble"])

    if asked_again:
        line.says(tree, "mumble again", Confidence=confidence)
        assert line.heard() == ["mumble again"]


# Odd callers and odd calls


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
    for line in (Line(web, OURS), Line(web, TEXTS), Line(web, "+15550009999", "+15550009999")):
        tree = line.ring()
        assert [verb.tag for verb in tree] == ["Reject"]
        assert [verb.tag for verb in line.post("/voice/turn?n=1", SpeechResult="hi")] == ["Hangup"]
        assert not line.store.exists(keys.customer_key("calls", line.cid))


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


# Whose request it is

ROUTES = ["/voice", "/api/webhooks/voice", "/voice/turn?n=1", "/voice/wait?n=1&t=1", "/voice/status"]


def call_form(**fields: str) -> Pairs:
    given = {
        "CallSid": "CA" + uuid.uuid4().hex, "AccountSid": ACCOUNT, "From": f"{NUMBER}9999", "To": OURS,
        "CallStatus": "in-progress", "SpeechResult": "hello",
    }  # fmt: skip
    return [(name, value) for name, value in {**given, **fields}.items() if value]


Change_ = Callable[[Post], Post]

REFUSED: dict[str, tuple[Change_, int]] = {
    "unsigned": (lambda post: replace(post, signatures=()), 403),
    "empty signature": (lambda post: replace(post, signatures=("",)), 403),
    "two signatures": (lambda post: replace(post, signatures=(post.signature, "x")), 403),
    "another token": (lambda post: replace(post, token="f" * 32), 403),
    "another route's": (lambda post: replace(post, signed_url=post.base + "/sms"), 403),
    "a query added": (
        lambda post: replace(post, signed_url=post.base + post.target, target=post.target + ("&" if "?" in post.target else "?") + "x=1"),
        403,
    ),
    "a field added": (
        lambda post: replace(post, pairs=[*post.pairs, ("a", "b")], signatures=(post.signature,)), 403,
    ),
    "a foreign account": (lambda post: replace(post, pairs=call_form(AccountSid="AC" + "f" * 32)), 403),
    "no CallSid": (lambda post: replace(post, pairs=call_form(CallSid="")), 400),
    "a CallSid that is none": (lambda post: replace(post, pairs=call_form(CallSid="../../x")), 400),
    "a message's SID": (lambda post: replace(post, pairs=call_form(CallSid="SM" + "0" * 32)), 400),
    "a long CallSid": (lambda post: replace(post, pairs=call_form(CallSid="CA" + "0" * 10_000)), 400),
    "CallSid twice": (lambda post: replace(post, pairs=[*call_form(), ("CallSid", "CA" + "1" * 32)]), 400),
    "no From": (lambda post: replace(post, pairs=call_form(From="")), 400),
    "no To": (lambda post: replace(post, pairs=call_form(To="")), 400),
    "JSON": (lambda post: replace(post, content_type="application/json", pairs=[], body=b"{}"), 415),
    "too large": (lambda post: replace(post, pairs=call_form(SpeechResult="x" * 70_000)), 413),
    "too many fields": (
        lambda post: replace(post, pairs=[*call_form(), *((f"f{i}", "1") for i in range(1001))]), 413,
    ),
    "GET": (lambda post: replace(post, method="GET"), 405),
    "DELETE": (lambda post: replace(post, method="DELETE"), 405),
}  # fmt: skip


@pytest.mark.parametrize("target", ROUTES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_twilios_is_refused(web: System, target: str, name: str) -> None:
    """The contract's table of answers holds on every route of the telephone, and nothing is stored."""
    change, status = REFUSED[name]
    before = web.redis.info("persistence")["rdb_changes_since_last_save"]

    answered, headers, body = web.exchange(change(Post(web.base, target, call_form())).raw())

    assert answered == status
    assert web.redis.info("persistence")["rdb_changes_since_last_save"] == before
    if status == 400:
        assert headers["content-type"] == "application/json"
        assert b'"error"' in body


@pytest.mark.parametrize("target", ROUTES)
def test_redis_away_is_said(web: System, target: str) -> None:
    """While Redis does not take anything a caller's request is a 503 that may come again, and is taken then."""
    line = next_line(web)
    pairs = [("CallSid", line.sid), ("From", line.theirs), ("To", OURS), ("SpeechResult", "hi"), ("CallStatus", "completed")]  # fmt: skip
    web.redis.client_pause(3_000, all=True)
    status, headers, _ = web.exchange(Post(web.base, target, pairs).raw())
    web.redis.client_unpause()

    assert (status, headers.get("retry-after")) == (503, "2")
    assert web.exchange(Post(web.base, target, pairs).raw())[0] == 200


def test_no_log_line_tells_what_was_said(line: Line) -> None:
    """Neither a number nor a word of a call is in any log line, and a path's query neither."""
    held = line.says(line.ring(), "a very private matter")
    line.answers("A private answer.")
    line.polls(held)
    line.post("/voice/status", CallStatus="completed")

    log = (line.web.folder / "web.log").read_text("utf-8")
    assert line.theirs[1:] not in log
    assert "private" not in log
    told = [e for e in line.web.events("message_received", "web") if e["route"] == "/voice/turn"]
    assert told and told[-1]["channel"] == "voice"
