"""The worker process: ``python -m workers.main``.

Loads everything once, listens to all our queues, rings for customers who are due, and
when told to stop ends within ``SHUTDOWN_SECONDS``: a turn that is not committed by then
is let go, with its attempt given back.
"""

from __future__ import annotations

import os
import threading
import time

import redis
import structlog
from rq.serializers import JSONSerializer

from config import logging
from config.settings import settings_or_exit
from workers import jobs, media_room, turn  # noqa: F401  turn: loaded before the first job needs it
from workers.pool import PoolWorker
from workers.runtime import Runtime, build, use

LOOK_S = 0.5  # how often a worker process looks who is due
LET_GO_SHARE = 0.72  # of SHUTDOWN_SECONDS: 18 of 25 s
WORKER_TTL_S = 60
QUEUE_CONNECTIONS = 4  # RQ's share; with the ledger's and the bell's, ten for 50 turns
RESTART_S = (0.5, 1.0, 2.0, 5.0)

_log = structlog.get_logger("worker")


def _end_later(rt: Runtime) -> None:
    threading.Thread(target=_end_in_time, args=(rt,), name="end-in-time", daemon=True).start()


def _end_in_time(rt: Runtime) -> None:
    """Let go of turns that do not end, then end the process whatever it waits for."""
    limit = rt.settings.shutdown_seconds
    time.sleep(limit * LET_GO_SHARE)
    rt.keeper.let_go()
    time.sleep(max(0.0, limit * (1 - LET_GO_SHARE) - 0.5))
    _log.warning("worker_ended_by_force")
    os._exit(0)


def ring_for_due(rt: Runtime) -> None:
    """Look who is due, in every partition, until the process stops. No clock is needed for that."""
    away = False
    while not rt.stopping.wait(LOOK_S):
        try:
            cids = rt.ledger.due()
            if cids:
                rt.bell.ring_all(cids)
            away = False
        except redis.RedisError as error:
            rt.delivery.quarantine.doubt()
            if not away:
                _log.warning("redis_away", error=type(error).__name__)
            away = True
        except Exception:  # noqa: BLE001  this thread must not end while the process lives
            _log.exception("ring_failed")


def work(rt: Runtime) -> None:
    """Run RQ workers, one after the other should one end by itself, until the process is told to stop."""
    failures = 0
    while not rt.stopping.is_set():
        started = time.monotonic()
        connection = jobs.connect(
            rt.settings.redis_connection_url, rt.settings.redis_timeout_seconds, QUEUE_CONNECTIONS
        )
        try:
            PoolWorker(
                [jobs.queue(name, connection, rt.settings.job_seconds) for name in jobs.QUEUES],
                connection=connection,
                job_class=jobs.RingbackJob,
                serializer=JSONSerializer,
                worker_ttl=WORKER_TTL_S,
                slots=rt.settings.worker_concurrency,
                stopping=rt.stopping,
                on_stop=lambda: _end_later(rt),
            ).work()
        except redis.RedisError as error:
            _log.error("redis_away", error=type(error).__name__)
        failures = 0 if time.monotonic() - started > 30 else failures + 1
        rt.stopping.wait(RESTART_S[min(failures, len(RESTART_S) - 1)])


def main() -> None:
    settings = settings_or_exit("worker")
    logging.configure(settings, "worker")
    media_room.give_back_large_blocks()
    rt = build(settings)
    use(rt)
    threading.Thread(target=ring_for_due, args=(rt,), name="ring-for-due", daemon=True).start()
    _log.info("worker_started", queues=list(jobs.QUEUES))
    work(rt)
    _log.info("worker_stopped")


if __name__ == "__main__":
    main()
