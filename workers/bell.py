"""Ringing: the one part of ``workers`` that the web process uses.

A job only says "look at this customer"; what there is to do stands in the ledger, so a
job that is lost costs seconds and one too many costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import redis

from workers import jobs

ANSWER = "workers.turn.answer_customer"


class Bell:
    """Enqueues turns. Safe for threads."""

    def __init__(self, connection: redis.Redis, job_seconds: float = 120) -> None:
        self._turns = jobs.queue("turns", connection, job_seconds)

    def ring(self, cid: str) -> None:
        """Say that this customer waits. Raises ``redis.RedisError``; the clock rings again then."""
        self.ring_all([cid])

    def ring_all(self, cids: Iterable[str]) -> None:
        """One round trip for all of them."""
        with self._turns.connection.pipeline(transaction=False) as pipe:
            for cid in cids:
                self._turns.enqueue_call(
                    ANSWER,
                    args=(cid,),
                    result_ttl=jobs.FINISHED_SECONDS,
                    failure_ttl=jobs.FAILED_SECONDS,
                    description=f"answer customer {cid[:6]}",
                    pipeline=pipe,
                )
            pipe.execute()
