"""A JSON schema filled in: what is known at its place, and for the rest the values that say nothing.

Nothing outside Python: the stand-in model and the simulator use it without the rest of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Schemas refer to themselves at times; answers do not go that deep.
DEPTH_MAX = 12


def fill(schema: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """A value that fits ``schema``; ``values`` go into the properties of their names where the type allows.

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
    if "object" in kinds:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        return {key: _fill(part, root, values, key, depth + 1) for key, part in properties.items()}
    found = _typed(values.get(name), kinds, schema.get("enum"))
    return found if found is not None else _neutral(kinds, schema.get("enum"))


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
        return any(_tells(part, key, values) for key, part in value.items())
    return bool(value) and bool(values.get(name))


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    place: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        place = place.get(step) if isinstance(place, Mapping) and step else place
    return place


def _typed(value: Any, kinds: Sequence[Any], enum: Any) -> Any:
    if not value or not isinstance(value, str):
        return None
    if isinstance(enum, list):
        return value if value in enum else None
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
