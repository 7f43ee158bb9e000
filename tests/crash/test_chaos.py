"""Half a minute of random harm by seed at a tenth of the protocol's times. ``make soak SECONDS=600`` is the long run."""

from __future__ import annotations

import os
from pathlib import Path

from tests.crash.chaos import Chaos, Plan
from tests.crash.world import World

SEED = int(os.environ.get("CHAOS_SEED") or 20261120)


def test_nothing_lost_nothing_twice_nobody_overtaken(tmp_path: Path) -> None:
    """Processes and Redis are killed, Twilio and the model fail: each accepted message has one answer, in order."""
    world = World(tmp_path)
    try:
        world.open_for_business()
        outcome = Chaos(world, Plan(SEED, seconds=15, every_s=0.8)).run()
    finally:
        world.stop()
    done = outcome.counts

    assert outcome.verdict.holds, f"CHAOS_SEED={SEED}\n{outcome.table()}"
    assert not outcome.verdict.to_person, outcome.table()
    # A run in which nothing happened would prove nothing.
    assert done["messages"] > 20, outcome.table()
    assert done["workers killed"] + done["workers frozen"] + done["Redis killed"] > 2, outcome.table()
    assert sum(outcome.faults.values()) > 5, outcome.table()
