"""The time we add to a call: from what the caller said to the answer that is pushed into the live call."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass

from bench import load, webhooks
from bench.servers import ACCOUNT, OURS, Servers
from bench.turns import LATENCY_S, MODEL_S, RATE, said, wait_for
from bench.world import World

WARMED = 30


@dataclass(frozen=True)
class PreparedCall:
    """A call's two webhooks: it comes in, and the caller says something."""

    sid: str
    begins: bytes
    speaks: bytes


def spoken(servers: Servers, world: World, web: int) -> tuple[float, float]:
    """(p50, p99) ms between the moment a caller's words are due at /voice/turn and our request to speak the answer
    reaching Twilio, less the model's time. New callers, ``RATE`` a second; the call itself came in before."""
    servers.redis.flushall()
    process = servers.worker(web, RATE_LIMIT_PER_MINUTE="0")
    wait_for(lambda: servers.redis.smembers("rq:workers"))
    world.behave()
    _played(world, web, prepared(web, WARMED))
    world.behave(MODEL_S)
    due = _played(world, web, prepared(web, round(RATE * LATENCY_S)))
    servers.stop(process)
    took = sorted((at - due[sid] - MODEL_S) * 1000 for at, sid in world.sent())
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def _played(world: World, web: int, calls: list[PreparedCall]) -> dict[str, float]:
    """Every call's words at their time; gives when each were due, once all are answered."""
    load.run(web, [call.begins for call in calls], 4, 30.0)
    due: dict[str, float] = {}
    dice, began = random.Random(7), time.monotonic()
    for n, call in enumerate(calls):
        due[call.sid] = at = began + (n + dice.random() * 0.8) / RATE
        time.sleep(max(0.0, at - time.monotonic()))
        load.run(web, [call.speaks], 1, 10.0)
    wait_for(lambda: world.count() >= len(calls))
    return due


def prepared(web: int, count: int) -> list[PreparedCall]:
    """Calls of as many new callers, who each say something else."""
    first = webhooks.FIRST_CUSTOMER + secrets.randbelow(1_000_000) * 1000
    return [_call(web, f"+{first + n}", said(n)) for n in range(count)]


def _call(web: int, caller: str, words: str) -> PreparedCall:
    sid = "CA" + secrets.token_hex(16)
    common = [
        ("CallSid", sid), ("AccountSid", ACCOUNT), ("From", caller), ("To", OURS), ("Direction", "inbound"),
        ("ApiVersion", "2010-04-01"), ("Caller", caller), ("Called", OURS), ("CallerCountry", "US"),
    ]  # fmt: skip
    begins = webhooks.signed(web, "/voice", [*common, ("CallStatus", "ringing")])
    heard = [("CallStatus", "in-progress"), ("SpeechResult", words), ("Confidence", "0.9312837")]
    return PreparedCall(sid, begins, webhooks.signed(web, "/voice/turn?n=1", [*common, *heard]))
