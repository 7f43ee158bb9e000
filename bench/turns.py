"""What a worker process does: turns a second, replies a second, time added, and how long a crash is felt."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rq import Queue

from bench import load, webhooks
from bench.servers import Servers
from bench.world import World

TURNS, EMPTY_JOBS, ROUNDS = 900, 3000, 2
SKIPPED = 60  # the first ones load code and open connections
MODEL_S = 1.0
LOAD_S = 15.0
BASELINE_S = 11.0
RATE, LATENCY_S = 20, 10.0
PATIENCE_S = 60.0
SAID = "where is my order it has not come and the tracking page says nothing since Monday please help me"
# A backlog made in one second is not rung for a second time while it is worked off.
PATIENT = {"RING_SECONDS": "60", "RATE_LIMIT_PER_MINUTE": "0"}


@dataclass(frozen=True)
class Versus:
    """Ours and what it is measured beside, each a second."""

    ours: float
    baseline: float
    ratio: float


@dataclass(frozen=True)
class Replies:
    ours: float
    memory_mb: float  # most that our worker held (resident)
    forking: float
    forking_mb: float
    pool: float
    pool_workers: int


def instant(servers: Servers, world: World, web: int) -> Versus:
    """Turns a second beside RQ's SimpleWorker with empty jobs, in turns on one Redis."""
    rounds = []
    for _ in range(ROUNDS):
        empty = _empty_jobs(servers, web)
        rounds.append((_turns(servers, world, web), empty))
    ratio = median(ours / empty for ours, empty in rounds)
    return Versus(median(r[0] for r in rounds), median(r[1] for r in rounds), ratio)


def _turns(servers: Servers, world: World, web: int) -> float:
    servers.redis.flushall()
    world.behave()
    load.run(web, webhooks.prepared(web, TURNS), 8, 20.0)
    process = servers.worker(web, **PATIENT)
    wait_for(lambda: world.count() >= TURNS)
    servers.stop(process)
    times = sorted(at for at, _ in world.sent())[SKIPPED:]
    return (len(times) - 1) / (times[-1] - times[0])


def _empty_jobs(servers: Servers, web: int) -> float:
    servers.redis.flushall()
    queue = Queue("empty", connection=servers.redis_bytes)
    made = [Queue.prepare_data("bench.tasks.nothing", result_ttl=500) for _ in range(EMPTY_JOBS)]
    queue.enqueue_many(made)
    process = servers.rq(web, "worker", "-w", "rq.SimpleWorker", "-q", "empty")
    begun: tuple[float, int] | None = None
    left = EMPTY_JOBS
    deadline = time.monotonic() + PATIENCE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = queue.count
        if begun is None and left <= EMPTY_JOBS - SKIPPED:
            begun = time.monotonic(), left
    ended = time.monotonic()
    servers.stop(process)
    assert begun
    return begun[1] / (ended - begun[0])


def with_a_slow_model(servers: Servers, world: World, web: int) -> Replies:
    """Replies a second with a model that takes a second: ours, `rq worker`, and as many of those as fit our memory."""
    servers.redis.flushall()
    world.behave(MODEL_S)
    load.run(web, webhooks.prepared(web, round(LOAD_S * 70)), 8, 20.0)
    process = servers.worker(web, **PATIENT)
    wait_for(lambda: world.count() >= SKIPPED)
    began, before = time.monotonic(), world.count()
    time.sleep(LOAD_S)
    ours = (world.count() - before) / (time.monotonic() - began)
    memory = _kb(Path(f"/proc/{process.pid}/status"), "VmHWM:") / 1024
    servers.stop(process)
    forking, forking_mb = _forking(servers, world, web, "worker", "-q")
    # A pool has a parent of its own; each worker of it holds what one of the first row holds.
    workers = max(1, round(memory / forking_mb)) if forking_mb else 2
    pool, _ = _forking(servers, world, web, "worker-pool", "-q", "-n", str(workers))
    return Replies(ours, memory, forking, forking_mb, pool, workers)


def _forking(servers: Servers, world: World, web: int, *command: str) -> tuple[float, float]:
    """(replies a second, MB of the processes while they work, what they share counted once)."""
    servers.redis.flushall()
    world.behave(MODEL_S)
    queue = Queue("tutorial", connection=servers.redis_bytes)
    for n in range(200):
        queue.enqueue("bench.tasks.reply", f"+1202555{n:04d}", webhooks.TEXT)
    process = servers.rq(web, *command, "tutorial")
    began, memory = time.monotonic(), 0.0
    while time.monotonic() - began < BASELINE_S:
        time.sleep(0.25)
        memory = max(memory, _tree_mb(process.pid))
    servers.stop(process, kill=True)
    time.sleep(MODEL_S + 1.5)  # a fork is in a group of its own and ends with its job
    times = [at for at, _ in world.sent()]
    # From the first to the last of the time that is whole seconds of work: a start is not counted.
    return ((len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0), memory


def added(servers: Servers, world: World, web: int) -> tuple[float, float]:
    """(p50, p99) ms between the moment a webhook is due and Twilio's POST, less the model's time."""
    servers.redis.flushall()
    world.behave(MODEL_S)
    process = servers.worker(web)
    wait_for(lambda: servers.redis.smembers("rq:workers"))
    _warm(web, world)
    world.behave(MODEL_S)
    requests = webhooks.prepared(web, round(RATE * LATENCY_S))
    due: dict[str, float] = {}
    dice = random.Random(7)
    began = time.monotonic()
    for n, request in enumerate(requests):
        at = began + (n + dice.random() * 0.8) / RATE
        time.sleep(max(0.0, at - time.monotonic()))
        due[webhooks.sender_of(request)] = at
        load.run(web, [request], 1, 10.0)
    wait_for(lambda: world.count() >= len(requests))
    servers.stop(process)
    took = sorted((at - due[to] - MODEL_S) * 1000 for at, to in world.sent())
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def _warm(web: int, world: World) -> None:
    load.run(web, webhooks.prepared(web, 50), 4, 10.0)
    wait_for(lambda: world.count() >= 50)


def conversation(servers: Servers, world: World, web: int) -> str:
    """Ten messages of 100 characters and their ten answers, by the real processes; gives the customer's number."""
    servers.redis.flushall()
    world.behave()
    process = servers.worker(web)
    requests = webhooks.conversation(web, [said(n) for n in range(10)])
    phone = webhooks.sender_of(requests[0])
    for n, request in enumerate(requests, 1):
        load.run(web, [request], 1, 10.0)
        wait_for(lambda n=n: sum(to == phone for _, to in world.sent()) >= n)
    time.sleep(0.3)
    servers.stop(process)
    return phone


def said(seed: int) -> str:
    """100 characters that nobody said before: who says the same again and again is taken for a machine."""
    words = SAID.split()
    random.Random(seed).shuffle(words)
    return " ".join(words * 2)[:100]


def crash(in_doubt: bool) -> float:
    """Seconds from SIGKILL to the customer's answer, of a worker whose model thinks, or that waits for Twilio (``in_doubt``).

    At the design's times, on processes of its own; another worker is started at once, as a supervisor would.
    """
    with tempfile.TemporaryDirectory(prefix="bench-crash-") as folder, Servers(Path(folder)) as servers:
        world, web = servers.world(), servers.web("ingress.app:create_app()", WEB_CONCURRENCY="1")
        world.behave(model_s=0 if in_doubt else 30, twilio_s=30 if in_doubt else 0)
        begun = world.posted if in_doubt else world.asked
        process = servers.worker(web)
        load.run(web, webhooks.prepared(web, 1), 1, 10.0)
        wait_for(begun)
        process.kill()
        killed = time.monotonic()
        world.behave()
        servers.worker(web)
        wait_for(world.count, 150.0)
        return world.sent()[0][0] - killed


def wait_for(look: Any, seconds: float = PATIENCE_S) -> None:
    """Until it is so. Raises ``load.BadAnswer`` when it does not come to be."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise load.BadAnswer("what was measured did not come to its end")
        time.sleep(0.05)


def _kb(path: Path, name: str) -> float:
    """A line of /proc; 0 where there is none (macOS)."""
    try:
        return next(float(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name))
    except (OSError, StopIteration):
        return 0.0


def _tree_mb(pid: int) -> float:
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        total += _kb(Path(f"/proc/{one}/smaps_rollup"), "Pss:")
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return total / 1024


def stored(servers: Servers, web: int, phone: str) -> dict[str, Any]:
    """``bench.stored`` in a process of its own, with our settings; its log lines go where a worker's go."""
    done = subprocess.run(
        (sys.executable, "-m", "bench.stored", phone), env=servers.environment(web), cwd=servers.project,
        capture_output=True, timeout=150, check=False,
    )  # fmt: skip
    if done.returncode:
        raise load.BadAnswer(done.stderr.decode("utf-8", "replace")[-2000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))
