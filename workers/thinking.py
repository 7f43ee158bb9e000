"""Asking the model within a turn's time, and what to do when it is away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from ai import prompt
from ai.assistant import ModelFault, ModelUnavailable
from config.agents import Agent
from config.settings import Settings
from session.claims import Claim, ClaimLost
from session.model import Answer, Message, Session
from workers import halt
from workers.runtime import Runtime

MODEL_TRIES = 3
TRY_PAUSE_S = (0.5, 1.0)
SECOND_MS = 1000

_log = structlog.get_logger("turn")


class Stopping(Exception):
    """The process is to end, and this turn waits between two tries: it lets go."""


def check(claim: Claim) -> None:
    """Between two steps: raises ``Halted`` when the job was told to stop, ``ClaimLost`` when the claim is gone."""
    if halt.halted():
        raise halt.Halted
    if claim.lost.is_set():
        raise ClaimLost


def ask(
    rt: Runtime, claim: Claim, agent: Agent, session: Session, history: Sequence[Message],
    asked: Sequence[Message], ends_at: float,
) -> Answer:  # fmt: skip
    """The model's answer; asked three times at most, and not with less than one call's time left until ``ends_at``.

    ``ends_at`` is ``time.monotonic()``'s. Raises ``ModelUnavailable``, ``ModelFault``, ``Stopping``, ``Halted``
    or ``ClaimLost``.
    """
    patience_s = rt.settings.model_timeout_seconds
    items = prompt.build(agent, claim.customer, session, list(history), list(asked), claim.now())
    for attempt in range(1, MODEL_TRIES + 1):
        check(claim)
        try:
            answer = rt.assistant.answer(agent, items, deadline_seconds=ends_at - time.monotonic())
        except (ModelUnavailable, ModelFault) as error:
            _log.warning("model_failed", customer=claim.cid[:6], attempt=attempt, reason=error.code)
            pause_s = max(TRY_PAUSE_S[min(attempt, len(TRY_PAUSE_S)) - 1], error.retry_after or 0)
            in_time = ends_at - time.monotonic() - pause_s >= patience_s
            if attempt == MODEL_TRIES or not in_time or not error.retryable:
                raise
            if rt.stopping.wait(pause_s):
                raise Stopping from None
            continue
        _log.info("reply_generated", customer=claim.cid[:6], session_id=session.id)
        return replace(answer, usage=replace(answer.usage, tries=attempt))
    raise AssertionError("unreachable")


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
