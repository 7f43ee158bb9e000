"""The clock: a small process that enqueues the scheduled jobs. ``python -m workers.clock``.

Any number may run: each job's time slot is taken by one of them. None for a while does no
harm: workers ring on their own, and the jobs look at what is due, not at when they last ran.
"""

from __future__ import annotations

import signal
import threading
import time

import redis
import structlog

from config import logging
from config.settings import Settings, settings_or_exit
from session import keys
from workers import jobs
from workers.signals import set_soon

# Each job, and the setting that says how often, in seconds.
TIMETABLE = {
    "check_idle_sessions": "sweep_interval_seconds",
    "expire_sessions": "sweep_interval_seconds",
    "alert_unanswered": "sweep_interval_seconds",
    "ring_again": "sweep_interval_seconds",
    "reconcile": "sweep_interval_seconds",
    "fetch_missed": "backfill_seconds",
}
STALE_S = 30.0  # a scheduled job that waited so long is dropped: the next one does the same
QUEUED_MAX = 3 * len(TIMETABLE)  # no more are put in when no worker takes them

_log = structlog.get_logger("clock")


class Clock:
    """Enqueues what is due. Safe beside others of its kind."""

    def __init__(self, settings: Settings) -> None:
        self._every: dict[str, float] = {job: getattr(settings, name) for job, name in TIMETABLE.items()}
        self._redis = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds)
        self._queue = jobs.queue("clock", self._redis, settings.job_seconds)

    def tick(self) -> list[str]:
        """Enqueue each job whose slot nobody has taken; gives their names. Raises ``redis.RedisError``."""
        if self._queue.count >= QUEUED_MAX:
            return []
        mine = [job for job in TIMETABLE if self._takes_slot(job)]
        for job in mine:
            self._queue.enqueue_call(
                f"workers.sweep.{job}",
                ttl=round(max(STALE_S, 2 * self._every[job])),
                result_ttl=jobs.FINISHED_SECONDS,
                failure_ttl=jobs.FAILED_SECONDS,
                description=job.replace("_", " "),
            )
        return mine

    def _takes_slot(self, job: str) -> bool:
        every_s = self._every[job]
        slot, life_ms = int(time.time() / every_s), max(1000, round(every_s * 10_000))
        return bool(self._redis.set(keys.clock_slot(job, slot), 1, nx=True, px=life_ms))

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop. A Redis that is away is waited for."""
        pause_s = min(1.0, min(self._every.values()) / 2)
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

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: set_soon(stop))
    _log.info("clock_started", every_s=settings.sweep_interval_seconds)
    Clock(settings).run(stop)
    _log.info("clock_stopped")


if __name__ == "__main__":
    main()
