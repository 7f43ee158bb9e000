"""Pure: what a customer told us, merged, remembered and carried over. Values in, values out; nothing is stored here."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from hashlib import blake2s
from typing import Any

from ai.sensitive import sensitive, without_numbers
from config.agents import Agent, MemoryRules
from session import course
from session.model import Direction, Entity, MemoryChange, MemoryItem, Message, Role, Session

# Room for the largest quantity times the largest price, many times over: too few and rounding is an error.
TOTAL_DIGITS = 60

# Unused, what we know loses half of its weight in a season; below the floor it is a rumour.
HALF_LIFE_MS = 90 * 24 * 3_600_000
CONFIDENCE_FLOOR = 0.2

BRIDGE_MESSAGES_MAX = 6
BRIDGE_TEXT_CHARS_MAX = 160
BRIDGE_SUMMARY_CHARS_MAX = 1_200

_SPEAKERS = {Role.USER: "customer", Role.ASSISTANT: "assistant", Role.AGENT: "person of the team"}


def merge_entities(
    known: Mapping[str, Entity], reported: Mapping[str, Any], message_id: str, at: int
) -> dict[str, Entity]:
    """What is known after a turn reported these values, each from ``message_id`` at ``at`` (ms).

    A later value replaces an earlier one, which stays in its record. A value that is only repeated keeps the
    message that told it first: a model likes to report again what it was shown, and "thank you" is not where
    the order number came from.
    """
    merged = dict(known)
    for name, value in reported.items():
        before = merged.get(name)
        if before is None:
            merged[name] = Entity(value, message_id, at)
        elif not _same(before.value, value):
            merged[name] = Entity(value, message_id, at, before.replaced())
    return merged


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 2 and 2.0 are, 1 and true are not."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def order_details(agent: Agent, entities: Mapping[str, Entity]) -> dict[str, Any] | None:
    """The order that the agent's rule finds: ``{"items": [...], "total": 28.0}``, or None when there is none.

    An item of no stated quantity is one. The total is None until every price is known, and has a ``currency``
    beside it where the prices have one and the same.
    """
    rule = agent.order
    found = entities.get(rule.items) if rule else None
    if rule is None or found is None or not isinstance(found.value, list) or not found.value:
        return None
    items = [item for item in found.value if isinstance(item, dict)]
    if not items:
        return None
    prices = [_price(item.get(rule.price)) for item in items]
    currencies = {price[1] for price in prices if price}
    if not all(prices) or len(currencies) > 1:
        return {"items": items, "total": None}
    with localcontext(prec=TOTAL_DIGITS):
        counted = zip(items, prices, strict=True)
        total = sum(
            (price[0] * _decimal(item.get(rule.quantity)) for item, price in counted if price), Decimal(0)
        )
        if not total.is_finite() or total.adjusted() > TOTAL_DIGITS - 5:
            return {"items": items, "total": None}  # what a program put there is no price
        order: dict[str, Any] = {"items": items, "total": float(round(total, 2))}
    currency = currencies.pop() if currencies else ""
    return order | ({"currency": currency} if currency else {})


def _price(value: Any) -> tuple[Decimal, str] | None:
    """(amount, currency) of a plain number or of money; None where there is none."""
    if isinstance(value, dict):
        amount, currency = value.get("amount"), str(value.get("currency") or "")
        return (_decimal(amount), currency) if _is_number(amount) else None
    return (_decimal(value), "") if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimal(value: Any) -> Decimal:
    """The number as it is written, 0.1 as a tenth and not the binary fraction next to it; 1 where there is none."""
    return Decimal(str(value)) if _is_number(value) else Decimal(1)


def remember(
    items: Sequence[MemoryItem], changes: Sequence[MemoryChange], source: str, now: int, rules: MemoryRules
) -> tuple[MemoryItem, ...]:
    """What is remembered after a turn's ``changes``, learnt from the message ``source`` at ``now`` (ms).

    Items stand in the order in which they were last told. A change supersedes the item of its slot; one that
    only repeats it makes it fresh again and keeps its source. What is sensitive is never kept, what faded
    goes, and over ``items_max`` the least useful goes. Doing it twice changes nothing more.
    """
    if not rules.enabled:
        return ()
    kept = {_slot(item.about, item.content): item for item in items}
    for change in changes:
        slot = _slot(change.about, change.content)
        if change.op == "forget":
            kept = {s: item for s, item in kept.items() if not _forgets(change, s, item)}
        elif change.op == "remember" and slot and _may_keep(change, rules):
            before = kept.pop(slot, None)  # and in again at the end: it is what was told last
            kept[slot] = _told(before, change, source, now)
    return _useful([i for i in kept.values() if strength(i, now) >= CONFIDENCE_FLOOR], now, rules.items_max)


def strength(item: MemoryItem, now: int) -> float:
    """How far an item is to be believed at ``now``: its confidence, halved for every half-life unused."""
    idle = max(0, now - max(item.at, item.used))
    return item.confidence * 0.5 ** (idle / HALF_LIFE_MS)


def _told(before: MemoryItem | None, change: MemoryChange, source: str, now: int) -> MemoryItem:
    if before and before.type == change.type and _plain(before.content) == _plain(change.content):
        return replace(before, confidence=max(strength(before, now), change.confidence), used=now)
    id = blake2s(f"{source}|{_slot(change.about, change.content)}".encode(), digest_size=6).hexdigest()
    return MemoryItem(
        id, change.type, change.about, change.content, change.confidence, source, at=now, used=now
    )


def _may_keep(change: MemoryChange, rules: MemoryRules) -> bool:
    if not change.content.strip() or change.confidence < CONFIDENCE_FLOOR:
        return False
    return not sensitive(f"{change.about}: {change.content}", health_too=not rules.sensitive)


def _forgets(change: MemoryChange, slot: str, item: MemoryItem) -> bool:
    """By its slot; a change that names no slot means the content."""
    if change.about:
        return slot == _plain(change.about)
    return bool(change.content) and _plain(item.content) == _plain(change.content)


def _slot(about: str, content: str) -> str:
    """What an item is filed under; without a word of what it is about it is filed under itself."""
    return _plain(about) or _plain(content)


def _plain(text: str) -> str:
    """Letters and digits alone, so that case, accents' encoding and punctuation make no two slots of one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in folded).split())


def _useful(items: list[MemoryItem], now: int, items_max: int) -> tuple[MemoryItem, ...]:
    """The most believed of the items, the latest told where equal; in their order."""
    ranked = sorted(range(len(items)), key=lambda n: (strength(items[n], now), n), reverse=True)
    return tuple(items[n] for n in sorted(ranked[: max(0, items_max)]))


def bridge(previous: Session, history_tail: Sequence[Message], now: int) -> dict[str, Any] | None:
    """What a new session takes over of ``previous``; None when nothing was said there.

    ``history_tail`` are its last messages, oldest first: they stand for a summary where none was made.
    """
    summary = previous.summary or _retold(course.shown(previous, history_tail))
    if not summary and not previous.intent:
        return None
    return {
        "from": previous.id,
        "ago_ms": max(0, now - previous.last_activity),
        "channel": str(previous.channel),
        "matter": previous.intent,
        "summary": summary[:BRIDGE_SUMMARY_CHARS_MAX],
    }


def _retold(messages: Sequence[Message]) -> str:
    """The last words of a conversation, line by line, each with who said it; long ones are cut."""
    spoken = [m for m in messages if m.role in _SPEAKERS and m.content.strip() and _arrived(m)]
    lines = []
    for message in spoken[-BRIDGE_MESSAGES_MAX:]:
        words = " ".join(without_numbers(message.content).split())
        cut = words if len(words) <= BRIDGE_TEXT_CHARS_MAX else words[: BRIDGE_TEXT_CHARS_MAX - 1] + "…"
        lines.append(f"{_SPEAKERS[message.role]}: {cut}")
    return "\n".join(lines)


def _arrived(message: Message) -> bool:
    return message.direction is Direction.INBOUND or message.status not in ("failed", "undelivered")
