"""Typed values, of entities and of tools' arguments: their strict JSON schema, and the check of one that was given.

WrongShape     the value is of another JSON type than the schema asks for
Rejected       it has the right type and fails its check: a date that is none, out of range, not matching
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from config.agents import NEUTRAL_ENUM_VALUE, EntityField

# A value is a word for a field, not a place for whole letters.
TEXT_CHARS_MAX = 500
LIST_TEXT_CHARS_MAX = 200
LIST_MAX = 50
# Beyond this, JSON readers (Redis' among them) no longer agree on whole numbers.
WHOLE_NUMBER_MAX = 2**53 - 1

_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")

_JSON_TYPES = {
    "string": "string", "number": "number", "integer": "integer", "boolean": "boolean", "enum": "string",
    "date": "string", "money": "object", "list": "array", "items": "array",
}  # fmt: skip


class WrongShape(Exception):
    """``place`` names the value within the answer; nothing of the value itself is told."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place} {sentence}")


class Rejected(Exception):
    """``place`` names the value that failed its check; ``sentence`` says what it must be."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place} {sentence}")


def closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema as strict mode wants objects: every property required, no other allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def json_schema(field: EntityField) -> dict[str, Any]:
    """The strict JSON schema of one value; null, and an enum's first word, mean that there is none."""
    schema: dict[str, Any] = {"type": [_JSON_TYPES[field.type], "null"], "description": described(field)}
    if field.type == "enum":
        schema["enum"] = [*enum_words(field), None]
    elif field.type == "money":
        amount = {"type": ["number", "null"], "description": "The amount in whole units of the currency."}
        currency = {"type": ["string", "null"], "description": "Three capital letters (ISO 4217)."}
        schema |= closed_object({"amount": amount, "currency": currency}) | {"type": ["object", "null"]}
    elif field.type == "list":
        schema["items"] = {"type": "string"}
    elif field.type == "items":
        schema["items"] = closed_object({part.name: json_schema(part) for part in field.fields})
    return schema


def described(field: EntityField) -> str:
    """The field's description with its bounds in words: not every server takes them as schema, 0 must stay allowed."""
    parts = [field.description]
    if field.minimum is not None:
        parts.append(f"At least {field.minimum:g}.")
    if field.maximum is not None:
        parts.append(f"At most {field.maximum:g}.")
    if field.pattern:
        parts.append(f"Matches the regular expression {field.pattern}")
    if field.type == "date":
        parts.append("Written YYYY-MM-DD.")
    if field.type in ("list", "items"):
        parts.append("The whole list as it stands now, not only what changed.")
    return " ".join(parts)


def enum_words(field: EntityField) -> tuple[str, ...]:
    """The enum's words behind the neutral one: an agent's first own word is never taken for "nothing to report"."""
    if field.values[:1] == (NEUTRAL_ENUM_VALUE,):
        return field.values
    return (NEUTRAL_ENUM_VALUE, *field.values)


def cleaned(text: str) -> str:
    """Text that is valid UTF-8 and plain: no half characters (lone surrogates), no NUL or other controls."""
    text = _LINE_ENDS.sub("\n", text)
    return _SURROGATES.sub("", _CONTROLS.sub("", text)).strip()


def reported(field: EntityField, value: Any, place: str) -> Any:
    """The plain value of an entity, or None when it means nothing to report: null, "", 0, false, [].

    Raises ``WrongShape`` or ``Rejected``.
    """
    if value is None or (type(value) in (int, float, bool) and not value and _takes(field.type, value)):
        return None
    return checked(field, value, place)


def checked(field: EntityField, value: Any, place: str) -> Any:
    """The plain value, which may be 0 or false; None where there is none (null, "", [], an enum's neutral word).

    Raises ``WrongShape`` or ``Rejected``.
    """
    if value is None:
        return None
    if not _takes(field.type, value):
        raise WrongShape(place, f"is not of the type {field.type}")
    return _CHECKS[field.type](field, value, place)


def _takes(kind: str, value: Any) -> bool:
    """Whether a JSON value has the JSON type of a field's type."""
    match _JSON_TYPES[kind]:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(field: EntityField, value: str, place: str) -> str | None:
    text = cleaned(value)[:TEXT_CHARS_MAX].strip()
    if text and field.pattern and not re.fullmatch(field.pattern, text):
        raise Rejected(place, f"must match {field.pattern}")
    return text or None


def _boolean(field: EntityField, value: bool, place: str) -> bool:
    return value


def _enum(field: EntityField, value: str, place: str) -> str | None:
    words = enum_words(field)
    if value in ("", words[0]):
        return None
    if value not in words:
        raise WrongShape(place, "is not one of the allowed values")
    return value


def _date(field: EntityField, value: str, place: str) -> str | None:
    text = cleaned(value)
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise Rejected(place, "must be a day of the calendar, written YYYY-MM-DD")


def _number(field: EntityField, value: float, place: str) -> int | float:
    # In this order: isfinite() cannot take whole numbers of hundreds of digits.
    if (isinstance(value, int) and abs(value) > WHOLE_NUMBER_MAX) or not math.isfinite(value):
        raise Rejected(place, "must be a smaller number")
    if field.type == "integer":
        if value != int(value):
            raise WrongShape(place, "is not a whole number")
        if abs(value) > WHOLE_NUMBER_MAX:
            raise Rejected(place, "must be a smaller number")
        value = int(value)
    if field.minimum is not None and value < field.minimum:
        raise Rejected(place, f"must be at least {field.minimum:g}")
    if field.maximum is not None and value > field.maximum:
        raise Rejected(place, f"must be at most {field.maximum:g}")
    return value


def _money(field: EntityField, value: dict[str, Any], place: str) -> dict[str, Any] | None:
    if not value.keys() <= {"amount", "currency"}:
        raise WrongShape(place, "has properties that the schema does not allow")
    amount, currency = value.get("amount"), value.get("currency")
    if not (amount is None or _takes("number", amount)) or not (
        currency is None or isinstance(currency, str)
    ):
        raise WrongShape(place, "is not of the type money")
    if not amount:
        return None
    amount = _number(field, amount, place)
    if amount < 0 and field.minimum is None:
        raise Rejected(place, "must not be negative")
    code = cleaned(currency or "").upper()
    if not _CURRENCY.fullmatch(code):
        raise Rejected(place, "needs a currency, as three letters (ISO 4217)")
    return {"amount": amount, "currency": code}


def _list(field: EntityField, value: list[Any], place: str) -> list[str] | None:
    if not all(isinstance(text, str) for text in value):
        raise WrongShape(place, "is not a list of texts")
    texts = (cleaned(text)[:LIST_TEXT_CHARS_MAX].strip() for text in value)
    distinct = list(dict.fromkeys(text for text in texts if text))
    if len(distinct) > LIST_MAX:
        raise Rejected(place, f"must have at most {LIST_MAX} entries")
    return distinct or None


def _items(field: EntityField, value: list[Any], place: str) -> list[dict[str, Any]] | None:
    if len(value) > LIST_MAX:
        raise Rejected(place, f"must have at most {LIST_MAX} entries")
    items = [_item(field, item, f"{place}[{n}]") for n, item in enumerate(value)]
    return [item for item in items if item] or None


def _item(field: EntityField, value: Any, place: str) -> dict[str, Any]:
    """What was said of one item; a property that was not is left out."""
    if not isinstance(value, dict):
        raise WrongShape(place, "is not an object")
    parts = {part.name: part for part in field.fields}
    if not value.keys() <= parts.keys():
        raise WrongShape(place, "has properties that the schema does not allow")
    plain = {name: reported(parts[name], given, f"{place}.{name}") for name, given in value.items()}
    return {name: given for name, given in plain.items() if given is not None}


_CHECKS: dict[str, Callable[[EntityField, Any, str], Any]] = {
    "string": _text, "number": _number, "integer": _number, "boolean": _boolean, "enum": _enum,
    "date": _date, "money": _money, "list": _list, "items": _items,
}  # fmt: skip
