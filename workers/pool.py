"""An RQ worker that keeps many turns in flight: it fetches on one connection and runs jobs on threads.

A turn waits a second or more for the model and works ten milliseconds. RQ's own workers
hold one job each; this one holds ``slots``. It is RQ's worker in everything that a dashboard or
an ``rq`` command sees: registered once, its running jobs in the started registry, suspended,
resumed and told to stop a job as any other.

What RQ keeps once per worker and threads would share (execution, stopped job, current job, state)
is kept once per job here, in a ``Lane``. No exception is thrown into a thread: a job's time is
bounded by its own deadlines, and a job told to stop asks ``halt.halted()`` between steps.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

import redis
import structlog
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.command import handle_command, parse_payload
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.suspension import is_suspended
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import WorkerStatus

from workers import halt
from workers.signals import set_soon

FETCH_S = 1  # one look into the queues; stop and suspension are seen in between
HEARTBEAT_S = 10.0
LIFE_S = 70  # of a running job's record in RQ, from each heartbeat
LATE_S = 60.0  # a job this long over its time-out holds its slot for good
LOST_SHARE = 0.5  # of the slots: with so many lost the process ends, for its supervisor to start it anew

_log = structlog.get_logger("worker")


class NoPenalty(BaseDeathPenalty):
    """RQ's time-out of a job: none. A signal reaches the main thread only, and an exception thrown
    into another can strike between a request and its record."""

    def __enter__(self) -> None:
        """Nothing is set up."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is taken down."""


class Lane(SimpleWorker):
    """One job's worker: RQ's ``perform_job`` with a record of its own. What is said of the worker, the pool says."""

    death_penalty_class = NoPenalty

    def __init__(self, pool: PoolWorker, job: Job) -> None:
        super().__init__(
            pool.queues, name=pool.name, connection=pool.connection, job_class=pool.job_class,
            serializer=pool.serializer, worker_ttl=pool.worker_ttl, prepare_for_work=False, log_job_description=False,
        )  # fmt: skip
        self.job = job
        self.stop = threading.Event()
        self._late_at = time.monotonic() + (job.timeout or 0) + LATE_S

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Silent."""

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Silent."""

    def set_current_job_id(self, job_id: str | None = None, pipeline: Pipeline | None = None) -> None:
        """Silent."""

    def set_current_job_working_time(
        self, current_job_working_time: float, pipeline: Pipeline | None = None
    ) -> None:
        """Silent."""

    def procline(self, message: str) -> None:
        """Silent."""

    def run(self, queue: Queue) -> None:
        """Perform the job on this thread."""
        halt.use(self.stop)
        try:
            self.prepare_execution(self.job)
            self.perform_job(self.job, queue)
        finally:
            halt.use(None)

    def told_to_stop(self) -> None:
        """RQ marks the job as stopped, and the job lets go at its next step."""
        self._stopped_job_id = self.job.id
        self.stop.set()

    def beat(self) -> None:
        """Keep the running job alive in RQ's eyes. Raises ``redis.RedisError``."""
        execution = self.execution
        if execution is None:
            return
        with self.connection.pipeline() as pipe:
            execution.heartbeat(self.job.started_job_registry, LIFE_S, pipeline=pipe)
            at = len(pipe)
            self.job.heartbeat(now(), LIFE_S, pipeline=pipe, xx=True)
            # A job that ended and went meanwhile must not come back as a lone heartbeat (RQ's issue 1450).
            if pipe.execute()[at] == 1:
                self.connection.delete(self.job.key)

    @property
    def is_lost(self) -> bool:
        """Whether its job has overstayed so long that nobody waits for it any more."""
        return time.monotonic() > self._late_at


class PoolWorker(SimpleWorker):
    """The worker of a process.

    ``slots``: jobs in flight. ``stopping`` is set when the process is told to end; ``on_stop`` is called then, once.
    """

    death_penalty_class = NoPenalty

    def __init__(
        self,
        queues: list[Queue],
        *,
        slots: int,
        stopping: threading.Event,
        on_stop: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(queues, **kwargs)
        self.slots = slots
        self.stopping = stopping
        self._on_stop = on_stop
        self._free = threading.Semaphore(slots)
        self._lanes: dict[int, Lane] = {}  # by id(): RQ holds workers of one name for equal
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._is_told = False  # to end, by a signal

    @property
    def connection_timeout(self) -> int:
        """RQ raises the socket's time-out to this; ours waits for one short look at most."""
        return FETCH_S + 2

    # The loop

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Fetch and run until told to stop, then wait for what is under way. Raises ``redis.RedisError``."""
        self._install_signal_handlers()
        try:
            self.bootstrap("WARNING")
            threading.Thread(target=self._keep_beating, name="pool-monitor", daemon=True).start()
            while not self.stopping.is_set():
                # A slot first: a job that is fetched has somewhere to run.
                if not self._free.acquire(timeout=FETCH_S):
                    continue
                try:
                    started = self._fetch_and_start()
                except redis.RedisError as error:
                    # The turns in flight and their slots stay ours: Redis comes back, or the process is told to end.
                    started = self._wait_for_redis(error)
                if not started:
                    self._free.release()
            while self._lanes:
                time.sleep(0.02)
        finally:
            self._ended.set()
            self.teardown()
        return True

    def _wait_for_redis(self, error: redis.RedisError) -> bool:
        _log.error("redis_away", error=type(error).__name__)
        while not self.stopping.wait(FETCH_S):
            with suppress(redis.RedisError):
                if not self.connection.hexists(self.key, "birth"):
                    self.connection.delete(self.key)
                    self.register_birth()  # it forgot us
                _log.info("redis_back")
                break
        return False

    def teardown(self) -> None:
        """Say goodbye where somebody listens; the command thread ends in any case."""
        with suppress(redis.RedisError):
            self.register_death()
        with suppress(redis.RedisError, OSError):
            self.unsubscribe()

    def _fetch_and_start(self) -> bool:
        """One short look into the queues, in their order; False when nothing was started."""
        if is_suspended(self.connection, self):
            self._show(WorkerStatus.SUSPENDED)
            self.stopping.wait(FETCH_S)
            return False
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()
        self._show(WorkerStatus.BUSY if self._lanes else WorkerStatus.IDLE)
        try:
            found = self.queue_class.dequeue_any(
                self._ordered_queues, FETCH_S, connection=self.connection, job_class=self.job_class,
                serializer=self.serializer, death_penalty_class=NoPenalty,
            )  # fmt: skip
        except DequeueTimeout:
            return False
        except (ValueError, KeyError, TypeError) as error:
            # What was queued is no job: RQ has taken it off, and our own records ring again for their customer.
            _log.error("job_unreadable", error=type(error).__name__)
            return False
        if found is None:
            return False
        job, queue = found
        lane = Lane(self, job)
        with self._lock:
            self._lanes[id(lane)] = lane
        threading.Thread(target=self._run, args=(lane, queue), name=f"lane-{job.id[:8]}", daemon=True).start()
        return True

    def _run(self, lane: Lane, queue: Queue) -> None:
        try:
            lane.run(queue)
        except Exception as error:  # noqa: BLE001  a thread's end is not the process'
            # RQ could not write down how the job ended; the ledger has what matters.
            _log.error("job_not_recorded", error=type(error).__name__)
        finally:
            with self._lock:
                self._lanes.pop(id(lane), None)
            self._free.release()

    def _show(self, state: WorkerStatus) -> None:
        if self.get_state() != state:
            self.set_state(state)

    # Beside the loop

    def _keep_beating(self) -> None:
        """One thread for the heartbeats of the worker and of every running job."""
        while not self._ended.wait(HEARTBEAT_S):
            with self._lock:
                lanes = list(self._lanes.values())
            try:
                self.heartbeat()
                for lane in lanes:
                    lane.beat()
            except redis.RedisError as error:
                _log.warning("heartbeat_failed", error=type(error).__name__)
            lost = sum(lane.is_lost for lane in lanes)
            if lost > self.slots * LOST_SHARE:
                _log.error("slots_lost", lost=lost, slots=self.slots)
                os._exit(1)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: fetch no more. Nothing is raised: the loop looks every second."""
        if not self._is_told:
            self._is_told = True
            set_soon(self.stopping)
            self._on_stop()

    def handle_payload(self, message: Any) -> None:
        """RQ's commands from outside; stop-job is for the lane that runs it."""
        payload = parse_payload(message)
        if payload.get("command") != "stop-job":
            handle_command(self, payload)
            return
        with self._lock:
            lanes = [lane for lane in self._lanes.values() if lane.job.id == payload.get("job_id")]
        for lane in lanes:
            lane.told_to_stop()
