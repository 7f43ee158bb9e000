"""One customer at the ledger's desk: the steps of a turn with everything said that a test leaves open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from session import course, events, keys, optout, records
from session.calls import ByText, Call, Calls, Then, Word, utterance_sid
from session.claims import Change, Claim, NotClaimed, Part, Received
from session.ledger import Ledger
from session.model import Channel, Direction, Keyword, Lane, Media, MemoryItem, Message, Role, Session

CLOCK_KEY = "ringback-test:clock"
CUSTOMER_ADDRESS = "+15005550001"
OURS, OURS_TOO = "+15550001111", "+15550002222"
SMS, SMS_TOO = Lane(Channel.SMS, OURS), Lane(Channel.SMS, OURS_TOO)
WHATSAPP = Lane(Channel.WHATSAPP, OURS)
VOICE = Lane(Channel.VOICE, OURS)
AGENT = "default-agent"


class Clock:
    """The time in the store that the scripts read."""

    def __init__(self, client: redis.Redis):
        self._redis = client

    @property
    def now(self) -> int:
        return int(str(self._redis.get(CLOCK_KEY)))

    def set(self, at_ms: int) -> None:
        self._redis.set(CLOCK_KEY, at_ms)

    def advance(self, ms: int) -> int:
        return int(str(self._redis.incrby(CLOCK_KEY, ms)))


class ClockedLedger(Ledger):
    """A ledger whose own look at the time is the test's clock too."""

    def now(self) -> int:
        return int(str(self.redis.get(CLOCK_KEY)))


def cid_of(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def number_of(session: Session) -> int:
    """The number in a session's id."""
    found = keys.parse_id(session.id)
    assert found
    return found.number


def numbers(claim: Claim) -> list[int]:
    """The numbers of the messages that a claim took."""
    return [w.number for w in claim.messages]


def dump(client: redis.Redis, *, besides: Sequence[str] = (CLOCK_KEY,)) -> dict[str, Any]:
    """Every key of ours and what it holds, to compare two moments."""
    readers = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda name: client.lrange(name, 0, -1),
        "zset": lambda name: client.zrange(name, 0, -1, withscores=True),
        "stream": client.xrange,
    }
    names = sorted(str(name) for name in client.scan_iter(count=1000))
    return {name: readers[str(client.type(name))](name) for name in names if name not in besides}


@dataclass
class Desk:
    """One customer and whoever answers them. ``claim`` is the last one taken."""

    ledger: ClockedLedger
    clock: Clock
    cid: str = field(default_factory=lambda: cid_of(CUSTOMER_ADDRESS))
    address: str = CUSTOMER_ADDRESS
    _sids: int = 0

    # The customer

    def text(
        self, content: str = "Hello", lane: Lane = SMS, *, sid: str = "", keyword: Keyword = Keyword.NONE,
        quiet_ms: int = 0, bury: str = "", profile: Mapping[str, str] | None = None, media: tuple[Media, ...] = (),
    ) -> Received:  # fmt: skip
        """The customer writes. Without ``sid`` it is a message Twilio has not told of before."""
        self._sids += 1
        message = Message(
            direction=Direction.INBOUND, role=Role.USER, content=content, channel=lane.channel,
            from_number=self.address, to_number=lane.ours, keyword=keyword, media=media,
            twilio_sid=sid or f"SM{self.cid[:16]}{self._sids:016x}",
        )  # fmt: skip
        return self.ledger.receive(
            self.cid, message, profile=dict(profile or {"address": self.address}),
            optout=optout.field(lane), quiet_ms=quiet_ms, bury=bury,
        )  # fmt: skip

    # Whoever answers

    def claim(self) -> Claim:
        claim = self.ledger.claim(self.cid)
        assert isinstance(claim, Claim), claim
        return claim

    def not_claimed(self) -> NotClaimed:
        claim = self.ledger.claim(self.cid)
        assert isinstance(claim, NotClaimed), claim
        return claim

    def session_for(self, claim: Claim, agent: str = AGENT, scope: str = "*") -> Session:
        """The open session of the agent with the messages counted in, or a new one."""
        number = claim.open_index.get(f"{agent}|{scope}")
        lane = claim.lane or SMS
        session = (
            claim.sessions[number]
            if number
            else course.begin(agent, lane.channel, scope, self.address, lane.ours, "a test", self.clock.now)
        )
        return course.hear(session, [w.message for w in claim.messages if not w.session_no])

    def open(self, claim: Claim, *, last: int = 20) -> Session:
        change = Change(self.session_for(claim), self.clock.now + 1_800_000)
        return self.ledger.open(claim, change, [], [w.number for w in claim.messages], last)[0]

    def commit(
        self, claim: Claim, session: Session, *replies: str, parts: int = 1, epoch: int | None = None
    ) -> list[Part]:
        """Answer the claim's messages with ``replies``, each in so many ``parts``."""
        lane = claim.lane or SMS
        at = session.epoch if epoch is None else epoch
        owed = [self.reply(text, lane, parts, at) for text in replies]
        replied = self.ledger.commit(
            claim,
            Change(
                course.say(session, self.clock.now) if replies else session,
                self.clock.now + 1_800_000,
                (events.event("entities_extracted", names=["order_number"]),),
            ),
            answered=numbers(claim),
            replies=owed,
            turn={"kind": "answer"},
            memory=[MemoryItem("1", "fact", "pet", "has a dog", 0.9, "m1", self.clock.now)],
        )
        return [
            Part(f"{number}.{i}", record)
            for number, reply in zip(replied, owed, strict=True)
            for i, record in enumerate(reply["parts"], 1)
        ]

    def reply(self, text: str, lane: Lane, parts: int, epoch: int) -> dict[str, Any]:
        message = Message(
            direction=Direction.OUTBOUND, role=Role.ASSISTANT, content=text, channel=lane.channel,
            from_number=lane.ours, to_number=self.address, generated_by="ai",
        )  # fmt: skip
        texts = (text,) if parts == 1 else tuple(f"{text} {i}" for i in range(1, parts + 1))
        return {
            "record": records.encode_message(message, parts),
            "parts": [part(lane, epoch, self.address, text) for text in texts],
        }

    def owe(self, content: str = "Hello", lane: Lane = SMS, *, parts: int = 1) -> tuple[Claim, list[Part]]:
        """A message and its committed reply that is not sent yet; the claim is still held."""
        self.text(content, lane)
        claim = self.claim()
        return claim, self.commit(claim, self.open(claim), "An answer", parts=parts)

    def begin(self, claim: Claim, part: Part, lane: Lane = SMS) -> tuple[str, str]:
        return self.ledger.begin_send(claim, part, optout.field(lane))

    def answer(self, content: str = "Hello", lane: Lane = SMS) -> Session:
        """A whole turn: written, answered, sent, let go."""
        self.text(content, lane)
        claim = self.claim()
        session = self.open(claim)
        for each in self.commit(claim, session, f"Re: {content}"):
            assert self.begin(claim, each, lane)[0] == "GO"
            assert self.ledger.sent(self.cid, each.number, f"SM{each.number}") == "OK"
        self.ledger.release(claim)
        return session

    def die(self) -> None:
        """The holder of the claim is gone and its claim's time is over."""
        self.ledger.redis.delete(self.key("claim"))

    # The telephone

    def ring_up(self, sid: str, theirs: str = "") -> Call:
        """The customer calls."""
        call = Call(sid, VOICE, theirs or self.address, AGENT)
        return Calls(self.ledger).begin(self.cid, call, {"address": call.theirs})[0]

    def call(self, sid: str) -> Call:
        """A call as it is kept."""
        call = Calls(self.ledger).find(self.cid, sid)
        assert call
        return call

    def speak(
        self, sid: str, turn: int, text: str, then: Then = Then.LISTEN, state: str = "ready"
    ) -> tuple[Claim, str]:
        """The caller says something to a question, and a turn decides what to say; the claim is still held.

        Gives the number of the message that the word speaks.
        """
        self.text(f"question {turn}", VOICE, sid=utterance_sid(sid, turn))
        claim = self.claim()
        return claim, self.decide(claim, Word(sid, turn, text, then, state=state))

    def decide(self, claim: Claim, word: Word) -> str:
        """Commit a word as the answer to the claim's messages."""
        session = self.open(claim)
        owed = [self.reply(word.text, VOICE, 1, session.epoch)]
        change = Change(course.say(session, self.clock.now), self.clock.now + 1_800_000)
        return self.ledger.commit(
            claim, change, answered=numbers(claim), replies=owed, turn={"kind": "answer"}, word=word
        )[0]

    def by_text(self, words: Sequence[Word]) -> ByText:
        """What nobody heard, as one text."""
        session = self.ledger.read(self.cid, words[-1].session, 0)[1]
        assert session
        said = Change(course.say(session, self.clock.now), self.clock.now + 1_800_000)
        owed = self.reply(" ".join(word.text for word in words), SMS, 1, session.epoch)
        return ByText(said, owed, optout.field(SMS))

    # What stands in the store

    def session(self) -> Session:
        """The session a reader is shown."""
        session = self.ledger.read(self.cid, last=0)[1]
        assert session
        return session

    def said(self, session: Session | None = None) -> list[str]:
        """What a reader of the session sees, oldest first."""
        number = number_of(session) if session else None
        return [m.content for m in self.ledger.read(self.cid, number)[2]]

    def opened(self) -> dict[str, int]:
        """ "agent|scope" -> number of the open session."""
        return records.open_sessions(self.ledger.redis.hgetall(self.key("customer")))  # type: ignore[arg-type]

    def entry(self, number: str) -> str:
        """The entry of the inbox that a message's failure keeps."""
        return str(json.loads(str(self.ledger.redis.hget(self.key("failures"), number)))["entry"])

    def key(self, name: str) -> str:
        return keys.key(name, self.cid)

    def due_at(self) -> int | None:
        """When the customer is rung for next, ms; None when they are not waiting."""
        score = self.ledger.redis.zscore(self.key("waiting"), self.cid)
        return None if score is None else int(float(str(score)))

    def owes(self) -> bool:
        """Whether there is a message to answer or a part to send."""
        length = self.ledger.redis.llen
        return bool(int(str(length(self.key("inbox")))) + int(str(length(self.key("outbox")))))

    def part(self, number: str) -> dict[str, Any]:
        """A reply part as stored."""
        return records.decode_part(str(self.ledger.redis.hget(self.key("parts"), number)))


def part(lane: Lane, epoch: int, to: str, text: str) -> dict[str, Any]:
    """A reply part as a turn commits it."""
    return {
        "v": 1, "state": "pending", "text": text, "lane": str(lane), "to": to, "from": lane.ours,
        "epoch": epoch, "attempt": 0, "not_before": 0,
    }  # fmt: skip
