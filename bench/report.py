"""The tables, and what they were measured on: Markdown for people, without a path of this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Any

import redis

from bench.costs import Costs
from bench.load import Measured
from bench.servers import PROCESSES, THREADS

PACKAGES = ("flask", "gunicorn", "redis", "hiredis", "rq", "twilio")


def facts(client: redis.Redis, seconds: float) -> str:
    server: Any = client.info("server")
    name = (
        f"Valkey {server['valkey_version']}"
        if "valkey_version" in server
        else f"Redis {server['redis_version']}"
    )
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    load_1m = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores "
        f"(load average {load_1m:.1f} at the end), Python {platform.python_version()}, {name}, {packages}. "
        f"The run took {seconds:.0f} s."
    )


def throughput(rounds: Mapping[str, Sequence[Measured]], bare: str, tutorial: str) -> str:
    """Accepted webhooks a second; ratios are the medians of each round's own ratio, so that a slow moment hits both."""
    lines = [
        "| what answers | accepted/s, median | lowest to highest | p50 ms | p99 ms | of bare Flask | of the tutorial's way |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, measured in rounds.items():
        rates = [m.per_second for m in measured]
        latencies = sorted(ms for m in measured for ms in m.latencies_ms)
        lines.append(
            f"| {name} | {median(rates):.0f} | {min(rates):.0f} to {max(rates):.0f} "
            f"| {_at(latencies, 0.5):.1f} | {_at(latencies, 0.99):.1f} "
            f"| {_ratio(measured, rounds[bare]):.2f} | {_ratio(measured, rounds[tutorial]):.2f} |"
        )
    return "\n".join(lines)


def in_redis(costs: Mapping[str, Costs]) -> str:
    lines = [
        "| what answers | round trips | commands, those inside scripts too | bytes of one job |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {c.round_trips:.1f} | {c.commands:.1f} | {c.job_bytes:.0f} |"
        for name, c in costs.items()
    ]
    return "\n".join(lines)


def page(
    table: str, redis_table: str, turns: tuple[float, int], machine: str, rounds: int, cpu: float
) -> str:
    return f"""# Benchmarks

Written by `make bench`. {machine}

## Accepted webhooks a second

gunicorn with the project's settings ({PROCESSES} processes, {THREADS} threads each) on an embedded server that appends
every write to a file; signed requests over kept-alive connections, {rounds} rounds, the rows in turns. The load runs in
a process of its own and used {cpu:.0%} of one core at most. A repeated, unsigned or broken request is in none of the rows.

{table}

The tutorial's way is `RequestValidator.validate`, then `queue.enqueue("tasks.reply", From, Body)`. It writes no message
down but in the job, answers a repeat of Twilio's twice, and keeps number and text in Redis for as long as RQ keeps jobs.

## What one accepted webhook asks of Redis

{redis_table}

## Turns

One worker process, a model and a Twilio that answer at once, on the same machine: {turns[0]:.0f} turns a second
({turns[1]} customers with one message each). For information: with a real model a turn is waiting, not work.
"""


def _ratio(measured: Sequence[Measured], base: Sequence[Measured]) -> float:
    return median(m.per_second / b.per_second for m, b in zip(measured, base, strict=True))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
