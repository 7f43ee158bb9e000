"""What one accepted webhook asks of Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from bench import load, webhooks
from bench.servers import Servers

SAMPLE = 500
JOBS_WEIGHED = 20
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
