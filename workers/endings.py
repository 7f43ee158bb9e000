"""How a turn ends that does not come to an answer of the model's: handed over, put off, recorded, or with a notice of ours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from config.agents import Agent
from config.notices import notice
from session import hours, wishes
from session.claims import Claim, OptedOut, Part, Waiting
from session.model import Channel, Keyword, Message, Session
from session.policy import Policy
from workers import gates, handing_over, opening, thinking
from workers.gates import Gate
from workers.recording import Recorder
from workers.runtime import Runtime
from workers.why import Why

SECOND_MS = 1000

_log = structlog.get_logger("turn")


@dataclass(frozen=True, slots=True)
class Ending:
    """``parts`` are to be sent. ``keeps``: the messages go on waiting, uncounted, and their lane is left alone so long."""

    outcome: str
    parts: Sequence[Part] = ()
    keeps: bool = False
    hold_ms: int = 0


@dataclass(slots=True)
class Endings:
    """The endings of one turn. Every method may raise ``ClaimLost``, ``LedgerConflict`` and ``OptedOut``."""

    rt: Runtime
    claim: Claim
    agent: Agent
    recorder: Recorder
    why: Why
    waiting: Sequence[Waiting] = ()  # the messages that the turn answers
    language: str = ""

    # A person

    def unanswered(self, session: Session, asked: bool) -> Ending:
        """The assistant may not answer, or (not ``asked``) there is nothing to answer: it is recorded."""
        self.recorder.silent(session, self.waiting)
        return Ending("recorded")

    def handed_over(self, session: Session) -> Ending:
        """The customer asks for a person: they are told once, and a person is called."""
        self.why.decide("the customer asks for a person")
        text = handing_over.acknowledgement(self.agent, self.language, self.claim.now())
        parts = self._notice(session, text, "handed_over", handoff=handing_over.BY_CUSTOMER)
        self.rt.background.call_operators(self.claim.cid)
        return Ending("handed_over", parts)

    # Limits

    def over_the_rate(self, session: Session, wait_ms: int) -> Ending:
        """Too many turns this minute: the messages stay, the lane is left alone until there is room."""
        # Opt-out words wait for nothing, so none may stay on a lane that is left alone.
        if keywords := self._keywords():
            self.recorder.silent(session, keywords)
        _log.info("turn_gated", customer=self.claim.cid[:6], reason=str(Gate.RATE), wait_ms=wait_ms)
        return Ending(str(Gate.RATE), keeps=True, hold_ms=wait_ms)

    def gated(self, session: Session, gate: Gate) -> Ending:
        """Recorded and not answered; at a day's limit the customer is told once, and a person."""
        claim, today = self.claim, str(self.claim.now() // gates.DAY_MS)
        gates.note(self.rt.ledger, claim, gate, len(self.waiting))
        if gate not in (Gate.DAY, Gate.BUDGET) or claim.facts.get("limit_day") == today:
            self.recorder.silent(session, self.waiting, str(gate))
            return Ending(str(gate))
        parts = self._notice(
            session, self._words("enough_today"), str(gate), facts={"limit_day": today},
            failure={"reason": str(gate), "messages": [w.number for w in self.waiting]},
        )  # fmt: skip
        _log.error("limit_reached", customer=claim.cid[:6], reason=str(gate))
        return Ending(str(gate), parts)

    # Business hours

    @property
    def closed(self) -> bool:
        """Whether nobody of the team is there now."""
        return not handing_over.is_there(self.agent, self.claim.now())

    def closed_notice(self) -> tuple[str, dict[str, str]]:
        """What is said once while nobody is there, and the fact that it was; '' when it was said already."""
        if not self.closed or self.agent.hours is None or self.agent.hours.after_hours == "answer":
            return "", {}
        now, name = self.claim.now(), f"closed:{self.agent.id}"
        opens = hours.next_opening(self.agent.hours, now)
        until = opens.isoformat() if opens else "never"
        if self.claim.facts.get(name) == until:
            return "", {}
        words = hours.opens_words(self.agent.hours, now, self.language)
        return self._words("after_hours", opens=words), {name: until}

    def until_opening(self, session: Session) -> Ending | None:
        """Nobody is there, and the agent answers only then: the customer is told when, and the messages wait."""
        own = self.agent.hours
        if own is None or own.after_hours != "notice_only" or not self.closed:
            return None
        self.why.decide("outside business hours")
        text, facts = self.closed_notice()
        keywords = self._keywords()
        parts: list[Part] = []
        if text:
            to = self.waiting[-1].message.from_number
            parts = self.recorder.notice(session, keywords, text, "notice", to=to, facts=facts)
        elif keywords:
            self.recorder.silent(session, keywords)
        opens, now = hours.next_opening(own, self.claim.now()), self.claim.now()
        wait_ms = round(opens.timestamp() * SECOND_MS) - now if opens else gates.DAY_MS
        return Ending("after_hours", parts, keeps=True, hold_ms=max(SECOND_MS, wait_ms))

    # What the customer says that is ours to do

    def forgetting(self, said: Sequence[Message]) -> wishes.Forget:
        """Whether the customer wants to be forgotten in one of these messages, or in the last one "that"."""
        if not self.agent.memory.enabled:
            return ""
        found = [wishes.asks_to_forget(message.content) for message in said]
        return "all" if "all" in found else found[-1]

    def leaving(self, said: Sequence[Message]) -> bool:
        """Whether they say goodbye, where that ends anything."""
        return False

    def done_as_told(
        self, session: Session, said: Sequence[Message], history: Sequence[Message]
    ) -> Ending | None:
        """A rating that was asked for, or a wish about what is remembered, where no model is needed; else None."""
        last = said[-1].content
        alone = len(said) == 1  # a word about the last answer; among others it is the model's to read
        rating = wishes.rating(last) if alone and session.awaits_rating else None
        if rating:
            self.why.decide("the answer to the closing question")
            return Ending(
                "rated", self._notice(session, self._words("thanks_rating"), "rated", rating=rating)
            )
        known = self.claim.memory(self.agent.id)
        wish = self.forgetting(said)
        wish = "" if wish == "that" and not alone else wish
        if wish:
            self.why.decide(f"the customer wants to be forgotten: {wish}")
            name = "forgotten_all" if wish == "all" else "forgotten" if known else "nothing_to_forget"
            kept = known[:-1] if wish == "that" else ()
            parts = self._notice(session, self._words(name), "forgotten", memory=kept, forgets=wish == "all")
            return Ending("forgotten", parts)
        customer = self.claim.customer
        nothing = not (known or session.entities or session.bridge or session.summary or customer.name)
        if nothing and session.message_count <= len(said) and wishes.asks_what_is_known(last):
            self.why.decide("nothing is known of the customer")
            return Ending("recorded", self._notice(session, self._words("nothing_known"), "nothing_known"))
        return None

    # Our own faults

    def buried(self, policy: Policy) -> Ending:
        """Messages were tried too often and are failures now: the customer is told, where that is possible.

        The lane's other messages are the next claim's: a claim commits once.
        """
        claim, recorder, now = self.claim, self.recorder, self.claim.now()
        for number in claim.buried:
            _log.error("message_buried", customer=claim.cid[:6], message=number, reason="attempts")
        session = opening.for_notice(claim, recorder.lane, self.agent.id, policy)
        address = claim.customer.address
        reachable = address.startswith("+") or recorder.lane.channel is Channel.WHATSAPP
        told = int(claim.facts.get("sorry_at", 0))
        parts: list[Part] = []
        if (
            now - told >= self.rt.settings.apology_seconds * SECOND_MS
            and reachable
            and recorder.may_say(session)
        ):
            text, facts = self._words("unreadable"), {"sorry_at": str(now)}
            with suppress(OptedOut):
                parts = recorder.notice(session, (), text, "buried", to=address, facts=facts)
        return Ending("buried", parts, keeps=True)

    def model_away(self, session: Session) -> Ending:
        """Nobody answers: say so once, keep the messages, ask again later; in the end ask a person."""
        claim, recorder = self.claim, self.recorder
        away = thinking.away(self.rt.settings, claim)
        if away.gives_up:
            recorder.give_up(session, self.waiting)
            self.rt.background.call_operators(claim.cid)
            return Ending("handed_off")
        keywords = self._keywords()
        facts = {f"away:{recorder.lane}": str(away.since)}
        parts: list[Part] = []
        if away.apologises:
            facts["apology_at"] = str(away.now)
            to = self.waiting[-1].message.from_number
            parts = recorder.notice(session, keywords, self._words("apology"), "notice", to=to, facts=facts)
        elif keywords or not away.known:
            recorder.notice(session, keywords, "", "away", facts=facts)
        # An outage is not the message's fault: its attempts do not count.
        return Ending("model_away", parts, keeps=True, hold_ms=away.hold_ms)

    # Inside

    def _words(self, name: str, **values: str) -> str:
        return notice(self.agent, name, self.language, **values)

    def _notice(self, session: Session, text: str, kind: str, **done: Any) -> list[Part]:
        """One that takes the place of an answer; where nobody hears it, what it does is done without it."""
        to, text = self.waiting[-1].message.from_number, text if self.recorder.line.heard else ""
        return self.recorder.notice(session, self.waiting, text, kind, to=to, **done)

    def _keywords(self) -> list[Waiting]:
        return [w for w in self.waiting if w.keyword is not Keyword.NONE]
