"""Sentences of the stand-in model by language, from the file of phrases beside this one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

# One SMS in the GSM alphabet; a list of what was found may take two.
REPLY_CHARS_MAX = 160
LIST_CHARS_MAX = 300
VALUE_CHARS_MAX = 24

_PHRASES: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("standin_phrases.toml").read_text(encoding="utf-8")
)


def say(language: str, phrase: str, **values: object) -> str:
    """A phrase with its values filled in."""
    text: str = _PHRASES[language][phrase]
    return text.format(**values)


def issue_name(language: str, issue: str) -> str:
    """A kind of trouble as a sentence says it; one of ours, or whatever the prompt told."""
    name: str = _PHRASES["issues"][language].get(issue, "")
    return name or short(issue.replace("_", " "))


def word(language: str, name: str) -> str:
    """A word that stands beside a value."""
    told: str = _PHRASES["words"][language].get(name, "")
    return told


def weekdays(language: str) -> list[str]:
    """The days of the week, Monday first."""
    return str(_PHRASES["weekdays"][language]).split()


def day_name(language: str, told: str) -> str:
    """A date like 2026-11-24 with its weekday; what is none stays as it is."""
    try:
        return f"{weekdays(language)[date.fromisoformat(told).weekday()]} {told[:10]}"
    except ValueError:
        return short(told)


def question(language: str, kind: str, label: str) -> str:
    """What to ask for an entity of that kind; in its own name's words where there is no question for the kind."""
    if f"ask_{kind}" in _PHRASES[language] and kind != "plain":
        return say(language, f"ask_{kind}")
    return say(language, "ask_plain", label=label.replace("_", " "))


def asked_kinds(text: str, names: Collection[str]) -> set[str]:
    """The kinds, or the names, of the entities that a text of ours asks for."""
    kinds = set()
    for language in _PHRASES["words"]:
        for key, phrase in _PHRASES[language].items():
            if key.startswith("ask_") and phrase in text:
                kinds.add(key.removeprefix("ask_"))
        for name in names:
            if say(language, "ask_plain", label=name.replace("_", " ")) in text:
                kinds.add(name)
        if _PHRASES[language]["which_order"][-20:] in text:
            kinds.add("order")
        if re.search(re.escape(_PHRASES[language]["price_of"]).replace(r"\{label\}", ".{1,40}"), text):
            kinds.add("items")
    return kinds


def short(text: str) -> str:
    """A value as a sentence can hold it."""
    return " ".join(text.split())[:VALUE_CHARS_MAX]


def fitted(reply: str, chars_max: int = REPLY_CHARS_MAX) -> str:
    return reply if len(reply) <= chars_max else reply[: chars_max - 3].rstrip() + "..."


def between(language: str) -> str:
    """What stands between the parts of a list of phrases."""
    return "؛ " if language == "ar" else "; "


def listed(parts: Sequence[str], chars_max: int, between: str = ", ") -> str:
    """As many parts as fit, at least the beginning of the first."""
    text = ""
    for part in parts:
        longer = f"{text}{between}{part}" if text else part[:chars_max]
        if len(longer) > chars_max:
            break
        text = longer
    return text
