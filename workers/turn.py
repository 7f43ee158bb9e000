"""A turn: claim, open, think, commit, send, look again.

``answer_customer`` is the job that a ring enqueues. Whatever it does not finish stands in
the ledger and is rung for again; so it may die at any line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import redis
import structlog

from ai import memory, prompt
from ai.assistant import ModelFault, ModelUnavailable
from config.agents import Agent
from session import course, optout, records
from session.address import Address
from session.claims import Claim, ClaimLost, LedgerConflict, NotClaimed, Part, Waiting
from session.machine import Event
from session.model import (
    Answer,
    Direction,
    HandledBy,
    Keyword,
    Lane,
    Message,
    MessageType,
    Role,
    Session,
    State,
)
from session.policy import Policy
from workers import opening
from workers.runtime import Runtime, runtime
from workers.splitting import split

CLAIMS_PER_JOB = 20  # then somebody else's turn comes first; the customer is rung for again
MODEL_TRIES = 3
COMMIT_TRIES = 3
TRY_PAUSE_S = (0.5, 1.0)
SECOND_MS = 1000

APOLOGY = "Sorry, I can't answer just now. We have your message and will reply as soon as we can."

_log = structlog.get_logger("turn")


def answer_customer(cid: str) -> str:
    """Do all there is to do for one customer now. Gives what the last step came to, for the dashboard."""
    rt = runtime()
    outcome = ""
    began = time.monotonic()
    # The last claim may take its whole limit and must still end within the job.
    spare_s = rt.settings.job_seconds - rt.settings.claim_limit_seconds
    for _ in range(CLAIMS_PER_JOB):
        if time.monotonic() - began > spare_s:
            break
        if rt.stopping.is_set():
            return outcome or "stopping"
        claim = rt.ledger.claim(cid)
        if isinstance(claim, NotClaimed):
            return outcome or claim.outcome.lower()
        outcome, more = _work(rt, claim)
        if not more:
            return outcome
    rt.bell.ring(cid)
    return outcome


def _work(rt: Runtime, claim: Claim) -> tuple[str, bool]:
    """One claim's work and its release: (outcome, whether something waits still)."""
    turn = Turn(rt, claim)
    started = time.monotonic()
    with rt.keeper.holding(claim):
        try:
            outcome = turn.run()
        except ClaimLost:
            outcome = "lost"
        except LedgerConflict:
            # Somebody else wrote the session; that is not the message's fault.
            outcome = "conflict"
            turn.give_back = [w.number for w in claim.messages]
        except redis.RedisError as error:
            # An outage is not the message's fault either; if Redis is back, its attempt is given back at once.
            outcome = f"redis_{type(error).__name__}"
            with suppress(redis.RedisError):
                rt.ledger.release(claim, give_back=[w.number for w in claim.messages])
            raise
        except Exception:  # noqa: BLE001  whatever it is, the customer must not be lost with it
            # An error of ours: the attempt counts, so that a message nobody can answer ends as a failure.
            outcome = "error"
            _log.exception("turn_failed", customer=claim.cid[:6], turn=claim.fence)
            rt.ledger.release(
                claim, give_back=turn.give_back, hold_ms=round(rt.settings.ring_seconds * SECOND_MS)
            )
            return outcome, False
        finally:
            turn.canonical["duration_ms"] = round((time.monotonic() - started) * SECOND_MS)
            _log.info("turn", customer=claim.cid[:6], outcome=outcome, **turn.canonical)
    return outcome, rt.ledger.release(claim, give_back=turn.give_back, hold_ms=turn.hold_ms)


@dataclass(slots=True)
class Turn:
    """One claim: parts left by an earlier one, or the messages that wait on one lane."""

    rt: Runtime
    claim: Claim
    give_back: list[int] = field(default_factory=list)
    hold_ms: int = 0
    canonical: dict[str, Any] = field(default_factory=dict)
    agent: Agent = field(init=False)
    policy: Policy = field(init=False)

    def run(self) -> str:
        claim = self.claim
        for number in claim.buried:
            _log.error("message_buried", customer=claim.cid[:6], message=number, reason="attempts")
        if claim.parts:
            return self._deliver(claim.parts)
        if not claim.lane or not claim.messages:
            return "buried" if claim.buried else "empty"
        self.agent = self.rt.agents.for_number(claim.lane.ours)
        self.policy = self.rt.manager.policy(self.agent.id)
        waiting = opening.until_gap(claim.messages, self.policy.gap_ms)
        self.give_back = [w.number for w in claim.messages[len(waiting) :]]
        session, history = self._open(waiting)
        asked = [w for w in waiting if w.keyword is Keyword.NONE and _says_something(w.message)]
        self.canonical |= {"turn": claim.fence, "session_id": session.id, "messages": len(waiting)}
        if not asked or self._silent(session):
            self._commit(session, waiting, None)
            return "recorded"
        try:
            answer = self._think(session, history, [w.message for w in asked])
        except (ModelUnavailable, ModelFault) as error:
            return self._model_away(session, waiting, error)
        if answer is None:
            return "stopping"
        return self._deliver(self._commit(session, waiting, answer))

    # Before the model

    def _open(self, waiting: Sequence[Waiting]) -> tuple[Session, list[Message]]:
        """Find, resume or create the session and show the messages in it; gives the earlier ones too."""
        change = self.rt.manager.change
        found = opening.decide(self.claim, waiting, self._lane, self.agent.id, self.policy)
        stored, history = self.rt.ledger.open(
            self.claim,
            change(found.session),
            [change(s) for s in (*found.closing, *found.left)],
            [w.number for w in waiting],
            max(0, self.policy.history_window - len(waiting)),  # of which this turn's are the last
        )
        opening.log(self.claim.cid, found, stored)
        return stored, history

    def _silent(self, session: Session) -> bool:
        """Whether nothing may be said, whatever the customer wrote."""
        return (
            not self.rt.settings.ai_responses_enabled
            or self._optout in self.claim.facts
            or session.handled_by is HandledBy.OPERATOR
            or session.state is State.WAITING_AGENT
        )

    # The model

    def _think(self, session: Session, history: list[Message], asked: list[Message]) -> Answer | None:
        """Ask the model, three times at most, within the turn's time. None: the process is to end."""
        rt, cid, patience_s = self.rt, self.claim.cid, self.rt.settings.model_timeout_seconds
        items = prompt.build(self.agent, self.claim.customer, session, history, asked, self.claim.now())
        ends_at = time.monotonic() + rt.settings.turn_seconds
        for attempt in range(1, MODEL_TRIES + 1):
            try:
                answer = rt.assistant.answer(self.agent, items, deadline_seconds=ends_at - time.monotonic())
            except (ModelUnavailable, ModelFault) as error:
                _log.warning("model_failed", customer=cid[:6], attempt=attempt, reason=error.code)
                pause_s = max(TRY_PAUSE_S[min(attempt, len(TRY_PAUSE_S)) - 1], error.retry_after or 0)
                in_time = ends_at - time.monotonic() - pause_s >= patience_s
                if attempt == MODEL_TRIES or not in_time or not error.retryable:
                    raise
                if rt.stopping.wait(pause_s):
                    self.give_back = [w.number for w in self.claim.messages]
                    return None
                if self.claim.lost.is_set():
                    raise ClaimLost from None
                continue
            _log.info("reply_generated", customer=cid[:6], session_id=session.id)
            usage = replace(answer.usage, tries=attempt)
            self.canonical |= {
                "model": usage.model, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
                "model_ms": usage.duration_ms, "model_tries": attempt,
            }  # fmt: skip
            return replace(answer, usage=usage)
        raise AssertionError("unreachable")

    def _model_away(self, session: Session, waiting: Sequence[Waiting], error: Exception) -> str:
        """Nobody answers: say so once, keep the messages, ask again later; in the end ask a person."""
        claim, settings, now = self.claim, self.rt.settings, self.claim.now()
        since = int(claim.facts.get(f"away:{claim.lane}", now))
        if now - since >= settings.model_give_up_seconds * SECOND_MS:
            self._give_up(session, waiting)
            return "handed_off"
        apologised = int(claim.facts.get("apology_at", 0))
        facts = {f"away:{claim.lane}": str(since)}
        parts: list[Part] = []
        if now - apologised >= settings.apology_seconds * SECOND_MS:
            facts["apology_at"] = str(now)
            notice = self._outbound(waiting, APOLOGY, Role.SYSTEM, MessageType.SYSTEM, "system")
            parts = self._store(session, [], notice, {"kind": "notice"}, facts=facts)
        elif f"away:{claim.lane}" not in claim.facts:
            self._store(session, [], None, {"kind": "away"}, facts=facts)
        # An outage is not the message's fault: its attempts do not count.
        self.give_back = [w.number for w in claim.messages]
        least, most = settings.model_away_seconds
        self.hold_ms = round(min(max(least, (now - since) / SECOND_MS), most) * SECOND_MS)
        self._deliver(parts)
        return "model_away"

    def _give_up(self, session: Session, waiting: Sequence[Waiting]) -> None:
        """A person is asked: the messages stand in the session, which waits for them."""

        def handed(s: Session) -> Session:
            return course.move(s, Event.HANDED_OFF, self.claim.now()) if s.state is not State.CLOSED else s

        self._store(
            session, [w.entry for w in waiting], None, {"kind": "given_up"}, change=handed,
            unset=(f"away:{self.claim.lane}",),
            failure={"reason": "model_away", "messages": [w.number for w in waiting]},
        )  # fmt: skip
        _log.error(
            "handoff_requested", customer=self.claim.cid[:6], session_id=session.id, reason="model_away"
        )

    # After the model

    def _commit(self, session: Session, waiting: Sequence[Waiting], answer: Answer | None) -> list[Part]:
        """Store what the turn came to; gives the parts to send."""
        now = self.claim.now()
        last = waiting[-1].message
        reply = (
            self._outbound(waiting, answer.reply, Role.ASSISTANT, MessageType.TEXT, "ai") if answer else None
        )
        ends = any(w.keyword is Keyword.STOP for w in waiting) and self._optout in self.claim.facts

        def told(s: Session) -> Session:
            if answer:
                s = replace(
                    s,
                    entities=memory.merge_entities(s.entities, answer.entities, last.id, now),
                    intent=answer.intent or s.intent,
                    language=answer.language or s.language,
                )
                s = course.say(s, now)
            if ends and s.state is not State.CLOSED and self._is_current(s):
                s = course.move(s, Event.OPTED_OUT, now)
            return s

        usage = answer.usage if answer else None
        turn = {
            "kind": "answer" if answer else "silent", "lane": str(self._lane), "began": self.claim.taken_at,
            "messages": [w.number for w in waiting],
            "model": usage.model if usage else "", "tokens": [usage.input_tokens, usage.output_tokens] if usage else [],
            "model_ms": usage.duration_ms if usage else 0,
        }  # fmt: skip
        unset = [f"away:{self.claim.lane}"] if f"away:{self.claim.lane}" in self.claim.facts else []
        return self._store(session, [w.entry for w in waiting], reply, turn, change=told, unset=unset)

    def _store(
        self, session: Session, answered: list[str], reply: Message | None, turn: dict[str, Any], *,
        change: Callable[[Session], Session] = lambda s: s, facts: dict[str, str] | None = None,
        unset: list[str] | tuple[str, ...] = (), failure: dict[str, Any] | None = None,
    ) -> list[Part]:  # fmt: skip
        """Commit, over what others wrote to the session meanwhile unless that forbids the reply."""
        claim, epoch = self.claim, session.epoch
        texts = split(reply.content) if reply else ()
        part_records = [self._part(reply, epoch) for _ in texts] if reply else []
        replies = [{"record": records.encode_message(reply, texts), "parts": part_records}] if reply else []
        for attempt in range(1, COMMIT_TRIES + 1):
            after = change(session)
            try:
                numbers = self.rt.ledger.commit(
                    claim, self.rt.manager.change(after), answered=answered, replies=replies, turn=turn,
                    facts=facts, unset=unset, failure=failure,
                )  # fmt: skip
                break
            except LedgerConflict:
                session = self.rt.manager.get_session_by_id(session.id)
                stepped_in = session.epoch != epoch or session.state in (State.CLOSED, State.WAITING_AGENT)
                if attempt == COMMIT_TRIES or stepped_in:
                    raise
        self._log_commit(session, after, reply)
        return [
            Part(f"{numbers[0]}.{i}", part | {"created": claim.now()}, text)
            for i, (part, text) in enumerate(zip(part_records, texts, strict=True), 1)
        ]

    def _log_commit(self, before: Session, after: Session, reply: Message | None) -> None:
        log = _log.bind(customer=self.claim.cid[:6], session_id=after.id)
        if reply:
            log.info("message_added_to_history", total_messages=after.message_count)
        if before.state is not after.state:
            log.info("state_transitioned", **{"from": str(before.state), "to": str(after.state)})

    def _deliver(self, parts: list[Part]) -> str:
        """Send parts in order; a part that does not get through holds back those behind it on its lane."""
        held: set[Lane] = set()
        outcomes = []
        for part in parts:
            if part.lane in held:
                continue
            outcome = self.rt.delivery.deliver(self.claim, part)
            outcomes.append(outcome)
            if outcome != "sent":
                held.add(part.lane)
        self.canonical["parts"] = len(outcomes)
        return next((o for o in outcomes if o != "sent"), "answered" if outcomes else "recorded")

    # Small facts

    @property
    def _lane(self) -> Lane:
        assert self.claim.lane is not None
        return self.claim.lane

    @property
    def _optout(self) -> str:
        return optout.field(self._lane, self.rt.settings.twilio_messaging_service_sid)

    def _is_current(self, session: Session) -> bool:
        return session.channel is self._lane.channel and session.ours == self._lane.ours

    def _outbound(
        self, waiting: Sequence[Waiting], text: str, role: Role, kind: MessageType, by: str
    ) -> Message:
        last = waiting[-1].message
        return Message(
            direction=Direction.OUTBOUND, role=role, content=text, channel=last.channel,
            from_number=last.to_number, to_number=last.from_number, message_type=kind,
            in_response_to=last.twilio_sid, generated_by=by,
        )  # fmt: skip

    def _part(self, reply: Message, epoch: int) -> dict[str, Any]:
        return {
            "v": records.VERSION, "state": "pending", "lane": str(reply.lane),
            "to": str(Address(reply.channel, reply.to_number)),
            "from": str(Address(reply.channel, reply.from_number)),
            "epoch": epoch, "attempt": 0, "not_before": 0,
        }  # fmt: skip


def _says_something(message: Message) -> bool:
    """Whether there is anything to answer: a reaction, for one, comes as an empty text."""
    return bool(message.content.strip()) or message.message_type is not MessageType.TEXT
