"""The bell writes what RQ would have written."""

from __future__ import annotations

import threading
from typing import Any

import fakeredis
import pytest
import redis
from structlog.testing import capture_logs

from session import connection
from workers import bell, jobs

VARIES = {b"created_at", b"enqueued_at"}


def test_a_ring_is_the_job_rq_makes() -> None:
    """Field for field, type for type, the record of a ring is RQ's own; and RQ finds it where it looks."""
    store = fakeredis.FakeRedis()
    cid = "ab" * 16
    bell.Bell(store).ring(cid)
    ours = jobs.queue("turns", store).jobs[0]
    theirs = jobs.queue("theirs", store).enqueue_call(
        bell.ANSWER, args=(cid,), ttl=bell.TTL_S, result_ttl=jobs.FINISHED_SECONDS,
        failure_ttl=jobs.FAILED_SECONDS, description=ours.description,
    )  # fmt: skip
    records = [store.hgetall(job.key) for job in (ours, theirs)]
    for record in records:
        record.pop(b"origin")
    present = [{k: v for k, v in record.items() if v and k not in VARIES} for record in records]

    assert present[0] == present[1]
    assert 0 < store.ttl(ours.key) <= bell.TTL_S
    assert abs(store.ttl(theirs.key) - store.ttl(ours.key)) < 3
    assert store.smembers("rq:queues") == {b"rq:queue:turns", b"rq:queue:theirs"}
    assert (ours.func, list(ours.args), ours.get_status()) == (theirs.func, [cid], "queued")


def test_many_are_rung_for_in_one_round_trip() -> None:
    """A job each, in order."""
    store = fakeredis.FakeRedis()
    cids = [f"{n:032x}" for n in range(5)]
    bell.Bell(store).ring_all(cids)

    assert [job.args[0] for job in jobs.queue("turns", store).jobs] == cids


def test_a_ring_that_is_sent_again_rings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script whose answer was lost runs twice; the second run finds the job and leaves it."""
    store = fakeredis.FakeRedis()

    def twice(client: redis.Redis, script: connection.Script, call: list[Any]) -> None:
        for _ in range(2):
            connection.run(client, script, call)

    monkeypatch.setattr(bell, "run", twice)
    bell.Bell(store).ring_all(["ab" * 16, "cd" * 16])

    assert [job.args[0] for job in jobs.queue("turns", store).jobs] == ["ab" * 16, "cd" * 16]


class StuckBell(bell.Bell):
    """Hangs at its first ring until it is let go, then fails that one; keeps the others."""

    def __init__(self) -> None:
        self.let_go, self.reached = threading.Event(), threading.Event()
        self.rung: list[list[str]] = []

    def ring_all(self, cids: Any) -> None:
        self.rung.append(list(cids))
        if len(self.rung) == 1:
            self.reached.set()
            self.let_go.wait(10)
            raise redis.TimeoutError


def test_who_rings_does_not_wait() -> None:
    """While the queue's Redis hangs, rings are taken; then all of them go in one round trip, and none is forgotten."""
    stuck = StuckBell()
    with capture_logs() as lines:
        ringer = bell.Ringer(stuck)
        ringer.ring("first")
        assert stuck.reached.wait(10)
        for n in range(100):
            ringer.ring(f"c{n}")
        stuck.let_go.set()
        ringer.close()

    assert stuck.rung == [["first"], [f"c{n}" for n in range(100)]]
    assert [(line["event"], line["customer"], line["error"]) for line in lines] == [
        ("ring_failed", "first", "TimeoutError")
    ]


def test_the_last_rings_go_out_before_the_end() -> None:
    """A process that ends by itself has rung for everybody it took a message from."""
    store = fakeredis.FakeRedis()
    ringer = bell.Ringer(bell.Bell(store))
    for n in range(20):
        ringer.ring(f"{n:032x}")
    ringer.close()

    assert [job.args[0] for job in jobs.queue("turns", store).jobs] == [f"{n:032x}" for n in range(20)]
