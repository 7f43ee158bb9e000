"""The two dialects of OpenAI-compatible servers: what a request is, what an answer or an error means.

ModelError                what went wrong, in a sentence without prompts, answers or keys
├── ModelUnavailable      an outage of the model's side: the same call may succeed later
└── ModelFault            the answer cannot be used, or the request was refused
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ai.prompt import Item
from session.model import Usage

_TRY_LATER_STATUS = frozenset({408, 409, 429})
_PLAIN_CODE = re.compile(r"[a-z0-9_.\-]{1,64}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_REMEDIES = {
    400: "it did not accept the request; check OPENAI_MODEL and that it supports JSON schemas",
    401: "check OPENAI_API_KEY",
    403: "the key may not use this model; check OPENAI_API_KEY and OPENAI_MODEL",
    404: "check OPENAI_MODEL and OPENAI_BASE_URL",
}


class ModelError(Exception):
    """``code`` is a word for logs; ``retryable``: the same call may succeed when it is made again."""

    def __init__(self, reason: str, *, code: str, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after


class ModelUnavailable(ModelError):
    """No connection, a time-out, 408, 409, 429 or 5xx. ``retry_after``: seconds the server asks for."""

    def __init__(
        self, reason: str, retry_after: float | None = None, *, code: str = "model_unavailable"
    ) -> None:
        super().__init__(reason, code=code, retryable=True, retry_after=retry_after)


class ModelFault(ModelError):
    """A refusal, an answer that does not fit, or a request the server does not accept.

    ``retryable`` tells the model's whims (another try may fit) from faults of the configuration.
    """

    def __init__(self, reason: str, *, code: str = "model_fault", retryable: bool = False) -> None:
        super().__init__(reason, code=code, retryable=retryable)


def responses_request(
    model: str, items: Sequence[Item], schema: dict[str, Any], metadata: Mapping[str, str] | None
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "input": [{"role": item.role, "content": _utf8(item.content)} for item in items],
        "text": {"format": {"type": "json_schema", "name": "turn", "schema": schema, "strict": True}},
        "store": False,
    }
    return request | ({"metadata": dict(metadata)} if metadata else {})


def chat_request(model: str, items: Sequence[Item], schema: dict[str, Any]) -> dict[str, Any]:
    """Everything that is not the conversation becomes one system message at the top.

    The templates of many open models know no role "developer" and refuse a system message further down.
    """
    system = "\n\n".join(item.content for item in items if item.role == "developer")
    messages = [{"role": "system", "content": _utf8(system)}] if system else []
    messages += [
        {"role": item.role, "content": _utf8(item.content)} for item in items if item.role != "developer"
    ]
    json_schema = {"name": "turn", "schema": schema, "strict": True}
    return {
        "model": model,
        "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": json_schema},
    }


def _utf8(text: str) -> str:
    """Half characters cannot be sent as UTF-8 at all; everything else goes out unaltered."""
    return _SURROGATES.sub("\ufffd", text)


def from_status(status: int, code: str | None, headers: Mapping[str, str]) -> ModelError:
    """The server's own words are left out: they may repeat the prompt or the key."""
    word = f", {code}" if code and _PLAIN_CODE.fullmatch(code) else ""
    if status in _TRY_LATER_STATUS or status >= 500:
        reason = f"the model's server answered {status}{word}"
        return ModelUnavailable(reason, _retry_after(headers), code=f"model_http_{status}")
    remedy = _REMEDIES.get(status, "check OPENAI_BASE_URL")
    return ModelFault(f"the model's server answered {status}{word}: {remedy}", code=f"model_http_{status}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``Retry-After``, given as a number or a date; None when absent or odd."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def parse_body(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ModelFault("the model's server answered 200 without JSON", code="body_not_json", retryable=True)
    return body


def read_body(body: dict[str, Any]) -> str:
    """The answer's text, of either dialect. Compatible servers omit much, so nothing is assumed."""
    error = body.get("error")
    if isinstance(error, dict):
        _raise_body_error(error)
    if body.get("status") in ("incomplete", "cancelled"):
        raise ModelFault(
            "the model stopped before its answer was complete", code="incomplete", retryable=True
        )
    parts = _chat_parts(body) if "choices" in body else _responses_parts(body)
    if any(part.get("type") == "refusal" for part in parts):
        raise ModelFault("the model refused to answer", code="refusal", retryable=True)
    text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not text.strip():
        raise ModelFault("the model's answer is empty", code="empty", retryable=True)
    return text


def _raise_body_error(error: dict[str, Any]) -> None:
    """Gateways tell an outage in a body under status 200."""
    code = error.get("code")
    if code in ("server_error", "rate_limit_exceeded", "overloaded"):
        raise ModelUnavailable(f"the model's server failed ({code})", code=f"model_{code}")
    if isinstance(code, int) and 400 <= code <= 599:
        raise from_status(code, None, {})
    raise ModelFault("the model's server reported an error", code="model_error")


def _responses_parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = [output for output in _list(body.get("output")) if output.get("type") == "message"]
    return [part for output in outputs for part in _list(output.get("content"))]


def _chat_parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    choice = next(iter(_list(body["choices"])), {})
    if choice.get("finish_reason") in ("length", "content_filter"):
        raise ModelFault(
            "the model stopped before its answer was complete", code="incomplete", retryable=True
        )
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    if message.get("refusal"):
        return [{"type": "refusal"}]
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else _list(content)


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def usage_of(body: dict[str, Any], duration_ms: int) -> Usage:
    counts = body.get("usage")
    counts = counts if isinstance(counts, dict) else {}
    model = body.get("model")

    def count(*names: str) -> int:
        values = [counts[name] for name in names if type(counts.get(name)) is int]
        return max(0, values[0]) if values else 0

    return Usage(
        model=model[:100] if isinstance(model, str) else "",
        input_tokens=count("input_tokens", "prompt_tokens"),
        output_tokens=count("output_tokens", "completion_tokens"),
        duration_ms=duration_ms,
        tries=1,
    )
