"""The clock: a small process that enqueues the scheduled jobs. ``python -m workers.clock``.

Any number may run: each job's time slot is taken by one of them. None for a while does no
harm: workers ring on their own, and the jobs look at what is due, not at when they last ran.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import redis
import structlog

from config import logging
from config.settings import Settings, settings_or_exit
from session import keys
from workers import jobs

TIMETABLE = (
    "check_idle_sessions",
    "expire_sessions",
    "ring_again",
    "reconcile",
)  # every SWEEP_INTERVAL_SECONDS
STALE_S = 30.0  # a scheduled job that waited so long is dropped: the next one does the same
QUEUED_MAX = 3 * len(TIMETABLE)  # no more are put in when no worker takes them

_log = structlog.get_logger("clock")


class Clock:
    """Enqueues what is due. Safe beside others of its kind."""

    def __init__(self, settings: Settings) -> None:
        self._every = settings.sweep_interval_seconds
        self._redis = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds)
        self._queue = jobs.queue("clock", self._redis, settings.job_seconds)

    def tick(self) -> list[str]:
        """Enqueue each job whose slot nobody has taken; gives their names. Raises ``redis.RedisError``."""
        if self._queue.count >= QUEUED_MAX:
            return []
        slot = int(time.time() / self._every)
        life_ms = max(1000, round(self._every * 10_000))
        mine = [
            job for job in TIMETABLE if self._redis.set(keys.clock_slot(job, slot), 1, nx=True, px=life_ms)
        ]
        for job in mine:
            self._queue.enqueue_call(
                f"workers.sweep.{job}",
                ttl=round(max(STALE_S, 2 * self._every)),
                result_ttl=jobs.FINISHED_SECONDS,
                failure_ttl=jobs.FAILED_SECONDS,
                description=job.replace("_", " "),
            )
        return mine

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop. A Redis that is away is waited for."""
        pause_s = min(1.0, self._every / 2)
        away = False
        while not stop.wait(pause_s):
            try:
                self.tick()
                if away:
                    _log.info("redis_back")
                away = False
            except redis.RedisError as error:
                if not away:
                    _log.error("redis_away", error=type(error).__name__)
                away = True


def main() -> None:
    settings = settings_or_exit("clock")
    logging.configure(settings, "clock")
    stop = threading.Event()

    def end(_signum: int, _frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    _log.info("clock_started", every_s=settings.sweep_interval_seconds)
    Clock(settings).run(stop)
    _log.info("clock_stopped")


if __name__ == "__main__":
    main()
