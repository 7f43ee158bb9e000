"""Reading what an agent finds out, and what a tool is given: fields with a type and its bounds.

Both become strict JSON schemas, so what the model API would refuse is a fault of the file here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from config.agent import ENTITY_TYPES, NEUTRAL_ENUM_VALUE, PLAIN_TYPES, EntityField
from config.agent_table import Table

# OpenAI takes 100 properties in a strict schema at the least of its limits; the answer's own need some.
PROPERTIES_MAX = 90
ENUM_VALUES_MAX = 100
# Of one schema, names and values together, by the same page.
SCHEMA_CHARS_MAX = 15_000
SCHEMA_ENUM_VALUES_MAX = 500
DESCRIPTION_CHARS_MAX = 1000
PATTERN_CHARS_MAX = 500
REPEATS_MAX = 10  # of something that repeats itself; more, and a match may take for ever
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

# What an item of an order is made of: no list in a list, which strict schemas take badly and prompts worse.
ITEM_TYPES = tuple(type for type in PLAIN_TYPES if type != "list")
_BOUNDED = ("number", "integer", "money")
_KEYS = ("name", "type", "description", "values", "fields", "minimum", "maximum", "pattern", "required")


def read_fields(
    table: Table, key: str, what: str, types: tuple[str, ...] = ENTITY_TYPES
) -> tuple[EntityField, ...]:
    """Every [[key]] of the table. Faults: names that are bad or double, and a schema that would be refused."""
    fields = tuple(_read_field(inner, types) for inner in table.tables(key, what))
    table.distinct([field.name for field in fields], key, "the name")
    if types is not ITEM_TYPES:  # fields of items are counted with their entity
        _check_size(table, key, fields)
    return fields


def _read_field(table: Table, types: tuple[str, ...]) -> EntityField:
    table.only(*(_KEYS if types is not ITEM_TYPES else _KEYS[:-1]))
    name = table.text("name", required=True)
    if name and not NAME.fullmatch(name):
        table.fault("the name must be like order_number: lower-case letters, digits and _.", "name")
    kind = table.text("type", required=True)
    if kind and kind not in types:
        table.fault(f'the type "{kind}" is not known here; use one of {", ".join(types)}.', "type")
    return EntityField(
        name=name,
        type=kind,
        description=table.text("description", required=True, chars_max=DESCRIPTION_CHARS_MAX),
        values=_values(table, kind),
        fields=_fields(table, kind),
        minimum=_bound(table, "minimum", kind),
        maximum=_bound(table, "maximum", kind, above=table.values.get("minimum")),
        pattern=_pattern(table, kind),
        required=table.flag("required", default=False),
    )


def _values(table: Table, kind: str) -> tuple[str, ...]:
    values = table.texts(
        "values", lambda word: len(word) <= 100, 'a list of words like ["repair", "refund"].'
    )
    count = len(table.values["values"]) if isinstance(table.values.get("values"), list) else 0
    if kind != "enum" and "values" in table:
        table.fault("values belong to the type enum only; remove them or change the type.", "values")
    if kind == "enum" and not 1 <= count <= ENUM_VALUES_MAX:
        table.fault(f"an enum needs between 1 and {ENUM_VALUES_MAX} values.", "values")
    if NEUTRAL_ENUM_VALUE in values[1:]:
        table.fault(
            f'"{NEUTRAL_ENUM_VALUE}" means nothing to report: put it first or leave it out.', "values"
        )
    return values


def _fields(table: Table, kind: str) -> tuple[EntityField, ...]:
    if kind != "items":
        if "fields" in table:
            table.fault("fields belong to the type items only; remove them or change the type.", "fields")
        return ()
    fields = read_fields(table, "fields", "field", ITEM_TYPES)
    if not fields:
        table.fault("items need at least one field; write it under [[entities.fields]].")
    return fields


def _bound(table: Table, key: str, kind: str, above: object = None) -> float | None:
    bound = table.number(key)
    if bound is None:
        return None
    if kind and kind not in _BOUNDED:
        table.fault(f"{key} belongs to {', '.join(_BOUNDED)}; remove it or change the type.", key)
    if isinstance(above, int | float) and bound < above:
        table.fault("maximum is less than minimum; change one of them.", key)
    return bound


def _pattern(table: Table, kind: str) -> str:
    pattern = table.text("pattern", chars_max=PATTERN_CHARS_MAX)
    if pattern and kind != "string":
        table.fault("pattern belongs to the type string only; remove it or change the type.", "pattern")
    try:
        parsed = re.compile(pattern) and _PARSER.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        table.fault(f"pattern is not a regular expression: {error}.", "pattern")
        return ""
    if _repeats_repeats(parsed):
        table.fault(
            'pattern repeats something that repeats itself, like "(a+)+", which can take for ever: '
            'repeat one thing at a time, like "a+".',
            "pattern",
        )
        return ""
    return pattern


_PARSER: Any = vars(re)["_parser"]  # of the standard library, without a public name


def _repeats_repeats(parsed: Iterable[tuple[Any, Any]], inside: bool = False) -> bool:
    """Whether a part of varying length is repeated without end: on forty letters "(a+)+b" holds up the whole process."""
    for op, value in parsed:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = value
            if (inside and least != most and most > 1) or _repeats_repeats(
                inner, inside or most > REPEATS_MAX
            ):
                return True
        elif name == "BRANCH":
            if any(_repeats_repeats(way, inside) for way in value[1]):
                return True
        elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT") and _repeats_repeats(value[-1], inside):
            return True
    return False


def _check_size(table: Table, key: str, fields: tuple[EntityField, ...]) -> None:
    count = sum(1 for _ in _properties(fields))
    if count > PROPERTIES_MAX:
        table.fault(
            f"{key} make {count} properties of the model's schema, with the fields of items and two for each "
            f"money; have at most {PROPERTIES_MAX}.",
            key,
        )
    words = [value for field in _all_fields(fields) for value in field.values]
    if len(words) > SCHEMA_ENUM_VALUES_MAX:
        table.fault(
            f"{key} have {len(words)} values of enums in all; have at most {SCHEMA_ENUM_VALUES_MAX}.", key
        )
    chars = sum(map(len, words)) + sum(map(len, _properties(fields)))
    if chars > SCHEMA_CHARS_MAX:
        table.fault(
            f"{key} have {chars} characters of names and values; have at most {SCHEMA_CHARS_MAX}.", key
        )


def _properties(fields: Iterable[EntityField]) -> Iterable[str]:
    """The name of every property that the fields' schema will have."""
    for field in _all_fields(fields):
        yield field.name
        if field.type == "money":
            yield from ("amount", "currency")


def _all_fields(fields: Iterable[EntityField]) -> Iterable[EntityField]:
    for field in fields:
        yield field
        yield from field.fields
