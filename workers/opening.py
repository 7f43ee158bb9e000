"""Which session a turn's messages belong to: found, resumed, superseded or begun. Decides and logs; stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from session import course, events, keys
from session.claims import Claim, Waiting, opened_as
from session.machine import Event
from session.model import HandledBy, Keyword, Lane, Message, Session, State
from session.policy import Decision, Policy, Verdict, judge, scope_of

SECOND_MS = 1000

_log = structlog.get_logger("turn")


@dataclass(frozen=True, slots=True)
class Opening:
    """A session as it is after hearing ``heard``, and those that end because of it.

    ``verdict`` is None when an earlier try of this turn opened the session already.
    """

    before: Session
    session: Session
    closing: tuple[Session, ...]
    left: tuple[Session, ...]  # ended before the messages shown in them were answered; these move on
    verdict: Verdict | None
    heard: tuple[Message, ...]
    previous: Session | None = None  # the one that a new session took over from
    took_ms: int = 0  # to take over

    @property
    def begins(self) -> bool:
        return self.verdict is not None and self.verdict.opens


def until_gap(messages: Sequence[Waiting], gap_ms: int) -> Sequence[Waiting]:
    """The messages up to the first silence that starts a new session; those after it are another turn's."""
    for i in range(1, len(messages)):
        if messages[i].message.at - messages[i - 1].message.at > gap_ms:
            return messages[:i]
    return messages


def decide(claim: Claim, waiting: Sequence[Waiting], lane: Lane, agent_id: str, policy: Policy) -> Opening:
    """The session that ``waiting`` is shown in."""
    at = waiting[0].message.at
    before, closing, verdict = _session_for(claim, waiting, lane, agent_id, policy)
    heard = tuple(
        w.message
        for w in waiting
        if w.session_no == 0 or keys.make_id("s", claim.cid, w.session_no) != before.id
    )
    session = before
    if verdict or heard:
        session = course.move(session, Event.CUSTOMER_WROTE, at)
    if session.state in (State.NEW, State.ACTIVE) and session.handled_by is HandledBy.ASSISTANT:
        session = course.move(session, Event.WORKED_ON, at)
    # A STOP on another lane does not move the conversation there.
    only_stop = all(w.keyword is Keyword.STOP for w in waiting)
    session = course.hear(session, heard, switch=not only_stop or not session.id)
    return Opening(before, session, closing, tuple(_left(claim, waiting, before)), verdict, heard)


def _left(claim: Claim, waiting: Sequence[Waiting], to: Session) -> list[Session]:
    """Closed sessions whose messages move to another: they were ended before those were answered."""
    left: dict[str, Session] = {}
    for w in waiting:
        shown = claim.sessions.get(w.session_no)
        if shown and shown.id != to.id:
            left[shown.id] = course.unhear(left.get(shown.id, shown), w.message)
    return list(left.values())


def join(session: Session, more: Sequence[Waiting]) -> Opening:
    """The session of a running turn with messages that came in meanwhile."""
    heard = tuple(w.message for w in more)
    after = course.hear(session, heard, switch=any(w.keyword is not Keyword.STOP for w in more))
    return Opening(session, after, (), (), None, heard)


def for_notice(claim: Claim, lane: Lane, agent_id: str, policy: Policy) -> Session:
    """The session that a notice is said in: the open one, or a new one."""
    scope = scope_of(policy, lane.channel)
    found = claim.sessions.get(claim.open_index.get(opened_as(agent_id, scope), 0))
    if found:
        return found
    now, address = claim.now(), claim.customer.address
    session = course.begin(agent_id, lane.channel, scope, address, lane.ours, "a notice of ours", now)
    return course.move(session, Event.WORKED_ON, now)


def _session_for(
    claim: Claim, waiting: Sequence[Waiting], lane: Lane, agent_id: str, policy: Policy
) -> tuple[Session, tuple[Session, ...], Verdict | None]:
    at, scope = waiting[0].message.at, scope_of(policy, lane.channel)
    shown = claim.sessions.get(waiting[0].session_no)
    if shown and shown.state is not State.CLOSED:
        return shown, (), None
    latest = claim.sessions.get(claim.open_index.get(opened_as(agent_id, scope), 0))
    if latest is None:
        mine = [s for s in claim.sessions.values() if s.agent_id == agent_id and s.scope == scope]
        latest = max(mine, key=lambda s: s.created_at, default=None)
    verdict = judge(latest, policy, lane.channel, at)
    if latest and not verdict.opens:
        return latest, (), verdict
    closing: tuple[Session, ...] = ()
    if latest and verdict.decision is Decision.EXPIRED_THEN_NEW:
        closing = (course.move(latest, Event.EXPIRED, at),)
    elif latest and verdict.decision is Decision.SUPERSEDED_THEN_NEW:
        closing = (course.move(latest, Event.SUPERSEDED, at),)
    address = waiting[0].message.from_number
    begun = course.begin(agent_id, lane.channel, scope, address, lane.ours, verdict.because, at)
    return begun, closing, verdict


def previous(sessions: Iterable[Session], agent_id: str) -> Session | None:
    """The session of this agent that something was said in last."""
    mine = [s for s in sessions if s.agent_id == agent_id and s.id]
    return max(mine, key=lambda s: (s.last_activity, s.created_at), default=None)


def bridged(opening: Opening, before: Session, bridge: dict[str, Any] | None, took_ms: int) -> Opening:
    """A new session that takes over what was known at the end of ``before``."""
    carried = course.carry(opening.session, before, bridge)
    return replace(opening, session=carried, previous=before, took_ms=took_ms)


def happened(opening: Opening) -> tuple[events.JSON, ...]:
    """The events of the session that goes on; those that end have their own (``events.of_move``)."""
    session, verdict, told = opening.session, opening.verdict, []
    came_from = opening.previous if opening.begins else opening.before if opening.before.id else None
    if opening.begins and verdict:
        told.append(events.event("session_started", channel=str(session.channel), because=verdict.because))
    elif opening.before.state is State.IDLE and session.state is not State.IDLE:
        silence_ms = session.last_activity - opening.before.last_activity
        told.append(events.event("session_resumed", silence_ms=silence_ms))
    if came_from and came_from.channel is not session.channel and opening.heard:
        where = {"from": str(came_from.channel), "to": str(session.channel)}
        told.append(events.event("modality_switched", **where))
    if opening.begins and opening.previous:
        bridge = {"from": opening.previous.id, "took_ms": opening.took_ms}
        told.append(events.event("context_bridged", **bridge))
    return tuple(told)


def log(cid: str, opening: Opening, stored: Session) -> None:
    """The steps that the seeds log, once they are stored."""
    say = _log.bind(customer=cid[:6], session_id=stored.id)
    verdict = opening.verdict
    gap_s = round((verdict.gap_ms or 0) / SECOND_MS) if verdict else 0
    for ended in opening.closing:
        if verdict and verdict.decision is Decision.SUPERSEDED_THEN_NEW:
            say.info("time_gap_detected", gap_s=gap_s)
        say.info("session_closed", ended=ended.id, reason=str(ended.end_reason))
    if verdict and verdict.opens:
        say.info("session_created", channel=str(stored.channel), because=verdict.because)
    elif verdict:
        say.info("session_reused", last_message_ago_s=gap_s)
    for told in happened(opening):
        if told["type"] in ("modality_switched", "context_bridged", "session_resumed"):
            say.info(told["type"], **{name: value for name, value in told.items() if name != "type"})
    if opening.before.state is not stored.state:
        say.info("state_transitioned", **{"from": str(opening.before.state), "to": str(stored.state)})
    for left in reversed(range(len(opening.heard))):
        say.info("message_added_to_history", total_messages=stored.message_count - left)
