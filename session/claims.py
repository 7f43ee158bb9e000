"""What the ledger's steps take and give: claims, parts on their way, changes of a session, the protocol's times."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from config.settings import Settings
from session import keys, records
from session.model import Customer, Keyword, Lane, MemoryItem, Message, Session, State

DAY_MS = 86_400_000
WRITE_TRIES = 4
PUSH_GRACE_SECONDS = 2.0  # a push that timed out may still be on its way to the call

_Stored = TypeVar("_Stored")


@dataclass(frozen=True, slots=True)
class Timing:
    """The protocol's times in milliseconds and its bounds; the defaults are the design's."""

    claim_ms: int = 30_000
    claim_limit_ms: int = 100_000
    ring_ms: int = 5_000
    ring_max_ms: int = 60_000
    part_limit_ms: int = 900_000
    retention_ms: int = 30 * DAY_MS
    attempts_max: int = 3
    take: int = 50
    push_ms: int = 7_000  # a push of a word may be under way so long before the poll takes the word

    @classmethod
    def of(cls, settings: Settings) -> Timing:
        """The protocol's times as the settings have them."""

        def ms(seconds: float) -> int:
            return max(1, round(seconds * 1000))

        return cls(
            claim_ms=ms(settings.claim_seconds),
            claim_limit_ms=ms(settings.claim_limit_seconds),
            ring_ms=ms(settings.ring_seconds),
            ring_max_ms=ms(settings.ring_max_seconds),
            part_limit_ms=ms(settings.part_limit_seconds),
            retention_ms=ms(settings.retention_days * 86_400),
            attempts_max=settings.max_attempts,
            take=settings.inbox_take,
            push_ms=ms(settings.word_push_seconds + PUSH_GRACE_SECONDS),
        )


@dataclass(frozen=True, slots=True)
class Received:
    outcome: str  # NEW, DUP or BURIED
    message_id: str
    ring: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a reply on its way: ``number`` is "message.i", ``record`` as stored."""

    number: str
    record: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.record.get("text", ""))

    @property
    def lane(self) -> Lane:
        return Lane.parse(self.record["lane"])


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of a turn. ``session_no`` is where it is shown already, or 0.

    ``keyword``: what the ledger took it for; START is one only when it ended an opt-out.
    """

    number: int
    keyword: Keyword
    attempt: int
    session_no: int
    message: Message


@dataclass(slots=True)
class Claim:
    """The right to answer one customer, and what there is to do. ``lost`` is set when it is gone."""

    cid: str
    token: str
    taken_at: int  # Redis' time when it was taken, ms
    facts: dict[str, str]
    parts: list[Part]
    lane: Lane | None
    messages: list[Waiting]
    sessions: dict[int, Session]
    buried: list[int]
    memories: dict[str, str] = field(default_factory=dict)  # agent -> record
    lost: threading.Event = field(default_factory=threading.Event)
    committed: bool = False  # its turn is stored; what is left to do is sending
    _monotonic: float = field(default_factory=time.monotonic)

    @property
    def fence(self) -> str:
        return self.token.split(":", 1)[0]

    @property
    def open_index(self) -> dict[str, int]:
        """ "agent|scope" -> number of the open session."""
        return records.open_sessions(self.facts)

    @property
    def customer(self) -> Customer:
        return records.decode_customer(self.cid, self.facts)

    def memory(self, agent_id: str) -> tuple[MemoryItem, ...]:
        """What this agent remembers of the customer."""
        return records.decode_memory(self.memories.get(agent_id, ""))

    def now(self) -> int:
        """Redis' time now, by the time that passed here since the claim was taken."""
        return self.taken_at + int((time.monotonic() - self._monotonic) * 1000)


@dataclass(frozen=True, slots=True)
class NotClaimed:
    outcome: str  # BUSY, EMPTY or EARLY
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A session as a step outside a turn stored it, the ids of its messages, and whether a worker has to do now."""

    session: Session
    message_ids: tuple[str, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A session as it shall be stored; ``session.version`` is the version it replaces (0: none)."""

    session: Session
    deadline: int | None  # when the sweep must look at it next, ms
    events: tuple[dict[str, Any], ...] = ()  # what happens by this write, see ``session.events``
    write: str = field(default_factory=lambda: secrets.token_hex(6))

    def plan(self) -> dict[str, Any]:
        s = self.session
        number = keys.parse_id(s.id)
        plan = {
            "no": number.number if number else 0,
            "version": s.version,
            "epoch": s.epoch,
            "write": self.write,
            "record": records.encode_session(s),
            "opened_as": opened_as(s.agent_id, s.scope),
            "is_open": s.state is not State.CLOSED,
            "activity": s.last_activity,
        }
        if self.deadline is not None:
            plan["deadline"] = self.deadline
        if self.events:
            plan["events"] = list(self.events)
        return plan


def opened_as(agent_id: str, scope: str) -> str:
    """Where the open index keeps a customer's open session of this agent (and channel)."""
    return f"{agent_id}|{scope}"


class LedgerConflict(Exception):
    """Somebody else wrote the session meanwhile; read it again and decide anew."""


def until_written(step: Callable[[], _Stored]) -> _Stored:
    """What ``step`` gives, which reads, decides and writes: anew when somebody was faster, ``WRITE_TRIES`` times at most.

    For decisions that are the same whatever was written meanwhile. Raises ``LedgerConflict`` after the last.
    """
    for _ in range(WRITE_TRIES - 1):
        with contextlib.suppress(LedgerConflict):
            return step()
    return step()


class StaleTurn(Exception):
    """A newer message came in while the model was thinking; nothing was stored."""


class OptedOut(Exception):
    """The customer wants no messages from this sender any more; nothing was stored."""


class HungUp(Exception):
    """The caller has gone: nobody would hear the word; nothing was stored."""


class ClaimLost(Exception):
    """The claim ended while its holder worked; what it decided must not be stored or sent."""
