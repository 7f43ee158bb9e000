"""The two dialects of OpenAI-compatible servers: what a request is, and what an answer means.

A request is the conversation, then the rounds in which the model called tools and was told what came of it.
Nothing is stored at the provider, so every round is sent again in full, and without the provider's own ids:
it would look for what it did not keep.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai.model_errors import ModelFault, ModelUnavailable, from_status
from ai.prompt import Item

JSON = dict[str, Any]

# More at once is a model gone astray; those beyond are dropped.
CALLS_MAX = 8
CALL_ID_CHARS_MAX = 100
# Stands for a name that is none; no agent's tool is called so.
NO_NAME = "-"
_SURROGATES = re.compile("[\ud800-\udfff]")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants used; ``arguments`` is JSON, or what it takes for JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Said:
    """What the model said: the text of an answer, or calls of tools, never both."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Round:
    """Calls of tools and, at the same places, what each of them gave."""

    calls: tuple[ToolCall, ...]
    results: tuple[str, ...]


@dataclass(frozen=True)
class Asking:
    """One request, before it is written in a dialect. ``tools`` are of name, description and parameters."""

    items: Sequence[Item]
    schema: JSON
    tools: Sequence[JSON] = ()
    rounds: Sequence[Round] = ()
    may_call: bool = True  # False: the tools stand there for the rounds' sake alone
    metadata: Mapping[str, str] | None = None
    name: str = "turn"  # of the schema


def responses_request(model: str, asking: Asking) -> JSON:
    """The body of a request to OpenAI's Responses API."""
    conversation: list[JSON] = [_message(item, "input_text", _responses_image) for item in asking.items]
    for past in asking.rounds:
        conversation += [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": _sent(call)}
            for call in past.calls
        ]
        conversation += [
            {"type": "function_call_output", "call_id": call.id, "output": _utf8(result)}
            for call, result in zip(past.calls, past.results, strict=True)
        ]
    format = {"type": "json_schema", "name": asking.name, "schema": asking.schema, "strict": True}
    request: JSON = {"model": model, "input": conversation, "text": {"format": format}, "store": False}
    if asking.tools:
        request["tools"] = [{"type": "function", **tool, "strict": True} for tool in asking.tools]
        request["tool_choice"] = "auto" if asking.may_call else "none"
    return request | ({"metadata": dict(asking.metadata)} if asking.metadata else {})


def chat_request(model: str, asking: Asking) -> JSON:
    """The body of a request to Chat Completions, which Ollama, vLLM and most others speak.

    Everything that is not the conversation becomes one system message at the top: the templates of many open
    models know no role "developer" and refuse a system message further down.
    """
    system = "\n\n".join(item.content for item in asking.items if item.role == "developer")
    messages: list[JSON] = [{"role": "system", "content": _utf8(system)}] if system else []
    messages += [_message(item, "text", _chat_image) for item in asking.items if item.role != "developer"]
    for past in asking.rounds:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _sent(call)}}
            for call in past.calls
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": _utf8(result)}
            for call, result in zip(past.calls, past.results, strict=True)
        ]
    json_schema = {"name": asking.name, "schema": asking.schema, "strict": True}
    response_format = {"type": "json_schema", "json_schema": json_schema}
    request: JSON = {"model": model, "messages": messages, "response_format": response_format}
    if asking.tools:
        request["tools"] = [
            {"type": "function", "function": {**tool, "strict": True}} for tool in asking.tools
        ]
        request["tool_choice"] = "auto" if asking.may_call else "none"
    return request


def read_body(body: JSON) -> Said:
    """What a body of either dialect says. Compatible servers omit much, so nothing is assumed.

    Raises ``ModelFault`` or ``ModelUnavailable``: status 200 does not mean that all went well.
    """
    error = body.get("error")
    if isinstance(error, dict):
        _raise_body_error(error)
    if body.get("status") in ("incomplete", "cancelled"):
        raise _incomplete()
    calls, parts = _chat_said(body) if "choices" in body else _responses_said(body)
    if calls:
        return Said(calls=calls[:CALLS_MAX])
    if any(part.get("type") == "refusal" for part in parts):
        raise ModelFault("the model refused to answer", code="refusal", retryable=True)
    text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not text.strip():
        raise ModelFault("the model's answer is empty", code="empty", retryable=True)
    return Said(text)


def parse_body(content: bytes) -> JSON:
    """The JSON object that a server answered; ``ModelFault`` when it is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ModelFault("the model's server answered 200 without JSON", code="body_not_json", retryable=True)
    return body


def parse_arguments(text: str) -> JSON | None:
    """A tool call's arguments; None when they are no JSON object. Nothing at all means no arguments."""
    try:
        arguments = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def _message(item: Item, text: str, image: Callable[[str], JSON]) -> JSON:
    """An item's words, and behind them its pictures, each as a data URL: nothing is left for the provider to fetch."""
    if not item.images:
        return {"role": item.role, "content": _utf8(item.content)}
    pictures = [f"data:{each.type};base64,{base64.b64encode(each.data).decode()}" for each in item.images]
    return {
        "role": item.role,
        "content": [{"type": text, "text": _utf8(item.content)}, *map(image, pictures)],
    }


def _responses_image(url: str) -> JSON:
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _chat_image(url: str) -> JSON:
    return {"type": "image_url", "image_url": {"url": url}}


def _utf8(text: str) -> str:
    """Half characters cannot be sent as UTF-8 at all; everything else goes out unaltered."""
    return _SURROGATES.sub("\ufffd", text)


def _sent(call: ToolCall) -> str:
    """Arguments as they are sent back: servers (vLLM) read them again and refuse what is no JSON object."""
    return json.dumps(parse_arguments(call.arguments) or {})


def _responses_said(body: JSON) -> tuple[tuple[ToolCall, ...], list[JSON]]:
    outputs = _list(body.get("output"))
    calls = [output for output in outputs if output.get("type") == "function_call"]
    messages = [output for output in outputs if output.get("type") == "message"]
    parts = [part for message in messages for part in _list(message.get("content"))]
    return tuple(_call(call.get("call_id"), call) for call in calls), parts


def _chat_said(body: JSON) -> tuple[tuple[ToolCall, ...], list[JSON]]:
    choice = next(iter(_list(body["choices"])), {})
    if choice.get("finish_reason") in ("length", "content_filter"):
        raise _incomplete()
    message = _object(choice.get("message"))
    calls = _list(message.get("tool_calls"))
    if message.get("refusal"):
        return (), [{"type": "refusal"}]
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else _list(content)
    return tuple(_call(call.get("id"), _object(call.get("function"))) for call in calls), parts


def _call(id: Any, call: JSON) -> ToolCall:
    """Compatible servers leave out ids, or write arguments as an object; names come as models like them."""
    name, arguments = call.get("name"), call.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments)
    return ToolCall(
        id=id if isinstance(id, str) and 0 < len(id) <= CALL_ID_CHARS_MAX else f"call_{uuid.uuid4().hex}",
        name=name if isinstance(name, str) and _TOOL_NAME.fullmatch(name) else NO_NAME,
        arguments=arguments if isinstance(arguments, str) else "",
    )


def _raise_body_error(error: JSON) -> None:
    """Gateways tell an outage in a body under status 200."""
    code = error.get("code")
    if code in ("server_error", "rate_limit_exceeded", "overloaded"):
        raise ModelUnavailable(f"the model's server failed ({code})", code=f"model_{code}")
    if isinstance(code, int) and 400 <= code <= 599:
        raise from_status(code, None, {})
    raise ModelFault("the model's server reported an error", code="model_error")


def _incomplete() -> ModelFault:
    return ModelFault("the model stopped before its answer was complete", code="incomplete", retryable=True)


def _object(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[JSON]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
