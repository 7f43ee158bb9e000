"""Ringing: the one part of ``workers`` that the web process uses.

A job only says "look at this customer"; what there is to do stands in the ledger, so a
job that is lost costs seconds and one too many costs nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
from collections.abc import Iterable
from uuid import uuid4

import redis
import structlog
from rq.job import Job, JobStatus
from rq.utils import now, utcformat

from session.connection import Script, run
from workers import jobs

ANSWER = "workers.turn.answer_customer"
TTL_S = 300  # a ring that nobody took by then is worth nothing: others came after it
EXIT_S = 2.0
BATCH_MAX = 500  # rings of one round trip, that a backlog does not hold Redis up

# KEYS queues queue job ...
# ARGV ttl_s, the number of fields that all jobs share, those fields, then for each job id data description
# A job that is there already was enqueued by this same call, whose answer was lost.
_ENQUEUE = Script.of("""
redis.call('SADD', KEYS[1], KEYS[2])
local shared = {unpack(ARGV, 3, 2 + ARGV[2])}
for i = 3, #KEYS do
  local at = 3 * i - 6 + ARGV[2]
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('HSET', KEYS[i], 'data', ARGV[at + 1], 'description', ARGV[at + 2], unpack(shared))
    redis.call('EXPIRE', KEYS[i], ARGV[1])
    redis.call('RPUSH', KEYS[2], ARGV[at])
  end
end
""")

_log = structlog.get_logger("bell")


class Bell:
    """Enqueues turns. Safe for threads.

    RQ takes 0.2 ms to build a job, as much as all the rest of ringing; ours differ in nothing
    but their customer, so RQ builds one and we copy its record. A test compares the two.
    """

    def __init__(self, connection: redis.Redis, job_seconds: float = 120) -> None:
        self._turns = jobs.queue("turns", connection, job_seconds)
        pattern = self._job("0" * 32).to_dict()
        varying = ("created_at", "enqueued_at", "last_heartbeat", "data", "description")
        self._shared = [
            x for name, value in pattern.items() if value != "" and name not in varying for x in (name, value)
        ]

    def ring(self, cid: str) -> None:
        """Say that this customer waits. Raises ``redis.RedisError``; the clock rings again then."""
        self.ring_all([cid])

    def ring_all(self, cids: Iterable[str]) -> None:
        """One round trip for all of them."""
        moment = utcformat(now())
        shared = [*self._shared, "created_at", moment, "enqueued_at", moment, "last_heartbeat", ""]
        rings = [(str(uuid4()), jobs.data(ANSWER, cid), _description(cid)) for cid in cids]
        names = [self._turns.redis_queues_keys, self._turns.key]
        names += [jobs.RingbackJob.key_for(job_id) for job_id, _, _ in rings]
        call = [len(names), *names, TTL_S, len(shared), *shared, *(x for ring in rings for x in ring)]
        run(self._turns.connection, _ENQUEUE, call)

    def _job(self, cid: str) -> Job:
        job = self._turns.create_job(
            ANSWER,
            args=(cid,),
            ttl=TTL_S,
            timeout=self._turns._default_timeout,
            result_ttl=jobs.FINISHED_SECONDS,
            failure_ttl=jobs.FAILED_SECONDS,
            description=_description(cid),
            status=JobStatus.QUEUED,
        )
        job.origin = self._turns.name
        job.enqueued_at = now()
        return job


class Ringer:
    """Rings from a thread of its own, for all who came meanwhile in one round trip: who rings does not wait.

    A ring that fails, or is lost with the process, costs seconds: the ledger knows who waits, and every worker and
    the clock ring again. Safe for threads; start it after the process has forked.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def ring(self, cid: str) -> None:
        """Say that this customer waits. Never fails."""
        self._waiting.put(cid)

    def close(self) -> None:
        """Ring for who is left and end."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(EXIT_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            cids = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while len(cids) < BATCH_MAX:
                    cids.append(self._waiting.get_nowait())
            ended = None in cids
            self._ring([cid for cid in cids if cid is not None])

    def _ring(self, cids: list[str]) -> None:
        try:
            if cids:
                self._bell.ring_all(cids)
        except Exception as error:  # noqa: BLE001  a thread that ended would ring for nobody ever again
            for cid in cids:
                _log.warning("ring_failed", customer=cid[:6], error=type(error).__name__)


def _description(cid: str) -> str:
    return f"answer customer {cid[:6]}"
