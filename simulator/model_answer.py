"""How OpenAI's two endpoints answer: bodies with a text, a refusal or calls of tools.

A call is its id, its tool's name and its arguments as JSON text.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from simulator.model_request import Asked


def response_body(asked: Asked, text: str, refusal: str, calls: list[dict[str, str]]) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens(asked, text, calls)
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.body.get("instructions"),
        "metadata": asked.body.get("metadata") or {},
        "model": asked.body["model"],
        "output": _response_output(text, refusal, calls),
        "parallel_tool_calls": True,
        "store": bool(asked.body.get("store", True)),
        "text": asked.body.get("text") or {"format": {"type": "text"}},
        "tool_choice": asked.body.get("tool_choice") or "auto",
        "tools": asked.body.get("tools") or [],
        "usage": {
            "input_tokens": tokens_in,
            "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
            "output_tokens": tokens_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens_in + tokens_out,
        },
    }


def _response_output(text: str, refusal: str, calls: list[dict[str, str]]) -> list[dict[str, Any]]:
    if calls:
        return [
            {
                "id": f"fc_{uuid.uuid4().hex}",
                "type": "function_call",
                "status": "completed",
                "call_id": call["id"],
                "name": call["name"],
                "arguments": call["arguments"],
            }
            for call in calls
        ]
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return [
        {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": refusal} if refusal else part],
        }
    ]


def chat_body(asked: Asked, text: str, refusal: str, calls: list[dict[str, str]]) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens(asked, text, calls)
    content = None if refusal or calls else text
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in calls
        ]
    finished = "tool_calls" if calls else "stop"
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finished}],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


def _tokens(asked: Asked, text: str, calls: list[dict[str, str]]) -> tuple[int, int]:
    """About four characters to a token, as English has it."""
    shown = sum(len(item["content"]) for item in asked.items) + len(json.dumps(asked.schema or {}))
    shown += len(json.dumps(asked.tools)) if asked.tools else 0
    said = len(text) + sum(len(call["name"]) + len(call["arguments"]) for call in calls)
    return shown // 4 + 1, said // 4 + 1
