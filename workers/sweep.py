"""What the clock does: idle, expire, ring again, find what fell out of the indexes, fetch what was missed.

Each is an RQ job without arguments on the queue ``clock``, safe to run twice and at once.
"""

from __future__ import annotations

import structlog

from session import keys
from session.claims import DAY_MS
from workers.backfill import Backfill
from workers.runtime import runtime

SCAN_KEYS = 1000  # looked at in one run; the next run goes on from there

_log = structlog.get_logger("sweep")


def check_idle_sessions() -> int:
    """ACTIVE to IDLE for every session that has been quiet long enough; gives how many."""
    rt = runtime()
    moved = rt.manager.timers.idle()
    for cid, session in moved:
        if rt.manager.outgrown(session):
            rt.background.summarise(cid)
    return _counted("check_idle_sessions", len(moved))


def expire_sessions() -> int:
    """CLOSED for every session whose time is over; gives how many."""
    return _counted("expire_sessions", runtime().manager.cleanup_expired_sessions())


def alert_unanswered() -> int:
    """Tell the operators of every customer who has waited for a person for too long; gives how many."""
    rt = runtime()
    waiting = rt.manager.timers.alert()
    for cid, _ in waiting:
        rt.background.call_operators(cid)
    return _counted("alert_unanswered", len(waiting))


def ring_again() -> int:
    """Ring for every customer who waits and is due: a lost job, a dead worker, a part to look up."""
    rt = runtime()
    cids = rt.ledger.due()
    if cids:
        rt.bell.ring_all(cids)
    return _counted("ring_again", len(cids))


def reconcile() -> int:
    """Put customers with work back into the waiting index, should they ever be missing there; gives how many.

    The scripts keep index and data together; this is for a Redis that lost one of them. What was made of media that
    are too old by now is dropped on the way. It walks the keys a bit at a time, so its cost does not grow with what exists.
    """
    rt = runtime()
    ledger, keep_ms = rt.ledger, round(rt.settings.media_retention_days * DAY_MS)
    cursor, found = int(str(ledger.redis.get(keys.SCAN_CURSOR) or 0)), 0
    cursor, names = ledger.redis.scan(cursor, match=f"{keys.PREFIX}{{p*", count=SCAN_KEYS)
    ledger.redis.set(keys.SCAN_CURSOR, cursor)
    now = ledger.now()
    for name in names:
        kind, cid = str(name).split(":")[2], str(name).rsplit(":", 1)[1]
        if kind in ("inbox", "outbox"):
            found += int(ledger.redis.zadd(keys.key("waiting", cid), {cid: now}, nx=True) or 0)
        elif kind == "media":
            ledger.drop_media(cid, keep_ms)
    return _counted("reconcile", found)


def fetch_missed() -> int:
    """Take in the inbound messages that Twilio has and we have not; gives how many."""
    return _counted("fetch_missed", Backfill(runtime()).run())


def _counted(job: str, count: int) -> int:
    if count:
        _log.info("swept", job=job, count=count)
    return count
