"""What time alone does to sessions: they go idle, expire, and somebody is told of those who wait for a person too long.

A timer re-checks before it acts, and leaves alone what somebody else wrote meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from session import course, events
from session.claims import Change
from session.machine import Event
from session.model import HandledBy, Session
from session.policy import alert_due, due_event

if TYPE_CHECKING:
    from session.manager import SessionManager

Moved = list[tuple[str, Session]]  # (customer, the session as it is now)
# What a session becomes by time, what happens by it, and the failure for a person; None: it stays.
Due = tuple[Session, tuple[events.JSON, ...], dict[str, Any] | None] | None

_log = structlog.get_logger("session")


class Timers:
    """The scheduled steps over one manager's sessions. Safe for threads, and to run twice at once."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    def idle(self) -> Moved:
        """ACTIVE to IDLE for every session that has been quiet long enough."""
        return self._sweep(lambda s, now: self._due(s, now, Event.WENT_QUIET))

    def expire(self) -> Moved:
        """CLOSED for every session whose time is over; one that a person had is a failure for somebody to look at."""
        return self._sweep(lambda s, now: self._due(s, now, Event.EXPIRED))

    def alert(self) -> Moved:
        """Those whose customer has waited for a person for too long: each wait is told of once, as a failure too."""
        return self._sweep(self._alert)

    def _due(self, session: Session, now: int, wanted: Event) -> Due:
        if due_event(session, self._manager.policy(session.agent_id), now) is not wanted:
            return None
        after = course.move(session, wanted, now)
        forgotten = wanted is Event.EXPIRED and session.handled_by is HandledBy.OPERATOR
        return after, events.of_move(session, after), {"reason": "operator_expired"} if forgotten else None

    def _alert(self, session: Session, now: int) -> Due:
        if not alert_due(session, self._manager.policy(session.agent_id), now):
            return None
        told = (events.event("handoff_unanswered"),)
        return replace(session, alerted_at=now), told, {"reason": "nobody_answered"}

    def _sweep(self, decide: Callable[[Session, int], Due]) -> Moved:
        manager, moved = self._manager, Moved()
        for batch in manager.indexes.overdue():
            now = manager.ledger.now()
            found: list[tuple[str, Session, Change, dict[str, Any] | None]] = []
            for cid, session in batch:
                due = decide(session, now)
                if due:
                    found.append((cid, session, manager.change(due[0], due[1]), due[2]))
            done = manager.ledger.write_all([(cid, change, failure) for cid, _, change, failure in found])
            for (cid, before, change, failure), ok in zip(found, done, strict=True):
                if ok:
                    moved.append((cid, change.session))
                    manager.log_move(cid, before, change.session)
                    if failure:
                        _log.error(str(failure["reason"]), customer=cid[:6], session_id=before.id)
        return moved
