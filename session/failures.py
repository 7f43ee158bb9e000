"""What needs a person: every failure with its cause and what a retry will do. Reading only; see ``session.retries``.

A failure is a message that no turn answered, a turn that gave up, or a part of a reply that Twilio
did not take. Its number is the message's, the turn's or the part's, and its id says so: ``p07-<customer>-f21``,
``p07-<customer>-f21-1`` for a part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from session import keys, records
from session.ledger import Ledger

TIES_MAX = 1000  # failures of one partition in one millisecond
_CURSOR = re.compile(r"([0-9]{1,15})-(p[0-9a-f-]+f[0-9-]+)", re.ASCII)


class Act(StrEnum):
    """What a retry does."""

    ANSWER = "answer"  # its messages wait in the inbox again
    HAND_BACK = "hand_back"  # so, and the conversation is the assistant's again
    SEND = "send"  # the part and the rest of its reply are sent
    LOOK = "look"  # so, after a look at Twilio's list
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Kind:
    """A reason of failing, in sentences for people."""

    cause: str
    act: Act
    daily: bool = False  # a limit of the day: not before the next one (UTC)


EFFECTS = {
    Act.ANSWER: "The message waits in the inbox again with no attempts counted, and the assistant answers it.",
    Act.HAND_BACK: "The conversation goes back to the assistant, which answers the messages.",
    Act.SEND: "This part and the rest of its reply are sent, in order.",
    Act.LOOK: "Twilio's list is looked at first; if it is not there, this part is sent, and the rest of its reply.",
    Act.NONE: "It cannot be retried.",
}
SENT_EFFECT = "Twilio has it after all: a retry sends nothing and takes it off the list."

KINDS = {
    "attempts": Kind("Each turn that tried to answer it failed, or its worker died with it.", Act.ANSWER),
    "flood": Kind("Too many messages of this customer were waiting already.", Act.ANSWER),
    "fetched_late": Kind("Twilio could not deliver it to us, and it was too old when it was fetched.", Act.ANSWER),
    "model_away": Kind("The model did not answer for MODEL_GIVE_UP_SECONDS; a person was asked.", Act.HAND_BACK),
    "expired": Kind("It could not be sent within PART_LIMIT_SECONDS.", Act.LOOK),
    "unknown_outcome": Kind("Twilio did not say whether it took it, and does not list it.", Act.LOOK),
    "refused_by_twilio": Kind("Twilio refused it for good.", Act.SEND),
    "outside_window": Kind(
        "WhatsApp's 24 hours after the customer's last message were over; only a template may go.", Act.SEND
    ),
    "window_closed": Kind(
        "WhatsApp took it and then refused it: the customer's 24 hours were over. Write with a template.", Act.NONE
    ),
    "configuration": Kind("Twilio refused our account, our sender or its settings for too long.", Act.LOOK),
    "our_error": Kind("An error of our own came up each time that it was to be sent; the log has it.", Act.LOOK),
    "nobody_answered": Kind(
        "The customer waits for a person, and nobody answered within HANDOFF_ALERT_MINUTES.", Act.NONE
    ),
    "operator_expired": Kind("The conversation expired while a person had it.", Act.NONE),
    "daily_limit": Kind("The customer had DAILY_TURN_LIMIT answers on that day.", Act.ANSWER, daily=True),
    "daily_budget": Kind("All customers had DAILY_BUDGET_TURNS answers on that day.", Act.ANSWER, daily=True),
    "repeated_field": Kind("Its webhook gave a field twice with different values.", Act.NONE),
    "not_an_address": Kind("Its sender is a short code, a name or a withheld number: nobody to answer.", Act.NONE),
    "not_our_number": Kind("It was sent to no phone number of ours.", Act.NONE),
    "own_number": Kind("It came from a number of ours: answering ourselves would never end.", Act.NONE),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure as it stands. Times are ms; ``resolved_at`` is 0 while it needs a person."""

    id: str
    cid: str
    number: str  # in the failures of the customer: "21", or "21.1" for a part
    reason: str
    cause: str
    act: Act
    daily: bool
    effect: str  # what a retry will do
    at: int
    attempts: int
    last_error: str
    phone: str
    session_id: str
    messages: tuple[int, ...]  # numbers of what the customer wrote; empty for a part
    entry: str  # of the inbox, as it was when the message was taken off or kept from it; '' where the history has it
    resolution: str  # retried, sent or answered; '' while open
    resolved_at: int

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The messages it is about: what the customer wrote, or the reply a part belongs to."""
        about = self.messages or (self.number.partition(".")[0],)
        return tuple(keys.make_id("m", self.cid, number) for number in about)

    @property
    def part_id(self) -> str:
        """The reply part's id, or ''."""
        return keys.part_id(self.cid, self.number) if self.of_part else ""

    @property
    def of_part(self) -> bool:
        return "." in self.number

    @property
    def retryable(self) -> bool:
        return self.act is not Act.NONE and not self.resolved_at


class NoSuchFailure(LookupError):
    """There is no failure of this id, or no more: its customer was forgotten, or kept long enough."""


def failure_id(cid: str, number: str) -> str:
    return keys.make_id("f", cid, number.replace(".", "-"))


def parse_failure_id(text: str) -> tuple[str, str]:
    """(customer, number); the id of the message or part that failed does as well. Raises ``NoSuchFailure``."""
    found = keys.parse_id(text)
    if not found or found.letter not in "fm":
        raise NoSuchFailure(text)
    return found.cid, f"{found.number}.{found.part}" if found.part else str(found.number)


def parse_cursor(text: str) -> tuple[int, str]:
    """(ms, index member) that a page goes on after. Raises ``ValueError``."""
    match = _CURSOR.fullmatch(text) if len(text) < 120 else None
    try:
        cid, number = parse_failure_id(match[2] if match else "")
    except NoSuchFailure:
        raise ValueError("this is no cursor of ours") from None
    return int(match[1]) if match else 0, f"{cid}:{number}"


class Failures:
    """The failures of all customers, newest first. Safe for threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    def count(self) -> int:
        """How many need a person."""
        pipe = self._redis.pipeline(transaction=False)
        for part in keys.partitions():
            pipe.zcard(keys.partition_key("dead", part))
        return sum(pipe.execute())

    def page(self, limit: int, cursor: str = "", *, resolved: bool = False) -> tuple[list[Failure], str]:
        """``limit`` at most, newest first, and the cursor of what follows or ''. Two round trips.

        ``resolved``: those that need nobody any more too. Raises ``ValueError`` for a cursor that is none.
        """
        after = parse_cursor(cursor) if cursor else None
        names = ("resolved", "dead") if resolved else ("dead",)
        pipe = self._redis.pipeline(transaction=False)
        for part in keys.partitions():
            for name in names:
                index = keys.partition_key(name, part)
                below = f"({after[0]}" if after else "+inf"
                pipe.zrevrangebyscore(index, below, "-inf", 0, limit + 1, withscores=True)
                if after:
                    pipe.zrangebyscore(index, after[0], after[0], 0, TIES_MAX, withscores=True)
        found: dict[tuple[int, str], str] = {}
        each = 2 if after else 1  # answers for each index
        for i, entries in enumerate(pipe.execute()):
            name = names[i // each % len(names)]
            found |= {(int(at), str(member)): name for member, at in entries}
        rows = sorted((row for row in found if after is None or row < after), reverse=True)
        shown = rows[:limit]
        failures = self._load([(found[row], row[1]) for row in shown])
        if len(rows) <= limit:
            return failures, ""
        at, member = shown[-1]
        return failures, f"{at}-{failure_id(*member.split(':'))}"

    def of(self, cid: str) -> list[Failure]:
        """All failures of one customer, resolved ones too, oldest first."""
        numbers: Any = self._redis.hkeys(keys.customer_key("failures", cid))
        entries = [("dead", f"{cid}:{number}") for number in numbers]
        return sorted(self._load(entries), key=lambda failure: failure.at)

    def read(self, text: str) -> Failure:
        """One failure by its id. Raises ``NoSuchFailure``."""
        cid, number = parse_failure_id(text)
        found = self._load([("dead", f"{cid}:{number}")])
        if not found:
            raise NoSuchFailure(text)
        return found[0]

    def _load(self, entries: list[tuple[str, str]]) -> list[Failure]:
        """Failures of (index, member); an entry whose customer's time is over is taken off its index,
        and so is one of the resolved that failed again."""
        pipe = self._redis.pipeline(transaction=False)
        for _, member in entries:
            cid, number = member.split(":")
            pipe.hget(keys.customer_key("failures", cid), number)
            pipe.hget(keys.customer_key("customer", cid), "address")
            pipe.hget(keys.customer_key("parts", cid), number)  # the part it happened to, if it is one
        values: list[Any] = pipe.execute() if entries else []
        found, gone = [], []
        for i, (name, member) in enumerate(entries):
            record, address, about = values[3 * i : 3 * i + 3]
            cid, number = member.split(":")
            failure = _failure(cid, number, json.loads(record), address or "", about) if record else None
            if failure and (failure.resolved_at or name == "dead"):
                found.append(failure)
            else:
                gone.append((keys.key(name, cid), member))
        if gone:
            pipe = self._redis.pipeline(transaction=False)
            for index, member in gone:
                pipe.zrem(index, member)
            pipe.execute()
        return found


def _failure(cid: str, number: str, record: dict[str, Any], address: str, about: str | None) -> Failure:
    """A failure from its record, and what is stored of its part."""
    seen = records.decode_part(about) if about else {}
    of_part = "." in number
    kind = KINDS.get(record["reason"]) or Kind(f"It was kept for a person: {record['reason']}.", Act.NONE)
    if of_part and kind.act is Act.LOOK and not seen.get("attempt"):
        kind = Kind(kind.cause, Act.SEND)  # nobody ever asked Twilio to send it
    session = record.get("session")
    messages = record.get("messages") or ([] if of_part else [record.get("message") or int(number)])
    error = record.get("error") or seen.get("error") or ""
    return Failure(
        id=failure_id(cid, number),
        cid=cid,
        number=number,
        reason=record["reason"],
        cause=kind.cause,
        act=kind.act,
        daily=kind.daily,
        effect=SENT_EFFECT if seen.get("sid") and kind.act is not Act.NONE else EFFECTS[kind.act],
        at=int(record["at"]),
        attempts=int(record.get("attempts") or seen.get("attempt") or 0),
        last_error=f"Twilio {error}" if isinstance(error, int | float) and error else str(error or ""),
        phone=address,
        session_id=keys.make_id("s", cid, int(session)) if session else "",
        messages=tuple(int(n) for n in messages),
        entry=record.get("entry", ""),
        resolution=record.get("resolution", ""),
        resolved_at=int(record.get("resolved_at") or 0),
    )
