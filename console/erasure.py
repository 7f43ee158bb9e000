"""Forgetting a customer everywhere: the ledger, and the jobs that name them. Used by the API and the command line."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import redis
import structlog
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from config.settings import Settings
from console import twilio_erasure
from console.twilio_erasure import Report
from session import customers
from session.manager import SessionManager
from workers import jobs

JOBS_MAX = 100_000  # of one list; a queue longer than that is an outage, and its jobs end by themselves
BATCH = 1_000
CALL_BYTES_MAX = 4096

_DELETED = "deleted at once"
_ENTRIES = "the customer's entries are taken out at once"
_ENDS = "ends by itself; holds no number and no words"

# What becomes of each kind of key when a customer is forgotten; docs/privacy.md prints it.
RULES: dict[str, str] = {
    **dict.fromkeys(
        (
            "customer", "inbox", "attempts", "placed", "sessions", "history", "parts", "outbox", "memory",
            "failures", "claim", "pace", "said", "turns", "calls", "media",
        ),
        _DELETED,
    ),
    **dict.fromkeys(
        ("waiting", "rings", "active", "closed", "events", "deadlines", "dead", "resolved"), _ENTRIES
    ),
    "sequence": "stays: one counter for all customers",
    "alias": _DELETED,
    "seen": f"after 30 days: Twilio's SID alone; {_ENDS}",
    "called": f"after a day: {_ENDS}",
    "summing": f"after a minute: {_ENDS}",
    "erased": f"written by this, for 48 hours, so that nothing is fetched back; {_ENDS}",
}  # fmt: skip

_log = structlog.get_logger("console")


def erase(manager: SessionManager, queue: redis.Redis, cid: str) -> dict[str, int]:
    """Remove all that is held; gives how many of what. A turn that runs finds its claim gone and stores nothing."""
    removed = customers.sizes(manager, cid)
    records = manager.forget(cid)
    # After the ledger, which alone knows whom to ring for: no job is made anew.
    removed |= {"jobs": _jobs(queue, cid), "records": records}
    _log.info("customer_forgotten", customer=cid[:6], **removed)
    return removed


def erase_everywhere(
    manager: SessionManager, settings: Settings, queue: redis.Redis, cid: str
) -> tuple[dict[str, int], Report]:
    """The same at Twilio too. Raises ``TwilioAway`` before anything is deleted when Twilio takes no deletion.

    Twilio first, for our record alone names what it keeps; then ours, after which nothing new is sent; then what
    came in between, and once more what was still on its way.
    """
    at_twilio = twilio_erasure.TwilioErasure(settings)
    known = twilio_erasure.named(manager, settings, cid)
    at_twilio.begin(known)
    at_twilio.delete(known)
    records = twilio_erasure.named(manager, settings, cid)
    removed = erase(manager, queue, cid)
    at_twilio.delete(records)
    at_twilio.again()
    twilio_erasure.told(at_twilio.report, cid)
    return removed, at_twilio.report


def _jobs(connection: redis.Redis, cid: str) -> int:
    """Remove the jobs that name a customer; gives how many. One that runs ends by itself within seconds."""
    removed = 0
    for name in jobs.QUEUES:
        queue = jobs.queue(name, connection)
        ids = _ids(queue)
        for at in range(0, len(ids), BATCH):
            for job_id in _naming(connection, ids[at : at + BATCH], cid):
                try:
                    job = jobs.RingbackJob.fetch(job_id, connection=connection, serializer=queue.serializer)
                    if not job.is_started:
                        job.delete()
                        removed += 1
                except (NoSuchJobError, InvalidJobOperation):
                    continue  # gone by itself, or by another deletion, since it was listed
    return removed


def _ids(queue: Queue) -> list[str]:
    """Jobs that wait, and those that are kept to be looked at."""
    kept = (queue.finished_job_registry, queue.failed_job_registry)
    waiting = queue.get_job_ids(0, JOBS_MAX)
    return waiting + [job_id for registry in kept for job_id in registry.get_job_ids(0, JOBS_MAX)]


def _naming(connection: redis.Redis, ids: Sequence[str], cid: str) -> list[str]:
    """Those jobs whose call names the customer; in one round trip, for there may be many thousands."""
    pipe = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(jobs.RingbackJob.key_for(job_id), "data")
    return [job_id for job_id, data in zip(ids, pipe.execute(), strict=True) if cid.encode() in _call(data)]


def _call(data: bytes | None) -> bytes:
    """What RQ keeps of a call, as far as one of ours goes."""
    try:
        return zlib.decompressobj().decompress(data or b"", CALL_BYTES_MAX)
    except zlib.error:
        return b""
