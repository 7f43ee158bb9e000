"""How what a turn says leaves it: as texts on a lane, as one word into a live call, or after a hang-up on record alone.

The recorder writes every reply through the line of its turn, and asks nothing else about calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from config.agents import Agent
from session import calls, replies
from session.calls import UNHEARD, Call, Calls, Then, Word
from session.claims import Claim, Part, Waiting
from session.model import Channel, Lane, Message
from session.splitting import split

if TYPE_CHECKING:
    from workers.runtime import Runtime

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """Texts, sent in parts on ``lane``; ``in_place_of`` is the call that they could not be spoken into."""

    lane: Lane
    in_place_of: str = field(default="", kw_only=True)

    @property
    def heard(self) -> bool:
        """Whether anybody hears what is said on it."""
        return True

    @property
    def live(self) -> bool:
        """Whether somebody waits on the phone for it."""
        return False

    def goes_on_in(self, language: str) -> None:
        """What is said next is in this language."""

    def owed(self, reply: Message, epoch: int, answers: int) -> JSON:
        """A reply as commit.lua takes it."""
        return replies.owed(reply, split(reply.content), epoch, answers)

    def word(self, said: Sequence[Message], then: Then) -> Word | None:
        """What is kept to be spoken."""
        return None

    def parts(self, numbers: Sequence[str], owed: Sequence[JSON], now: int) -> list[Part]:
        """What is to be sent of replies that were stored under ``numbers``."""
        return [
            Part(f"{number}.{i}", part | {"created": now})
            for number, reply in zip(numbers, owed, strict=True)
            for i, part in enumerate(reply["parts"], 1)
        ]


@dataclass(frozen=True, slots=True)
class CallLine(Line):
    """A live call that waits for the word of ``turn``: all that one commit says is one word."""

    call: Call
    turn: int
    calls: Calls
    cid: str

    @property
    def live(self) -> bool:
        """Yes."""
        return True

    def over(self, agent: Agent) -> Line:
        """The line to the same caller who has hung up."""
        return after(self.lane, (self.call.sid, self.turn), self.call.theirs, agent, self.call.texts_from)

    def goes_on_in(self, language: str) -> None:
        """The call's voice changes with it, and what is listened for."""
        if language and language != self.call.language.lower().partition("-")[0]:
            heard = replace(self.call, turn=max(self.turn, self.call.turn), language=language)
            self.calls.heard(self.cid, heard)

    def owed(self, reply: Message, epoch: int, answers: int) -> JSON:
        """On record; its delivery is the word's."""
        return replies.spoken(reply, answers)

    def word(self, said: Sequence[Message], then: Then) -> Word | None:
        """All of it at once."""
        return Word(self.call.sid, self.turn, _joined(said), then) if said else None

    def parts(self, numbers: Sequence[str], owed: Sequence[JSON], now: int) -> list[Part]:
        """The word: ``Delivery`` has it pushed."""
        record = {"call": self.call.sid, "word": self.turn, "lane": str(self.lane), "created": now}
        return [Part(f"{numbers[-1]}.1", record)] if numbers else []


@dataclass(frozen=True, slots=True)
class DeadLine(Line):
    """A call that is over, where no text may take its place: what would have been said is recorded as not heard."""

    call_sid: str
    turn: int

    @property
    def heard(self) -> bool:
        """No."""
        return False

    def owed(self, reply: Message, epoch: int, answers: int) -> JSON:
        """On record, as undelivered."""
        return replies.spoken(reply, answers)

    def word(self, said: Sequence[Message], then: Then) -> Word | None:
        """Given up from the start."""
        return Word(self.call_sid, self.turn, _joined(said), then, state=UNHEARD) if said else None

    def parts(self, numbers: Sequence[str], owed: Sequence[JSON], now: int) -> list[Part]:
        """Nothing."""
        return []


def of(rt: Runtime, claim: Claim, agent: Agent, waiting: Sequence[Waiting]) -> Line:
    """The line of a turn that answers ``waiting`` (at least one)."""
    assert claim.lane is not None
    if claim.lane.channel is not Channel.VOICE:
        return Line(claim.lane)
    return to_caller(rt, claim, agent, [w.message for w in waiting])


def to_caller(rt: Runtime, claim: Claim, agent: Agent, said: Sequence[Message]) -> Line:
    """The line to whoever said this on a call; the word is that of the last turn."""
    asked = [found for message in said if (found := calls.utterance_of(message.twilio_sid))]
    sid, turn = max(asked, key=lambda found: found[1], default=("", 0))
    call = rt.calls.find(claim.cid, sid) if sid else None
    if call and call.live:
        return CallLine(said[-1].lane, call, turn, rt.calls, claim.cid)
    lane = said[-1].lane
    return after(lane, (sid, turn), said[-1].from_number, agent, call.texts_from if call else lane.ours)


def after(lane: Lane, utterance: tuple[str, int], caller: str, agent: Agent, texts_from: str) -> Line:
    """The line to somebody who has hung up: by text from our number where the agent's file says so."""
    if agent.voice.answer_by_text and caller.startswith("+"):
        return Line(Lane(Channel.SMS, texts_from), in_place_of=utterance[0])
    return DeadLine(lane, *utterance)


def _joined(said: Sequence[Message]) -> str:
    return " ".join(message.content for message in said)


def heard_as(message: Message, sure: float) -> list[str]:
    """What a model must know of how an utterance came: keyed, or with less than the confidence ``sure``."""
    if message.extra.get("digits"):
        return ["The caller keyed the last message on the phone."]
    if float(message.extra.get("confidence") or 1) < sure:
        return ["The last message was hard to hear and may be wrong: make sure before you act on it."]
    return []


def of_one_call(messages: Sequence[Waiting]) -> list[Waiting]:
    """Those of the call that the first one is of; of texts all."""
    first = calls.utterance_of(messages[0].message.twilio_sid)
    if first is None:
        return list(messages)
    found = ((w, calls.utterance_of(w.message.twilio_sid)) for w in messages)
    return [w for w, of_call in found if of_call and of_call[0] == first[0]]
