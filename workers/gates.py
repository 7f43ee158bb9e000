"""What is decided before the model is asked, and costs no model call: countries, loops, limits, the budget.

DECISIONS 32. Over the rate per minute a turn waits; over a day's limit its messages are
recorded and a person is told; a country that is not served and a text said for the fourth time
within ten minutes are recorded, and that is all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from config.settings import Settings
from session import address, limits
from session.claims import Claim, Waiting
from session.ledger import Ledger
from session.model import Channel, MessageType

DAY_MS = 86_400_000

_log = structlog.get_logger("turn")


class Gate(StrEnum):
    OPEN = "open"
    RATE = "rate_limit"  # wait
    COUNTRY = "country"  # record
    LOOP = "loop"
    DAY = "daily_limit"  # record, tell the customer once and a person
    BUDGET = "daily_budget"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``asked``: what the model is asked about. ``wait_ms``: how long the turn waits at ``Gate.RATE``."""

    gate: Gate
    asked: tuple[Waiting, ...] = ()
    wait_ms: int = 0
    counted: bool = False


def judge(settings: Settings, ledger: Ledger, claim: Claim, asked: Sequence[Waiting]) -> Verdict:
    """Whether a turn may ask the model about these messages (at least one); a turn that may is counted, once.

    Raises ``ClaimLost``.
    """
    countries = settings.allowed_countries
    if countries and not address.served(asked[-1].message.from_number, countries):
        return Verdict(Gate.COUNTRY)
    outcome, *rest = ledger.count_turn(
        claim, _texts(asked), len(asked), settings.rate_limit_per_minute, settings.daily_turn_limit
    )
    if outcome == "LOOP":
        return Verdict(Gate.LOOP)
    if outcome == "WAIT":
        return Verdict(Gate.RATE, wait_ms=int(rest[0]))
    if outcome == "DAY_OVER":
        return Verdict(Gate.DAY)
    counted, looped = int(rest[0]), {int(number) for number in rest[1]}
    if counted and not _within_budget(settings.daily_budget_turns, ledger, claim):
        return Verdict(Gate.BUDGET)
    return Verdict(Gate.OPEN, tuple(w for w in asked if w.number not in looped), counted=bool(counted))


def uncount(settings: Settings, ledger: Ledger, claim: Claim) -> None:
    """A counted turn came to nothing, through no fault of the customer's: the deployment's day has its place back."""
    if settings.daily_budget_turns > 0:
        limits.count(ledger.redis, claim.now(), limits.TURNS, -1)


def note(ledger: Ledger, claim: Claim, gate: Gate, messages: int) -> None:
    """Count messages that are recorded and not answered, and say why in the log."""
    limits.count(ledger.redis, claim.now(), limits.GATED + gate, messages)
    _log.info("turn_gated", customer=claim.cid[:6], reason=str(gate), messages=messages)


def _texts(asked: Sequence[Waiting]) -> list[dict[str, object]]:
    """The messages that are nothing but text, each with a digest that equal texts share.

    Not what is said on a call: "yes" is said four times in ten minutes, and a call has an end of its own.
    """
    return [
        {"number": w.number, "digest": _digest(w.message.content), "at": w.message.at}
        for w in asked
        if w.message.message_type is MessageType.TEXT and w.message.channel is not Channel.VOICE
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "replace")).hexdigest()[:16]


def _within_budget(limit: int, ledger: Ledger, claim: Claim) -> bool:
    """Whether the deployment's day has room for one turn more; the first to find it full raises the alarm."""
    if limit <= 0:
        return True
    now = claim.now()
    number = limits.count(ledger.redis, now, limits.TURNS)
    if number >= limit and limits.first(ledger.redis, now, limits.BUDGET_REACHED):
        _log.error("daily_budget_reached", limit=limit)
    return number <= limit
