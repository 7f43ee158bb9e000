"""An agent's entity schema as a strict JSON schema, and the check of what a model answered to it.

Every property but ``reply`` has a value that means "nothing to report": null, "", 0, false, [], and for an
enum its first value. ``check`` is strict about what is there and lenient about what is not.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from config.agents import NEUTRAL_ENUM_VALUE, Agent, EntityField

# A reply of five parts is 7,500 units; what is far beyond is a model gone astray, not an answer.
ANSWER_CHARS_MAX = 200_000
# An entity is a value for a field, not a place for whole letters.
ENTITY_CHARS_MAX = 500
INTENT_CHARS_MAX = 120
# Beyond this, JSON readers (Redis' among them) no longer agree on whole numbers.
WHOLE_NUMBER_MAX = 2**53 - 1

_PROPERTIES = ("reply", "entities", "intent", "language")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Checked:
    """An answer that fits: ``entities`` holds only what was reported, name to plain value."""

    reply: str
    entities: dict[str, Any] = field(default_factory=dict)
    intent: str = ""
    language: str = ""


class DoesNotFit(Exception):
    """The model's answer does not fit the schema; ``reason`` names the place and never quotes the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def json_schema(agent: Agent) -> dict[str, Any]:
    """The strict JSON schema of one turn's answer: every property required, no other allowed."""
    return _closed_object(
        {
            "reply": {"type": "string", "description": "The answer, sent to the customer as it stands."},
            "entities": _closed_object({entity.name: _property(entity) for entity in agent.entities}),
            "intent": {
                "type": ["string", "null"],
                "description": "What the customer wants, in a few words; null when it is not clear.",
            },
            "language": {
                "type": ["string", "null"],
                "description": "The BCP 47 tag of the customer's latest message; null when it is unclear.",
            },
        }
    )


def check(agent: Agent, text: str) -> Checked:
    """Read a model's answer against the agent's schema; ``DoesNotFit`` says why it cannot be used."""
    answer = _read_object(text)
    unknown = [name for name in answer if name not in _PROPERTIES]
    if unknown:
        raise DoesNotFit(f"the answer has {len(unknown)} properties that the schema does not allow")
    return Checked(
        reply=_reply(answer.get("reply")),
        entities=_entities(agent, answer.get("entities")),
        intent=" ".join(_optional_text(answer, "intent").split())[:INTENT_CHARS_MAX],
        language=_language(_optional_text(answer, "language")),
    )


def cleaned(text: str) -> str:
    """Text that is valid UTF-8 and plain: no half characters (lone surrogates), no NUL or other controls."""
    text = _LINE_ENDS.sub("\n", text)
    return _SURROGATES.sub("", _CONTROLS.sub("", text)).strip()


def _closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _property(entity: EntityField) -> dict[str, Any]:
    if entity.type == "enum":
        words: list[str | None] = [*_enum_words(entity), None]
        return {"type": ["string", "null"], "enum": words, "description": entity.description}
    return {"type": [entity.type, "null"], "description": entity.description}


def _enum_words(entity: EntityField) -> tuple[str, ...]:
    # Put in front here, so that an agent's first own value is never taken for "nothing to report".
    if entity.values[:1] == (NEUTRAL_ENUM_VALUE,):
        return entity.values
    return (NEUTRAL_ENUM_VALUE, *entity.values)


def _read_object(text: str) -> dict[str, Any]:
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


def _optional_text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DoesNotFit(f"{name} is not a string or null")
    return cleaned(value)


def _language(tag: str) -> str:
    """A tag that is not BCP 47 is taken as not reported: the reply itself may still be good."""
    tag = tag.replace("_", "-")
    return tag if _LANGUAGE_TAG.fullmatch(tag) else ""


def _entities(agent: Agent, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DoesNotFit("entities is not an object")
    fields = {entity.name: entity for entity in agent.entities}
    if not value.keys() <= fields.keys():
        raise DoesNotFit("entities has properties that the schema does not allow")
    checked = {name: _entity(fields[name], given) for name, given in value.items()}
    return {name: plain for name, plain in checked.items() if plain is not None}


def _entity(entity: EntityField, value: Any) -> Any:
    """The plain value, or None when it means nothing to report."""
    if value is None:
        return None
    match entity.type, value:
        case "boolean", bool():
            return value or None
        case "string", str():
            return cleaned(value)[:ENTITY_CHARS_MAX].strip() or None
        case "enum", str():
            return _enum(entity, value)
        case (("number" | "integer"), (int() | float())) if not isinstance(value, bool):
            return _number(entity, value)
    raise DoesNotFit(f"entities.{entity.name} is not of the type {entity.type}")


def _enum(entity: EntityField, value: str) -> str | None:
    words = _enum_words(entity)
    if value in ("", words[0]):
        return None
    if value not in words:
        raise DoesNotFit(f"entities.{entity.name} is not one of the allowed values")
    return value


def _number(entity: EntityField, value: float) -> int | float | None:
    # In this order: isfinite() cannot take whole numbers of hundreds of digits.
    if (isinstance(value, int) and abs(value) > WHOLE_NUMBER_MAX) or not math.isfinite(value):
        raise DoesNotFit(f"entities.{entity.name} is out of range")
    if entity.type == "integer":
        if value != int(value) or abs(value) > WHOLE_NUMBER_MAX:
            raise DoesNotFit(f"entities.{entity.name} is not a whole number")
        value = int(value)
    return value or None
