"""A long chaos run: ``make soak SECONDS=600``, or ``python -m tests.crash.soak --seconds 600 [--seed N] [--keep]``.

Prints its seed first, so that a run that finds something can be had again, and a table at the end. Exits with 1
when a message was lost, doubled or overtaken; the processes' logs and Redis' file are kept then.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash.chaos import Chaos, Plan
from tests.crash.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long harm is done")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--customers", type=int, default=6)
    parser.add_argument("--keep", action="store_true", help="keep logs and data whatever comes out")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"seed {seed}, {options.seconds:.0f} s of harm", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ringback-soak-"))
    world = World(folder)
    try:
        world.open_for_business()
        outcome = Chaos(
            world, Plan(seed, options.seconds, options.customers, drain_s=max(60.0, options.seconds / 4))
        ).run()
    finally:
        world.stop()
    print(outcome.table())
    if options.keep or not outcome.verdict.holds:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if outcome.verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
