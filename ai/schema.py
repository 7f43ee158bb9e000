"""An agent's entity schema as a strict JSON schema, and the check of what a model answered to it.

Every property but ``reply`` has a value that means "nothing to report": null, "", 0, false, [], and for an
enum its first value. ``check`` is strict about what is there and lenient about what is not.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from ai import values
from ai.values import cleaned
from config.agents import NEUTRAL_ENUM_VALUE, Agent
from session.model import MemoryChange

# A reply of five parts is 7,500 units; what is far beyond is a model gone astray, not an answer.
ANSWER_CHARS_MAX = 200_000
INTENT_CHARS_MAX = 120
HANDOFF_CHARS_MAX = 200

MEMORY_CHANGES_MAX = 10  # of one turn; a customer says a thing or two at a time
ABOUT_CHARS_MAX = 60
CONTENT_CHARS_MAX = 300
# For a model that does not say how sure it is.
CONFIDENCE_UNSAID = 0.7

NO_CHANGE = "none"
OPERATIONS = (NO_CHANGE, "remember", "forget")
MEMORY_TYPES = (NEUTRAL_ENUM_VALUE, "fact", "preference")

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")

__all__ = ["Checked", "DoesNotFit", "check", "cleaned", "json_schema"]


@dataclass(frozen=True)
class Checked:
    """An answer that fits: ``entities`` holds only what was reported, name to plain value.

    ``rejected`` are the entities whose value has the right type and fails its check: to be asked for again.
    """

    reply: str
    entities: dict[str, Any] = field(default_factory=dict)
    intent: str = ""
    language: str = ""
    memory: tuple[MemoryChange, ...] = ()
    handoff: str = ""
    ends: bool = False
    satisfaction: int | None = None
    rejected: tuple[str, ...] = ()


class DoesNotFit(Exception):
    """The model's answer does not fit the schema; ``reason`` names the place and never quotes the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def json_schema(agent: Agent) -> dict[str, Any]:
    """The strict JSON schema of one turn's answer: every property required, no other allowed."""
    properties: dict[str, Any] = {
        "reply": {"type": "string", "description": "The answer, sent to the customer as it stands."},
        "entities": values.closed_object({part.name: values.json_schema(part) for part in agent.entities}),
        "intent": _nullable("string", "What the customer wants, in a few words; null when it is not clear."),
        "language": _nullable(
            "string", "The BCP 47 tag of the customer's latest message; null when it is unclear."
        ),
    }
    if agent.memory.enabled:
        properties["memory"] = _memory_schema()
    if agent.handoff.by_model:
        properties["handoff"] = _nullable(
            "string", "Why a person of the team must take over, in a few words; null when nobody is needed."
        )
    properties["ends"] = _nullable(
        "boolean", "True when the matter is settled and the customer has said goodbye."
    )
    if agent.closing_question:
        properties["satisfaction"] = _nullable(
            "integer", "From 1 (bad) to 5 (very good), when the customer rates the conversation; else null."
        )
    return values.closed_object(properties)


def check(agent: Agent, text: str) -> Checked:
    """Read a model's answer against the agent's schema; ``DoesNotFit`` says why it cannot be used."""
    answer = read_object(text)
    allowed = json_schema(agent)["properties"]
    unknown = [name for name in answer if name not in allowed]
    if unknown:
        raise DoesNotFit(f"the answer has {len(unknown)} properties that the schema does not allow")
    entities, rejected = _entities(agent, answer.get("entities"))
    return Checked(
        reply=_reply(answer.get("reply")),
        entities=entities,
        intent=_line(optional_text(answer, "intent"), INTENT_CHARS_MAX),
        language=_language(optional_text(answer, "language")),
        memory=_memory(answer.get("memory")),
        handoff=_line(optional_text(answer, "handoff"), HANDOFF_CHARS_MAX),
        ends=_ends(answer.get("ends")),
        satisfaction=_satisfaction(answer.get("satisfaction")),
        rejected=rejected,
    )


def read_object(text: str) -> dict[str, Any]:
    """The JSON object that a model answered. Raises ``DoesNotFit``."""
    if len(text) > ANSWER_CHARS_MAX:
        raise DoesNotFit(f"the answer has {len(text)} characters, more than {ANSWER_CHARS_MAX}")
    try:
        answer = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        # ValueError covers broken JSON and whole numbers of thousands of digits alike.
        raise DoesNotFit("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise DoesNotFit("the answer is not a JSON object")
    return answer


def optional_text(answer: dict[str, Any], name: str) -> str:
    """A nullable text property, cleaned; empty when there is none. Raises ``DoesNotFit``."""
    value = answer.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DoesNotFit(f"{name} is not a string or null")
    return cleaned(value)


def _nullable(kind: str, description: str) -> dict[str, Any]:
    return {"type": [kind, "null"], "description": description}


def _memory_schema() -> dict[str, Any]:
    def words(allowed: tuple[str, ...], description: str) -> dict[str, Any]:
        return _nullable("string", description) | {"enum": [*allowed, None]}

    about = "What it is about, in one to three words, as already remembered where it is: the new replaces the old."
    change = {
        "op": words(OPERATIONS, "Whether to remember it or to forget what is remembered about it."),
        "type": words(MEMORY_TYPES, "A fact about the customer, or what the customer prefers."),
        "about": _nullable("string", about),
        "content": _nullable("string", "What to remember, in one short sentence; null when forgetting."),
        "confidence": _nullable("number", "How sure it is, up to 1: said outright 1, inferred less."),
    }
    description = (
        "What is worth knowing in later conversations, or what the customer wants forgotten; else null."
    )
    return _nullable("array", description) | {"items": values.closed_object(change)}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _reply(value: Any) -> str:
    if not isinstance(value, str):
        raise DoesNotFit("reply is missing or not a string")
    reply = cleaned(value)
    # Blanks, zero-width characters and their kin (Unicode Z and C) show nothing on a phone.
    if not any(unicodedata.category(character)[0] not in "ZC" for character in reply):
        raise DoesNotFit("reply is empty")
    return reply


def _line(text: str, chars_max: int) -> str:
    return " ".join(text.split())[:chars_max].strip()


def _language(tag: str) -> str:
    """A tag that is not BCP 47 is taken as not reported: the reply itself may still be good."""
    tag = tag.replace("_", "-")
    return tag if _LANGUAGE_TAG.fullmatch(tag) else ""


def _entities(agent: Agent, value: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What was reported, and the names of what failed its check."""
    if value is None:
        return {}, ()
    if not isinstance(value, dict):
        raise DoesNotFit("entities is not an object")
    fields = {part.name: part for part in agent.entities}
    if not value.keys() <= fields.keys():
        raise DoesNotFit("entities has properties that the schema does not allow")
    found: dict[str, Any] = {}
    rejected = []
    for name, given in value.items():
        try:
            plain = values.reported(fields[name], given, f"entities.{name}")
        except values.WrongShape as wrong:
            raise DoesNotFit(str(wrong)) from None
        except values.Rejected:
            rejected.append(name)
            continue
        if plain is not None:
            found[name] = plain
    return found, tuple(rejected)


def _memory(value: Any) -> tuple[MemoryChange, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(change, dict) for change in value):
        raise DoesNotFit("memory is not a list of objects")
    changes = [_memory_change(change) for change in value[:MEMORY_CHANGES_MAX]]
    return tuple(change for change in changes if change)


def _memory_change(given: dict[str, Any]) -> MemoryChange | None:
    """None where nothing is to be changed: no operation, or nothing said of what."""
    if not given.keys() <= {"op", "type", "about", "content", "confidence"}:
        raise DoesNotFit("memory has properties that the schema does not allow")
    op, kind = _word(given, "op", OPERATIONS), _word(given, "type", MEMORY_TYPES)
    about = _line(optional_text(given, "about"), ABOUT_CHARS_MAX)
    content = _line(optional_text(given, "content"), CONTENT_CHARS_MAX)
    sure = given.get("confidence")
    if sure is not None and (isinstance(sure, bool) or not isinstance(sure, int | float)):
        raise DoesNotFit("memory.confidence is not a number or null")
    if op == NO_CHANGE or not (content or (op == "forget" and about)):
        return None
    confidence = float(max(0, min(sure, 1))) if sure else CONFIDENCE_UNSAID
    return MemoryChange(op, "fact" if kind == NEUTRAL_ENUM_VALUE else kind, about, content, confidence)


def _word(given: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    word = given.get(name)
    if word is None or word == "":
        return allowed[0]
    if not isinstance(word, str) or word not in allowed:
        raise DoesNotFit(f"memory.{name} is not one of the allowed values")
    return word


def _ends(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise DoesNotFit("ends is not a boolean or null")


def _satisfaction(value: Any) -> int | None:
    """Out of the scale is no rating, and no reason to hold back the reply."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DoesNotFit("satisfaction is not an integer or null")
    return int(value) if 1 <= value <= 5 and value == int(value) else None
