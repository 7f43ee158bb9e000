"""A JSON schema filled in: what is known at its place, and for the rest the values that say nothing.

Nothing outside Python: the stand-in model and the simulator use it without the rest of the program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Schemas refer to themselves at times; answers do not go that deep.
DEPTH_MAX = 12


def fill(schema: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """A value that fits ``schema``; ``values`` go into the properties of their names where the type allows.

    An object or a list among the values is fitted to its property's schema, part by part.
    Neutral is null where allowed, else an enum's first value, "", 0, false or []. Odd schemas give None.
    """
    return _fill(schema, schema, values, "", 0)


def _fill(schema: Any, root: Mapping[str, Any], values: Mapping[str, Any], name: str, depth: int) -> Any:
    """A value that fits the schema: what was found for a property of that name, else the neutral one."""
    if not isinstance(schema, Mapping) or depth > DEPTH_MAX:
        return None
    if isinstance(schema.get("$ref"), str):
        return _fill(_referred(root, schema["$ref"]), root, values, name, depth + 1)
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return _choose(schema[key], root, values, name, depth)
    if "const" in schema:
        return schema["const"]
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    known = values.get(name)
    if "object" in kinds:
        return _object(schema, root, values, name, depth)
    if "array" in kinds and isinstance(known, (list, tuple)) and known:
        return [_fill(schema.get("items"), root, {name: item}, name, depth + 1) for item in known]
    found = _typed(known, kinds, schema.get("enum"))
    return found if found is not None else _neutral(kinds, schema.get("enum"))


def _object(
    schema: Mapping[str, Any], root: Mapping[str, Any], values: Mapping[str, Any], name: str, depth: int
) -> Any:
    """Every property filled: from the object known for this name, else from what is known altogether."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    known = values.get(name)
    inner = known if isinstance(known, Mapping) else values
    filled = {key: _fill(part, root, inner, key, depth + 1) for key, part in properties.items()}
    nullable = isinstance(schema.get("type"), list) and "null" in schema["type"]
    return None if nullable and not _tells(filled, name, values) else filled


def _choose(
    choices: Sequence[Any], root: Mapping[str, Any], values: Mapping[str, Any], name: str, depth: int
) -> Any:
    filled = [_fill(choice, root, values, name, depth + 1) for choice in choices]
    nullable = any(isinstance(choice, Mapping) and choice.get("type") == "null" for choice in choices)
    telling = (value for value in filled if _tells(value, name, values))
    return next(telling, None if nullable else filled[0])


def _tells(value: Any, name: str, values: Mapping[str, Any]) -> bool:
    """Whether a filled value holds something that was known, itself or further down."""
    if isinstance(value, Mapping):
        known = values.get(name)
        inner = known if isinstance(known, Mapping) else values
        return any(_tells(part, key, inner) for key, part in value.items())
    return bool(value) and bool(values.get(name))


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    place: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        place = place.get(step) if isinstance(place, Mapping) and step else place
    return place


def _typed(value: Any, kinds: Sequence[Any], enum: Any) -> Any:
    """The known value where the type allows it; digits become a number and a number becomes digits."""
    if isinstance(value, (Mapping, list, tuple)) or value is None or value == "":
        return None
    if isinstance(enum, list):
        return value if value in enum else None
    if isinstance(value, bool):
        return value if "boolean" in kinds else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (int, float)):
        if "number" in kinds or ("integer" in kinds and value == int(value)):
            return int(value) if value == int(value) else value
        return str(value) if "string" in kinds else None
    if "string" in kinds:
        return value
    if value.isascii() and value.isdigit() and ("integer" in kinds or "number" in kinds):
        return int(value)
    return None


def _neutral(kinds: Sequence[Any], enum: Any) -> Any:
    if "null" in kinds and not (isinstance(enum, list) and None not in enum):
        return None
    if isinstance(enum, list) and enum:
        return enum[0]
    neutral = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}
    return next((value for kind, value in neutral.items() if kind in kinds), None)
