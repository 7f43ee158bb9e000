"""Tools and fallback models over HTTP on loopback, in both dialects, against a server that follows a script."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ai import http_tool, standin
from ai.assistant import Assistant, ModelFault, ModelUnavailable
from ai.prompt import Item
from ai.tools import FAILED, Toolbox
from ai.usage import cost_usd
from config.agents import Agent, EntityField, Limits, Tool
from tests.flow.scripted import Scripted, scripted

ORDER = EntityField("order_number", "string", "The order.", required=True)
STATUS = Tool("order_status", "Where an order is.", "python", "ai.toolbox.orders:order_status", (ORDER,))
AGENT = Agent("a", "A", "I", "", (), model="first", tools=(STATUS,), prices=(2.0, 10.0))
ITEMS = [Item("developer", "Be kind."), Item("user", "Where is order 12345?")]
ARGUMENTS = '{"order_number": "12345"}'
KEY = "sk-canary-key-0123456789"


class Dialect:
    """What a server of one dialect says, and where a request has its parts."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.chat = provider != "openai"

    def answer(self, reply: str = "It has shipped.", model: str = "first", **usage: int) -> dict[str, Any]:
        text = json.dumps({"reply": reply})
        if self.chat:
            return {"model": model, "choices": [{"message": {"content": text}}], "usage": self._usage(usage)}
        output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
        return {"model": model, "output": output, "usage": self._usage(usage)}

    def calls(self, *wanted: tuple[str, Any], **usage: int) -> dict[str, Any]:
        if self.chat:
            calls = [
                {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for n, (name, arguments) in enumerate(wanted)
            ]
            choice = {"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": calls}}
            return {"model": "first", "choices": [choice], "usage": self._usage(usage)}
        output: list[dict[str, Any]] = [{"type": "reasoning", "id": "rs_1", "summary": []}]
        output += [
            {
                "type": "function_call",
                "id": f"fc_{n}",
                "call_id": f"c{n}",
                "name": name,
                "arguments": arguments,
            }
            for n, (name, arguments) in enumerate(wanted)
        ]
        return {"model": "first", "status": "completed", "output": output, "usage": self._usage(usage)}

    def _usage(self, counts: dict[str, int]) -> dict[str, Any]:
        names = ("prompt", "completion") if self.chat else ("input", "output")
        return {
            f"{names[0]}_tokens": counts.get("given", 0),
            f"{names[1]}_tokens": counts.get("made", 0),
            f"{names[0]}_tokens_details": {"cached_tokens": counts.get("cached", 0)},
        }

    def conversation(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        conversation: list[dict[str, Any]] = body["messages" if self.chat else "input"]
        return conversation

    def results(self, body: dict[str, Any]) -> dict[str, str]:
        """What the model was told, by the id of its call."""
        if self.chat:
            told = [m for m in self.conversation(body) if m.get("role") == "tool"]
            return {message["tool_call_id"]: message["content"] for message in told}
        told = [m for m in self.conversation(body) if m.get("type") == "function_call_output"]
        return {item["call_id"]: item["output"] for item in told}


@pytest.fixture(params=["openai", "openai-compatible"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return Dialect(request.param)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def assistant(dialect: Dialect, server: Scripted) -> Iterator[Assistant]:
    with contextlib.closing(
        Assistant(dialect.provider, KEY, f"{server.origin}/v1", "m", timeout_seconds=10)
    ) as assistant:
        yield assistant


def test_a_tool_is_used(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A tool's result goes back to the model, whose answer then counts; use, usage and cost are recorded."""
    server.say(dialect.calls(("order_status", ARGUMENTS), given=100, made=10, cached=64))
    server.say(dialect.answer(given=200, made=20, cached=128))

    answer = assistant.answer(AGENT, ITEMS, toolbox=Toolbox(AGENT))

    first, second = (body for _, _, _, body in server.asked)
    assert answer.reply == "It has shipped."
    [use] = answer.tools
    assert (use.name, use.arguments, use.ok) == ("order_status", {"order_number": "12345"}, True)
    assert dialect.results(second) == {"c0": use.result}
    assert "1Z999" in use.result
    told = first["tools"][0]["function"] if dialect.chat else first["tools"][0]
    assert (told["name"], told["strict"], first["tool_choice"]) == ("order_status", True, "auto")
    used = answer.usage
    assert (used.calls, used.input_tokens, used.output_tokens, used.cached_tokens) == (2, 300, 30, 192)
    assert cost_usd(used, AGENT.prices) == pytest.approx(0.0009)


def test_the_round_follows_this_turns_messages(
    assistant: Assistant, dialect: Dialect, server: Scripted
) -> None:
    """A round stands behind the customer's message, calls before results, with none of the provider's own ids."""
    server.say(dialect.calls(("order_status", ARGUMENTS), ("order_status", '{"order_number": "1"}')))
    server.say(dialect.answer())

    assistant.answer(AGENT, ITEMS, toolbox=Toolbox(AGENT))

    first, second = (dialect.conversation(body) for _, _, _, body in server.asked)
    assert first[-1] == {"role": "user", "content": ITEMS[-1].content}
    assert second[: len(first)] == first
    kinds = [item.get("type", item.get("role")) for item in second[len(first) :]]
    calls = ["assistant"] if dialect.chat else ["function_call"] * 2
    assert kinds == calls + (["tool"] if dialect.chat else ["function_call_output"]) * 2
    assert "rs_1" not in json.dumps(second)
    assert '"id": "fc_' not in json.dumps(second)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("order_status", '{"order_number": '), "not a JSON object"),
        (("order_status", "[1]"), "not a JSON object"),
        (("order_status", 7), "order_number is missing"),
        (("order_status", None), "order_number is missing"),
        (("drop_tables", "{}"), "no tool of this name"),
        (("a b\n{}", "{}"), "no tool of this name"),
        ((None, None), "no tool of this name"),
    ],
)
def test_garbled_calls(
    assistant: Assistant, dialect: Dialect, server: Scripted, call: tuple[Any, Any], told: str
) -> None:
    """A garbled call is told to the model, and sent back as JSON that servers can read again."""
    server.say(dialect.calls(call))
    server.say(dialect.answer())

    answer = assistant.answer(AGENT, ITEMS, toolbox=Toolbox(AGENT))

    second = server.asked[1][3]
    [result] = dialect.results(second).values()
    assert told in result
    assert not answer.tools[0].ok
    sent = next(item for item in dialect.conversation(second) if "call_id" in item or "tool_calls" in item)
    sent = sent["tool_calls"][0]["function"] if dialect.chat else sent
    assert json.loads(sent["arguments"]) == {}
    assert sent["name"].replace("_", "").replace("-", "").isalnum() or sent["name"] == "-"


def test_arguments_as_an_object(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """Servers that write arguments as an object, or leave out a call's id, are understood."""
    body = dialect.calls(("order_status", {"order_number": "12345"}))
    text = json.dumps(body).replace('"c0"', "null")
    server.say(json.loads(text))
    server.say(dialect.answer())

    assert assistant.answer(AGENT, ITEMS, toolbox=Toolbox(AGENT)).tools[0].ok


def test_rounds_are_bounded(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """After its last round a model is told to answer; one that calls on is a fault after one more request."""
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    agent = replace(AGENT, limits=Limits(tool_rounds=2))

    with pytest.raises(ModelFault) as caught:
        assistant.answer(agent, ITEMS, toolbox=Toolbox(agent))

    assert (caught.value.code, caught.value.retryable) == ("tools_without_end", True)
    assert [body["tool_choice"] for _, _, _, body in server.asked] == ["auto", "auto", "none"]


def test_no_tools_no_word_of_them(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """Without a toolbox a turn is one request that names no tools, and a model that calls one is at fault."""
    server.say(dialect.answer())
    server.say(dialect.calls(("order_status", ARGUMENTS)))

    assert assistant.answer(AGENT, ITEMS).reply
    assert not {"tools", "tool_choice"} & server.asked[0][3].keys()
    with pytest.raises(ModelFault):
        assistant.answer(AGENT, ITEMS)


def test_everything_within_the_deadline(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A model that hangs after a round is given up at the turn's deadline."""
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    server.say(dialect.answer())
    original = server.next

    def hold(asked: Any) -> Any:
        if server.asked:
            server.held.clear()
        return original(asked)

    server.next = hold  # type: ignore[method-assign]

    with pytest.raises(ModelUnavailable) as caught:
        assistant.answer(AGENT, ITEMS, deadline_seconds=1, toolbox=Toolbox(AGENT))

    assert caught.value.code == "model_timeout"


def test_asking_again_repeats_no_tool(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """When the model must be asked again, a turn's toolbox gives what it has: the tool is not run twice."""
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    server.say({"output": [], "choices": []})
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    server.say(dialect.answer())
    box = Toolbox(AGENT)
    with pytest.raises(ModelFault):
        assistant.answer(AGENT, ITEMS, toolbox=box)

    [use] = assistant.answer(AGENT, ITEMS, toolbox=box).tools

    assert (use.ok, use.duration_ms) == (True, 0)


# Fallback model

FALLING = replace(AGENT, tools=(), fallback_model="second")


@pytest.mark.parametrize("status", [500, 429, 404, 400])
def test_fallback(assistant: Assistant, dialect: Dialect, server: Scripted, status: int) -> None:
    """When the agent's model is away or refuses for good, its fallback model is asked once, and answers."""
    server.say({"error": {"message": "m"}}, status)
    server.say(dialect.answer(model="second"))

    answer = assistant.answer(FALLING, ITEMS)

    assert [body["model"] for _, _, _, body in server.asked] == ["first", "second"]
    assert (answer.usage.model, answer.usage.calls) == ("second", 1)


def test_fallback_after_a_round(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A fallback model takes over where the first one failed, with what the tools gave."""
    agent = replace(AGENT, fallback_model="second")
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    server.say({"error": {}}, 503)
    server.say(dialect.answer(model="second"))

    answer = assistant.answer(agent, ITEMS, toolbox=Toolbox(agent))

    assert len(answer.tools) == 1
    assert "1Z999" in dialect.results(server.asked[2][3])["c0"]


def test_one_fallback_is_enough(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A fallback model that fails in a later round is the end: the first one is not asked again."""
    agent = replace(AGENT, fallback_model="second")
    server.say({}, 500)
    server.say(dialect.calls(("order_status", ARGUMENTS)))
    server.say({}, 500)

    with pytest.raises(ModelUnavailable):
        assistant.answer(agent, ITEMS, toolbox=Toolbox(agent))

    assert [body["model"] for _, _, _, body in server.asked] == ["first", "second", "second"]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(503, 500, "model_http_503"), (404, 500, "model_http_500"), (500, 404, "model_http_500")],
)
def test_both_fail(
    assistant: Assistant, dialect: Dialect, server: Scripted, first: int, second: int, code: str
) -> None:
    """When both fail, the failure that may pass is told, so that the turn is tried again."""
    server.say({}, first)
    server.say({}, second)

    with pytest.raises(ModelUnavailable) as caught:
        assistant.answer(FALLING, ITEMS)

    assert (caught.value.code, len(server.asked)) == (code, 2)


def test_a_whim_is_no_outage(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """An answer that does not fit is for the turn to ask again, not for another model."""
    server.say({"output": [], "choices": []})

    with pytest.raises(ModelFault):
        assistant.answer(FALLING, ITEMS)

    assert len(server.asked) == 1


def test_no_fallback_without_time(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A first model that takes all the time leaves none for another."""
    server.say(dialect.answer())
    server.held.clear()

    with pytest.raises(ModelUnavailable):
        assistant.answer(FALLING, ITEMS, deadline_seconds=0.3)

    assert len(server.asked) == 1


# Summaries


def test_summaries(assistant: Assistant, dialect: Dialect, server: Scripted) -> None:
    """A background request has its own schema, without a reply, and gives the object that was answered."""
    schema = {
        "type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"],
        "additionalProperties": False,
    }  # fmt: skip
    body = dialect.answer()
    server.say(json.loads(json.dumps(body).replace('\\"reply\\"', '\\"summary\\"')))
    server.say(json.loads(json.dumps(body).replace("It has", '\\" It has')))

    assert assistant.summarise(ITEMS, schema, 5) == {"summary": "It has shipped."}
    format = server.asked[0][3]["response_format" if dialect.chat else "text"]
    assert "reply" not in json.dumps(format)
    with pytest.raises(ModelFault):
        assistant.summarise(ITEMS, schema, 5)


# The stand-in


def test_the_stand_in_goes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model in process is told of tools, calls them and is told of their results as one over HTTP is."""
    seen: list[Any] = []

    def respond(items: Any, schema: Any, tools: Any = ()) -> dict[str, Any]:
        seen.append((items[-1], [tool["name"] for tool in tools]))
        if items[-1]["role"] == "tool":
            return {"reply": "It has shipped."}
        return {"tool_calls": [{"name": "order_status", "arguments": {"order_number": "12345"}}]}

    monkeypatch.setattr(standin, "respond", respond)
    agent = replace(AGENT, limits=Limits(tool_rounds=1))

    answer = Assistant("mock").answer(agent, ITEMS, toolbox=Toolbox(agent))

    [use] = answer.tools
    assert seen[0] == ({"role": "user", "content": ITEMS[-1].content}, ["order_status"])
    assert seen[1] == ({"role": "tool", "name": "order_status", "content": use.result}, [])
    assert (answer.reply, answer.usage.calls) == ("It has shipped.", 2)


# Web services as tools


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("SHOP_KEY", "canary-shop-key")
    http_tool._environment.cache_clear()
    with scripted() as server:
        yield server
    http_tool._environment.cache_clear()


def used(shop: Scripted, arguments: str = ARGUMENTS, **more: Any) -> Any:
    """One call of a tool that asks the shop for an order."""
    tool = Tool(
        "status", "D", "http", f"{shop.origin}/orders/{{order_number}}",
        (ORDER, EntityField("note", "string", "N"), EntityField("count", "integer", "C")), **more,
    )  # fmt: skip
    return Toolbox(Agent("a", "A", "I", "", (), tools=(tool,))).call("status", arguments)


def test_a_web_service(shop: Scripted) -> None:
    """A web service is asked at its fixed address with its secret, and its answer is the result."""
    shop.say({"status": "shipped"})

    use = used(shop, headers={"Authorization": "Bearer ${SHOP_KEY}"}, query={"n": "{count}", "v": "2"})

    [(method, path, headers, body)] = shop.asked
    assert (use.ok, use.result) == (True, '{"status": "shipped"}')
    assert (method, path, body) == ("GET", "/orders/12345?v=2", None)
    assert headers["Authorization"] == "Bearer canary-shop-key"
    assert headers["Accept-Encoding"] == "identity"


def test_a_body(shop: Scripted) -> None:
    """A JSON body keeps the types of its arguments and leaves out what was not given."""
    shop.say({})
    body = {"id": "no {order_number}", "count": "{count}", "note": "{note}", "kind": "web"}

    assert used(shop, '{"order_number": "12345", "count": 2}', method="POST", body=body).ok
    assert shop.asked[0][3] == {"id": "no 12345", "count": 2, "kind": "web"}


def test_secrets_are_not_shown(shop: Scripted) -> None:
    """A service that repeats our secret does not tell it to the model, in an answer or in an error."""
    for status in (200, 500):
        shop.script.clear()
        shop.say({"you_sent": "Bearer canary-shop-key"}, status)
        use = used(shop, headers={"Authorization": "Bearer ${SHOP_KEY}"})

        assert "canary" not in use.result
        assert http_tool.SECRET in use.result


def test_a_secret_that_is_not_set(shop: Scripted) -> None:
    """Without its secret a service is not asked at all."""
    use = used(shop, headers={"X-Key": "${NOT_SET_ANYWHERE}"})

    assert (use.ok, shop.asked) == (False, [])
    assert "NOT_SET" not in use.result


@pytest.mark.parametrize(
    ("body", "status", "headers", "told"),
    [
        ({"error": "no such order"}, 404, {}, 'answered 404: {"error": "no such order"}'),
        ({}, 302, {"Location": "http://127.0.0.1:1/"}, "answered 302"),
        (b"", 204, {}, "The tool gave nothing."),
        (b"\x89PNG", 200, {"Content_Type": "image/png"}, "not text"),
        (b"\x1f\x8b", 200, {"Content_Encoding": "gzip"}, "not plain text"),
        (b"x" * (http_tool.ANSWER_BYTES_MAX + 1), 200, {}, "answered too much"),
        (b"\xff", 200, {"Content_Type": "text/plain"}, "\ufffd"),
    ],
)
def test_odd_services(shop: Scripted, body: Any, status: int, headers: dict[str, str], told: str) -> None:
    """Redirects, errors, pictures, compressed or endless answers end as a sentence, in one request."""
    shop.say(body, status, **headers)

    assert told in used(shop).result
    assert len(shop.asked) == 1


def test_a_service_that_hangs(shop: Scripted) -> None:
    """A service has the tool's time and no more; one that is not there is told as such."""
    shop.say({})
    shop.held.clear()

    assert "did not answer within 0.2 seconds" in used(shop, timeout_seconds=0.2).result
    shop.origin = "http://127.0.0.1:9"
    assert used(shop).result == f"{FAILED}the service could not be reached, or answered too much."


def test_no_cookies_and_no_proxies(shop: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service sets for one customer is not sent for the next, and no proxy of the environment is asked."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    shop.say({}, Set_Cookie="customer=1")

    assert used(shop).ok
    assert used(shop).ok
    assert "Cookie" not in shop.asked[1][2]


def test_nothing_is_logged(shop: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the address with its arguments nor the secret is logged, at any level."""
    caplog.set_level(0)
    shop.say({})

    assert used(shop, headers={"X-Key": "${SHOP_KEY}"}).ok
    assert "12345" not in caplog.text
    assert "canary" not in caplog.text
