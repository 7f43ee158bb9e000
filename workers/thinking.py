"""Asking the model within a turn's time, and what to do when it is away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from ai import prompt, safety
from ai.assistant import ModelError, ModelFault, ModelUnavailable
from ai.enclosed import Pictures
from ai.tools import Toolbox
from config.agents import Agent
from config.settings import Settings
from session import course
from session.claims import Claim, ClaimLost
from session.model import Answer, MemoryItem, Message, Session
from workers import halt
from workers.rendering import render
from workers.runtime import Runtime
from workers.why import Why

MODEL_TRIES = 3
TRY_PAUSE_S = (0.5, 1.0)
BLOCKED_MAX = 2  # answers that may not be sent, then a notice goes out in their place
SECOND_MS = 1000
PICTURES_REFUSED = frozenset(f"model_http_{status}" for status in (400, 404, 413, 415, 422))

_log = structlog.get_logger("turn")


class Blocked(Exception):
    """The model's answers may not be sent: they gave away what they must not, or said nothing of their own."""


class Stopping(Exception):
    """The process is to end, and this turn waits between two tries: it lets go."""


def check(claim: Claim) -> None:
    """Between two steps: raises ``Halted`` when the job was told to stop, ``ClaimLost`` when the claim is gone."""
    if halt.halted():
        raise halt.Halted
    if claim.lost.is_set():
        raise ClaimLost


@dataclass(frozen=True, slots=True)
class Question:
    """What a turn asks the model about. ``notes`` are words of ours for this turn alone."""

    agent: Agent
    session: Session
    history: Sequence[Message]
    asked: Sequence[Message]
    memory: Sequence[MemoryItem] = ()
    notes: tuple[str, ...] = ()
    pictures: Pictures = field(default_factory=lambda: prompt.NO_PICTURES)


def ask(rt: Runtime, claim: Claim, question: Question, toolbox: Toolbox, why: Why, ends_at: float) -> Answer:
    """The model's answer, fit to be sent; asked three times at most, and not with less than one call's time left
    until ``ends_at`` (``time.monotonic()``'s).

    Raises ``ModelUnavailable``, ``ModelFault``, ``Blocked``, ``Stopping``, ``Halted`` or ``ClaimLost``.
    """
    patience_s = rt.settings.model_timeout_seconds
    agent, blocked = question.agent, 0
    mark = safety.canary(rt.settings.customer_id_key.get_secret_value(), claim.cid)
    shown = prompt.build(
        agent, claim.customer, question.session, course.shown(question.session, question.history), list(question.asked), claim.now(),
        memory=question.memory, notes=question.notes, canary=mark, pictures=question.pictures,
    )  # fmt: skip
    why.saw(shown)
    for attempt in range(1, MODEL_TRIES + 1):
        check(claim)
        try:
            answer = rt.assistant.answer(
                agent, shown.items, deadline_seconds=ends_at - time.monotonic(), toolbox=toolbox
            )
            why.heard(agent, answer)
            reply, found = safety.check_reply(agent, answer.reply, mark)
            # Of markup alone nothing would reach the customer.
            if not render(reply, question.asked[-1].channel):
                raise safety.Refused("nothing_left")
        except safety.Refused as refusal:
            blocked += 1
            why.decide(f"an answer was not fit to be sent: {refusal}")
            _log.warning("reply_blocked", customer=claim.cid[:6], attempt=attempt, reason=str(refusal))
            if blocked == BLOCKED_MAX or ends_at - time.monotonic() < patience_s:
                raise Blocked from None
            continue
        except (ModelUnavailable, ModelFault) as error:
            _log.warning("model_failed", customer=claim.cid[:6], attempt=attempt, reason=error.code)
            if attempt < MODEL_TRIES and _minds_pictures(shown, error, attempt):
                why.decide("the model's server refused the request with pictures: asked without them")
                shown = prompt.without_pictures(shown)
                continue
            pause_s = max(TRY_PAUSE_S[min(attempt, len(TRY_PAUSE_S)) - 1], error.retry_after or 0)
            in_time = ends_at - time.monotonic() - pause_s >= patience_s
            if attempt == MODEL_TRIES or not in_time or not error.retryable:
                raise
            if rt.stopping.wait(pause_s):
                raise Stopping from None
            continue
        for finding in found:
            why.decide(f"the reply was changed: {finding}")
        _log.info("reply_generated", customer=claim.cid[:6], session_id=question.session.id)
        return replace(answer, reply=reply, usage=replace(answer.usage, tries=attempt))
    raise Blocked


def _minds_pictures(shown: prompt.Prompt, error: ModelError, attempt: int) -> bool:
    """Whether the same request without its pictures may be answered: not every model looks at them, or at all of them.

    Some servers say so with 500, which is an outage as well: that is believed the second time.
    """
    pictured = any(item.images for item in shown.items)
    return pictured and (
        error.code in PICTURES_REFUSED or (error.code == "model_http_500" and attempt == MODEL_TRIES - 1)
    )


@dataclass(frozen=True, slots=True)
class Away:
    """What a turn does that found the model away: ``since`` and ``now`` are Redis' time, ms."""

    since: int
    now: int
    known: bool  # an earlier turn found it away already
    gives_up: bool  # long enough: a person is asked
    apologises: bool
    hold_ms: int  # then it is asked again


def away(settings: Settings, claim: Claim) -> Away:
    """Nobody answers: say so once, keep the messages, ask again later; in the end ask a person. Pure."""
    now, name = claim.now(), f"away:{claim.lane}"
    # An outage that ended without an answer on this lane is not this one.
    oldest = min((w.message.at for w in claim.messages), default=now)
    since = max(int(claim.facts.get(name, now)), min(oldest, now))
    apologised = int(claim.facts.get("apology_at", 0))
    least, most = settings.model_away_seconds
    return Away(
        since=since,
        now=now,
        known=name in claim.facts,
        gives_up=now - since >= settings.model_give_up_seconds * SECOND_MS,
        apologises=now - apologised >= settings.apology_seconds * SECOND_MS,
        hold_ms=round(min(max(least, (now - since) / SECOND_MS), most) * SECOND_MS),
    )
