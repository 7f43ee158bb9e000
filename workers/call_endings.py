"""How a turn ends that answers a caller without the model: nothing of it waits, for nobody can be left holding the line.

Each ending says one word into the call and what follows it. When the caller has hung up meanwhile it goes by text where
that was worth saying, else it is only recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from session import wishes
from session.calls import ANONYMOUS, Then
from session.claims import HungUp, OptedOut, Part
from session.model import Direction, Message, Session
from session.policy import Policy
from workers import gates, handing_over, lines, opening
from workers.endings import Ending, Endings
from workers.gates import Gate

_log = structlog.get_logger("turn")


@dataclass(slots=True)
class CallEndings(Endings):
    """The endings of a turn on a call, live or over."""

    # A person

    def unanswered(self, session: Session, asked: bool) -> Ending:
        """The assistant may not speak: a person has the conversation, or answers are switched off."""
        if not asked or not self.live:
            return Endings.unanswered(self, session, asked)
        text, then = handing_over.on_call(self.agent, self.language, self.claim.now(), reachable=False)
        self.why.decide("the assistant may not answer this call")
        return Ending("noted", self._notice(session, text, "noted", then=then))

    def handed_over(self, session: Session) -> Ending:
        """The caller asks for a person: put through while somebody is there, else told who calls back."""
        if not self.live:
            return Endings.handed_over(self, session)
        self.why.decide("the caller asks for a person")
        text, then = handing_over.on_call(
            self.agent, self.language, self.claim.now(), reachable=self.reachable
        )
        parts = self._notice(session, text, "handed_over", handoff=handing_over.BY_CUSTOMER, then=then)
        self.rt.background.call_operators(self.claim.cid)
        return Ending("handed_over", parts)

    # Limits

    def over_the_rate(self, session: Session, wait_ms: int) -> Ending:
        """Nobody talks so fast: recorded, and the call ends."""
        return self.gated(session, Gate.RATE)

    def gated(self, session: Session, gate: Gate) -> Ending:
        """Recorded and not answered, and the call ends; at a day's limit a person is told, once."""
        claim, today = self.claim, str(self.claim.now() // gates.DAY_MS)
        gates.note(self.rt.ledger, claim, gate, len(self.waiting))
        done: dict[str, Any] = {}
        if gate in (Gate.DAY, Gate.BUDGET) and claim.facts.get("limit_day") != today:
            failure = {"reason": str(gate), "messages": [w.number for w in self.waiting]}
            done = {"facts": {"limit_day": today}, "failure": failure}
            _log.error("limit_reached", customer=claim.cid[:6], reason=str(gate))
        text = self._words("voice_enough") if self.live else ""
        return Ending(str(gate), self._notice(session, text, str(gate), then=Then.HANGUP, **done))

    # Business hours: whoever called has heard of them already

    def closed_notice(self) -> tuple[str, dict[str, str]]:
        """Nothing."""
        return "", {}

    def until_opening(self, session: Session) -> Ending | None:
        """Never: a call does not wait until morning."""
        return None

    # What the caller says that is ours to do

    def leaving(self, said: Sequence[Message]) -> bool:
        """A goodbye ends a call."""
        return self.live and wishes.says_goodbye(said[-1].content)

    def done_as_told(
        self, session: Session, said: Sequence[Message], history: Sequence[Message]
    ) -> Ending | None:
        """Say it again, goodbye, and what is done as told to any customer."""
        last = said[-1].content
        if len(said) == 1 and self.leaving(said):
            self.why.decide("the caller says goodbye")
            text = self._words("voice_goodbye")
            return Ending("goodbye", self._notice(session, text, "goodbye", then=Then.HANGUP))
        if self.live and len(said) == 1 and wishes.asks_to_repeat(last):
            self.why.decide("the caller did not hear what was said last")
            text = self._said_last(history) or self._words("voice_greeting")
            return Ending("repeated", self._notice(session, text, "repeated"))
        return Endings.done_as_told(self, session, said, history)

    # Our own faults

    def buried(self, policy: Policy) -> Ending:
        """Utterances were tried too often and are failures now: a caller who waits still is told that we cannot answer."""
        numbers = [int(number) for number in self.claim.buried]
        for number in numbers:
            _log.error("message_buried", customer=self.claim.cid[:6], message=number, reason="attempts")
        heard = self.rt.ledger.find_messages(self.claim.cid, numbers)
        line = lines.to_caller(self.rt, self.claim, self.agent, [*heard.values()]) if heard else None
        parts: list[Part] = []
        if line and line.live:
            self.recorder.line = line
            session = opening.for_notice(self.claim, line.lane, self.agent.id, policy)
            to, text = next(iter(heard.values())).from_number, self._words("voice_away")
            with suppress(OptedOut, HungUp):
                parts = self.recorder.notice(session, (), text, "buried", to=to, then=Then.HANGUP)
        return Ending("buried", parts, keeps=True)

    def model_away(self, session: Session) -> Ending:
        """Nobody answers: say so, and ask a person, for a caller cannot wait for the model to come back."""
        numbers = [w.number for w in self.waiting]
        parts = self._notice(
            session, self._words("voice_away") if self.live else "", "given_up", handoff="model_away",
            failure={"reason": "model_away", "messages": numbers}, then=Then.HANGUP,
        )  # fmt: skip
        self.rt.background.call_operators(self.claim.cid)
        return Ending("handed_off", parts)

    # Inside

    @property
    def live(self) -> bool:
        """Whether the caller waits for a word."""
        return self.recorder.line.live

    @property
    def reachable(self) -> bool:
        """Whether the caller has a number to call back."""
        return not self.waiting[-1].message.from_number.startswith(ANONYMOUS)

    def _said_last(self, history: Sequence[Message]) -> str:
        """What this call heard last."""
        line = self.recorder.line
        call_sid = line.call.sid if isinstance(line, lines.CallLine) else ""
        for message in reversed(history):
            spoken = message.direction is Direction.OUTBOUND and message.twilio_sid == call_sid
            if spoken and message.status not in ("undelivered", "failed"):
                return message.content
        return ""
