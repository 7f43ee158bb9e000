"""The tables, and what they were measured on: Markdown for people, without a path of this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Any

import redis

from bench.costs import Costs
from bench.load import Measured
from bench.servers import PROCESSES, THREADS
from bench.turns import Replies, Versus

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


@dataclass(frozen=True)
class Figures:
    """``added``, ``spoken``: (p50, p99) ms; ``stored``: as ``bench.stored`` prints it; ``crashed``: seconds, thinking and in doubt."""

    instant: Versus
    replies: Replies
    added: tuple[float, float]
    spoken: tuple[float, float]
    stored: dict[str, Any]
    crashed: tuple[float, float]


def figures(
    rounds: Mapping[str, Sequence[Measured]], tutorial: str, bare: str, new: str, bursts: str, f: Figures
) -> str:
    """Every figure beside what it is measured against, with what it is to reach."""
    r, s = f.replies, f.stored
    session_bytes = sum(s["keys"].values())
    accepted = _ratio(rounds[new], rounds[tutorial])
    in_bursts = _ratio(rounds[bursts], rounds[bare])
    slowest = max(r.forking, r.pool)
    load_x, save_x = s["load"] / s["get"], s["save"] / s["set"]
    swept = s["many"] / s["few"]
    of_rq, of_pool = r.ours / max(r.forking, 0.01), r.ours / max(r.pool, 0.01)
    rows = [
        ("accepted webhooks/s, all new customers", f"{_median(rounds[new]):.0f}",
         f"the tutorial's way {_median(rounds[tutorial]):.0f}", f"{accepted:.2f}", "0.85", accepted >= 0.85),
        ("accepted webhooks/s, bursts of 10", f"{_median(rounds[bursts]):.0f}",
         f"bare Flask {_median(rounds[bare]):.0f}", f"{in_bursts:.2f}", "0.35", in_bursts >= 0.35),
        ("turns/s of one worker process, instant model and Twilio", f"{f.instant.ours:.0f}",
         f"RQ SimpleWorker, empty jobs {f.instant.baseline:.0f}", f"{f.instant.ratio:.2f}", "0.22", f.instant.ratio >= 0.22),
        ("replies/s of one worker process, model takes 1 s", f"{r.ours:.1f}",
         f"`rq worker` {r.forking:.2f} in {r.forking_mb:.0f} MB; `rq worker-pool` of {r.pool_workers}: {r.pool:.2f}",
         f"{of_rq:.0f} and {of_pool:.0f} times", "40/s, 30 times", r.ours >= 40 and r.ours > 30 * slowest),
        ("memory of that process, at most", f"{r.memory_mb:.0f} MB", "-", "-", "200 MB", 0 < r.memory_mb < 200),
        ("added time, webhook to Twilio POST less the model, 20/s", f"p50 {f.added[0]:.0f} ms, p99 {f.added[1]:.0f} ms",
         "-", "-", "30 and 150 ms", f.added[0] <= 30 and f.added[1] <= 150),
        ("added time of a call, from speech to the spoken answer less the model, 20/s",
         f"p50 {f.spoken[0]:.0f} ms, p99 {f.spoken[1]:.0f} ms", "-", "-", "300 ms at p50", f.spoken[0] < 300),
        ("session load, 20 messages, p50", f"{s['load']:.2f} ms", f"GET of {s['bytes']} bytes {s['get']:.2f} ms",
         f"{load_x:.1f} times", "3 times, 2 ms", load_x <= 3 and s["load"] < 2),
        ("session save, 20 messages, p50", f"{s['save']:.2f} ms", f"SET of {s['bytes']} bytes {s['set']:.2f} ms",
         f"{save_x:.1f} times", "3 times, 2 ms", save_x <= 3 and s["save"] < 2),
        ("Redis memory of a session, 20 messages of 100 characters", f"{session_bytes} bytes", "5 KB", f"{session_bytes / 5120:.2f}",
         "4096 bytes", session_bytes <= 4096),
        ("sweep of 10,000 due sessions among 1,000,000", f"{s['many']:.2f} s", f"among 20,000: {s['few']:.2f} s",
         f"{swept:.2f}", "1.5", swept <= 1.5),
        ("crash of a worker in mid-turn to the answer", f"{f.crashed[0]:.1f} s", "RQ alone 76 to 811 s (noted earlier)", "-",
         "40 s", f.crashed[0] < 40),
        ("the same when the send was in doubt", f"{f.crashed[1]:.1f} s", "RQ alone sends it twice", "-", "90 s", f.crashed[1] < 90),
    ]  # fmt: skip
    lines = [
        "| what | ours | beside | ratio | to reach | reached |",
        "| --- | ---: | --- | ---: | ---: | --- |",
    ]
    lines += [
        f"| {what} | {ours} | {beside} | {ratio} | {goal} | {'yes' if met else 'no'} |"
        for what, ours, beside, ratio, goal, met in rows
    ]
    return "\n".join(lines)


def _median(measured: Sequence[Measured]) -> float:
    return median(m.per_second for m in measured)


def _life(seconds: int) -> str:
    """How long a key lives on, in words, rounded up."""
    unit, words = next(
        (u, w) for u, w in ((86_400, "days"), (60, "minutes"), (1, "seconds")) if seconds >= u or u == 1
    )
    return f"{-(-seconds // unit)} {words}"


def page(
    figures_table: str,
    table: str,
    redis_table: str,
    model_table: str,
    f: Figures,
    machine: str,
    rounds: int,
    cpu: float,
) -> str:
    sizes = ", ".join(
        f"{name} {size}" for name, size in sorted(f.stored["keys"].items(), key=lambda kv: -kv[1])
    )
    beside = ", ".join(
        f"{name} {size} bytes for {_life(seconds)}" for name, (size, seconds) in f.stored["beside"].items()
    )
    return f"""# Benchmarks

Written by `make bench`. {machine}

## Figures

{figures_table}

How each was measured:

- Turns: a backlog of customers with one message each, from the first sends to the last; the model and Twilio answer fixed
  bytes from one small process (`bench/world.py`), not the simulator. `RING_SECONDS` is 60 here and in the row below, so
  that a backlog made in one second is not rung for twice. All else is at its default, 50 threads among them.
- Replies: 15 s at full load. RQ's own run the tutorial's job (openai, twilio, history in a list), whose imports each fork
  pays, as RQ's manual has it. `rq worker-pool` has as many workers as fit into the memory that ours took; a fork's pages
  are counted once among the processes that share them.
- Added time: from the moment a webhook was due (not: was sent) to the arrival of our request at Twilio, less the second that
  the model takes; new customers, 20 a second for 10 s, web and worker on the same cores as the load.
- Calls: from the moment the caller's words were due at `/voice/turn` to the arrival of our `Calls/{{sid}}` update with the answer, less
  the model's second; new callers, each of whom was greeted before, 20 a second for 10 s. What Twilio takes to hear and to speak is not in it.
- Load and save: `Ledger.read` and `Ledger.write`, each one round trip and one script, decoding included; GET and SET in turns with them.
- Memory: `MEMORY USAGE` of the keys of a session at rest, after ten turns by the real processes, delivery callbacks applied:
  {sizes}. Beside them, with an end of their own and not among them: {beside};
  the marks against repeats (`seen:`, ten) {f.stored["seen"]} bytes for 30 days.
- Sweep: `check_idle_sessions` over both indexes at full size; the 10,000 due sessions have their records, of the others
  only the index entries were made, for the sweep reads no more of them. The better of two runs each.
- Crashes: SIGKILL while the model thinks, and while Twilio has our request and has not answered; a new worker starts at
  once; all times of the protocol as designed. Once each.

## Accepted webhooks a second

gunicorn with the project's settings ({PROCESSES} processes, {THREADS} threads each) on an embedded server that appends
every write to a file; signed requests over kept-alive connections, {rounds} rounds, the rows in turns. The load runs in
a process of its own and used {cpu:.0%} of one core at most. A repeated, unsigned or broken request is in none of the rows.

{table}

The tutorial's way is `RequestValidator.validate`, then `queue.enqueue("tasks.reply", From, Body)`. It writes no message
down but in the job, answers a repeat of Twilio's twice, and keeps number and text in Redis for as long as RQ keeps jobs.

## What one accepted webhook asks of Redis

{redis_table}

## What a turn asks of the model

Tokens of the prompt as it is estimated, four characters each (the schema and the tools go with every request), and calls
of the stand-in model in the shipped dialogues: above one a turn where tools are used, below where none is needed.

{model_table}
"""


def _ratio(measured: Sequence[Measured], base: Sequence[Measured]) -> float:
    return median(m.per_second / b.per_second for m, b in zip(measured, base, strict=True))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
