"""The crash table: a process dies at each step; exactly one reply comes, in order, and soon enough.

At a tenth of the protocol's times. The bounds are the table's, also at a tenth, with room for the start of a
process on a busy machine.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.history import Written, judge
from tests.crash.world import LOOKS_S, World
from tests.flow.system import wait_for
from workers import crash

START_S = 20.0  # a process starts in two seconds, on a machine that does nothing else
CLAIM_S = 3.0 + 0.5 + START_S  # the claim runs out, then a ring: 35 s of the table
DOUBT_S = 2 * (LOOKS_S[1] + 3.0) + START_S  # two looks at Twilio's list and a resend: 90 s of the table

# Step -> (row of the crash table, the process that gets there, seconds until the answer at most)
STEPS = {
    "before_receive": (1, "web", START_S), "after_receive": (2, "web", START_S), "after_ring": (2, "web", START_S),
    "after_claim": (5, "worker", CLAIM_S), "after_open": (5, "worker", CLAIM_S), "before_commit": (5, "worker", CLAIM_S),
    "after_commit": (6, "worker", CLAIM_S), "before_deadline": (7, "worker", DOUBT_S),
    "before_post": (7, "worker", DOUBT_S), "after_post": (8, "worker", DOUBT_S), "after_sent": (9, "worker", CLAIM_S),
    "after_release": (9, "worker", START_S),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything but workers, and no second web: each test starts what is to die."""
    running = World(tmp_path_factory.mktemp("steps"))
    try:
        for name in ("simulator", "web"):
            running.spawn(name)
        running.ready("simulator", "web")
        running.model(echo=r"\b([A-Z]{1,3})-\d+\b")
        yield running
    finally:
        running.stop()


@pytest.fixture
def lane(world: World) -> Iterator[str]:
    """A lane of a customer of its own; what the test started is gone after it."""
    place = len(world.lanes)
    yield world.lane(chr(ord("A") + place // 26) + chr(ord("A") + place % 26), f"+1555071{place:04d}")
    for label in [name for name in world.running() if name.startswith("worker")]:
        world.freeze(label, 0)
        world.kill(label)


def _answers(world: World, lane: str, number: int) -> bool:
    return any(f"{lane}-{number}" in t.names for t in world.taken() if t.lane == lane)


def _exactly_once_in_order(world: World, lane: str, count: int) -> None:
    """After time enough for a second answer, ``count`` messages were answered once each, in order."""
    time.sleep(LOOKS_S[1] + 0.5)
    verdict = judge(
        [Written(lane, n, accepted=True) for n in range(1, count + 1)],
        [t for t in world.taken() if t.lane == lane],
    )
    assert verdict.holds, verdict


@pytest.mark.parametrize("step", crash.STEPS)
def test_killed_at(world: World, lane: str, step: str) -> None:
    """The process dies at this step of the first message's way; both messages are answered once, in order, in time."""
    _, role, limit_s = STEPS[step]
    (_web_dies_at if role == "web" else _worker_dies_at)(world, lane, step)
    died = time.monotonic()
    world.spawn("worker", "worker2")
    wait_for(lambda: _answers(world, lane, 1), "the first answer", limit_s)
    took = time.monotonic() - died
    wait_for(lambda: _answers(world, lane, 2), "the second answer", limit_s)

    assert took < limit_s
    _exactly_once_in_order(world, lane, 2)


def _worker_dies_at(world: World, lane: str, step: str) -> None:
    doomed = world.spawn("worker", "worker1", CRASH_AT=step)
    world.writes(lane, 1)
    assert doomed.wait(START_S) == -signal.SIGKILL, "the worker never got there"
    world.processes.pop("worker1")
    world.writes(lane, 2)


def _web_dies_at(world: World, lane: str, step: str) -> None:
    """Web is killed under Twilio's request, which gets no answer; Twilio tells of the message again."""
    world.kill("web", signal.SIGTERM)
    world.spawn("web", CRASH_AT=step)
    world.ready("web")
    got = world.writes(lane, 1)
    world.kill("web", signal.SIGTERM)
    world.spawn("web")
    world.ready("web")
    assert not got["accepted"], "web never got there"
    assert world.writes(lane, 1, message_sid=got["message_sid"])["accepted"]
    world.writes(lane, 2)


def test_every_step_of_the_table_is_killed_at() -> None:
    """The steps that the code names are the steps that are tested, and each is somewhere in the code."""
    project = Path(crash.__file__).parents[1]
    code = "".join(
        path.read_text() for room in ("workers", "ingress") for path in (project / room).glob("*.py")
    )

    assert set(crash.STEPS) == set(STEPS)
    assert [step for step in crash.STEPS if f'crash.at("{step}")' not in code] == []


def test_killed_while_the_model_thinks(world: World, lane: str) -> None:
    """Row 5: the worker is gone in the middle of the model's call; the model is asked again, one answer goes out."""
    asked = len(world.model_requests())
    world.model(latency_ms=1500)
    world.spawn("worker", "worker1")
    world.writes(lane, 1)
    wait_for(lambda: len(world.model_requests()) > asked, "the model to be asked")
    world.kill("worker1")
    world.model(latency_ms=0)
    world.spawn("worker", "worker2")
    wait_for(lambda: _answers(world, lane, 1), "the answer", CLAIM_S)

    _exactly_once_in_order(world, lane, 1)


@pytest.mark.parametrize("step", ["before_commit", "before_deadline", "after_post"])
def test_frozen_at(world: World, lane: str, step: str) -> None:
    """Rows 11 and 7, 8 with a freeze: it wakes after others did its work, and does nothing a second time."""
    frozen = world.spawn("worker", "worker1", CRASH_AT=step, CRASH_SIGNAL="STOP")
    world.writes(lane, 1)
    wait_for(lambda: _state(frozen.pid) == "T", "the worker to freeze there")
    world.spawn("worker", "worker2")
    wait_for(lambda: _answers(world, lane, 1), "the answer of another worker", DOUBT_S)
    if step != "before_commit":
        wait_for(lambda: not _owed(world), "the part to be settled", DOUBT_S)
    os.kill(frozen.pid, signal.SIGCONT)
    world.writes(lane, 2)
    wait_for(lambda: _answers(world, lane, 2), "the next answer", DOUBT_S)

    _exactly_once_in_order(world, lane, 2)


def test_a_short_freeze_before_the_post_puts_the_part_off(world: World, lane: str) -> None:
    """Row 16 of the fault matrix: longer than the deadline between mark and POST, and the part is sent later, once."""
    frozen = world.spawn("worker", "worker1", CRASH_AT="before_deadline", CRASH_SIGNAL="STOP")
    world.writes(lane, 1)
    wait_for(lambda: _state(frozen.pid) == "T", "the worker to freeze there")
    time.sleep(0.5)  # over the deadline, within the claim
    assert not _answers(world, lane, 1)
    os.kill(frozen.pid, signal.SIGCONT)
    wait_for(lambda: _answers(world, lane, 1), "the answer", CLAIM_S)

    _exactly_once_in_order(world, lane, 1)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _owed(world: World) -> list[str]:
    return [str(key) for key in world.redis.scan_iter("*:outbox:*")]
