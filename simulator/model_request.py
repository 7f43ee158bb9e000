"""What OpenAI's two endpoints accept: requests read into one shape, or refused as OpenAI refuses them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLES = ("user", "assistant", "system", "developer")
SCHEMA_DEPTH_MAX = 10
_TEXT_PARTS = ("input_text", "output_text", "text")
_IMAGE_PARTS = ("input_image", "image_url")
_PICTURES = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/webp": b"RIFF"}


class BadRequest(Exception):
    """Answered with 400; ``param`` names the place in the request."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@dataclass(frozen=True)
class Asked:
    """A request of either dialect: the conversation as role and text, the answer's schema, the tools offered.

    What a tool gave is an item ``{"role": "tool", "name", "content"}``; the calls themselves are left out.
    """

    body: dict[str, Any]
    items: list[dict[str, str]]
    schema: dict[str, Any] | None
    tools: list[dict[str, Any]]


def read_responses(body: Any) -> Asked:
    """``POST /responses``."""
    body = _common(body)
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else _response_items(given)
    if isinstance(body.get("instructions"), str):
        items.insert(0, {"role": "developer", "content": body["instructions"]})
    text = body.get("text") or {}
    format = text.get("format") if isinstance(text, dict) else None
    tools = _tools(body, lambda tool: tool)
    return Asked(body, items, _schema(format, format, "text.format"), tools)


def read_chat(body: Any) -> Asked:
    """``POST /chat/completions``."""
    body = _common(body)
    items = _chat_items(body.get("messages"))
    format = body.get("response_format")
    described = format.get("json_schema") if isinstance(format, dict) else None
    tools = _tools(body, lambda tool: tool.get("function"))
    return Asked(body, items, _schema(format, described, "response_format"), tools)


def _common(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadRequest("We could not parse the JSON body of your request.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequest("you must provide a model parameter", "model")
    if body.get("stream"):
        raise BadRequest("The simulator does not stream.", "stream")
    return body


def _list(given: Any, param: str) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise BadRequest(f"Missing or empty required parameter: '{param}'.", param)
    return given


def _response_items(given: Any) -> list[dict[str, str]]:
    """Messages, tool calls and what the tools gave; each call has its output and each output its call."""
    items: list[dict[str, str]] = []
    open_calls: dict[str, str] = {}
    for place, item in enumerate(_list(given, "input")):
        kind = item.get("type", "message") if isinstance(item, dict) else "message"
        if kind == "function_call":
            call_id, name = _call(item.get("call_id"), item, f"input[{place}]")
            open_calls[call_id] = name
        elif kind == "function_call_output":
            call_id = str(item.get("call_id"))
            if call_id not in open_calls:
                raise BadRequest(
                    f"No tool call found for function call output with call_id {call_id}.", "input"
                )
            content = _content(item.get("output"), f"input[{place}].output")
            items.append({"role": "tool", "name": open_calls.pop(call_id), "content": content})
        elif kind != "reasoning":
            items.append(_item(item, f"input[{place}]"))
    if open_calls:
        raise BadRequest(f"No tool output found for function call {next(iter(open_calls))}.", "input")
    return items


def _chat_items(given: Any) -> list[dict[str, str]]:
    """As in the Responses dialect, but the outputs follow their calls at once."""
    items: list[dict[str, str]] = []
    open_calls: dict[str, str] = {}
    for place, item in enumerate(_list(given, "messages")):
        param = f"messages[{place}]"
        role = item.get("role") if isinstance(item, dict) else None
        if role == "tool":
            call_id = str(item.get("tool_call_id"))
            if call_id not in open_calls:
                raise BadRequest(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding "
                    "message with 'tool_calls'.",
                    param,
                )
            content = _content(item.get("content"), f"{param}.content")
            items.append({"role": "tool", "name": open_calls.pop(call_id), "content": content})
            continue
        _all_answered(open_calls, param)
        if role == "assistant" and item.get("tool_calls"):
            for call in _list(item["tool_calls"], f"{param}.tool_calls"):
                given_id, function = (
                    (call.get("id"), call.get("function")) if isinstance(call, dict) else (0, 0)
                )
                call_id, name = _call(given_id, function, f"{param}.tool_calls")
                open_calls[call_id] = name
        else:
            items.append(_item(item, param))
    _all_answered(open_calls, "messages")
    return items


def _all_answered(open_calls: dict[str, str], param: str) -> None:
    if open_calls:
        raise BadRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. These did not have response messages: {', '.join(open_calls)}",
            param,
        )


def _call(call_id: Any, function: Any, param: str) -> tuple[str, str]:
    """A call's id and its tool's name; the arguments are JSON text in both dialects."""
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        raise BadRequest(f"Invalid type for '{param}.arguments': expected a string.", param)
    if not isinstance(call_id, str) or not call_id or not isinstance(function.get("name"), str):
        raise BadRequest(f"Missing required parameter: '{param}.call_id' or its name.", param)
    return call_id, function["name"]


def _tools(body: dict[str, Any], described: Callable[[dict[str, Any]], Any]) -> list[dict[str, Any]]:
    """Name, description and parameters of each tool; none when ``tool_choice`` forbids them."""
    tools = []
    for place, tool in enumerate(_list(body["tools"], "tools") if body.get("tools") else []):
        function = described(tool) if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not _NAME.fullmatch(str(function.get("name", ""))):
            raise BadRequest(f"Invalid value: 'tools[{place}]'.", f"tools[{place}]")
        parameters = function.get("parameters") or {}
        fault = next(_strict_faults(parameters, (), 0), None) if function.get("strict") else None
        if fault:
            sentence = f"Invalid schema for function '{function['name']}': {fault}"
            raise BadRequest(sentence, f"tools[{place}].parameters")
        description = str(function.get("description") or "")
        tools.append({"name": function["name"], "description": description, "parameters": parameters})
    return [] if body.get("tool_choice") == "none" else tools


def _item(item: Any, param: str) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("role") not in _ROLES:
        raise BadRequest(f"Invalid value: '{param}.role'. Supported values are: {', '.join(_ROLES)}.", param)
    return {"role": item["role"], "content": _content(item.get("content"), f"{param}.content")}


def _content(content: Any, param: str) -> str:
    """The words; of pictures beside them it is only checked that a model could look at them."""
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        for index, part in enumerate(content):
            _check_part(part, f"{param}[{index}]")
        content = "\n".join(str(part["text"]) for part in content if "text" in part)
    if not isinstance(content, str):
        place = param.rpartition(".")[0]
        raise BadRequest(f"Invalid type for '{param}': expected a string or a list of parts.", place)
    return content


def _check_part(part: dict[str, Any], param: str) -> None:
    """Texts of either dialect, and pictures by address or as data; the stand-in does not look at them."""
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        if not isinstance(part.get("text"), str):
            raise BadRequest(f"Missing required parameter: '{param}.text'.", f"{param}.text")
        return
    if kind == "refusal":
        return
    if kind not in _IMAGE_PARTS:
        raise BadRequest(f"Invalid value: '{param}.type'.", f"{param}.type")
    url = part.get("image_url")
    url = url.get("url") if kind == "image_url" and isinstance(url, dict) else url
    if not isinstance(url, str) or not (url.startswith("https://") or _is_picture(url)):
        raise BadRequest(f"Invalid '{param}.image_url': expected an address or a picture as data.", param)


def _is_picture(url: str) -> bool:
    """Whether a data URL holds what it says, as far as its first bytes tell."""
    head, _, data = url.partition(";base64,")
    beginning = _PICTURES.get(head.removeprefix("data:"))
    try:
        return beginning is not None and base64.b64decode(data, validate=True).startswith(beginning)
    except ValueError:
        return False


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
    if not _NAME.fullmatch(str(described.get("name", ""))):
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
