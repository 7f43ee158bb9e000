"""What is kept of a customer, read without a step: plain looks at the ledger's keys, for pages, programs and repairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import redis

from session import keys, records
from session.model import Direction, Message
from session.splitting import PARTS_MAX


class Reader:
    """The looks at one Redis. Every method may raise ``redis.RedisError``."""

    redis: redis.Redis

    def bound(self, cid: str) -> dict[str, str]:
        """Twilio's SID -> number of the part that is bound to it."""
        stored: Any = self.redis.hgetall(keys.customer_key("parts", cid))
        parts = ((number, records.decode_part(value)) for number, value in stored.items())
        return {part["sid"]: number for number, part in parts if part.get("sid")}

    def recorded(self, cid: str, numbers: Sequence[int]) -> dict[int, str]:
        """Records of messages that stand in the history, by number, as far as they are still kept."""
        key, wanted, found = keys.customer_key("history", cid), set(numbers), dict[int, str]()
        at, size = -1, 20
        while wanted - found.keys():
            elements: Any = self.redis.lrange(key, at - size + 1, at)
            for element in elements:
                _, number, record = element.split(":", 2)
                if int(number) in wanted:
                    found[int(number)] = record
            if len(elements) < size:
                break
            at, size = at - size, size * 2
        return found

    def heard_since(self, cid: str, at: int) -> list[Message]:
        """What the customer wrote that was recorded after ``at`` (ms), wherever it stands."""
        pipe = self.redis.pipeline(transaction=False)
        for name, read in (("customer", pipe.hgetall), ("failures", pipe.hvals)):
            read(keys.customer_key(name, cid))
        for name in ("inbox", "history"):
            pipe.lrange(keys.customer_key(name, cid), 0, -1)
        facts, failures, inbox, history = pipe.execute()
        entries = [*inbox, *(e for f in failures if (e := json.loads(f).get("entry")))]
        tails = [entry.split(" ", 3)[3] for entry in entries] + [item.split(":", 2)[2] for item in history]
        heard = (
            records.decode_tail(cid, "0", tail, facts) for tail in tails if records.recorded_at(tail) > at
        )
        return [m for m in heard if m and m.direction is Direction.INBOUND]

    def find_messages(self, cid: str, numbers: Sequence[int]) -> dict[int, Message]:
        """Messages that stand in the history, by number, without their delivery."""
        facts: Any = self.redis.hgetall(keys.customer_key("customer", cid))
        found = self.recorded(cid, numbers)
        read = {n: records.decode_tail(cid, str(n), record, facts) for n, record in found.items()}
        return {n: message for n, message in read.items() if message}

    def parts_of(self, cid: str, number: int) -> dict[str, dict[str, Any]]:
        """The reply parts of one message, "21.1" to the part by names; see ``records.decode_part``."""
        names = [f"{number}.{i}" for i in range(1, PARTS_MAX + 1)]
        stored: Any = self.redis.hmget(keys.customer_key("parts", cid), names)
        return {n: records.decode_part(value) for n, value in zip(names, stored, strict=True) if value}

    def events_of(self, cid: str) -> list[dict[str, Any]]:
        """What happened to this customer's sessions, of the partition's newest events, oldest first."""
        stored: Any = self.redis.xrange(keys.key("events", cid))
        return [
            {
                "id": str(place),
                "session_id": keys.make_id("s", cid, told["session"]),
                **json.loads(told["event"]),
            }
            for place, told in stored
            if told.get("cid") == cid
        ]
