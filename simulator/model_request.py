"""What OpenAI's two endpoints accept: requests read into one shape, or refused as OpenAI refuses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLES = ("user", "assistant", "system", "developer")
SCHEMA_DEPTH_MAX = 10


class BadRequest(Exception):
    """Answered with 400; ``param`` names the place in the request."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@dataclass(frozen=True)
class Asked:
    """A request of either dialect: the conversation as role and text, and the answer's schema, if any."""

    body: dict[str, Any]
    items: list[dict[str, str]]
    schema: dict[str, Any] | None


def read_responses(body: Any) -> Asked:
    """``POST /responses``."""
    body = _common(body)
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else _items(given, "input")
    if isinstance(body.get("instructions"), str):
        items.insert(0, {"role": "developer", "content": body["instructions"]})
    text = body.get("text") or {}
    format = text.get("format") if isinstance(text, dict) else None
    return Asked(body, items, _schema(format, format, "text.format"))


def read_chat(body: Any) -> Asked:
    """``POST /chat/completions``."""
    body = _common(body)
    items = _items(body.get("messages"), "messages")
    format = body.get("response_format")
    described = format.get("json_schema") if isinstance(format, dict) else None
    return Asked(body, items, _schema(format, described, "response_format"))


def _common(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadRequest("We could not parse the JSON body of your request.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequest("you must provide a model parameter", "model")
    if body.get("stream"):
        raise BadRequest("The simulator does not stream.", "stream")
    return body


def _items(given: Any, param: str) -> list[dict[str, str]]:
    if not isinstance(given, list) or not given:
        raise BadRequest(f"Missing or empty required parameter: '{param}'.", param)
    return [_item(item, f"{param}[{place}]") for place, item in enumerate(given)]


def _item(item: Any, param: str) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("role") not in _ROLES:
        raise BadRequest(f"Invalid value: '{param}.role'. Supported values are: {', '.join(_ROLES)}.", param)
    content = item.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        content = "\n".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise BadRequest(f"Invalid type for '{param}.content': expected a string or a list of parts.", param)
    return {"role": item["role"], "content": content}


def _schema(format: Any, described: Any, param: str) -> dict[str, Any] | None:
    """The JSON schema wanted; None for plain text. A strict one must be as OpenAI wants strict schemas."""
    if format is None or (isinstance(format, dict) and format.get("type") == "text"):
        return None
    if not isinstance(format, dict) or format.get("type") not in ("json_schema", "json_object"):
        raise BadRequest(f"Invalid value: '{param}.type'.", f"{param}.type")
    if format["type"] == "json_object":
        return {}
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        raise BadRequest(f"Missing required parameter: '{param}.schema'.", f"{param}.schema")
    if not _SCHEMA_NAME.fullmatch(str(described.get("name", ""))):
        raise BadRequest(
            f"Invalid '{param}.name': expected a-z, A-Z, 0-9, _ and -, at most 64.", f"{param}.name"
        )
    schema: dict[str, Any] = described["schema"]
    if described.get("strict"):
        fault = next(_strict_faults(schema, (), 0), None)
        if fault:
            raise BadRequest(f"Invalid schema for response_format '{described['name']}': {fault}", param)
    return schema


def _strict_faults(schema: Any, place: tuple[str, ...], depth: int) -> Iterator[str]:
    context = f"In context=({', '.join(place)})"
    if not isinstance(schema, dict) or depth > SCHEMA_DEPTH_MAX:
        yield f"{context}, the schema is not an object or is nested too deeply."
        return
    kinds = schema.get("type")
    if not place and kinds != "object":
        yield f"{context}, schema must have type 'object'."
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            yield f"{context}, 'additionalProperties' is required to be supplied and to be false."
        if not isinstance(properties, dict) or sorted(schema.get("required", [])) != sorted(properties):
            yield f"{context}, 'required' must list every key in properties."
            return
        for name, part in properties.items():
            yield from _strict_faults(part, (*place, "properties", name), depth + 1)
    elif not any(key in schema for key in ("type", "enum", "const", "anyOf", "$ref")):
        yield f"{context}, schema must have a 'type' key."
    if "items" in schema:
        yield from _strict_faults(schema["items"], (*place, "items"), depth + 1)
