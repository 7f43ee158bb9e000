"""Ringing: the one part of ``workers`` that the web process uses.

A job only says "look at this customer"; what there is to do stands in the ledger, so a
job that is lost costs seconds and one too many costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

import redis
from rq.job import Job, JobStatus
from rq.utils import now, utcformat

from workers import jobs

ANSWER = "workers.turn.answer_customer"
TTL_S = 300  # a ring that nobody took by then is worth nothing: others came after it


class Bell:
    """Enqueues turns. Safe for threads.

    RQ takes 0.2 ms to build a job, as much as all the rest of ringing; ours differ in nothing
    but their customer, so RQ builds one and we copy its record. A test compares the two.
    """

    def __init__(self, connection: redis.Redis, job_seconds: float = 120) -> None:
        self._turns = jobs.queue("turns", connection, job_seconds)
        pattern = self._job("0" * 32)
        self._record = {name: value for name, value in pattern.to_dict().items() if value != ""}

    def ring(self, cid: str) -> None:
        """Say that this customer waits. Raises ``redis.RedisError``; the clock rings again then."""
        self.ring_all([cid])

    def ring_all(self, cids: Iterable[str]) -> None:
        """One round trip for all of them."""
        moment = utcformat(now())
        with self._turns.connection.pipeline() as pipe:
            pipe.sadd(self._turns.redis_queues_keys, self._turns.key)
            for cid in cids:
                job_id = str(uuid4())
                record = self._record | {
                    "created_at": moment,
                    "enqueued_at": moment,
                    "last_heartbeat": "",
                    "data": jobs.data(ANSWER, cid),
                    "description": _description(cid),
                }
                key = jobs.RingbackJob.key_for(job_id)
                pipe.hset(key, mapping=record)
                pipe.expire(key, TTL_S)
                pipe.rpush(self._turns.key, job_id)
            pipe.execute()

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


def _description(cid: str) -> str:
    return f"answer customer {cid[:6]}"
