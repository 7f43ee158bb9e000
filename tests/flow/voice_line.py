"""A telephone call as Twilio has it, at the real web server: Redis and web, an agent of each kind, and a caller.

Nobody works here: where an answer is wanted, a test decides it itself, as a worker would.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from session import address, course, keys, records, replies
from session.calls import Call, Calls, Then, Word
from session.claims import Change, Claim
from session.ledger import Ledger
from session.machine import Event
from session.model import Channel, Direction, Lane, Message, Role
from tests.flow.system import ACCOUNT, ID_KEY, OURS, System
from tests.flow.test_signed_vectors import Post

VOICE = Lane(Channel.VOICE, OURS)
NUMBER = "+1555780"  # of the callers of voice_line
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
        "desk": plain.format("Desk", DESK) + f'[voice]\ntransfer = "{PERSON}"\n',
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


TEXTS, CLOSED, WARNED, DESK = "+15550007001", "+15550007002", "+15550007003", "+15550007004"
PERSON = "+15550007999"  # whom the desk is put through to


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
        agent = {TEXTS: "texts", DESK: "desk"}.get(self.ours, "default-agent")
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
