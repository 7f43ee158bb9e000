"""Rows of the fault matrix that no other test automates; docs/proof.md says which test is whose."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from session import address
from tests.crash.history import Written, judge
from tests.crash.world import LOOKS_S, NAMES, World
from tests.flow.system import ID_KEY, wait_for
from workers import jobs

SETTLED_S = LOOKS_S[1] + 0.5  # after that a second answer would have come


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One of each process; tests leave it as they found it."""
    running = World(tmp_path_factory.mktemp("matrix"))
    try:
        running.start("simulator", "web", "worker", "clock")
        running.model(echo=NAMES)
        yield running
    finally:
        running.stop()


@pytest.fixture
def lane(world: World) -> str:
    place = len(world.lanes)
    return world.lane(chr(ord("A") + place // 26) + chr(ord("A") + place % 26), f"+1555072{place:04d}")


def answered(world: World, lane: str, *numbers: int, seconds: float = 30.0) -> None:
    """These messages are answered, once each and in order."""

    def there() -> bool:
        return {f"{lane}-{n}" for n in numbers} <= {name for t in world.taken() for name in t.names}

    wait_for(there, f"answers on {lane}", seconds)
    time.sleep(SETTLED_S)
    verdict = judge(
        [Written(lane, n, accepted=True) for n in numbers], [t for t in world.taken() if t.lane == lane]
    )
    assert verdict.holds, verdict


def cid_of(world: World, lane: str) -> str:
    return address.customer_id(ID_KEY, world.lanes[lane][0])


def test_the_same_webhook_five_times_at_once(world: World, lane: str) -> None:
    """Row 17: one is new, four are repeats, all are 200; one answer goes out."""
    sid = "SM" + "17" * 16
    before = len(world.events("message_received"))
    with ThreadPoolExecutor(5) as threads:
        got = list(threads.map(lambda _: world.writes(lane, 1, message_sid=sid), range(5)))
    answered(world, lane, 1)
    outcomes = [line["outcome"] for line in world.events("message_received")[before:]]

    assert [g["status"] for g in got] == [200] * 5
    assert sorted(outcomes) == ["dup"] * 4 + ["new"]


def test_scripts_are_loaded_again(world: World, lane: str) -> None:
    """Row 24: after SCRIPT FLUSH nobody notices anything."""
    world.redis.script_flush()
    assert world.writes(lane, 1)["status"] == 200
    answered(world, lane, 1)


def test_a_corrupt_job_in_the_queue(world: World, lane: str) -> None:
    """Row 26: a job whose hash is broken is passed over, and who is rung for beside it is answered."""
    for place in range(3):
        world.redis.hset(f"rq:job:broken{place}", mapping={"status": "x", "data": "y", "created_at": "z"})
        world.redis.rpush("rq:queue:turns", f"broken{place}")
    world.writes(lane, 1)
    answered(world, lane, 1)
    assert world.processes["worker"].poll() is None


def test_fifty_bells_for_one_customer(world: World, lane: str) -> None:
    """Row 27: fifty jobs for one customer give one answer."""
    queue = jobs.queue("turns", jobs.connect(world.redis_server.url, 2))
    world.model(latency_ms=300)
    world.writes(lane, 1)
    for _ in range(50):
        queue.enqueue_call("workers.turn.answer_customer", args=(cid_of(world, lane),), result_ttl=60)
    answered(world, lane, 1)
    world.model(latency_ms=0)
    wait_for(lambda: queue.count == 0, "the bells to be heard")


def test_twilio_takes_it_after_we_gave_up_waiting(world: World, lane: str) -> None:
    """Row 29: the request times out here and is accepted later there; it is found in the list, not sent again."""
    world.fault("accept_late", to=world.lanes[lane][0], seconds=1.3)
    world.fault("callbacks_lost", to=world.lanes[lane][0])
    world.writes(lane, 1)
    answered(world, lane, 1)
    wait_for(lambda: not world.redis.keys(f"*:outbox:{cid_of(world, lane)}"), "the part to be settled")
    world.writes(lane, 2)
    answered(world, lane, 1, 2)


def test_throttled_for_longer(world: World, lane: str) -> None:
    """Row 30: Retry-After is waited for, the part stays pending and what follows stays behind it."""
    world.fault("429", to=world.lanes[lane][0], retry_after=3)
    world.writes(lane, 1)
    wait_for(lambda: [c for c in world.control("requests?on=create")["requests"]
                      if c["fault"] == "429" and c["to"] == world.lanes[lane][0]], "the refusal")  # fmt: skip
    refused = time.monotonic()
    world.writes(lane, 2)
    wait_for(lambda: any(t.lane == lane for t in world.taken()), "the first answer")
    assert time.monotonic() - refused > 2.0
    answered(world, lane, 1, 2)


def test_a_list_that_lags_behind(world: World, lane: str) -> None:
    """Row 33: Twilio accepted, the callback is lost and the first look finds an empty list: the second look finds it."""
    world.fault("drop_after_accept", to=world.lanes[lane][0])
    world.fault("callbacks_lost", to=world.lanes[lane][0])
    world.fault("empty", on="list", to=world.lanes[lane][0])
    world.writes(lane, 1)
    wait_for(
        lambda: [
            e for e in world.events("part_looked_up") if cid_of(world, lane) in e["part"] and e["found"]
        ],
        "the look that finds it",
    )
    answered(world, lane, 1)


def test_two_clocks_and_none(world: World, lane: str) -> None:
    """Row 35: a second clock changes nothing, and without any a lost ring is rung again all the same."""
    world.spawn("clock", "clock2")
    world.writes(lane, 1)
    answered(world, lane, 1)
    world.kill("clock2")
    world.kill("clock")
    world.kill("worker")
    world.writes(lane, 2)
    world.redis.delete("rq:queue:turns")
    world.spawn("worker")
    answered(world, lane, 1, 2)
    started = len(world.events("clock_started"))
    world.spawn("clock")
    wait_for(lambda: len(world.events("clock_started")) > started, "the clock")


def test_every_process_is_told_to_end_at_once(world: World, lane: str) -> None:
    """Row 14: SIGTERM to all, as Heroku does, in the middle of a turn: they leave in time, no send is left in doubt."""
    world.model(latency_ms=800)
    asked = len(world.model_requests())
    world.writes(lane, 1)
    wait_for(lambda: len(world.model_requests()) > asked, "the model to be asked")
    names = ("web", "worker", "clock")
    began = time.monotonic()
    for name in names:
        world.processes[name].send_signal(signal.SIGTERM)
    codes = [world.processes.pop(name).wait(30) for name in names]
    took = time.monotonic() - began
    states = [
        value
        for key in world.redis.scan_iter(f"*:parts:{cid_of(world, lane)}")
        for value in world.redis.hvals(key)
    ]
    world.model(latency_ms=0)
    for name in names:
        world.spawn(name)
    world.ready("web", "worker")
    answered(world, lane, 1)

    assert codes == [0, 0, 0]
    assert took < 10.0  # SHUTDOWN_SECONDS is 6 here
    assert not [value for value in states if '"unknown"' in str(value) or '"sending"' in str(value)]


def test_a_flood_from_one_costs_the_others_nothing(world: World, lane: str) -> None:
    """Row 38: five hundred messages of one customer: few turns, the surplus is kept as failures, a neighbour is answered."""
    neighbour = world.lane("ZZ", "+15550729999")
    world.model(latency_ms=300)
    before = len(world.model_requests())
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda n: world.writes(lane, n), range(1, 251)))
        assert world.writes(neighbour, 1)["accepted"]
        got += threads.map(lambda n: world.writes(lane, n), range(251, 501))
    wait_for(lambda: any(t.lane == neighbour for t in world.taken()), "the neighbour's answer")
    world.model(latency_ms=0)
    assert all(g["accepted"] for g in got)

    def all_accounted_for() -> bool:
        named = {name for t in world.taken() if t.lane == lane for name in t.names}
        kept = {name for _, names in world.failures() for name in names if name.startswith(f"{lane}-")}
        return len(named | kept) == 500 and not named & kept

    wait_for(all_accounted_for, "every message to be answered or kept", 60)
    assert len(world.model_requests()) - before <= 60
