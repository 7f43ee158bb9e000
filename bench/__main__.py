"""``make bench``: the real web process beside its baselines, in turns, and a table at the end (also bench/results.md)."""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import calls, costs, load, prompts, report, turns, webhooks
from bench.servers import PROCESSES, THREADS, Servers

ROUNDS = 4
SECONDS = 2.2  # of load in each round for each row
REQUESTS_MAX = 15_000  # prepared for one window at most
CONNECTIONS = PROCESSES * THREADS
BURST = 10
CRASHED_S = 7.0  # until the workers of the crashes are killed and started again
RESULTS = Path(__file__).with_name("results.md")

BARE, TUTORIAL = "bare Flask route", "the tutorial's way"
NEW, BURSTS = "Ringback, every message a new customer", f"Ringback, customers with {BURST} messages each"


@dataclass(frozen=True)
class Row:
    name: str
    port: int
    burst: int = 1


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Servers(Path(folder)) as servers:
        say("Starting three web servers.")
        ours = servers.web("ingress.app:create_app()")
        rows = [
            Row(BARE, servers.web("bench.baselines:bare()")),
            Row(TUTORIAL, servers.web("bench.baselines:tutorial()")),
            Row(NEW, ours),
            Row(BURSTS, ours, BURST),
        ]
        rounds = alternate(servers, rows)
        say("What one webhook asks of Redis.")
        asked = {row.name: costs.of_webhooks(servers, row.port, row.burst) for row in rows[1:]}
        figures = of_workers(servers, ours)
        cpu = max(m.load_cpu_seconds / m.seconds for measured in rounds.values() for m in measured)
        say("What a turn asks of the model.")
        model_table = prompts.table(prompts.measure())
        machine = report.facts(servers.redis, time.monotonic() - began)
    webhooks_table = report.throughput(rounds, BARE, TUTORIAL)
    table = report.figures(rounds, TUTORIAL, BARE, NEW, BURSTS, figures)
    text = report.page(
        table, webhooks_table, report.in_redis(asked), model_table, figures, machine, ROUNDS, cpu
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(f"\n{text}")


def alternate(servers: Servers, rows: list[Row]) -> dict[str, list[load.Measured]]:
    """Every row once in each round, on an empty Redis; a short window before the first round warms all up."""
    rounds: dict[str, list[load.Measured]] = {row.name: [] for row in rows}
    rate = dict.fromkeys(rounds, 1000.0)
    for number in range(ROUNDS + 1):
        for row in rows:
            seconds = SECONDS if number else SECONDS / 3
            count = min(REQUESTS_MAX, round(rate[row.name] * seconds * 2))
            servers.redis.flushall()
            measured = load.run(row.port, webhooks.prepared(row.port, count, row.burst), CONNECTIONS, seconds)
            rate[row.name] = measured.per_second
            if number:
                rounds[row.name].append(measured)
        if number:
            rates = ", ".join(f"{rounds[row.name][-1].per_second:.0f}" for row in rows)
            say(f"Round {number} of {ROUNDS}: {rates} a second.")
    return rounds


def of_workers(servers: Servers, web: int) -> report.Figures:
    """What the worker and its sessions cost, each beside its baseline."""
    world = servers.world()
    say("A message's way, 20 a second.")  # alone: this one is about milliseconds
    added = turns.added(servers, world, web)
    say("A caller's words and the answer, 20 a second.")
    spoken = calls.spoken(servers, world, web)
    # The crashes mostly wait, for claims and for looks at Twilio's list, on processes of their own.
    with ThreadPoolExecutor(2) as aside:
        say("Two crashes, whose answers are waited for while the rest goes on.")
        crashed = [aside.submit(turns.crash, in_doubt) for in_doubt in (False, True)]
        time.sleep(CRASHED_S)
        say("Turns of one worker process, beside RQ's with empty jobs.")
        instant = turns.instant(servers, world, web)
        say("Replies a second with a model that takes one, beside `rq worker` and `rq worker-pool`.")
        replies = turns.with_a_slow_model(servers, world, web)
        say("Sessions in Redis, and the sweep among a million.")
        stored = turns.stored(servers, web, turns.conversation(servers, world, web))
        return report.Figures(
            instant, replies, added, spoken, stored, (crashed[0].result(), crashed[1].result())
        )


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
