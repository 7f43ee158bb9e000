"""Rings for customers who wait for a worker. The step that made them wait is done, so a ring never fails it."""

from __future__ import annotations

import redis
import structlog

from session import keys
from workers.bell import Bell

_log = structlog.get_logger("console")


def ring(bell: Bell, cid: str) -> None:
    """Say that this customer waits for a worker, if the queue answers."""
    try:
        bell.ring(cid)
    except redis.RedisError as error:
        # The ledger knows who waits, and every worker and the clock ring again.
        _log.warning("ring_failed", customer=cid[:6], error=type(error).__name__)


def ring_session(bell: Bell, session_id: str) -> None:
    """The same for the customer of a session."""
    found = keys.parse_id(session_id)
    assert found is not None
    ring(bell, found.cid)
