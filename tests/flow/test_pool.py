"""Many turns in one worker process, and RQ's own eyes and commands on it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from rq import Worker
from rq.command import send_stop_job_command
from rq.job import JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend

from tests.flow import staff
from tests.flow.system import System, wait_for
from workers.jobs import RingbackJob, queue


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with one worker of 50 slots and a model that takes its time when told to."""
    running = System(tmp_path_factory.mktemp("crowd"), WORKER_CONCURRENCY="50", RING_SECONDS="1")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def rq(crowd: System) -> Iterator[redis.Redis]:
    """RQ's view of the queue, as a dashboard has it."""
    client: redis.Redis = redis.Redis.from_url(crowd.redis_server.url)
    yield client
    client.close()


def _started(rq: redis.Redis) -> list[str]:
    registry = StartedJobRegistry("turns", connection=rq, job_class=RingbackJob, serializer=JSONSerializer)
    return registry.get_job_ids(cleanup=False)


def test_fifty_turns_at_once_on_ten_connections(crowd: System, rq: redis.Redis) -> None:
    """50 customers are thought about at the same time, each job in RQ's registry, over at most ten connections."""
    customers = [f"+1555700{n:04d}" for n in range(50)]
    crowd.model(latency_ms=3000)
    try:
        with ThreadPoolExecutor(10) as senders:
            list(senders.map(lambda c: crowd.says(c, "Hello"), customers))
        wait_for(lambda: len(_started(rq)) == 50, "50 jobs in flight")
        worker = Worker.all(connection=rq)
        pid = crowd.processes["worker"].pid
        clients = rq.client_list()
    finally:
        crowd.model(latency_ms=0)
    for customer in customers:
        crowd.reply(customer)

    assert len(worker) == 1
    assert worker[0].pid == pid
    assert [len(crowd.replies(c)) for c in customers] == [1] * 50
    assert len(_of_process(pid, clients)) <= 10


def _of_process(pid: int, clients: list[dict[str, str]]) -> list[dict[str, str]]:
    """The Redis clients whose socket this process holds, told by the local port."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        if parts[9] in inodes:
            ports.add(str(int(parts[1].split(":")[1], 16)))
    return [c for c in clients if c["addr"].rsplit(":", 1)[1] in ports]


def test_suspended_and_resumed(crowd: System, rq: redis.Redis) -> None:
    """`rq suspend` keeps the worker from new turns and `rq resume` lets it go on."""
    suspend(rq)
    try:
        wait_for(lambda: Worker.all(connection=rq)[0].get_state() == "suspended", "suspension")
        crowd.says("+15557010001", "Hello")
        assert crowd.replies("+15557010001") == []
    finally:
        resume(rq)

    assert crowd.reply("+15557010001")


def test_a_job_told_to_stop_lets_go(crowd: System, rq: redis.Redis) -> None:
    """RQ's stop-job ends the turn at its next step: RQ shows it as stopped, and the message still waits."""
    customer = "+15557010002"
    crowd.model(latency_ms=1500)
    crowd.says(customer, "Stop thinking about this")
    wait_for(lambda: "Stop thinking about this" in str(crowd.model_requests()), "the model to be asked")
    job_id = wait_for(lambda: _started(rq), "the job")[0].split(":")[0]
    send_stop_job_command(rq, job_id, serializer=JSONSerializer)
    wait_for(lambda: _status(rq, job_id) == JobStatus.STOPPED, "the stop")
    crowd.model(latency_ms=0)

    assert crowd.replies(customer) == []
    assert any(customer == m["from"] for m in crowd.messages(customer))
    assert crowd.session(customer)["message_count"] == 1


def _status(rq: redis.Redis, job_id: str) -> JobStatus:
    return RingbackJob.fetch(job_id, connection=rq, serializer=JSONSerializer).get_status()


def test_a_job_that_fails_harms_no_other(crowd: System, rq: redis.Redis) -> None:
    """A job that is not ours is refused and shown as failed while turns go on."""
    bad = queue("turns", rq).enqueue_call("os.getcwd")
    customer = "+15557010003"
    crowd.says(customer, "Hello")

    assert crowd.reply(customer)
    wait_for(lambda: _status(rq, bad.id) == JobStatus.FAILED, "the refusal")
    assert crowd.processes["worker"].poll() is None


def test_sigterm_finishes_what_is_under_way(crowd: System, rq: redis.Redis) -> None:
    """Told to end with ten turns in flight, the process finishes them, registers its death and leaves with 0."""
    customers = [f"+1555702{n:04d}" for n in range(10)]
    crowd.model(latency_ms=1500)
    for customer in customers:
        crowd.says(customer, "Wait for me")
    wait_for(lambda: str(crowd.model_requests()).count("Wait for me") == 10, "ten turns in flight")
    code = crowd.kill("worker", signal.SIGTERM)
    crowd.model(latency_ms=0)

    assert code == 0
    assert [len(crowd.replies(c)) for c in customers] == [1] * 10
    assert rq.smembers("rq:workers") == set()
    crowd.spawn("worker")
    crowd.ready("worker")


def test_redis_restarts_leave_nothing_behind(crowd: System) -> None:
    """Redis is killed three times: turns in flight stay the pool's, and threads and connections do not pile up."""
    pid = crowd.processes["worker"].pid
    customer = "+15557010009"
    threads, links = [], []
    for _ in range(3):
        crowd.redis_server.process.kill()
        crowd.redis_server.process.wait()
        crowd.restart_redis()
        wait_for(lambda: crowd.says(customer, "Hello")["status"] == 200, "web to be back")
        wait_for(lambda: len(crowd.redis.client_list()) >= 3, "the worker to be back")
        time.sleep(1.5)
        threads.append(len(list(Path(f"/proc/{pid}/task").iterdir())))
        links.append(len(_of_process(pid, crowd.redis.client_list())))
    crowd.reply(customer)
    staff.settled(crowd, customer)
    crowd.model(latency_ms=1500)
    before = len(crowd.replies(customer))
    crowd.says(customer, "Finish this one")
    wait_for(lambda: "Finish this one" in str(crowd.model_requests()), "the model to be asked")
    code = crowd.kill("worker", signal.SIGTERM)
    crowd.model(latency_ms=0)

    assert code == 0
    assert len(crowd.replies(customer)) == before + 1
    assert max(links) <= 10
    assert threads[-1] <= threads[0] + 1
