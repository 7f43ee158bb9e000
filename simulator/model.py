"""An OpenAI-compatible model server around the stand-in: ``/v1/responses`` and ``/v1/chat/completions``.

It refuses what OpenAI would refuse (no key, no model, a schema that is not strict), so that a request which
works here has the right shape there. Latency and faults come on demand through ``/_control/model``.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request

from ai import standin
from simulator.model_answer import chat_body, response_body
from simulator.model_request import Asked, BadRequest, read_chat, read_responses

FAULTS = ("500", "429", "hang", "empty", "garbled", "refusal", "not_schema", "slow_bytes")
# Longer than any client of ours may wait.
HANG_SECONDS = 120.0
SLOW_BYTE_SECONDS = 0.2
REQUESTS_KEPT = 200
REFUSAL = "I'm sorry, I can't help with that."


@dataclass(frozen=True)
class Behaviour:
    """How the next requests are answered. ``count`` requests meet the fault; None is all of them."""

    latency_ms: float = 0
    jitter_ms: float = 0
    fault: str = ""
    count: int | None = None
    retry_after: float | None = None
    reply: str = ""
    echo: str = ""  # a pattern: the reply is what it finds in this turn's messages, see _echoed
    # Calls to answer with, whatever was offered: name and arguments, an object, or text to send as it is.
    tool_calls: tuple[dict[str, Any], ...] = ()


class ModelServer:
    """What the server remembers: its behaviour and the requests it received. One per Flask app."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latency_ms = float(os.environ.get("SIMULATOR_MODEL_LATENCY_MS") or 0)
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self.behaviour = Behaviour(latency_ms=self._latency_ms)

    def reset(self) -> None:
        with self._lock:
            self.behaviour = Behaviour(latency_ms=self._latency_ms)
            self.requests.clear()

    def behave(self, changes: dict[str, Any]) -> Behaviour:
        with self._lock:
            self.behaviour = replace(self.behaviour, **changes)
            return self.behaviour

    def received(self, path: str, body: Any) -> Behaviour:
        """Note a request; returns how to answer this one."""
        with self._lock:
            self.requests.append({"path": path, "body": body})
            now = self.behaviour
            if now.count is not None:
                left = now.count - 1
                self.behaviour = replace(now, count=left) if left > 0 else replace(now, **_HARMLESS)
            return now


_HARMLESS: dict[str, Any] = {"fault": "", "count": None, "retry_after": None, "reply": "", "tool_calls": ()}


def server_of(app: Flask) -> ModelServer:
    """The app's one model server; made at the first call (``setdefault`` keeps one of two made at once)."""
    server: ModelServer = app.extensions.get("model_server") or app.extensions.setdefault(
        "model_server", ModelServer()
    )
    return server


def create_blueprint() -> Blueprint:
    """OpenAI's side; mount it at ``/v1``."""
    blueprint = Blueprint("model", __name__)
    blueprint.add_url_rule("/responses", view_func=_responses, methods=["POST"])
    blueprint.add_url_rule("/chat/completions", view_func=_chat_completions, methods=["POST"])
    blueprint.add_url_rule("/models", view_func=_models, methods=["GET"])
    blueprint.before_request(_require_key)
    return blueprint


def create_control_blueprint() -> Blueprint:
    """The tests' side: ``/_control/model`` and ``/_control/model/requests``; mount it without a prefix."""
    blueprint = Blueprint("model_control", __name__)
    blueprint.add_url_rule("/_control/model", view_func=_control, methods=["GET", "POST", "DELETE"])
    blueprint.add_url_rule("/_control/model/requests", view_func=_requests, methods=["GET"])
    return blueprint


def _require_key() -> Response | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return None
    return _error(401, "You didn't provide an API key.", None, "invalid_request_error")


def _models() -> Response:
    model = {"id": standin.MODEL_NAME, "object": "model", "created": 0, "owned_by": "simulator"}
    return jsonify({"object": "list", "data": [model]})


def _responses() -> Response:
    return _answer("/responses", read_responses, response_body)


def _chat_completions() -> Response:
    return _answer("/chat/completions", read_chat, chat_body)


def _answer(path: str, read: Any, shape: Any) -> Response:
    body = _json_body()
    behaviour = server_of(current_app).received(path, body)
    if (failure := _failure(behaviour)) is not None:
        return failure
    try:
        asked = read(body)
    except BadRequest as bad:
        return _error(400, bad.message, bad.param, "invalid_request_error")
    time.sleep(max(0.0, behaviour.latency_ms + random.uniform(-1, 1) * behaviour.jitter_ms) / 1000)
    refusal = REFUSAL if behaviour.fault == "refusal" else ""
    said, calls = _model_answer(asked, behaviour)
    text = json.dumps(shape(asked, said, refusal, [] if refusal else calls))
    if behaviour.fault == "garbled":
        return Response(text[: len(text) // 2], mimetype="application/json")
    if behaviour.fault == "slow_bytes":
        return Response(_dribbled(text), mimetype="application/json")
    return Response(text, mimetype="application/json")


def _json_body() -> Any:
    try:
        return json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        return None


def _failure(behaviour: Behaviour) -> Response | None:
    if behaviour.fault == "hang":
        time.sleep(HANG_SECONDS)
    if behaviour.fault in ("500", "hang"):
        return _error(500, "The server had an error while processing your request.", None, "server_error")
    if behaviour.fault == "429":
        response = _error(429, "Rate limit reached.", None, "requests", code="rate_limit_exceeded")
        if behaviour.retry_after is not None:
            response.headers["Retry-After"] = f"{behaviour.retry_after:g}"
        return response
    return None


def _model_answer(asked: Asked, behaviour: Behaviour) -> tuple[str, list[dict[str, str]]]:
    """What the model says, as text (JSON when a schema was given), or else the tools that it calls."""
    if behaviour.fault == "empty":
        return "", []
    if behaviour.fault == "not_schema":
        return json.dumps({"reply": 7, "unexpected": True}), []
    if behaviour.tool_calls:
        return "", [_called(call) for call in behaviour.tool_calls]
    # A reply laid in its mouth is said at once.
    tools = [] if behaviour.reply or behaviour.echo else asked.tools
    answer = standin.respond(asked.items, asked.schema or {}, tools)
    if "tool_calls" in answer and tools:
        return "", [_called(call) for call in answer["tool_calls"]]
    if behaviour.reply and "reply" in answer:
        answer["reply"] = behaviour.reply
    elif behaviour.echo and "reply" in answer:
        answer["reply"] = _echoed(asked.items, behaviour.echo)
    text = json.dumps(answer, ensure_ascii=False) if asked.schema is not None else str(answer["reply"])
    return text, []


def _called(call: dict[str, Any]) -> dict[str, str]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "name": str(call.get("name", "")), "arguments": text}


def _echoed(items: list[dict[str, str]], pattern: str) -> str:
    """Names found in the messages that nobody has answered, of the group (the pattern's first) of the last one.

    So a reply says what it answers, which is what a checker of histories needs to know.
    """
    newest: list[str] = []
    for item in reversed([item for item in items if item["role"] != "tool"]):
        if item["role"] != "user":
            break
        newest.insert(0, item["content"])
    found = list(re.finditer(pattern, " ".join(newest)))
    return "Re: " + " ".join(m[0] for m in found if m[1] == found[-1][1]) if found else "Re:"


def _dribbled(text: str) -> Iterator[str]:
    # Blanks may stand before JSON for as long as one likes: each resets a client's time-out per read.
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        time.sleep(SLOW_BYTE_SECONDS)
        yield " "
    yield text


def _error(status: int, message: str, param: str | None, type: str, code: str | None = None) -> Response:
    response = jsonify({"error": {"message": message, "type": type, "param": param, "code": code}})
    response.status_code = status
    return response


def _control() -> Response:
    server = server_of(current_app)
    if request.method == "DELETE":
        server.reset()
    if request.method == "POST":
        wanted = _json_body()
        fault = _control_fault(wanted)
        if fault:
            return _error(400, fault, None, "invalid_request_error")
        if wanted.get("fault") and "count" not in wanted:
            wanted["count"] = 1
        if "tool_calls" in wanted:
            wanted["tool_calls"] = tuple(wanted["tool_calls"])
        server.behave(wanted)
    return jsonify(vars(server.behaviour) | {"faults": list(FAULTS)})


def _control_fault(wanted: Any) -> str:
    if not isinstance(wanted, dict) or not wanted.keys() <= vars(Behaviour()).keys():
        return f"Send a JSON object with any of {', '.join(vars(Behaviour()))}."
    if wanted.get("fault", "") not in ("", *FAULTS):
        return f"fault must be empty or one of {', '.join(FAULTS)}."
    for name in ("latency_ms", "jitter_ms", "retry_after", "count"):
        value = wanted.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0
        ):
            return f"{name} must be a number, 0 or more."
    for name in ("reply", "echo"):
        if not isinstance(wanted.get(name, ""), str):
            return f"{name} must be text."
    calls = wanted.get("tool_calls", [])
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return "tool_calls must be a list of objects with name and arguments."
    return ""


def _requests() -> Response:
    """The bodies received, newest last."""
    return jsonify({"requests": list(server_of(current_app).requests)})
