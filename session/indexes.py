"""The indexes of the 64 partitions: who is active, whose time is over. One round trip for all."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator
from typing import Any

from session import keys, records
from session.ledger import Ledger
from session.model import Customer, Session

BATCH = 500  # sessions looked at in one round trip
WALK = 10_000  # of one partition in one walk; the rest is for the next
TIES_MAX = 1_000  # sessions of one partition, active in the same millisecond
PAGE_WALK = 5_000  # looked at for one page of a list; a page may end short, with a cursor to go on from

_CURSOR = re.compile(r"([0-9]{1,16})-([0-9a-f]{32}):([0-9]{1,16})", re.ASCII)


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

    def page(
        self, limit: int, cursor: str, indexes: tuple[str, ...], keep: Callable[[Customer, Session], bool]
    ) -> tuple[list[tuple[Customer, Session]], str]:
        """Sessions of these indexes (``active``, ``closed``) that ``keep`` wants, newest activity first, ``limit`` at most.

        Gives them and the cursor of what follows, or ''. Raises ``ValueError`` for a cursor that is none.
        """
        after = _parse_cursor(cursor)
        found: list[tuple[Customer, Session]] = []
        looked_at, size = 0, limit + 1
        while looked_at < PAGE_WALK:
            rows = self._newest(indexes, after, size)
            loaded = {(c.id, s.id): (c, s) for c, s in self._load_rows(rows)}
            for at, member in rows:
                if len(found) == limit:
                    return found, f"{after[0]}-{after[1]}" if after else ""
                after = at, member
                cid, number = member.split(":")
                row = loaded.get((cid, keys.make_id("s", cid, number)))
                if row and keep(*row):
                    found.append(row)
            if len(rows) < size:
                return found, ""
            looked_at, size = looked_at + len(rows), BATCH
        return found, f"{after[0]}-{after[1]}" if after else ""

    def _newest(
        self, indexes: tuple[str, ...], after: tuple[int, str] | None, count: int
    ) -> dict[tuple[int, str], str]:
        """(activity, member) -> index of the newest ``count`` entries after a cursor, newest first."""
        pipe = self._redis.pipeline(transaction=False)
        names = [(index, part) for part in keys.partitions() for index in indexes]
        below = f"({after[0]}" if after else "+inf"
        for index, part in names:
            key = keys.partition_key(index, part)
            pipe.zrevrangebyscore(key, below, "-inf", start=0, num=count, withscores=True)
            if after:
                pipe.zrangebyscore(key, after[0], after[0], start=0, num=TIES_MAX, withscores=True)
        rows: dict[tuple[int, str], str] = {}
        each = 2 if after else 1  # answers for each index
        for i, entries in enumerate(pipe.execute()):
            rows |= {(int(at), str(member)): names[i // each][0] for member, at in entries}
        newest = heapq.nlargest(count, (row for row in rows if after is None or row < after))
        return {row: rows[row] for row in newest}

    def _load_rows(self, rows: dict[tuple[int, str], str]) -> list[tuple[Customer, Session]]:
        loaded: list[tuple[Customer, Session]] = []
        for index in sorted(set(rows.values())):
            loaded += self._load([member for (_, member), name in rows.items() if name == index], index)
        return loaded

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


def _parse_cursor(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError("this is no cursor of ours")
    return int(match[1]), f"{match[2]}:{match[3]}"
