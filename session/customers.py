"""Everything held about one customer, gathered: to be shown, counted, or forgotten.

Reads more than a turn does, so it is for people and programs that ask, never for the way to an answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from session import events, keys, records
from session.calls import Call, Calls
from session.course import is_notice
from session.failures import Failure
from session.model import Channel, Customer, Direction, MemoryItem, Message, Session

if TYPE_CHECKING:
    from session.manager import SessionManager

TOPICS_MAX = 5
CALLS = "calls"  # counted of a customer beside what they said on each channel
COUNTERS = ("attempts", "placed", "outbox", "pace", "said")
# What is counted of a customer, by the kind of key that holds it.
KINDS = {
    "sessions": "sessions", "messages": "history", "waiting": "inbox", "memories": "memory", "turns": "turns",
    "failures": "failures",
}  # fmt: skip


class NoSuchCustomer(LookupError):
    """Nobody is known by this number, or no more."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn as it was stored: ``record`` is what ``workers.why`` and the commit wrote. Times are ms."""

    id: str
    cid: str
    record: dict[str, Any]

    @property
    def messages(self) -> list[int]:
        """Numbers of the messages that it answered or read."""
        return [int(n) for n in self.record.get("messages") or ()]

    @property
    def replies(self) -> list[int]:
        """Numbers of what it said."""
        return [int(n) for n in self.record.get("replies") or ()]


@dataclass(frozen=True, slots=True)
class Holding:
    """All that is held. ``waiting``: messages that no turn has answered yet."""

    customer: Customer
    conversations: tuple[tuple[Session, tuple[Message, ...]], ...]
    memory: dict[str, tuple[MemoryItem, ...]]  # by agent
    turns: tuple[TurnRecord, ...]
    failures: tuple[Failure, ...]
    events: tuple[events.JSON, ...]
    waiting: tuple[Message, ...]
    facts: dict[str, str]  # the customer's hash as it is
    counters: dict[str, int]  # of what ends by itself, by the kind of key
    calls: tuple[Call, ...] = ()  # of the last day


@dataclass(frozen=True, slots=True)
class Story:
    """A turn with what was said in it. ``parts``: of each reply, "21.1" to the part by names."""

    turn: TurnRecord
    messages: tuple[Message | str, ...]  # an id stands for what is kept no more
    replies: tuple[Message | str, ...]
    parts: dict[str, dict[str, dict[str, Any]]]  # by the reply's id


@dataclass(frozen=True, slots=True)
class Analytics:
    """One customer in numbers. Times are ms; what nobody told is None."""

    customer: Customer
    sessions: int
    by_channel: dict[Channel, int]  # messages both ways
    calls: int
    messages: int
    response_ms: float | None
    satisfaction: float | None
    preferred: Channel | None
    topics: tuple[str, ...]


def holding(manager: SessionManager, cid: str) -> Holding:
    """All of it. Raises ``NoSuchCustomer``."""
    client = manager.ledger.redis
    pipe = client.pipeline(transaction=False)
    for name in ("customer", "turns", "memory"):
        pipe.hgetall(keys.customer_key(name, cid))
    pipe.lrange(keys.customer_key("inbox", cid), 0, -1)
    facts, turns, memories, inbox = pipe.execute()
    if not facts:
        raise NoSuchCustomer(cid)
    sessions = [manager.ledger.read(cid, _number(s.id)) for s in manager.sessions_of(cid)]
    waiting = (records.decode_entry(cid, str(entry), facts) for entry in inbox)
    return Holding(
        customer=records.decode_customer(cid, facts),
        # One that is gone by now went with its customer.
        conversations=tuple((s, tuple(messages)) for _, s, messages in sessions if s),
        memory={agent: records.decode_memory(value) for agent, value in memories.items()},
        turns=tuple(_turn(cid, fence, turns[fence]) for fence in sorted(turns, key=int)),
        failures=tuple(manager.failures.of(cid)),
        events=tuple(manager.ledger.events_of(cid)),
        waiting=tuple(message for message in waiting if message),
        facts=facts,
        counters=_sizes(manager, cid, COUNTERS),
        calls=tuple(Calls(manager.ledger).all(cid)),
    )


def sizes(manager: SessionManager, cid: str) -> dict[str, int]:
    """How many records of each kind are held of a customer; zeros for nobody."""
    counted = _sizes(manager, cid, tuple(KINDS.values()))
    named = {name: counted[kind] for name, kind in KINDS.items()}
    named["messages"] += counted["inbox"] - _sizes(manager, cid, ("placed",))["placed"]
    del named["waiting"]
    return {**named, "events": len(manager.ledger.events_of(cid))}


def _sizes(manager: SessionManager, cid: str, kinds: Sequence[str]) -> dict[str, int]:
    count = {"hash": "HLEN", "list": "LLEN", "zset": "ZCARD"}
    pipe = manager.ledger.redis.pipeline(transaction=False)
    for kind in kinds:
        pipe.execute_command(count[(keys.CUSTOMER | keys.CLAIM)[kind].type], keys.customer_key(kind, cid))
    return dict(zip(kinds, map(int, pipe.execute()), strict=True))


def memory_of(manager: SessionManager, cid: str, agent_id: str) -> tuple[MemoryItem, ...]:
    """What an agent remembers of a customer beyond a session."""
    value: Any = manager.ledger.redis.hget(keys.customer_key("memory", cid), agent_id)
    return records.decode_memory(value or "")


def message(manager: SessionManager, message_id: str) -> Message | None:
    """One message with its delivery, whether it waits or stands in a session; None when there is none, or no more."""
    found = keys.parse_id(message_id)
    if not found or found.letter != "m":
        return None
    client, wanted = manager.ledger.redis, str(found.number)
    stored: Any = client.lrange(keys.customer_key("history", found.cid), 0, -1)
    for element in stored:
        session_no, number, _ = element.split(":", 2)
        if number == wanted:
            said = manager.ledger.read(found.cid, int(session_no))[2]
            return next((m for m in said if _number(m.id) == found.number), None)
    inbox: Any = client.lrange(keys.customer_key("inbox", found.cid), 0, -1)
    entry = next((str(entry) for entry in inbox if entry.split(" ", 1)[0] == wanted), None)
    facts: Any = client.hgetall(keys.customer_key("customer", found.cid)) if entry else {}
    return records.decode_entry(found.cid, entry, facts) if entry else None


def turn(manager: SessionManager, name: str) -> TurnRecord | None:
    """One turn by its id, or the newest one that answered or said a message, by the message's; None without."""
    found = keys.parse_id(name)
    if not found or found.letter not in "tm":
        return None
    key, client = keys.customer_key("turns", found.cid), manager.ledger.redis
    if found.letter == "t":
        value: Any = client.hget(key, str(found.number))
        return _turn(found.cid, found.number, value) if value else None
    stored: Any = client.hgetall(key)
    for fence in sorted(stored, key=int, reverse=True):
        one = _turn(found.cid, fence, stored[fence])
        if found.number in (*one.messages, *one.replies):
            return one
    return None


def story(manager: SessionManager, told: TurnRecord) -> Story:
    """A turn with its messages, replies and their parts, as they stand now."""
    said: dict[int, Message] = {}
    if told.record.get("session"):
        messages = manager.ledger.read(told.cid, int(told.record["session"]))[2]
        said = {_number(m.id): m for m in messages}

    def all_of(numbers: Sequence[int]) -> tuple[Message | str, ...]:
        return tuple(said.get(n) or keys.make_id("m", told.cid, n) for n in numbers)

    parts = {keys.make_id("m", told.cid, n): manager.ledger.parts_of(told.cid, n) for n in told.replies}
    return Story(told, all_of(told.messages), all_of(told.replies), parts)


def _turn(cid: str, fence: str | int, value: str) -> TurnRecord:
    return TurnRecord(keys.make_id("t", cid, fence), cid, json.loads(value))


def _number(name: str) -> int:
    found = keys.parse_id(name)
    assert found is not None
    return found.number


def analytics(held: Holding) -> Analytics:
    """A customer in numbers. Pure."""
    messages = [m for _, said in held.conversations for m in said if not is_notice(m)]
    by_channel = Counter(m.channel for m in messages)
    inbound = Counter(m.channel for m in messages if m.direction is Direction.INBOUND)
    waits = [wait for _, said in held.conversations for wait in response_times(said)]
    ratings = [s.rating for s, _ in held.conversations if s.rating]
    topics = Counter(s.intent for s, _ in held.conversations if s.intent)
    calls = held.customer.channel_counts.get(CALLS, 0)
    return Analytics(
        customer=held.customer,
        sessions=len(held.conversations),
        by_channel=dict(by_channel),
        calls=calls,
        messages=len(messages),
        response_ms=sum(waits) / len(waits) if waits else None,
        satisfaction=sum(ratings) / len(ratings) if ratings else None,
        preferred=max(inbound, key=lambda channel: inbound[channel]) if inbound else None,
        topics=tuple(topic for topic, _ in topics.most_common(TOPICS_MAX)),
    )


def response_times(messages: Sequence[Message]) -> list[int]:
    """From each first unanswered message of the customer to Twilio's acceptance of the answer, ms. Pure."""
    times: list[int] = []
    since = 0
    for message in messages:
        if message.direction is Direction.INBOUND:
            since = since or message.at
        elif not is_notice(message) and message.sent_at:
            if since:
                times.append(max(0, message.sent_at - since))
            since = 0
    return times
