"""Random harm by seed: processes killed and frozen, Redis killed, Twilio and the model in bad moods, while customers write."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.crash.history import Verdict, Window, Written, judge
from tests.crash.world import LOOKS_S, OURS_TOO, World
from tests.flow.system import OURS

# Each create, list or delivery meets one of these with its share.
BAD_LUCK: tuple[dict[str, Any], ...] = (
    {"kind": "429", "share": 0.02, "retry_after": 1}, {"kind": "503", "share": 0.015}, {"kind": "500", "share": 0.01},
    {"kind": "500_after_accept", "share": 0.02}, {"kind": "drop", "share": 0.01},
    {"kind": "drop_after_accept", "share": 0.02}, {"kind": "hang", "share": 0.005, "seconds": 1.5},
    {"kind": "hang", "share": 0.01, "seconds": 1.5, "accept": True}, {"kind": "accept_late", "share": 0.01, "seconds": 1.3},
    {"kind": "503", "share": 0.03, "on": "list"}, {"kind": "empty", "share": 0.03, "on": "list"},
    {"kind": "callbacks_lost", "share": 0.1}, {"kind": "callbacks_twice", "share": 0.05},
    {"kind": "callbacks_shuffled", "share": 0.1, "seconds": 2.0}, {"kind": "callbacks_late", "share": 0.05, "seconds": 3.0},
)  # fmt: skip

# What is done, how often beside the others.
HARM = {
    "kill worker": 6, "freeze worker": 4, "kill web": 2, "freeze web": 1, "kill clock": 1, "kill redis": 1.5,
    "model fails": 2, "kill both workers": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """``every_s``: seconds between two acts of harm, on average; ``pause_s``: between two messages on a lane."""

    seed: int
    seconds: float
    customers: int = 4
    every_s: float = 1.2
    pause_s: float = 1.0
    drain_s: float = 60.0


@dataclass(slots=True)
class Outcome:
    """What happened and what the promises say to it."""

    plan: Plan
    verdict: Verdict
    counts: dict[str, int]
    faults: dict[str, int]
    failures: Counter[str] = field(default_factory=Counter)
    drained_s: float = 0.0

    def table(self) -> str:
        v, failures = self.verdict, sum(self.failures.values())
        rows: list[tuple[str, Any]] = [
            ("seed", self.plan.seed), ("seconds of harm", round(self.plan.seconds)),
            *self.counts.items(),
            ("faults at Twilio", sum(self.faults.values())),
            ("seconds until all was answered", round(self.drained_s, 1)),
            ("unacknowledged", len(v.unacknowledged)), ("  of these answered", len(v.recovered)),
            ("left to a person", len(v.to_person)), ("failures in the ledger", failures),
            ("doubled in the window of row 12", len(v.frozen)),
            ("lost", len(v.lost)), ("doubled", len(v.doubled)), ("overtaken", len(v.overtaken)),
            ("on a foreign lane", len(v.astray)), ("invented", len(v.invented)),
        ]  # fmt: skip
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {value:>8}" for name, value in rows]
        for name in ("lost", "doubled", "overtaken", "astray", "invented", "frozen", "to_person"):
            if found := getattr(v, name):
                lines.append(f"{name}: {' '.join(found[:20])}")
        if self.faults:
            lines.append("faults: " + ", ".join(f"{n} {kind}" for kind, n in sorted(self.faults.items())))
        if failures:
            lines.append("failures: " + ", ".join(f"{n} {why}" for why, n in sorted(self.failures.items())))
        return "\n".join(lines)


class Chaos:
    """One run over an open World."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world, self._plan = world, plan
        self._written: dict[str, list[Written]] = {}
        self._counts: Counter[str] = Counter()
        self._windows: list[Window] = []
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._errors: list[str] = []
        for number in range(plan.customers):
            self._move_in(number)

    def _move_in(self, number: int) -> None:
        """Each customer has a lane; every second one two more, on another number and on WhatsApp."""
        customer, letter = f"+1555070{number:04d}", chr(ord("A") + number)
        self._world.lane(f"{letter}S", customer)
        if number % 2 == 0:
            self._world.lane(f"{letter}N", customer, OURS_TOO)
            self._world.lane(f"{letter}W", customer, OURS, "whatsapp")

    def run(self) -> Outcome:
        plan, world = self._plan, self._world
        world.control("chances", {"seed": plan.seed, "faults": list(BAD_LUCK)})
        writers = [
            threading.Thread(target=self._write, args=(lane, random.Random(f"{plan.seed} {lane}")))
            for lane in world.lanes
        ]
        for thread in writers:
            thread.start()
        self._harm(random.Random(plan.seed))
        self._over.set()
        for thread in writers:
            thread.join(60)
        struck = world.control("chances")["struck"]
        world.control("chances", {"faults": []})
        drained_s = self._drain()
        return self._outcome(struck, drained_s)

    # Customers

    def _write(self, lane: str, rng: random.Random) -> None:
        """Numbered messages, each after the webhook of the last was answered, or was not."""
        written = self._written[lane] = []
        while not self._over.wait(rng.expovariate(1 / self._plan.pause_s)):
            number = len(written) + 1
            try:
                got = self._world.writes(lane, number)
                if rng.random() < 0.1:  # Twilio tells of it again
                    again = self._world.writes(lane, number, message_sid=got["message_sid"])
                    got["accepted"] = got["accepted"] or again["accepted"]
            except Exception as error:  # noqa: BLE001  a writer that ends early would make the run look good
                self._errors.append(f"{lane}-{number}: {error!r}")
                return
            written.append(Written(lane, number, got["accepted"]))

    # Harm

    def _harm(self, rng: random.Random) -> None:
        ends = time.monotonic() + self._plan.seconds
        acts: list[threading.Thread] = []
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, rng.expovariate(1 / self._plan.every_s)))
            kind = rng.choices(list(HARM), list(HARM.values()))[0]
            number, length, after = (
                rng.randint(1, 2),
                rng.choice([0.3, 1.0, 3.5, 5.0]),
                rng.choice([0.0, 0.3, 1.5]),
            )
            acts.append(threading.Thread(target=self._act, args=(kind, number, length, after)))
            acts[-1].start()
        for act in acts:
            act.join(60)

    def _act(self, kind: str, number: int, length: float, after: float) -> None:
        targets = {
            "kill worker": [f"worker{number}"], "freeze worker": [f"worker{number}"],
            "kill both workers": ["worker1", "worker2"], "kill web": [("web", "web2")[number - 1]],
            "freeze web": [("web", "web2")[number - 1]], "kill clock": ["clock"], "kill redis": ["redis"],
        }.get(kind, [])  # fmt: skip
        with self._lock:
            if self._busy & set(targets):
                return  # somebody is at it already
            self._busy |= set(targets)
            self._counts[kind] += 1
        try:
            self._do(kind, targets, length, after)
        except Exception as error:  # noqa: BLE001  see _write
            self._errors.append(f"{kind}: {error!r}")
        finally:
            with self._lock:
                self._busy -= set(targets)

    def _do(self, kind: str, targets: list[str], length: float, after: float) -> None:
        world = self._world
        if kind == "model fails":
            world.model(fault="500" if after else "garbled", count=2)
        elif kind == "kill redis":
            world.shoot_redis(after)
        elif kind.startswith("freeze"):
            window = Window(*world.freeze(targets[0], length))
            if "worker" in kind:
                self._windows.append(window)
        else:
            for target in targets:
                world.shoot(target, after)

    # The end

    def _drain(self) -> float:
        """Wait until every accepted message is answered or time is over, and for late seconds of a double."""
        began = time.monotonic()
        while time.monotonic() - began < self._plan.drain_s:
            verdict = self._judge()
            if not verdict.lost:
                break
            time.sleep(0.5)
        drained = time.monotonic() - began
        time.sleep(LOOKS_S[1] + 2.5)
        return drained

    def _judge(self) -> Verdict:
        kept: list[str] = []
        try:
            kept = [name for _, names in self._world.failures() for name in names]
        except redis.RedisError:
            pass
        written = [each for lane in self._written.values() for each in lane]
        # A part may be sent again after the second look, less what the sender may have waited before its freeze.
        return judge(
            written, self._world.taken(), failures=kept, windows=self._windows, resend_after=LOOKS_S[1] - 0.5
        )

    def _outcome(self, struck: dict[str, int], drained_s: float) -> Outcome:
        assert not self._errors, self._errors
        verdict, taken = self._judge(), self._world.taken()
        kills = self._counts
        written = sum(len(lane) for lane in self._written.values())
        counts = {
            "messages": written, "replies": sum(1 for t in taken if t.names),
            "notices": sum(1 for t in taken if not t.names),
            "workers killed": kills["kill worker"] + 2 * kills["kill both workers"],
            "workers frozen": kills["freeze worker"],
            "web killed": kills["kill web"], "web frozen": kills["freeze web"],
            "clocks killed": kills["kill clock"], "Redis killed": kills["kill redis"],
            "model failures": 2 * kills["model fails"],
        }  # fmt: skip
        failures = Counter(reason for reason, _ in self._world.failures())
        return Outcome(self._plan, verdict, counts, struck, failures, drained_s)
