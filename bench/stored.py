"""What sessions cost in Redis: load and save, bytes, and the sweep. Run by the bench as ``python -m bench.stored NUMBER``.

A process of its own with the worker's logging, so that what is timed is what a worker does.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import redis

from config import logging
from config.agents import agents_or_exit
from config.settings import settings_or_exit
from session import keys, records
from session.claims import Timing
from session.ledger import Ledger, connect
from session.manager import SessionManager
from session.model import Channel, HandledBy, Session, State

ROUNDS = 600
DUE, FEW, MANY = 10_000, 20_000, 1_000_000
CHUNK = 2_000
SWEEPS = 2
HOUR_MS = 3_600_000
AT_REST = ("customer", "sessions", "history", "parts", "inbox", "outbox")


def main() -> None:
    settings = settings_or_exit("worker")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        logging.configure(settings, "worker", nowhere)
        ledger = Ledger(connect(settings.session_redis_connection_url, 30.0, 4), Timing.of(settings))
        manager = SessionManager(ledger, settings, agents_or_exit(settings))
        cid = manager.customer_id(sys.argv[1])
        found = load_and_save(manager, cid) | memory(ledger.redis, ledger, cid)
        found |= sweeps(manager)
    print(json.dumps(found))


def load_and_save(manager: SessionManager, cid: str) -> dict[str, Any]:
    """p50 in ms of reading a session with its 20 messages and writing it, beside GET and SET of the same bytes."""
    ledger = manager.ledger
    _, session, messages = ledger.read(cid)
    assert session
    assert len(messages) == 20, f"{len(messages)} messages"
    value = _as_stored(ledger.redis, cid)
    times: dict[str, list[float]] = {"get": [], "set": [], "load": [], "save": []}
    ledger.redis.set("bench:bare", value)
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ledger.redis.get("bench:bare")
        got = time.perf_counter()
        ledger.redis.set("bench:bare", value)
        put = time.perf_counter()
        _, session, _ = ledger.read(cid)
        loaded = time.perf_counter()
        assert session
        ledger.write(cid, manager.change(session))
        saved = time.perf_counter()
        for name, took in (
            ("get", got - began),
            ("set", put - got),
            ("load", loaded - put),
            ("save", saved - loaded),
        ):
            times[name].append(took * 1000)
    ledger.redis.delete("bench:bare")
    return {name: median(took) for name, took in times.items()} | {"bytes": len(value.encode())}


def _as_stored(client: redis.Redis, cid: str) -> str:
    """All that a load reads, in one string: the bytes that one GET is timed with."""
    found: Any = [
        *client.hvals(keys.customer_key("sessions", cid)), *client.lrange(keys.customer_key("history", cid), 0, -1),
        *client.hvals(keys.customer_key("parts", cid)), *client.hvals(keys.customer_key("customer", cid)),
    ]  # fmt: skip
    return "".join(found)


def memory(client: redis.Redis, ledger: Ledger, cid: str) -> dict[str, Any]:
    """Bytes of each key of the customer, after Twilio's word that every part was delivered.

    ``keys``: what the session is while it rests; ``beside``: what ends sooner by itself, with its seconds left.
    """
    for sid, number in ledger.bound(cid).items():
        ledger.status(cid, number, sid, "delivered", "", "")
    rests: dict[str, int] = {}
    beside: dict[str, tuple[int, int]] = {}
    for key in client.scan_iter(f"*{cid}*", count=1000):
        if str(key).startswith("rq:"):
            continue
        name, size = str(key).split(":")[2], int(str(client.memory_usage(key, samples=0)))
        if name in AT_REST:
            rests[name] = size
        else:
            beside[name] = size, int(str(client.ttl(key)))
    seen: list[Any] = [
        client.memory_usage(name, samples=0) for name in client.scan_iter("*:seen:*", count=1000)
    ]
    return {"keys": rests, "beside": beside, "seen": sum(seen)}


def sweeps(manager: SessionManager) -> dict[str, Any]:
    """Seconds to idle 10,000 due sessions among 20,000 and among 1,000,000."""
    client = manager.ledger.redis
    client.flushall()
    due = [_cid() for _ in range(DUE)]
    _index(client, (_cid() for _ in range(FEW - DUE)), FEW - DUE)
    few = [_sweep(manager, due) for _ in range(SWEEPS)]
    _index(client, (_cid() for _ in range(MANY - FEW)), MANY - FEW)
    many = [_sweep(manager, due) for _ in range(SWEEPS)]
    return {"few": min(few), "many": min(many)}


def _sweep(manager: SessionManager, due: list[str]) -> float:
    ledger = manager.ledger
    _make_due(manager, due)
    _settle(ledger.redis)
    began = time.perf_counter()
    moved = manager.check_idle_sessions()
    took = time.perf_counter() - began
    assert moved == len(due), f"{moved} sessions swept"
    return took


def _settle(client: redis.Redis) -> None:
    """Wait while Redis rewrites its file: that is this bench's doing, not the sweep's."""
    info: Any = client.info("persistence")
    while info.get("aof_rewrite_in_progress") or info.get("aof_rewrite_scheduled"):
        time.sleep(0.1)
        info = client.info("persistence")


def _cid() -> str:
    return secrets.token_hex(16)


def _make_due(manager: SessionManager, due: list[str]) -> None:
    """Sessions that have been quiet for two hours, with their customer's facts, as the steps leave them."""
    agent = manager.agents.default.id
    at = manager.ledger.now() - 2 * HOUR_MS
    session = Session(
        id="", agent_id=agent, channel=Channel.SMS, state=State.ACTIVE, handled_by=HandledBy.ASSISTANT,
        title="Order", created_at=at - HOUR_MS, last_activity=at, first_message_at=at - HOUR_MS,
        last_inbound_at=at, last_message_at=at, inbound_count=10, outbound_count=10,
        channel_counts={"sms": 20}, opened_because="first message on sms", ours="+15550001111",
    )  # fmt: skip
    plan = manager.change(replace(session, version=1)).plan()
    for chunk in (due[i : i + CHUNK] for i in range(0, len(due), CHUNK)):
        pipe = manager.ledger.redis.pipeline(transaction=False)
        for n, cid in enumerate(chunk):
            pipe.hset(keys.customer_key("sessions", cid), "1", f"1:0:{n:012x}:{plan['record']}")
            facts = {"address": "+12025550100", "last_session": "1", records.OPEN + plan["opened_as"]: "1"}
            pipe.hset(keys.customer_key("customer", cid), mapping=facts)
            pipe.zadd(keys.key("active", cid), {f"{cid}:1": at})
            pipe.zadd(keys.key("deadlines", cid), {f"{cid}:1": plan["deadline"]})
        pipe.execute()


def _index(client: redis.Redis, cids: Iterator[str], count: int) -> None:
    """Entries of sessions that are not due, in both indexes; their records are not made, for the sweep never reads them."""
    seconds, _ = client.time()
    now = int(seconds) * 1000
    by_part: dict[str, dict[str, int]] = {part: {} for part in keys.partitions()}
    for n in range(count):
        cid = next(cids)
        members = by_part[keys.partition(cid)]
        members[f"{cid}:1"] = now + HOUR_MS + n
        if len(members) == CHUNK or n >= count - 1:
            _flush(client, by_part if n >= count - 1 else {keys.partition(cid): members})


def _flush(client: redis.Redis, by_part: dict[str, dict[str, int]]) -> None:
    for part, members in by_part.items():
        if members:
            pipe = client.pipeline(transaction=False)
            pipe.zadd(keys.partition_key("active", part), members)
            pipe.zadd(keys.partition_key("deadlines", part), members)
            pipe.execute()
            members.clear()


if __name__ == "__main__":
    main()
