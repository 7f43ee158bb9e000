"""RQ as a doorbell: the queues, and the only functions a job of ours may name.

RQ resolves any dotted name it finds in Redis, ``os.system`` too; ``RingbackJob`` resolves
ours and nothing else. Use it with any RQ worker:
``rq worker -S rq.serializers.JSONSerializer -j workers.jobs.RingbackJob clock turns background``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from config.redaction import frames_of
from session import connection

QUEUES = ("clock", "turns", "background")  # the order in which a worker looks

# What a job may run, and how many opaque ids it takes.
FUNCTIONS = {
    "workers.turn.answer_customer": 1,
    "workers.sweep.check_idle_sessions": 0,
    "workers.sweep.expire_sessions": 0,
    "workers.sweep.ring_again": 0,
    "workers.sweep.alert_unanswered": 0,
    "workers.sweep.reconcile": 0,
    "workers.sweep.fetch_missed": 0,
    "workers.background.summarise": 1,
    "workers.background.call_operators": 1,
}

FINISHED_SECONDS = 600
FAILED_SECONDS = 7 * 86_400

_OPAQUE = re.compile(r"[0-9a-f]{32}")


class ForeignJob(Exception):
    """The queue holds a job that is not one of ours; it is refused, not run."""


class RingbackJob(Job):
    """A job that runs one of ``FUNCTIONS`` with opaque ids, and nothing else."""

    def restore(self, raw_data: Any) -> Any:
        """Read what is stored; webhooks, retries and repeats are none of ours. Raises ``NoSuchJobError`` for garbage."""
        try:
            super().restore(raw_data)
        except Exception:  # noqa: BLE001  rq's worker ends at whatever this raises, but passes over what is no job
            raise NoSuchJobError("this is not a job") from None
        self.webhooks = []
        self.retries_left = self.repeats_left = None

    @property
    def func(self) -> Callable[..., Any] | None:
        name = self.func_name
        if name not in FUNCTIONS or self.instance or self.kwargs:
            raise ForeignJob("this job names a function that is not ours")
        if len(self.args) != FUNCTIONS[name] or not all(
            isinstance(a, str) and _OPAQUE.fullmatch(a) for a in self.args
        ):
            raise ForeignJob("this job's arguments are not opaque ids")
        return super().func

    # Ours have none; one that is found there was put there by somebody else.
    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def _handle_failure(self, exc_string: str, *args: Any, **kwargs: Any) -> None:
        """Keep where it failed and as what, but not the error's words: they may be a customer's."""
        told = frames_of(None, "", {"exc_info": True})
        if "exception" in told:
            exc_string = "\n".join([*told["frames"], told["exception"]])
        super()._handle_failure(exc_string, *args, **kwargs)


def connect(url: str, timeout_seconds: float, max_connections: int = 20) -> redis.Redis:
    """A client for RQ, which wants bytes; see ``session.connection``."""
    return connection.connect(url, timeout_seconds, max_connections)


def data(function: str, *ids: str) -> bytes:
    """What RQ keeps of a call: its serializer's words, compressed."""
    return zlib.compress(JSONSerializer.dumps((function, None, ids, {})))


def queue(name: str, connection: redis.Redis, job_seconds: float = 120) -> Queue:
    return Queue(
        name,
        connection=connection,
        serializer=JSONSerializer,
        job_class=RingbackJob,
        default_timeout=max(1, round(job_seconds)),
    )
