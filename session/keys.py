"""Every Redis key we own: one function makes them, two tables say what they are.

All of one customer's keys, and the indexes of the partition the customer is in, share
one hash tag ``{pNN}``, so that one script touches one slot of a Redis Cluster.
Nothing here contains a phone number: ``cid`` is ``session.address.customer_id``.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

PREFIX = "ringback:"
PARTITIONS = 64


class Kind(NamedTuple):
    """What a key holds. ``writer`` names the scripts that write it."""

    type: str
    lifetime: str
    holds: str
    writer: str


# Deleted by forget(), kept alive by every step that touches them.
CUSTOMER: dict[str, Kind] = {
    "customer": Kind(
        "hash",
        "retention",
        "profile, opt-outs, quiet and hold times, when heard on WhatsApp, open sessions",
        "receive open commit release write count_turn learn_optout learn_window replay call_begin call_end",
    ),
    "inbox": Kind(
        "list",
        "retention",
        "'message keyword lane record' that no turn has answered",
        "receive claim commit replay write",
    ),
    "attempts": Kind(
        "hash",
        "retention",
        "message number -> turns begun for it",
        "claim take_more release commit replay write",
    ),
    "placed": Kind(
        "hash",
        "retention",
        "waiting message number -> 'session:' it is shown in",
        "open claim commit replay write",
    ),
    "sessions": Kind(
        "hash", "retention", "number -> 'version:epoch:write:record'", "open commit write replay call_end"
    ),
    "history": Kind(
        "list",
        "retention",
        "'session:message:record' in the order of recording",
        "open commit write call_end",
    ),
    "parts": Kind(
        "hash",
        "retention",
        "'message.i' -> a reply part and how far it got",
        "commit write begin_send settle give_up sent status learn_window resend word_take word_settle call_heard call_end",
    ),
    "outbox": Kind(
        "list",
        "retention",
        "parts neither sent nor failed, oldest first",
        "claim commit write settle give_up sent status resend call_end",
    ),
    "memory": Kind("hash", "retention", "agent -> what it remembers beyond a session", "commit"),
    "failures": Kind(
        "hash",
        "retention",
        "number -> what needs a person, with the message that never came to be shown",
        "receive claim commit write settle give_up learn_window replay resend",
    ),
}

# Of one customer too, deleted by forget(), with an end of their own that nothing else renews.
CLAIM = {
    "claim": Kind("string", "CLAIM_SECONDS", "'fence:nonce:start' of who may answer", "claim renew release"),
    "pace": Kind(
        "zset", "a minute", "fences of the turns that asked the model -> when, ms", "count_turn release"
    ),
    "said": Kind("zset", "10 minutes", "'digest of a text:message' -> when, ms", "count_turn"),
    "turns": Kind("hash", "7 days", "fence -> what the turn did, of the newest 200", "commit"),
    "calls": Kind(
        "hash",
        "a day",
        "CallSid -> the call; 'CallSid:question' -> the word that answers it, and how far it got",
        "call_begin call_heard call_end word_take word_settle commit",
    ),
    "media": Kind(
        "hash",
        "MEDIA_RETENTION_DAYS",
        "message number -> what was made of its pictures, voice notes and documents",
        "keep_media drop_media",
    ),
}

# One of each per partition, never deleted.
PARTITION: dict[str, Kind] = {
    "sequence": Kind("counter", "for ever", "numbers of messages, sessions and fences", "all that make one"),
    "waiting": Kind(
        "zset",
        "for ever",
        "customer -> when to ring next, ms; in it iff inbox or outbox is not empty",
        "receive due claim renew release status replay resend write call_end",
    ),
    "rings": Kind(
        "hash",
        "for ever",
        "customer -> rings nobody answered",
        "receive due claim release replay resend write call_end",
    ),
    "active": Kind(
        "zset",
        "for ever",
        "'customer:session' not closed -> last activity, ms",
        "open commit write replay call_end",
    ),
    "closed": Kind(
        "zset",
        "for ever",
        "'customer:session' that ended -> last activity, ms; of RETENTION_DAYS",
        "open commit write replay call_end",
    ),
    "events": Kind(
        "stream",
        "for ever",
        "what happened to sessions, the newest thousand: cid, session, event",
        "open commit write replay call_end",
    ),
    "deadlines": Kind(
        "zset",
        "for ever",
        "'customer:session' -> when the sweep looks at it, ms",
        "open commit write replay call_end",
    ),
    "dead": Kind(
        "zset",
        "for ever",
        "'customer:failure' -> when, ms",
        "receive claim commit write settle give_up learn_window replay resend",
    ),
    "resolved": Kind(
        "zset",
        "for ever",
        "'customer:failure' no more -> when it failed, ms; of RETENTION_DAYS",
        "claim commit write settle give_up replay resend",
    ),
}

# Single keys with an end of their own; they carry nothing of the customer's.
SINGLE: dict[str, Kind] = {
    "seen": Kind("string", "30 days", "seen:<MessageSid>, this message was taken in", "receive"),
    "called": Kind("string", "a day", "called:<call>, an operator was texted about this wait", "background"),
    "summing": Kind("string", "a minute", "summing:<customer>, a summary is being made", "background"),
    "erased": Kind("string", "48 hours", "erased:<customer>, do not bring back", "forget"),
    "alias": Kind("string", "retention", "alias:<WhatsApp id's hash> -> customer", "manager"),
}


@lru_cache(maxsize=1024)  # asked for by each of a step's ten keys
def partition(cid: str) -> str:
    """``p00`` to ``p63``, the partition of a customer."""
    return f"p{int(cid[:8], 16) % PARTITIONS:02d}"


def partitions() -> list[str]:
    return [f"p{n:02d}" for n in range(PARTITIONS)]


def customer_key(name: str, cid: str) -> str:
    return f"{PREFIX}{{{partition(cid)}}}:{name}:{cid}"


def partition_key(name: str, part: str) -> str:
    return f"{PREFIX}{{{part}}}:{name}"


def seen(cid: str, sid: str) -> str:
    return f"{PREFIX}{{{partition(cid)}}}:seen:{sid}"


def key(name: str, cid: str, sid: str = "") -> str:
    """The key a script calls ``name``, for this customer (and this MessageSid, for ``seen``)."""
    if name == "seen":
        return seen(cid, sid)
    if name in PARTITION:
        return partition_key(name, partition(cid))
    return customer_key(name, cid)


def clock_slot(job: str, slot: int) -> str:
    """Taken by the one clock that enqueues a scheduled job's run of this slot."""
    return f"{PREFIX}clock:{job}:{slot}"


def day(now_ms: int) -> str:
    """What the whole deployment counts on one day (UTC): turns, and messages not answered, by reason."""
    return f"{PREFIX}day:{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}"


SCAN_CURSOR = f"{PREFIX}clock:scan"  # where the walk that looks for lost index entries is
RUN_ID = f"{PREFIX}server"  # the run_id of the Redis we knew


def sign_in_tries(who: str) -> str:
    """Sign-ins tried within a minute. ``who``: a keyed hash of an address, or ``all``."""
    return f"{PREFIX}console:tries:{who}"


def ended_sign_in(name: str) -> str:
    """There while a session that was signed out could still be shown."""
    return f"{PREFIX}console:ended:{name}"


QUARANTINE = f"{PREFIX}server:quarantine"  # there while it may have forgotten what was sent
STARTED = f"{PREFIX}started"  # when we first ran, ms: nothing older is fetched from Twilio


def called(cid: str, call: str) -> str:
    """There once an operator was texted about one wait of a customer: ``call`` names both."""
    return customer_key("called", cid) + ":" + hashlib.sha256(call.encode()).hexdigest()[:16]


def alarm(code: int, sender: str) -> str:
    """There while an alarm about this code and sender of ours ('' is the whole account) has been raised already."""
    about = hashlib.sha256(sender.encode()).hexdigest()[:12] if sender else "account"
    return f"{PREFIX}alarm:{code}:{about}"


_ID = re.compile(r"^p([0-5][0-9]|6[0-3])-([0-9a-f]{32})-([smtf])([1-9][0-9]{0,15})(?:-([1-9]))?$")


class Id(NamedTuple):
    """A parsed id. ``letter`` is s (session), m (message), t (turn) or f (failure); ``part`` is 0 without one."""

    cid: str
    letter: str
    number: int
    part: int


def make_id(letter: str, cid: str, number: int | str) -> str:
    """``p07-<customer>-m21``: an id finds its customer and slot without an index."""
    return f"{partition(cid)}-{cid}-{letter}{number}"


def part_id(cid: str, number: str) -> str:
    """The id of part ``21.1``: ``p07-<customer>-m21-1``."""
    message, part = number.split(".")
    return f"{make_id('m', cid, message)}-{part}"


def parse_id(text: str) -> Id | None:
    """None for anything that is not an id of ours, whatever it is."""
    found = _ID.fullmatch(text) if len(text) < 80 else None
    if not found or f"p{found[1]}" != partition(found[2]):
        return None
    return Id(found[2], found[3], int(found[4]), int(found[5] or 0))
