"""What the whole deployment counts per day: one hash, whatever partition a customer is in.

Counting is one command on one key, so each turn gets a number of its own, however many count at
once. A command that redis-py sends again after a broken connection counts twice: too early, never too late.
"""

from __future__ import annotations

import redis

from session import keys

TURNS = "turns"  # those that asked for a place in the budget, refused ones included
BUDGET_REACHED = "budget_reached"
GATED = "gated:"  # messages recorded and not answered, by reason
KEPT_MS = 8 * 86_400_000


def count(client: redis.Redis, now_ms: int, field: str, by: int = 1) -> int:
    """Count ``by`` on the day of ``now_ms``; gives the number reached."""
    pipe = client.pipeline(transaction=False)
    pipe.hincrby(keys.day(now_ms), field, by)
    pipe.pexpire(keys.day(now_ms), KEPT_MS)
    return int(pipe.execute()[0])


def first(client: redis.Redis, now_ms: int, field: str) -> bool:
    """Whether nobody said ``field`` on that day before."""
    return bool(client.hsetnx(keys.day(now_ms), field, now_ms))


def today(client: redis.Redis, now_ms: int) -> dict[str, int]:
    """Everything counted on the day of ``now_ms``."""
    stored = client.hgetall(keys.day(now_ms))
    return {str(field): int(value) for field, value in stored.items()}
