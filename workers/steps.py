"""What a worker does with one claim: choose, open, pass the gates, think, commit, send."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from ai import memory
from ai.assistant import ModelFault, ModelUnavailable
from config.agents import Agent
from session import events, languages, media
from session.claims import Claim, HungUp, OptedOut, Part, StaleTurn, Waiting
from session.model import Answer, Channel, Keyword, Lane, Message, MessageType, Session
from session.policy import Policy
from workers import crash, gates, handing_over, lines, opening
from workers.asking import Asking, SaidBack
from workers.call_endings import CallEndings
from workers.concluding import Conclusion
from workers.endings import Ending, Endings
from workers.gates import Gate
from workers.recording import Recorder
from workers.runtime import Runtime
from workers.why import Why

REDOS_MAX = 2  # for newer messages; then the answer goes out as it is
SECOND_MS = 1000

_log = structlog.get_logger("turn")


@dataclass(slots=True)
class Turn:
    """One claim: parts left by an earlier one, or the messages that wait on one lane."""

    rt: Runtime
    claim: Claim
    give_back: list[int] = field(default_factory=list)  # messages whose attempt is not to count
    counted: bool = False  # against the customer's limits
    hold_ms: int = 0  # how long the lane is left alone afterwards
    canonical: dict[str, Any] = field(default_factory=dict)
    waiting: Sequence[Waiting] = ()  # the messages that this turn answers
    whole: bool = True  # nothing of what was claimed was put off
    ends_at: float = 0.0
    why: Why = field(default_factory=Why)
    language: str = ""  # in which a notice is said
    agent: Agent = field(init=False)
    policy: Policy = field(init=False)
    recorder: Recorder = field(init=False)
    asking: Asking = field(init=False)
    endings: Endings = field(init=False)

    def run(self) -> str:
        """Raises ``ClaimLost``, ``LedgerConflict``, ``Stopping`` or ``Halted``."""
        claim = self.claim
        if claim.parts:
            return self._deliver(claim.parts)
        if not claim.lane:
            return "empty"
        settings, spoken = self.rt.settings, claim.lane.channel is Channel.VOICE
        # A caller is held for so long, and then asked what else there is; one call to the model has its time.
        held_s = max(settings.call_hold_seconds, settings.model_timeout_seconds)
        self.ends_at = time.monotonic() + (
            min(settings.turn_seconds, held_s) if spoken else settings.turn_seconds
        )
        self.agent = self.rt.agents.for_number(claim.lane.ours)
        self.policy = self.rt.manager.policy(self.agent.id)
        self.recorder = Recorder(self.rt, claim, self.agent, self.why)
        self.asking = Asking(
            self.rt, claim, self.agent, self.recorder, self.why, self.ends_at, self.canonical
        )
        self.language = claim.customer.language
        kind = CallEndings if spoken else Endings
        self.endings = kind(self.rt, claim, self.agent, self.recorder, self.why, language=self.language)
        if claim.buried:
            return self._end(self.endings.buried(self.policy))
        if not claim.messages:
            return "empty"
        session, history = self._open(self._choose())
        self.recorder.line = lines.of(self.rt, claim, self.agent, self.waiting)
        self.canonical |= {"turn": claim.fence, "session_id": session.id, "messages": len(self.waiting)}
        asked = [w for w in self.waiting if _asks(w)]
        try:
            try:
                return self._answer(session, history, asked)
            except HungUp:  # a moment before they were told what needs no model
                self._hung_up()
                return self._answer(session, history, asked)
        except OptedOut:
            # Said while we thought, or a moment ago on another lane: nothing more is said.
            self.recorder.silent(session, self.waiting)
            return "opted_out"

    def _answer(self, session: Session, history: list[Message], asked: Sequence[Waiting]) -> str:
        said = [w.message for w in asked]
        if said:
            self.language = languages.preferred(session, self.claim.customer, said[-1].content)
        endings = self.endings = replace(self.endings, waiting=self.waiting, language=self.language)
        if not said or not self.recorder.may_say(session):
            return self._end(endings.unanswered(session, bool(said)))
        self.asking.go_on_in(self.language)
        if handing_over.by_wish(self.agent, said):
            return self._end(endings.handed_over(session))
        verdict = gates.judge(self.rt.settings, self.rt.ledger, self.claim, asked)
        self.counted = verdict.counted
        if verdict.gate is Gate.RATE:
            return self._end(endings.over_the_rate(session, verdict.wait_ms))
        if verdict.gate is not Gate.OPEN:
            self.canonical["gate"] = str(verdict.gate)
            return self._end(endings.gated(session, verdict.gate))
        if done := endings.until_opening(session):
            return self._end(done)
        asked = self._with_media(session, verdict.asked)
        said, endings = [w.message for w in asked], self.endings
        if media.has_media(said) and handing_over.by_wish(self.agent, said):  # in a voice note
            return self._end(endings.handed_over(session))
        if done := endings.done_as_told(session, said, history):
            return self._end(done)
        if not self.recorder.line.heard:
            return self._end(endings.unanswered(session, asked=False))
        try:
            said_back = self._think(session, history, asked)
        except (ModelUnavailable, ModelFault):
            return self._end(replace(endings, waiting=self.waiting).model_away(session))
        return self._deliver(self._commit(session, said_back, asked))

    # Before the model

    @property
    def all_numbers(self) -> list[int]:
        return [w.number for w in self.claim.messages]

    def release(self, give_back: Sequence[int] | None = None, hold_ms: int | None = None) -> bool:
        """Let go of the claim; True when something waits still. A turn that gives everything back was none."""
        given = list(self.give_back if give_back is None else give_back)
        came_to_nothing = self.counted and bool(given) and len(given) == len(self.claim.messages)
        if came_to_nothing:
            gates.uncount(self.rt.settings, self.rt.ledger, self.claim)
        hold = self.hold_ms if hold_ms is None else hold_ms
        return self.rt.ledger.release(self.claim, give_back=given, hold_ms=hold, uncount=came_to_nothing)

    def _choose(self) -> Sequence[Waiting]:
        """Decide which of the claimed messages this turn answers; gives those of its session, answered or not.

        The attempts of the others are given back.
        """
        messages = self.claim.messages
        shown = tuple(lines.of_one_call(opening.until_gap(messages, self.policy.gap_ms)))
        # A last attempt is made for one message alone: should it be poison, it takes no other with it.
        last_attempt = messages[0].attempt >= self.rt.ledger.timing.attempts_max > 1
        self.waiting = shown[:1] if last_attempt else shown
        self.whole = len(self.waiting) == len(messages)
        taken = {w.number for w in self.waiting}
        self.give_back = [number for number in self.all_numbers if number not in taken]
        return shown

    def _open(self, waiting: Sequence[Waiting]) -> tuple[Session, list[Message]]:
        """Find, resume or create the session and show the messages in it; gives the earlier ones too."""
        lane = self.claim.lane
        assert lane is not None
        found = opening.decide(self.claim, waiting, lane, self.agent.id, self.policy)
        if found.begins:
            found = self._bridged(found)
        self.why.decide(found.verdict.because if found.verdict else "an earlier try opened the session")
        return self._show(found, waiting)

    def _bridged(self, found: opening.Opening) -> opening.Opening:
        """A new session is not amnesia: it takes over from the customer's last one with this agent."""
        started, manager = time.monotonic(), self.rt.manager
        before = opening.previous(self.claim.sessions.values(), self.agent.id)
        if before is None and "last_session" in self.claim.facts:
            before = opening.previous(manager.sessions_of(self.claim.cid), self.agent.id)
        if before is None:
            return found
        tail = () if before.summary else manager.read_session(before.id, memory.BRIDGE_MESSAGES_MAX)[2]
        bridge = memory.bridge(before, tail, self.claim.now())
        return opening.bridged(found, before, bridge, round((time.monotonic() - started) * SECOND_MS))

    def _show(self, found: opening.Opening, waiting: Sequence[Waiting]) -> tuple[Session, list[Message]]:
        change = self.rt.manager.change
        ended = [change(s, events.ended(s)) for s in found.closing]
        stored, history = self.rt.ledger.open(
            self.claim,
            change(found.session, opening.happened(found)),
            [*ended, *(change(s) for s in found.left)],
            [w.number for w in waiting],
            max(0, self.policy.history_window - len(waiting)),  # of which this turn's are the last
        )
        crash.at("after_open")
        opening.log(self.claim.cid, found, stored)
        return stored, history

    def _end(self, ending: Ending) -> str:
        """Send what the ending says, and leave the lane alone as it says."""
        if ending.keeps:
            self.give_back, self.hold_ms = self.all_numbers, ending.hold_ms
        if ending.parts:
            self._deliver(list(ending.parts))
        return ending.outcome

    def _with_media(self, session: Session, asked: Sequence[Waiting]) -> Sequence[Waiting]:
        """What the model is to be asked about, with what was made of the pictures and voice notes among it."""
        heard = self.rt.media.hear(self.rt.ledger, self.claim, asked, self.ends_at, self.why)
        if media.has_media(w.message for w in heard):
            last = heard[-1].message
            own = media.language(last) or languages.preferred(session, self.claim.customer, last.content)
            self.language, self.endings = own, replace(self.endings, language=own)
        return heard

    # The model

    def _think(self, session: Session, history: list[Message], asked: Sequence[Waiting]) -> SaidBack:
        return self.asking.think(session, history, asked, self.language, self.endings.closed)

    def _hung_up(self) -> None:
        """The caller is gone: what is said from now on goes another way, or nowhere."""
        assert isinstance(self.recorder.line, lines.CallLine)
        self.recorder.line = self.recorder.line.over(self.agent)

    def _commit(self, session: Session, said_back: SaidBack, asked: Sequence[Waiting]) -> list[Part]:
        """Store the answer, thought over again while newer messages come in, within bounds; gives the parts."""
        for redos in range(REDOS_MAX + 2):  # and once more when the caller hung up
            redo_after = max(self.all_numbers) if redos < REDOS_MAX and self._may_redo() else 0
            first, facts = self.endings.closed_notice()
            crash.at("before_commit")
            try:
                parts = self.recorder.answer(
                    session, self.waiting, said_back.answer or Answer("", {}), said_back.conclusion, redo_after,
                    first=first, facts=facts,
                )  # fmt: skip
            except HungUp:
                self._hung_up()
                said_back = self.asking.conclude(session, said_back.answer, asked[-1].message, self.language)
                continue
            except StaleTurn:
                session, said_back, asked = self._redo(session, said_back, asked)
                self.canonical |= {"redos": redos + 1, "messages": len(self.waiting)}
                continue
            crash.at("after_commit")
            self._afterwards(said_back.conclusion)
            return parts
        raise AssertionError("unreachable")

    def _afterwards(self, conclusion: Conclusion) -> None:
        """What is done behind the conversation."""
        if conclusion.handoff:
            self.rt.background.call_operators(self.claim.cid)
        if self.recorder.grown:
            self.rt.background.summarise(self.claim.cid)

    def _ours_to_do(self, said: Sequence[Message]) -> bool:
        """Whether the customer asks for a person, to be forgotten, or to go."""
        return bool(said) and (
            handing_over.by_wish(self.agent, said)
            or bool(self.endings.forgetting(said))
            or self.endings.leaving(said)
        )

    def _may_redo(self) -> bool:
        """Whether newer messages may still be taken into this turn: in order, not too many, and in time."""
        if self.rt.stopping.is_set():
            return False  # the process is to end: what there is goes out
        room = len(self.claim.messages) < self.rt.ledger.timing.take
        return (
            self.whole and room and self.ends_at - time.monotonic() >= self.rt.settings.model_timeout_seconds
        )

    def _redo(
        self, session: Session, said_back: SaidBack, asked: Sequence[Waiting]
    ) -> tuple[Session, SaidBack, Sequence[Waiting]]:
        """Take in what came meanwhile and ask again about all of it; gives the answer to commit."""
        rt, claim, known = self.rt, self.claim, self.waiting
        more = rt.ledger.take_more(claim, max(self.all_numbers), rt.ledger.timing.take - len(claim.messages))
        fits: Sequence[Waiting] = lines.of_one_call(
            opening.until_gap([known[-1], *more], self.policy.gap_ms)
        )[1:]
        if self._ours_to_do([w.message for w in fits if _asks(w)]):
            fits = ()  # without the model, in a turn of their own
        self.whole = len(fits) == len(more)
        taken = {w.number for w in fits}
        self.give_back += [w.number for w in more if w.number not in taken]
        if not fits:
            return session, said_back, asked
        self.waiting = [*known, *fits]
        self.recorder.line = lines.of(rt, claim, self.agent, self.waiting)
        session, history = self._show(opening.join(session, fits), self.waiting)
        verdict = gates.judge(rt.settings, rt.ledger, claim, [w for w in self.waiting if _asks(w)])
        if verdict.gate is not Gate.OPEN or len(verdict.asked) == len(asked):
            return session, said_back, asked  # nothing among it asks for another answer
        try:
            asked_anew = self._with_media(session, verdict.asked)
            return session, self._think(session, history, asked_anew), asked_anew
        except (ModelUnavailable, ModelFault):
            # Better the answer there is; what came in since is the next turn's.
            self.waiting, self.whole = known, False
            self.give_back += [w.number for w in fits]
            self.recorder.line = lines.of(rt, claim, self.agent, known)
            return session, said_back, asked

    # After the model

    def _deliver(self, parts: list[Part]) -> str:
        """Send parts in order; a part that does not get through holds back those behind it on its lane."""
        held: set[Lane] = set()
        outcomes = []
        for part in parts:
            if part.lane in held:
                continue
            spoken = "word" in part.record
            bring = self.rt.speaker.speak if spoken else self.rt.delivery.deliver
            outcome = bring(self.claim, part)
            outcomes.append(outcome)
            if outcome != "sent":
                held.add(part.lane)
        self.canonical["parts"] = len(outcomes)
        return next((o for o in outcomes if o != "sent"), "answered" if outcomes else "recorded")


def _asks(waiting: Waiting) -> bool:
    """Whether there is anything to answer: a reaction, for one, comes as an empty text."""
    message = waiting.message
    # A tapped button and a choice from a list may come without a body.
    chosen = message.extra.get("button_text") or message.extra.get("list_title")
    says_something = message.content.strip() or chosen or message.message_type is not MessageType.TEXT
    return waiting.keyword is Keyword.NONE and bool(says_something)
