"""The bell writes what RQ would have written."""

from __future__ import annotations

import fakeredis

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
