"""The doorbell: only our own functions, only opaque ids, and nothing in the queue ends a worker."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from rq import Queue
from rq.exceptions import DeserializationError
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

from session import address
from tests.flow.system import ID_KEY, PROJECT, System, wait_for
from workers import jobs

CID = "0123456789abcdef" * 2
ANSWER = "workers.turn.answer_customer"


@pytest.mark.parametrize("name", jobs.FUNCTIONS)
def test_every_name_is_a_function_of_ours(name: str) -> None:
    """What a job may name exists and takes as many ids as it says."""
    function = import_attribute(name)

    assert function.__module__.startswith("workers.")
    assert function.__code__.co_argcount == jobs.FUNCTIONS[name]


FOREIGN: dict[str, Any] = {
    "os.system": ["os.system", None, ["true"], {}],
    "a builtin": ["builtins.eval", None, ["1"], {}],
    "another function of ours": ["workers.main.main", None, [], {}],
    "a function of rq's": ["rq.utils.import_attribute", None, ["os.system"], {}],
    "a phone number": [ANSWER, None, ["+15550680001"], {}],
    "a phone number without +": [ANSWER, None, ["15550680001"], {}],
    "a phone number by name": [ANSWER, None, [], {"cid": "+15550680001"}],
    "an id and more by name": [ANSWER, None, [CID], {"body": "Hello"}],
    "an id and a text": [ANSWER, None, [CID, "Hello"], {}],
    "no id": [ANSWER, None, [], {}],
    "an id too long": [ANSWER, None, [CID + "0"], {}],
    "an id and a line": [ANSWER, None, [CID + "\n"], {}],
    "an id in capitals": [ANSWER, None, [CID.upper()], {}],
    "an id in a list": [ANSWER, None, [[CID]], {}],
    "a number": [ANSWER, None, [12345678901234567890123456789012], {}],
    "letters in place of a list": [ANSWER, None, CID, {}],
    "an object": [ANSWER, {"x": 1}, [CID], {}],
    "no function": [None, None, [], {}],
    "a list as function": [[ANSWER], None, [CID], {}],
    "another shape": {"func": ANSWER},
    "too short": [ANSWER],
}


def put(server: redis.Redis, data: bytes, queue: str = "turns", **fields: Any) -> str:
    """A job as anybody with access to Redis could put it there."""
    name = f"foreign-{zlib.crc32(data + repr(fields).encode()):x}"
    facts: dict[Any, Any] = {
        "data": data,
        "created_at": "2026-11-20T00:00:00.0Z",
        "status": "queued",
        "origin": queue,
        **fields,
    }
    server.hset(f"rq:job:{name}", mapping=facts)
    server.rpush(f"rq:queue:{queue}", name)
    return name


def packed(call: Any) -> bytes:
    return zlib.compress(json.dumps(call).encode())


@pytest.mark.parametrize("call", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_job_has_no_function(redis_server: Any, call: Any) -> None:
    """Whatever a job names or carries that is not ours: there is nothing to run, and no callback of its own."""
    with redis.Redis.from_url(redis_server.url, db=9) as server:
        name = put(server, packed(call), success_callback_name="os.system", failure_callback_name="os.system",
                   stopped_callback_name="os.system", retries_left="3", repeats_left="3", webhooks='[{"url": "x"}]')  # fmt: skip
        job = jobs.RingbackJob.fetch(name, connection=server, serializer=JSONSerializer)

        with pytest.raises((jobs.ForeignJob, DeserializationError, TypeError)):
            _ = job.func
        assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
        assert (job.webhooks, job.should_retry, job.repeats_left) == ([], False, None)


def test_ours_has_its_function(redis_server: Any) -> None:
    """A job that the bell puts in is fetched and may run."""
    with redis.Redis.from_url(redis_server.url, db=9) as server:
        ours = jobs.queue("turns", server).enqueue_call(ANSWER, args=(CID,))
        job = jobs.RingbackJob.fetch(ours.id, connection=server, serializer=JSONSerializer)

        assert job.func is import_attribute(ANSWER)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Web and the world, without a worker."""
    running = System(tmp_path_factory.mktemp("jobs"))
    try:
        yield running.start("simulator", "web")
    finally:
        running.stop()


def test_a_stock_worker_answers(desk: System) -> None:
    """RQ's own worker, told our job class and serializer, does a turn; nothing of ours need be running."""
    customer = "+15550680002"
    desk.says(customer, "Hi, I'm having trouble with my order #12345")
    command = [sys.executable, "-m", "rq.cli", "worker", "--burst", "-u", desk.redis_server.url]
    stock = [*command, "-S", "rq.serializers.JSONSerializer", "-j", "workers.jobs.RingbackJob", "turns"]
    done = subprocess.run(stock, cwd=PROJECT, env=desk.env, capture_output=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert "12345" in desk.reply(customer)


def test_nothing_in_the_queue_ends_the_worker(desk: System, tmp_path: Any) -> None:
    """Foreign jobs end in the failed registry, garbage is passed over, and the next customer is answered."""
    trace = tmp_path / "trace"
    shell = packed(["os.system", None, [f"touch {trace}"], {}])
    pickled = pickle.dumps((subprocess.call, None, (["touch", str(trace)],), {}))
    with redis.Redis.from_url(desk.redis_server.url) as server:
        refused = [put(server, packed(call)) for call in FOREIGN.values()]
        refused += [put(server, shell, queue) for queue in jobs.QUEUES]
        refused += [put(server, pickled), put(server, zlib.compress(pickled)), put(server, b"\xff\x00")]
        calls_back = {
            "success_callback_name": "os.system",
            "failure_callback_name": "os.system",
            "retries_left": "5",
        }
        refused.append(put(server, shell, **calls_back, webhooks=json.dumps([{"url": desk.simulator}])))
        for wrong in (
            "timeout",
            "result_ttl",
            "created_at",
            "dependency_ids",
            "status",
            "retry_intervals",
            "webhooks",
        ):
            put(server, shell, **{wrong: "garbage \xff"})
        server.rpush("rq:queue:turns", "no-such-job", b"\xff\xfe")
        desk.spawn("worker")
        wait_for(
            lambda: not any(server.llen(f"rq:queue:{name}") for name in jobs.QUEUES), "the queue to be empty"
        )
        failed = {
            name
            for q in jobs.QUEUES
            for name in Queue(q, connection=server).failed_job_registry.get_job_ids()
        }
    desk.says("+15550680003", "Hello")
    desk.reply("+15550680003")

    assert set(refused) <= failed
    assert not trace.exists()
    assert desk.processes["worker"].poll() is None


def test_a_job_carries_the_customers_id_and_nothing_else(desk: System) -> None:
    """What web puts into the queue is the keyed hash, under a name that tells what it is for."""
    customer = "+15550680004"
    if "worker" in desk.processes:
        desk.kill("worker")
    desk.says(customer, "Hello")
    cid = address.customer_id(ID_KEY, customer)
    with redis.Redis.from_url(desk.redis_server.url) as server:
        waiting = Queue("turns", connection=server, serializer=JSONSerializer).get_jobs()
        [job] = [job for job in waiting if job.args == [cid]]

        assert (job.func_name, job.kwargs, job.meta) == (ANSWER, {}, {})
        assert job.description == f"answer customer {cid[:6]}"


def test_web_does_not_load_what_thinks(desk: System) -> None:
    """The web process, its app made, has loaded neither a model's client, nor Twilio's, nor a turn."""
    code = (
        "import sys, ingress.app; ingress.app.create_app(); "
        "print('loaded', *(m for m in sys.modules if m.split('.')[0] in ('ai', 'openai', 'simulator') "
        "or m.startswith(('twilio.rest', 'workers.turn', 'workers.runtime', 'workers.main'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=desk.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "loaded" in done.stdout.splitlines()
