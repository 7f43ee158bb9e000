"""The stand-in model's view of one turn: what is new, what is known, what is still to be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ai import standin_numbers as numbers
from ai.standin_find import Field, find, issue, order_number, person
from ai.standin_phrases import asked_kinds, day_name, issue_name, word
from ai.standin_read import Talk, plain, says
from ai.standin_words import (
    AGAIN,
    BYE,
    EVERYTHING,
    FORGET,
    GREETING,
    KNOWN,
    LANGUAGES,
    PERSON,
    THANKS,
    UPDATE,
    language_of,
)

_MISSING = re.compile(r"\bto be found out\b[^:\n]*: ([^\n]*)")
_REJECTED = re.compile(r"\bask for it again\b[^:\n]*: ([^\n]*)")
_LANGUAGES = re.compile(r"Your languages are ([a-z, -]{2,80}):")
_TAKE_AWAY = r"\b(without|remove|drop|cancel|take off|no more|sin|quita|sans|enlevez|ohne|sem|tira)\b"
_INSTEAD = r"\b(instead|only|just|en vez|solo|au lieu|seulement|stattdessen|nur|em vez|só)\b"
# What is older is known by the prompt, or not at all.
EARLIER_MAX = 8
_SMALL_TALK = f"{THANKS}|{BYE}|{GREETING}|{KNOWN}|{FORGET}|{PERSON}|{UPDATE}|{AGAIN}"


@dataclass(frozen=True)
class Scene:
    """``order``, ``name`` and ``issue`` are known, new or not; ``new_...`` were told in this turn."""

    talk: Talk
    language: str
    fields: tuple[Field, ...]
    found: Mapping[str, Any]
    known: Mapping[str, Any]
    missing: tuple[Field, ...]
    desk: bool  # it is about an order and trouble with it, not about filling in a form
    order: str = ""
    name: str = ""
    issue: str = ""
    new_order: str = ""
    new_name: str = ""
    new_issue: str = ""

    def says(self, words: str) -> bool:
        return says(self.talk.said, words)


def look(talk: Talk, fields: tuple[Field, ...]) -> Scene:
    """Put together what the request tells."""
    talk = replace(talk, earlier=_not_forgotten(talk.earlier))
    said = talk.said
    desk = not fields or any(field.kind in ("order", "issue") for field in fields)
    names = [field.name for field in fields]
    asked = set() if says(said, _SMALL_TALK) else asked_kinds(talk.asked, names)
    rejected = _named(_REJECTED, talk.notes)
    found = find(fields, said, asked | ({*rejected} if asked else set()), talk.today())
    known = _known(talk, fields)
    _complete(talk, fields, found, known, asked)
    known |= found
    missing = [*rejected, *_named(_MISSING, talk.notes)]
    scene = Scene(
        talk=talk,
        language=_language(talk),
        fields=fields,
        found=found,
        known=known,
        missing=tuple(f for f in fields if f.name in missing and not _settled(f, found)),
        desk=desk,
    )
    return _with_desk(scene)


def _not_forgotten(earlier: tuple[str, ...]) -> tuple[str, ...]:
    """The customer's messages since the last that wanted everything forgotten."""
    last = max(
        (i for i, text in enumerate(earlier, 1) if says(text, FORGET) and says(text, EVERYTHING)), default=0
    )
    return earlier[last:]


def _with_desk(scene: Scene) -> Scene:
    """With order, name and issue, which every agent of a shop asks for under names of its own."""
    talk, by_kind = scene.talk, {field.kind: field.name for field in reversed(scene.fields)}
    earlier = [plain(text) for text in reversed(talk.earlier[-EARLIER_MAX:])]
    new = (order_number(talk.said), person(talk.said), issue(talk.said)) if scene.desk else ("", "", "")
    order, name, trouble = (
        told or str(scene.known.get(by_kind.get(kind, ""), "") or talk.facts.get(default) or "")
        for told, kind, default in zip(
            new, ("order", "person", "issue"), ("order_number", "customer_name", "issue_type"), strict=True
        )
    )
    new_name = new[1] or str(scene.found.get(by_kind.get("person", ""), ""))
    if scene.desk:
        order = order or next((found for text in earlier if (found := order_number(text))), "")
        trouble = trouble or next((found for text in earlier if (found := issue(text))), "")
    name = name or new_name or next((found for text in earlier if (found := person(text))), "")
    name = name or str(talk.facts.get("profile_name") or "")
    known = {**scene.known} | ({"order_number": order} if scene.desk and order else {})
    return replace(
        scene, known=known, order=order, name=name, issue="" if trouble == "unknown" else trouble,
        new_order=new[0], new_name=new_name, new_issue=new[2],
    )  # fmt: skip


def _named(pattern: re.Pattern[str], notes: Sequence[str]) -> list[str]:
    """The names that a note of the prompt lists; of a part of an item ("items.price") the item's."""
    lists = [match[1] for note in notes if (match := pattern.search(note))]
    return [name.strip(" .").split(".")[0] for names in lists for name in names.split(",")]


def _settled(field: Field, found: Mapping[str, Any]) -> bool:
    value = found.get(field.name)
    return bool(value.get("currency")) if isinstance(value, Mapping) else value is not None


def _language(talk: Talk) -> str:
    """The customer's, or the agent's first when it does not speak that."""
    language = language_of(talk.said, talk.facts, talk.earlier)
    lists = (match[1].split(", ") for note in talk.notes if (match := _LANGUAGES.search(note)))
    allowed = next(lists, [language])
    return next((tag for tag in (language, *allowed) if tag in allowed and tag in LANGUAGES), language)


def _known(talk: Talk, fields: tuple[Field, ...]) -> dict[str, Any]:
    """As the prompt tells it; what it does not tell, from earlier messages, the newest first."""
    known = {field.name: talk.facts[field.name] for field in fields if field.name in talk.facts}
    for text in reversed(talk.earlier[-EARLIER_MAX:]):
        wanted = [field for field in fields if field.name not in known]
        known |= find(wanted, plain(text))
    return known


def _complete(
    talk: Talk, fields: tuple[Field, ...], found: dict[str, Any], known: Mapping[str, Any], asked: set[str]
) -> None:
    """Sums get the currency told before, or before that the sum; orders are merged with what was ordered."""
    for field in fields:
        before, value = known.get(field.name), found.get(field.name)
        if field.kind == "items" and isinstance(before, list):
            new = value or (_priced(field, before, talk.said) if "items" in asked else [])
            if merged := _merged(field, before, new, talk.said):
                found[field.name] = merged
        elif field.kind == "money" and isinstance(value, Mapping) and not value["currency"]:
            told = before.get("currency") if isinstance(before, Mapping) else ""
            found[field.name] = {**value, "currency": told or ""}
        elif field.kind == "money" and value is None and "money" in asked:
            code = numbers.currency(talk.said)
            sums = (numbers.money(plain(text), bare=True) for text in reversed(talk.earlier))
            amount = next((told["amount"] for told in sums if told), None)
            if code and amount:
                found[field.name] = {"amount": amount, "currency": code}


def roles(field: Field, items: Any) -> list[dict[str, Any]]:
    """Ordered items by the roles of their properties: name, quantity, price."""
    listed = items if isinstance(items, list) else []
    return [
        {role: item.get(name) for role, name in field.parts} for item in listed if isinstance(item, Mapping)
    ]


def _merged(field: Field, before: list[Any], new: list[Any], said: str) -> list[dict[str, Any]]:
    """The whole order after what was just said; empty when that changes nothing."""
    if new and says(said, _INSTEAD):
        return new
    name_of = next((name for role, name in field.parts if role == "name"), "")
    price_of = next((name for role, name in field.parts if role == "price"), "")
    order = {_stem(item.get(name_of)): dict(item) for item in before if isinstance(item, Mapping)}
    if not new and says(said, _TAKE_AWAY):
        kept = [
            item
            for stem, item in order.items()
            if not stem or not re.search(rf"\b{re.escape(stem)}", said.lower())
        ]
        return kept if len(kept) < len(order) else []
    for item in new:
        stem = _stem(item.get(name_of))
        earlier = order.get(stem, {})
        order[stem] = {**item, price_of: item.get(price_of) or earlier.get(price_of)} if price_of else item
    return list(order.values()) if new else []


def _priced(field: Field, before: list[Any], said: str) -> list[dict[str, Any]]:
    """The first thing ordered without a price, with the one that was just told."""
    price_of = next((name for role, name in field.parts if role == "price"), "")
    told = re.search(r"(?<![\d.,])\d{1,6}(?:[.,]\d{1,2})?(?![\d.,]*\d)", said)
    lacking = (item for item in before if isinstance(item, Mapping) and not item.get(price_of))
    item = next(lacking, None) if told and price_of else None
    return [{**item, price_of: numbers.tidy(numbers.figure(told[0]))}] if item and told else []


def _stem(name: Any) -> str:
    return str(name or "").lower().strip().removesuffix("s")


def described(scene: Scene, names: Sequence[str]) -> list[str]:
    """Known values of these entities as a list in a sentence names them."""
    parts: list[str] = []
    for field in (field for field in scene.fields if field.name in names):
        value = scene.known.get(field.name)
        if field.kind == "items":
            parts += _ordered(scene, field, value)
        elif isinstance(value, Mapping) and isinstance(value.get("amount"), (int, float)):
            parts.append(f"{value['amount']:,} {value.get('currency') or ''}".strip())
        elif isinstance(value, (int, float)):
            parts.append(f"{value} {word(scene.language, field.kind)}".strip())
        elif field.kind == "order" and value:
            parts.append(f"{word(scene.language, 'order')} #{value}")
        elif field.kind == "issue" and value:
            parts.append(issue_name(scene.language, str(value)))
        elif field.kind == "date" and isinstance(value, str) and value:
            parts.append(day_name(scene.language, value))
        elif value and isinstance(value, str) and value != "unknown":
            parts.append(word(scene.language, value) or " ".join(value.replace("_", " ").split())[:60])
    return parts


def _ordered(scene: Scene, field: Field, value: Any) -> list[str]:
    items = roles(field, value)
    parts = [f"{item.get('quantity') or ''} {item.get('name') or ''}".strip()[:40] for item in items]
    total = numbers.total(items)
    if total is not None:
        parts.append(f"{total:.2f} {word(scene.language, 'total')}")
    return [part for part in parts if part]
