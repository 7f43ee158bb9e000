"""Asking for what is done behind the conversation: a job on the queue ``background``, with a customer's opaque id."""

from __future__ import annotations

import redis
import structlog

from workers import jobs

SUMMARISE = "workers.background.summarise"
CALL_OPERATORS = "workers.background.call_operators"
TTL_S = 3600

_log = structlog.get_logger("background")


class Background:
    """Enqueues background jobs. Safe for threads."""

    def __init__(self, connection: redis.Redis, job_seconds: float) -> None:
        self._queue = jobs.queue("background", connection, job_seconds)

    def summarise(self, cid: str) -> None:
        """Have the customer's sessions summed up, as far as there is anything new."""
        self._enqueue(SUMMARISE, cid, "sum up")

    def call_operators(self, cid: str) -> None:
        """Tell the agents' operators that this customer waits for a person."""
        self._enqueue(CALL_OPERATORS, cid, "call operators for")

    def _enqueue(self, function: str, cid: str, words: str) -> None:
        try:
            self._queue.enqueue_call(
                function, args=(cid,), ttl=TTL_S, result_ttl=jobs.FINISHED_SECONDS, failure_ttl=jobs.FAILED_SECONDS,
                description=f"{words} customer {cid[:6]}",
            )  # fmt: skip
        except redis.RedisError as error:
            # The answer is out; this comes again with the next turn or the alert.
            _log.warning("not_enqueued", job=function.rpartition(".")[2], error=type(error).__name__)
