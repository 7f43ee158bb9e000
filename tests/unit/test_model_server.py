"""The simulator's model server: tools in both of OpenAI's dialects, offered, called and answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simulator.model import create_blueprint, create_control_blueprint

PARAMETERS = {
    "type": "object",
    "properties": {"order_number": {"type": ["string", "null"], "description": "The order's number."}},
    "required": ["order_number"],
    "additionalProperties": False,
}
FUNCTION = {
    "name": "order_status",
    "description": "Looks up an order.",
    "parameters": PARAMETERS,
    "strict": True,
}
SCHEMA = {
    "type": "object",
    "properties": {"reply": {"type": "string"}},
    "required": ["reply"],
    "additionalProperties": False,
}
ASKED = {"role": "user", "content": "What's the status of order #12345?"}
FOUND = json.dumps({"order_number": "12345", "found": True, "status": "shipped", "tracking_number": "1ZTEST"})


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = Flask(__name__)
    app.register_blueprint(create_blueprint(), url_prefix="/v1")
    app.register_blueprint(create_control_blueprint())
    with app.test_client() as client:
        yield client


def post(client: FlaskClient, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/v1{path}", json={"model": "m", **body}, headers={"Authorization": "Bearer k"})
    return answer.status_code, answer.get_json()


def responses(client: FlaskClient, *items: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    body = {
        "input": [ASKED, *items],
        "text": {"format": {"type": "json_schema", "name": "turn", "schema": SCHEMA, "strict": True}},
        "tools": [{"type": "function", **FUNCTION}],
    }
    return post(client, "/responses", {**body, **more})


def chat(client: FlaskClient, *messages: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    described = {"name": "turn", "schema": SCHEMA, "strict": True}
    body = {
        "messages": [ASKED, *messages],
        "response_format": {"type": "json_schema", "json_schema": described},
        "tools": [{"type": "function", "function": FUNCTION}],
    }
    return post(client, "/chat/completions", {**body, **more})


def test_a_tool_round_in_responses(client: FlaskClient) -> None:
    """A call is an output of its own; its output, sent back under the same id, is in the next answer."""
    status, first = responses(client)
    (call,) = first["output"]
    assert (status, call["type"], call["name"]) == (200, "function_call", "order_status")
    assert json.loads(call["arguments"]) == {"order_number": "12345"}

    output = {"type": "function_call_output", "call_id": call["call_id"], "output": FOUND}
    status, second = responses(client, call, output)
    text = second["output"][0]["content"][0]["text"]
    assert status == 200
    assert "1ZTEST" in json.loads(text)["reply"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_a_tool_round_in_chat(client: FlaskClient) -> None:
    """A call stands in the assistant's message; a message of the role tool answers it."""
    status, first = chat(client)
    choice = first["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert (status, choice["finish_reason"], choice["message"]["content"]) == (200, "tool_calls", None)
    assert json.loads(call["function"]["arguments"]) == {"order_number": "12345"}

    said = {"role": "tool", "tool_call_id": call["id"], "content": FOUND}
    status, second = chat(client, choice["message"], said)
    assert (status, second["choices"][0]["finish_reason"]) == (200, "stop")
    assert "1ZTEST" in json.loads(second["choices"][0]["message"]["content"])["reply"]


def test_no_tool_when_none_may_be_called(client: FlaskClient) -> None:
    """With tool_choice none the tools are not called, and a reply laid in its mouth is said at once."""
    assert responses(client, tool_choice="none")[1]["output"][0]["type"] == "message"

    client.post("/_control/model", json={"reply": "Said by the test."})
    assert "Said by the test." in chat(client)[1]["choices"][0]["message"]["content"]


CALL = {"type": "function_call", "call_id": "c1", "name": "order_status", "arguments": "{}"}
CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "order_status", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([{"type": "function_call_output", "call_id": "c1", "output": "x"}], "No tool call found"),
        ([CALL], "No tool output found"),
        ([{**CALL, "arguments": {}}], "expected a string"),
        ([CALL, {"type": "function_call_output", "call_id": "c1", "output": 3}], "expected a string"),
    ],
)
def test_responses_refuses_odd_rounds(client: FlaskClient, items: list[dict[str, Any]], words: str) -> None:
    """A call without its output, or an output without its call, is refused as OpenAI refuses it."""
    status, answer = responses(client, *items)

    assert status == 400
    assert words in answer["error"]["message"]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "tool", "tool_call_id": "c1", "content": "x"}], "must be a response to a preceding"),
        ([ASSISTANT], "must be followed by tool messages"),
        ([ASSISTANT, {"role": "user", "content": "x"}], "must be followed by tool messages"),
        ([{**ASSISTANT, "tool_calls": [{**CHAT_CALL, "id": ""}]}], "Missing required parameter"),
    ],
)
def test_chat_refuses_odd_rounds(client: FlaskClient, messages: list[dict[str, Any]], words: str) -> None:
    """In Chat Completions the outputs follow their calls at once."""
    status, answer = chat(client, *messages)

    assert status == 400
    assert words in answer["error"]["message"]


@pytest.mark.parametrize(
    "function",
    [
        {**FUNCTION, "name": "order status"},
        {**FUNCTION, "parameters": {**PARAMETERS, "required": []}},
        {**FUNCTION, "parameters": {"type": "object", "properties": {}}},
        {},
    ],
)
def test_odd_tools_are_refused(client: FlaskClient, function: dict[str, Any]) -> None:
    """A tool whose name or strict schema OpenAI would refuse is refused, in both dialects."""
    for status, answer in (
        responses(client, tools=[{"type": "function", **function}]),
        chat(client, tools=[{"type": "function", "function": function}]),
    ):
        assert status == 400
        assert answer["error"]["param"].startswith("tools[0]")


@pytest.mark.parametrize(
    "call",
    [
        {"name": "order_status", "arguments": "{garbled"},
        {"name": "no_such_tool", "arguments": {"a": 1}},
    ],
)
def test_calls_on_demand(client: FlaskClient, call: dict[str, Any]) -> None:
    """A test has the model call what it likes, as often as it likes: unknown tools, garbled arguments."""
    client.post("/_control/model", json={"tool_calls": [call], "count": 1})
    (first,), (second,) = responses(client)[1]["output"], responses(client)[1]["output"]
    arguments = call["arguments"]

    assert first["name"] == call["name"]
    assert first["arguments"] == (arguments if isinstance(arguments, str) else json.dumps(arguments))
    assert second["name"] == "order_status"
    assert client.post("/_control/model", json={"tool_calls": "x"}).status_code == 400
