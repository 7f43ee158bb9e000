"""Which tool the stand-in model calls and with what, and what it says of what the tool gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ai.neutral import fill
from ai.standin_find import enum_word, kind_of
from ai.standin_phrases import LIST_CHARS_MAX, between, fitted, listed, say, short, word
from ai.standin_read import data_of, says
from ai.standin_words import SEARCH, UPDATE

_STATUS_TOOL = r"status|track|shipment"
_SEARCH_TOOL = r"find|search|list|match|lookup"
_FAILED = r"\b(fail|error|time[d]? ?out|could ?n[o']t|cannot|can't|unavailable|not available|did not answer|unknown tool)"
_STATES = (
    ("unknown_order", r"unknown|not[ _]found|no such"),
    ("delivered", r"deliver"),
    ("shipped", r"ship|transit|on its way|dispatch"),
    ("processing", r"process|pack|prepar|pending"),
    ("cancelled", r"cancel"),
)


def choose(
    tools: Sequence[Mapping[str, Any]],
    said: str,
    found: Mapping[str, Any],
    known: Mapping[str, Any],
    called: Sequence[str],
    before: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The calls to make before answering: at most one, of a tool that fits and was not called in this turn.

    ``found`` was told in this turn, ``before`` was known without it, ``known`` is both.
    """
    first_told = {name: value for name, value in found.items() if before.get(name) != value}
    for tool in tools:
        name = str(tool.get("name", ""))
        properties = _properties(tool)
        arguments = _arguments(tool, known)
        if name and name not in called and _fits(name, properties, arguments, said, found, first_told):
            return [{"name": name, "arguments": arguments}]
    return []


def _fits(
    name: str,
    properties: Mapping[str, Any],
    arguments: Mapping[str, Any],
    said: str,
    found: Mapping[str, Any],
    first_told: Mapping[str, Any],
) -> bool:
    told = [value for value in arguments.values() if value not in (None, "", 0, [])]
    news = bool(_spread(found).keys() & properties.keys())
    if re.search(_STATUS_TOOL, name):
        asked = says(said, UPDATE) or "shipping_delay" in found.values()
        return bool(told) and (asked or bool(first_told.keys() & properties.keys()))
    if re.search(_SEARCH_TOOL, name):
        return len(told) >= min(2, len(properties)) and (news or says(said, SEARCH))
    named = any(says(said, rf"\b{re.escape(word)}") for word in name.split("_") if len(word) > 3)
    return named and len(told) == len(properties)


def _properties(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = tool.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def _arguments(tool: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What is known, put into the tool's parameters."""
    values = _spread(known)
    for name, part in _properties(tool).items():
        enum = part.get("enum") if isinstance(part, Mapping) else None
        if isinstance(enum, list) and values.get(name) not in enum:
            words = [word for word in enum if isinstance(word, str)]
            values[name] = enum_word(words, kind_of(name, False), str(values.get(name, "")))
    arguments = fill(tool.get("parameters") or {}, values)
    return arguments if isinstance(arguments, dict) else {}


def _spread(known: Mapping[str, Any]) -> dict[str, Any]:
    """With the amount of money under its own name and its currency apart, as tools' plain parameters have them.

    A sum without a currency says nothing yet.
    """
    values = dict(known)
    for name, value in known.items():
        if isinstance(value, Mapping) and "amount" in value:
            del values[name]
            values |= {name: value["amount"], "currency": value["currency"]} if value.get("currency") else {}
    return values


def reply(language: str, results: Sequence[tuple[str, str]], known: Mapping[str, Any]) -> str:
    """What the last tool gave, said; a failure is said too."""
    name, content = results[-1]
    data = data_of(content)
    if isinstance(data, Mapping) and (data.get("error") or data.get("ok") is False):
        return say(language, "tool_failed")
    if not isinstance(data, (Mapping, list)):
        if says(content, _FAILED) or not content.strip():
            return say(language, "tool_failed")
        return fitted(say(language, "tool_said", list=" ".join(content.split())), LIST_CHARS_MAX)
    if re.search(_STATUS_TOOL, name) and isinstance(data, Mapping):
        return _status(language, data, str(known.get("order_number", "")))
    if re.search(_SEARCH_TOOL, name):
        return _matches(language, data)
    told = [f"{key.replace('_', ' ')}: {value}" for key, value in _flat(data)]
    return (
        say(language, "tool_said", list=listed(told, LIST_CHARS_MAX - 60))
        if told
        else say(language, "tool_failed")
    )


def _status(language: str, data: Mapping[str, Any], order: str) -> str:
    values = dict(_flat(data))
    number = short(order or str(values.get("order_number", "")))
    status = str(values.get("status", ""))
    if data.get("found") is False or not status:
        return say(language, "unknown_order", order=number)
    state = next((state for state, words in _STATES if re.search(words, status, re.IGNORECASE)), "status")
    parts = [say(language, state, order=number, status=short(status))]
    code = next((value for key, value in values.items() if "tracking" in key), "")
    if code:
        parts.append(say(language, "tracking", code=str(code)[:40]))
    expected = next((value for key, value in values.items() if re.search(r"expected|eta|arriv", key)), "")
    if expected and state in ("shipped", "processing", "status"):
        parts.append(say(language, "expected", day=word(language, str(expected)) or str(expected)[:40]))
    return listed(parts, LIST_CHARS_MAX, " ")


def _matches(language: str, data: Mapping[str, Any] | list[Any]) -> str:
    found = data if isinstance(data, list) else next((v for v in data.values() if isinstance(v, list)), [])
    matches = [text for item in found if isinstance(item, Mapping) and (text := _named(language, item))]
    if matches:
        shown = listed(matches, LIST_CHARS_MAX - 30, between(language))
        return say(language, "matches", count=len(matches), list=shown)
    near = (text for item in (data.values() if isinstance(data, Mapping) else ()) if isinstance(item, Mapping)
            and (text := _named(language, item)))  # fmt: skip
    nearest = next(near, "")
    nothing = say(language, "no_match")
    return f"{nothing} {say(language, 'nearest', list=nearest)}" if nearest else nothing


def _named(language: str, item: Mapping[str, Any]) -> str:
    """A match by its name in that language, and its price."""
    name = item.get(f"name_{language}") or item.get("name") or item.get("title")
    price = item.get("price")
    if isinstance(price, (int, float)):
        price = f"{price:,} {item.get('currency', '')}".strip()
    return f"{name} ({price})" if name and price else str(name or "")


def _flat(data: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The plain values of a result with their names, however deep they stand."""
    values = data.items() if isinstance(data, Mapping) else ((str(i), part) for i, part in enumerate(data))
    for key, value in values:
        if isinstance(value, (Mapping, list)) and depth < 3:
            yield from _flat(value, depth + 1)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
            yield str(key), value
