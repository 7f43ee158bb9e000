"""The indexes of the 64 partitions: who is active, whose time is over. One round trip for all."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from session import keys, records
from session.ledger import Ledger
from session.model import Customer, Session

BATCH = 500  # sessions looked at in one round trip
WALK = 10_000  # of one partition in one walk; the rest is for the next


class Indexes:
    """Walks over a ledger's indexes. Safe for threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._redis = ledger.redis

    def active_count(self) -> int:
        """How many sessions are not closed."""
        pipe = self._redis.pipeline(transaction=False)
        for part in keys.partitions():
            pipe.zcard(keys.partition_key("active", part))
        return sum(pipe.execute())

    def active(self, limit: int) -> list[tuple[Customer, Session]]:
        """Sessions that are not closed, newest activity first, ``limit`` at most."""
        pipe = self._redis.pipeline(transaction=False)
        for part in keys.partitions():
            pipe.zrange(keys.partition_key("active", part), 0, limit - 1, desc=True, withscores=True)
        rows = (row for part in pipe.execute() for row in part)
        newest = heapq.nlargest(limit, rows, key=lambda row: row[1])
        return self._load([member for member, _ in newest], "active")

    def overdue(self) -> Iterator[list[tuple[str, Session]]]:
        """Batches of sessions that time may have done something to by now, each once."""
        now = self._ledger.now()
        pipe = self._redis.pipeline(transaction=False)
        for part in keys.partitions():
            pipe.zrange(keys.partition_key("deadlines", part), "-inf", now, byscore=True, offset=0, num=WALK)
        members = [member for found in pipe.execute() for member in found]
        for at in range(0, len(members), BATCH):
            yield [(customer.id, s) for customer, s in self._load(members[at : at + BATCH], "deadlines")]

    def _load(self, members: list[str], index: str) -> list[tuple[Customer, Session]]:
        """Sessions of index entries; an entry whose session is gone (its retention ended) is taken off."""
        pipe = self._redis.pipeline(transaction=False)
        for member in members:
            cid, number = member.split(":")
            pipe.hget(keys.customer_key("sessions", cid), number)
            pipe.hget(keys.customer_key("customer", cid), "address")
        values: list[Any] = pipe.execute()
        found, gone = [], []
        for i, member in enumerate(members):
            cid, number = member.split(":")
            value, address = values[2 * i], values[2 * i + 1]
            if value is None:
                gone.append((cid, member))
            else:
                found.append((Customer(cid, address or ""), records.decode_session(cid, number, value)))
        if gone:
            pipe = self._redis.pipeline(transaction=False)
            for cid, member in gone:
                pipe.zrem(keys.key(index, cid), member)
            pipe.execute()
        return found
