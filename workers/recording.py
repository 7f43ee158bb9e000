"""Writing down what a turn came to: an answer, silence, or a notice of our own. One commit per claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from ai import memory
from config.agents import Agent
from session import course, events, optout
from session.calls import Then
from session.claims import Claim, ClaimLost, LedgerConflict, Part, Waiting
from session.machine import Event
from session.manager import NoSuchSession
from session.model import (
    Answer,
    Channel,
    Direction,
    HandledBy,
    Keyword,
    Lane,
    MemoryItem,
    Message,
    MessageType,
    Role,
    Session,
    State,
)
from session.splitting import split
from workers import concluding
from workers.concluding import Conclusion
from workers.lines import Line
from workers.rendering import segments
from workers.runtime import Runtime
from workers.why import Why

COMMIT_TRIES = 3

_log = structlog.get_logger("turn")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one commit stores beside the session. ``answered``: numbers of the messages that wait no longer."""

    turn: dict[str, Any]
    answered: Sequence[int] = ()
    replies: Sequence[Message] = ()
    answers: int = 0  # number of the last message that the replies answer
    facts: dict[str, str] = field(default_factory=dict)
    unset: Sequence[str] = ()
    memory: Sequence[MemoryItem] | None = None  # all that is remembered from now on; None: as before
    failure: dict[str, Any] | None = None
    redo_after: int = 0
    then: Then = Then.LISTEN  # what follows what is said, on a call


class Recorder:
    """Commits for one claim on one lane. Every method may raise ``ClaimLost`` and ``LedgerConflict``, and one that says
    something on a live call ``HungUp``."""

    def __init__(self, rt: Runtime, claim: Claim, agent: Agent, why: Why) -> None:
        assert claim.lane is not None
        self.rt = rt
        self.claim = claim
        self.agent = agent
        self.why = why
        self.lane: Lane = claim.lane
        self.line = Line(claim.lane)  # what is said leaves on it
        self.grown = False  # the session has outgrown its summary

    @property
    def optout(self) -> str:
        """The field of the customer's hash that forbids what this turn says; nothing forbids speech."""
        spoken = self.line.lane.channel is Channel.VOICE
        return "" if spoken else optout.field(self.line.lane, self.rt.settings.twilio_messaging_service_sid)

    @property
    def opted_out(self) -> bool:
        """As far as the claim knows; the commit looks again."""
        return self.optout in self.claim.facts

    def may_say(self, session: Session) -> bool:
        """Whether anything may be said in a session, whatever the customer wrote."""
        return (
            self.rt.settings.ai_responses_enabled
            and not self.opted_out
            and session.handled_by is not HandledBy.OPERATOR
            and session.state is not State.WAITING_AGENT
        )

    def answer(
        self, session: Session, waiting: Sequence[Waiting], answer: Answer, conclusion: Conclusion, redo_after: int = 0,
        *, first: str = "", facts: dict[str, str] | None = None,
    ) -> list[Part]:  # fmt: skip
        """Store the model's answer to ``waiting``; gives the parts to send. ``first``: a notice that goes before it.

        Raises ``OptedOut``, and with ``redo_after`` ``StaleTurn`` when a message newer than that number waits.
        """
        claim, last = self.claim, waiting[-1].message
        now = claim.now()

        def told(s: Session) -> Session:
            learnt = concluding.learn(self.agent, s, answer, last.id, now)
            if first:
                learnt = course.say(learnt, now, counted=False)
            return self._done(self._ended(course.say(learnt, now), waiting), conclusion)

        known = claim.memory(self.agent.id)
        kept = memory.remember(known, answer.memory, last.id, now, self.agent.memory)
        said = self._outbound(conclusion.reply, last.from_number, Role.ASSISTANT, last.twilio_sid)
        said = said._replace(media=answer.media)
        before = [self._outbound(first, last.from_number, Role.SYSTEM)] if first else []
        if conclusion.handoff:
            self.why.decide(f"a person is called: {conclusion.handoff}")
        if self.line.lane.channel is Channel.SMS:
            counted = [segments(text) for text in split(conclusion.reply)]
            told_as = " and ".join(sorted({encoding for encoding, _ in counted}))
            self.why.decide(f"SMS segments of the reply: {sum(count for _, count in counted)} ({told_as})")
        return self._store(session, told, Outcome(
            turn=self._turn("answer", waiting),
            answered=[w.number for w in waiting],
            replies=[*before, said],
            answers=waiting[-1].number,
            facts=(facts or {}) | self._language(answer.language),
            unset=self._back(),
            memory=kept if kept != known else None,
            redo_after=redo_after,
            then=conclusion.then,
        ), conclusion.handoff)  # fmt: skip

    def silent(self, session: Session, waiting: Sequence[Waiting], kind: str = "silent") -> None:
        """Store that ``waiting`` was read, and say nothing."""
        outcome = Outcome(self._turn(kind, waiting), [w.number for w in waiting], unset=self._back())
        self._store(session, lambda s: self._ended(s, waiting), outcome)

    def notice(
        self, session: Session, answered: Sequence[Waiting], text: str, kind: str, *, to: str = "",
        facts: dict[str, str] | None = None, failure: dict[str, Any] | None = None, handoff: str = "",
        rating: int = 0, memory: Sequence[MemoryItem] | None = None, forgets: bool = False, then: Then = Then.LISTEN,
    ) -> list[Part]:  # fmt: skip
        """Say something of our own, or with an empty ``text`` note ``facts`` alone; ``answered`` waits no longer.

        ``to`` is the customer's address; ``handoff`` why a person is called with it; ``forgets``: what was found
        out in the session goes too, and what was said is shown to no model any more. Gives the parts to send. Raises ``OptedOut``.
        """
        now = self.claim.now()
        conclusion = Conclusion(text, handoff=handoff, rating=rating, ends=bool(rating))
        # A notice in place of an answer says what it answers; one beside it (an apology, closing hours) does not.
        last = answered[-1] if answered and kind not in ("notice", "away") else None

        def told(s: Session) -> Session:
            s = course.say(s, now, counted=False) if text and answered else s
            if forgets:
                upto = max((w.number for w in answered), default=0)
                s = replace(
                    s,
                    entities={},
                    order_details=None,
                    summary="",
                    bridge=None,
                    intent="",
                    forgotten_upto=upto,
                )
            return self._done(s, conclusion)

        outcome = Outcome(
            turn=self._turn(kind, answered),
            answered=[w.number for w in answered],
            replies=[self._outbound(text, to, Role.SYSTEM, last.message.twilio_sid if last else "")]
            if text
            else [],
            answers=last.number if last else 0,
            facts=facts or {},
            unset=self._back() if answered and kind not in ("notice", "away") else (),
            memory=memory,
            failure=failure,
            then=Then.HANGUP if rating else then,
        )
        return self._store(session, told, outcome, handoff)

    def give_up(self, session: Session, waiting: Sequence[Waiting]) -> None:
        """A person is asked: the messages stand in the session, which waits for them."""

        def handed(s: Session) -> Session:
            return course.move(s, Event.HANDED_OFF, self.claim.now()) if s.state is not State.CLOSED else s

        numbers = [w.number for w in waiting]
        outcome = Outcome(
            {"kind": "given_up"}, numbers, unset=(f"away:{self.lane}",),
            failure={"reason": "model_away", "messages": numbers},
        )  # fmt: skip
        self._store(session, handed, outcome, "model_away")
        _log.error(
            "handoff_requested", customer=self.claim.cid[:6], session_id=session.id, reason="model_away"
        )

    # Inside

    def _store(
        self, session: Session, change: Callable[[Session], Session], outcome: Outcome, handoff: str = ""
    ) -> list[Part]:
        """Commit, over what others wrote to the session meanwhile unless that forbids the reply."""
        claim, epoch = self.claim, session.epoch
        owed = [self.line.owed(r, epoch, outcome.answers if r.in_response_to else 0) for r in outcome.replies]
        for attempt in range(1, COMMIT_TRIES + 1):
            after = change(session)
            try:
                numbers = self.rt.ledger.commit(
                    claim,
                    self.rt.manager.change(after, events.of_turn(session, after, handoff)),
                    answered=outcome.answered,
                    replies=owed,
                    turn=outcome.turn | self.why.record(),
                    facts=outcome.facts,
                    unset=outcome.unset,
                    memory=outcome.memory,
                    failure=outcome.failure,
                    optout=self.optout,
                    redo_after=outcome.redo_after,
                    word=self.line.word(outcome.replies, outcome.then),
                )
                break
            except LedgerConflict:
                if attempt == COMMIT_TRIES or not session.id:
                    raise
                try:
                    session = self.rt.manager.get_session_by_id(session.id)
                except NoSuchSession:
                    raise ClaimLost from None  # the customer was deleted
                if session.epoch != epoch or session.state in (State.CLOSED, State.WAITING_AGENT):
                    raise  # a person stepped in
        self._log_commit(session, after, handoff, bool(owed))
        self.grown = bool(owed) and self.rt.manager.outgrown(after)
        return self.line.parts(numbers, owed, claim.now())

    def _done(self, session: Session, conclusion: Conclusion) -> Session:
        """The session after what was concluded."""
        now = self.claim.now()
        session = replace(
            session,
            rating=conclusion.rating or session.rating,
            rating_asked=session.outbound_count if conclusion.asks_rating else session.rating_asked,
            misses=session.misses + 1 if conclusion.blocked else 0,
        )
        if session.state is State.CLOSED:
            return session
        if conclusion.handoff:
            return course.move(session, Event.HANDED_OFF, now)
        return course.move(session, Event.COMPLETED, now) if conclusion.ends else session

    def _ended(self, session: Session, waiting: Sequence[Waiting]) -> Session:
        """A STOP on the session's current lane ends it."""
        stops = any(w.keyword is Keyword.STOP for w in waiting) and self.opted_out
        current = session.channel is self.lane.channel and session.ours == self.lane.ours
        if stops and current and session.state is not State.CLOSED:
            return course.move(session, Event.OPTED_OUT, self.claim.now())
        return session

    def _language(self, language: str) -> dict[str, str]:
        """The customer's language, when it is another than we know."""
        return {"language": language} if language and language != self.claim.facts.get("language") else {}

    def _back(self) -> list[str]:
        """What is to be forgotten of the model's absence, now that a turn got through."""
        name = f"away:{self.lane}"
        return [name] if name in self.claim.facts else []

    def _turn(self, kind: str, waiting: Sequence[Waiting]) -> dict[str, Any]:
        return {
            "kind": kind, "lane": str(self.lane), "began": self.claim.taken_at,
            "messages": [w.number for w in waiting],
        }  # fmt: skip

    def _outbound(self, text: str, to: str, role: Role, in_response_to: str = "") -> Message:
        """The assistant's answer, or a notice."""
        notice = role is Role.SYSTEM
        return Message(
            direction=Direction.OUTBOUND, role=role, content=text, channel=self.line.lane.channel,
            from_number=self.line.lane.ours, to_number=to,
            message_type=MessageType.SYSTEM if notice else MessageType.TEXT,
            in_response_to=in_response_to, generated_by="system" if notice else "ai",
            extra={"in_place_of_call": self.line.in_place_of} if self.line.in_place_of else {},
        )  # fmt: skip

    def _log_commit(self, before: Session, after: Session, handoff: str, said: bool) -> None:
        log = _log.bind(customer=self.claim.cid[:6], session_id=after.id)
        if said:
            log.info("message_added_to_history", total_messages=after.message_count)
        if before.state is not after.state:
            log.info("state_transitioned", **{"from": str(before.state), "to": str(after.state)})
        if handoff and after.state is State.WAITING_AGENT:
            log.warning("handoff_requested", reason=handoff)
