"""Writing down what a turn came to: an answer, silence, or a notice of our own. One commit per claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from ai import memory
from session import course, optout, records
from session.address import Address
from session.claims import Claim, ClaimLost, LedgerConflict, Part, Waiting
from session.machine import Event
from session.manager import NoSuchSession
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
from workers.runtime import Runtime
from workers.splitting import split

COMMIT_TRIES = 3

APOLOGY = "Sorry, I can't answer just now. We have your message and will reply as soon as we can."
UNREADABLE = "Sorry, we could not read your message. Please send it again in other words."
ENOUGH_TODAY = "We have your message. That is all we can answer for today; a person will look at it."

_log = structlog.get_logger("turn")


class Recorder:
    """Commits for one claim on one lane. Every method may raise ``ClaimLost`` and ``LedgerConflict``."""

    def __init__(self, rt: Runtime, claim: Claim) -> None:
        assert claim.lane is not None
        self.rt = rt
        self.claim = claim
        self.lane: Lane = claim.lane
        self.optout = optout.field(claim.lane, rt.settings.twilio_messaging_service_sid)

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
        self, session: Session, waiting: Sequence[Waiting], answer: Answer, redo_after: int = 0
    ) -> list[Part]:
        """Store the model's answer to ``waiting``; gives the parts to send. Raises ``OptedOut``, and with
        ``redo_after`` ``StaleTurn`` when a message newer than that number waits."""
        now, last = self.claim.now(), waiting[-1].message

        def told(s: Session) -> Session:
            s = replace(
                s,
                entities=memory.merge_entities(s.entities, answer.entities, last.id, now),
                intent=answer.intent or s.intent,
                language=answer.language or s.language,
            )
            return self._ended(course.say(s, now), waiting)

        usage = answer.usage
        turn = self._turn("answer", waiting) | {
            "model": usage.model, "tokens": [usage.input_tokens, usage.output_tokens], "model_ms": usage.duration_ms,
        }  # fmt: skip
        reply = self._outbound(answer.reply, last.from_number, Role.ASSISTANT, last.twilio_sid)
        return self._store(
            session, [w.entry for w in waiting], reply, turn, change=told, unset=self._back(), redo_after=redo_after
        )  # fmt: skip

    def silent(self, session: Session, waiting: Sequence[Waiting], kind: str = "silent") -> None:
        """Store that ``waiting`` was read, and say nothing."""
        self._store(
            session, [w.entry for w in waiting], None, self._turn(kind, waiting),
            change=lambda s: self._ended(s, waiting), unset=self._back(),
        )  # fmt: skip

    def notice(
        self, session: Session, answered: Sequence[Waiting], text: str, kind: str, *, to: str = "",
        facts: dict[str, str] | None = None, failure: dict[str, Any] | None = None,
    ) -> list[Part]:  # fmt: skip
        """Say something of our own, or with an empty ``text`` note ``facts`` alone; ``answered`` waits no longer.

        ``to`` is the customer's address. Gives the parts to send. Raises ``OptedOut``.
        """
        reply = self._outbound(text, to, Role.SYSTEM) if text else None
        entries = [w.entry for w in answered]
        return self._store(
            session,
            entries,
            reply,
            self._turn(kind, answered),
            facts=facts,
            failure=failure,
            unset=self._back() if answered and kind not in ("notice", "away") else (),
        )

    def give_up(self, session: Session, waiting: Sequence[Waiting]) -> None:
        """A person is asked: the messages stand in the session, which waits for them."""

        def handed(s: Session) -> Session:
            return course.move(s, Event.HANDED_OFF, self.claim.now()) if s.state is not State.CLOSED else s

        self._store(
            session, [w.entry for w in waiting], None, {"kind": "given_up"}, change=handed,
            unset=(f"away:{self.lane}",),
            failure={"reason": "model_away", "messages": [w.number for w in waiting]},
        )  # fmt: skip
        _log.error(
            "handoff_requested", customer=self.claim.cid[:6], session_id=session.id, reason="model_away"
        )

    # Inside

    def _store(
        self, session: Session, answered: list[str], reply: Message | None, turn: dict[str, Any], *,
        change: Callable[[Session], Session] = lambda s: s, facts: dict[str, str] | None = None,
        unset: Sequence[str] = (), failure: dict[str, Any] | None = None, redo_after: int = 0,
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
                    facts=facts, unset=unset, failure=failure, optout=self.optout, redo_after=redo_after,
                )  # fmt: skip
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
        self._log_commit(session, after, reply)
        return [
            Part(f"{numbers[0]}.{i}", part | {"created": claim.now()}, text)
            for i, (part, text) in enumerate(zip(part_records, texts, strict=True), 1)
        ]

    def _ended(self, session: Session, waiting: Sequence[Waiting]) -> Session:
        """A STOP on the session's current lane ends it."""
        stops = any(w.keyword is Keyword.STOP for w in waiting) and self.opted_out
        current = session.channel is self.lane.channel and session.ours == self.lane.ours
        if stops and current and session.state is not State.CLOSED:
            return course.move(session, Event.OPTED_OUT, self.claim.now())
        return session

    def _back(self) -> list[str]:
        """What is to be forgotten of the model's absence, now that a turn got through."""
        field = f"away:{self.lane}"
        return [field] if field in self.claim.facts else []

    def _turn(self, kind: str, waiting: Sequence[Waiting]) -> dict[str, Any]:
        return {
            "kind": kind, "lane": str(self.lane), "began": self.claim.taken_at,
            "messages": [w.number for w in waiting], "model": "", "tokens": [], "model_ms": 0,
        }  # fmt: skip

    def _outbound(self, text: str, to: str, role: Role, in_response_to: str = "") -> Message:
        """The assistant's answer, or a notice, which answers nothing."""
        notice = role is Role.SYSTEM
        return Message(
            direction=Direction.OUTBOUND, role=role, content=text, channel=self.lane.channel,
            from_number=self.lane.ours, to_number=to,
            message_type=MessageType.SYSTEM if notice else MessageType.TEXT,
            in_response_to=in_response_to, generated_by="system" if notice else "ai",
        )  # fmt: skip

    def _part(self, reply: Message, epoch: int) -> dict[str, Any]:
        return {
            "v": records.VERSION, "state": "pending", "lane": str(reply.lane),
            "to": str(Address(reply.channel, reply.to_number)),
            "from": str(Address(reply.channel, reply.from_number)),
            "epoch": epoch, "attempt": 0, "not_before": 0,
        }  # fmt: skip

    def _log_commit(self, before: Session, after: Session, reply: Message | None) -> None:
        log = _log.bind(customer=self.claim.cid[:6], session_id=after.id)
        if reply:
            log.info("message_added_to_history", total_messages=after.message_count)
        if before.state is not after.state:
            log.info("state_transitioned", **{"from": str(before.state), "to": str(after.state)})
