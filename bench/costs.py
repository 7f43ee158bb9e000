"""What one accepted webhook asks of Redis, and how fast one worker process answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import redis

from bench import load, webhooks
from bench.servers import Servers

SAMPLE = 500
JOBS_WEIGHED = 20
TURNS = 150
TURNS_SECONDS = 25.0
TURNS_SKIPPED = 10  # the first ones load code and open connections
WAIT_S = 0.2
OURS_ALONE = frozenset({"info", "flushall", "hello", "client|setinfo", "config|get"})


@dataclass(frozen=True)
class Costs:
    """Of one accepted webhook, on average."""

    round_trips: float
    commands: float  # those that a script runs included
    job_bytes: float  # what one RQ job occupies in Redis, its queue entry apart


def of_webhooks(servers: Servers, port: int, burst: int) -> Costs:
    """From Redis' own counters, over ``SAMPLE`` webhooks with one in flight."""
    servers.redis.flushall()
    load.run(
        port, webhooks.prepared(port, 2 * burst, burst), 1, 5.0
    )  # connections and scripts are there from now on
    before_reads, before_calls = _counters(servers.redis)
    measured = load.run(port, webhooks.prepared(port, SAMPLE, burst), 1, 20.0)
    reads, calls = _counters(servers.redis)
    own_read = 2  # two INFO commands of our own lie between the counters
    return Costs(
        (reads - before_reads - own_read) / measured.requests,
        (calls - before_calls) / measured.requests,
        _job_bytes(servers.redis),
    )


def _counters(client: redis.Redis) -> tuple[int, int]:
    """(reads from clients' sockets, commands run): a pipeline is one read, and so one round trip."""
    stats: Any = client.info("commandstats")
    calls = sum(
        stat["calls"] for name, stat in stats.items() if name.removeprefix("cmdstat_") not in OURS_ALONE
    )
    reads: Any = client.info("stats")
    return int(reads["total_reads_processed"]), calls


def _job_bytes(client: redis.Redis) -> float:
    names = []
    for name in client.scan_iter("rq:job:*", count=1000):
        names.append(name)
        if len(names) == JOBS_WEIGHED:
            break
    sizes: list[Any] = [client.memory_usage(name, samples=0) for name in names]
    return sum(sizes) / len(sizes) if sizes else 0.0


def turns_per_second(servers: Servers, web_port: int) -> tuple[float, int]:
    """(turns a second, turns seen) of one worker process; the model and Twilio answer at once.

    Each customer has one message waiting before the worker starts; what is timed lies between
    two log lines of its own, so that its start does not count.
    """
    servers.redis.flushall()
    servers.simulator(web_port)
    load.run(web_port, webhooks.prepared(web_port, TURNS), 4, 20.0)
    log = servers.worker(web_port)
    deadline = time.monotonic() + TURNS_SECONDS
    times = _sent_at(log)
    while len(times) < TURNS and time.monotonic() < deadline:
        time.sleep(WAIT_S)
        times = _sent_at(log)
    counted = times[TURNS_SKIPPED:]
    if len(counted) < 2:
        return 0.0, len(times)
    return (len(counted) - 1) / (counted[-1] - counted[0]).total_seconds(), len(times)


def _sent_at(log: Path) -> list[datetime]:
    """When the worker sent each reply, by its log."""
    lines = (json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}"))
    return [datetime.fromisoformat(line["timestamp"]) for line in lines if line.get("event") == "part_sent"]
