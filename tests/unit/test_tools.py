"""The toolbox: arguments checked, calls bounded, and every end of a call a sentence for the model."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai import http_tool, tools
from ai.http_tool import HttpToolFailed, address
from ai.toolbox.estate import find_properties
from ai.toolbox.orders import order_status
from ai.tools import FAILED, OVERDUE_MAX, RESULT_BYTES_MAX, Toolbox
from config.agents import Agent, EntityField, Tool

SECRET = "postgres://shop:canary@db"
ORDER = EntityField("order_number", "string", "The order.", required=True)
COUNT = EntityField("count", "integer", "How many.", minimum=0, maximum=9)
DAY = EntityField("day", "date", "Which day.")
SIZE = EntityField("size", "enum", "Which size.", values=("small", "large"))
PRICE = EntityField("price", "money", "At most.")


def agent(*given: Tool) -> Agent:
    return Agent("a", "A", "I", "", (), tools=given)


def python_tool(function: str, *parameters: EntityField, seconds: float = 5.0) -> Tool:
    return Tool(function, "D", "python", f"shop_tools:{function}", parameters, timeout_seconds=seconds)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stranger's module; a test puts functions into it."""
    module = ModuleType("shop_tools")
    monkeypatch.setitem(sys.modules, "shop_tools", module)
    assert importlib.import_module("shop_tools") is module
    return module


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Lets go what hangs when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_typed_arguments_reach_the_function(shop: ModuleType) -> None:
    """A function gets plain, checked values by name, and nothing for what was null: its defaults rule."""
    seen: list[dict[str, Any]] = []
    shop.find = lambda **values: seen.append(values) or {"found": 2}
    box = Toolbox(agent(python_tool("find", ORDER, COUNT, DAY, SIZE, PRICE)))
    arguments = {
        "order_number": " 12345\x00", "count": 0, "day": "2026-11-20", "size": "unknown",
        "price": {"amount": 5, "currency": "usd"},
    }  # fmt: skip

    use = box.call("find", json.dumps(arguments))

    assert seen == [
        {"order_number": "12345", "count": 0, "day": "2026-11-20", "price": {"amount": 5, "currency": "USD"}}
    ]
    assert (use.name, use.result, use.ok, use.arguments) == ("find", '{"found": 2}', True, seen[0])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ("", "order_number is missing"),
        ('{"order_number": null}', "order_number is missing"),
        ('{"order_number": ""}', "order_number is missing"),
        ('{"order_number": ["1"]}', "order_number is not of the type string"),
        ('{"order_number": "1", "colour": "red"}', "no other arguments than: order_number, count"),
        ('{"order_number": "1", "count": 10}', "count must be at most 9"),
        ('{"order_number": "1", "count": "3"}', "count is not of the type integer"),
        ('{"order_number": "1", "count": true}', "count is not of the type integer"),
        ('{"order_number": "1", "count": 1e999}', "count must be a smaller number"),
        ('{"order_number": "1", "day": "2026-02-30"}', "day must be a day of the calendar"),
        ('{"order_number": "1", "size": "huge"}', "size is not one of the allowed values"),
    ],
)
def test_arguments_that_do_not_fit(shop: ModuleType, arguments: str, told: str) -> None:
    """Garbled, missing, mistyped or foreign arguments never reach the function; the model is told which."""
    shop.find = lambda **values: pytest.fail("the function was called")
    box = Toolbox(agent(python_tool("find", ORDER, COUNT, DAY, SIZE)))

    use = box.call("find", arguments)

    assert not use.ok
    assert use.result.startswith(FAILED)
    assert told in use.result


@given(st.text(), st.text())
def test_any_call_ends_in_a_sentence(name: str, arguments: str) -> None:
    """Whatever a model asks for, the call raises nothing and says something."""
    use = Toolbox(
        agent(Tool("order_status", "D", "python", "ai.toolbox.orders:order_status", (ORDER,)))
    ).call(name, arguments)

    assert use.result


def test_a_tool_that_is_not_there() -> None:
    """A tool that the agent does not have is not run, whatever its name; the model is told which there are."""
    box = Toolbox(agent(Tool("order_status", "D", "python", "ai.toolbox.orders:order_status", (ORDER,))))

    use = box.call("os.system", '{"command": "true"}')

    assert (use.ok, use.result) == (False, f"{FAILED}there is no tool of this name; there are: order_status.")


def test_a_number_for_a_text_is_taken() -> None:
    """Servers without strict schemas let models write an order number as a number."""
    box = Toolbox(agent(Tool("order_status", "D", "python", "ai.toolbox.orders:order_status", (ORDER,))))

    assert "shipped" in box.call("order_status", '{"order_number": 12345}').result


@pytest.mark.parametrize("error", [ValueError(SECRET), SystemExit(SECRET), RecursionError(SECRET)])
def test_a_tool_that_raises(
    shop: ModuleType, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error's name is told and its place logged, its text nowhere: it may hold a secret."""

    def fail() -> str:
        raise error

    shop.fail = fail

    use = Toolbox(agent(python_tool("fail"))).call("fail", "{}")

    assert (use.ok, use.result) == (False, f"{FAILED}it could not do it ({type(error).__name__}).")
    assert "canary" not in "".join(capsys.readouterr())


def test_a_tool_that_is_missing() -> None:
    """A function that cannot be found is a failed call, not a failed turn."""
    use = Toolbox(agent(python_tool("nowhere"))).call("nowhere", "{}")

    assert (use.ok, use.result) == (False, f"{FAILED}it could not do it (NoSuchTool).")


@pytest.mark.parametrize("result", [object(), {1, 2}, b"bytes", {"when": threading.Lock()}])
def test_a_result_that_is_no_json(shop: ModuleType, result: Any) -> None:
    """What is neither text nor JSON is a failed call."""
    shop.odd = lambda: result

    assert "neither text nor JSON" in Toolbox(agent(python_tool("odd"))).call("odd", "{}").result


def test_long_results(shop: ModuleType) -> None:
    """A long result is cut at a whole character and says so; a megabyte is a fault and shows nothing of itself."""
    shop.long = lambda: "é" * RESULT_BYTES_MAX
    shop.huge = lambda: "x" * 2**20
    box = Toolbox(agent(python_tool("long"), python_tool("huge")))

    long, huge = box.call("long", "{}"), box.call("huge", "{}")

    assert long.ok
    assert len(long.result.encode()) <= RESULT_BYTES_MAX
    assert long.result.startswith("éé")
    assert long.result.endswith(tools.CUT)
    assert (huge.ok, "xx" in huge.result) == (False, False)
    assert len(huge.result) < 200


def test_results_are_plain_text(shop: ModuleType) -> None:
    """Half characters and controls, which no request can carry, are taken out; an empty result is said to be one."""
    shop.odd = lambda: "a\ud800b\x00c"
    shop.empty = lambda: ""
    box = Toolbox(agent(python_tool("odd"), python_tool("empty")))

    assert box.call("odd", "{}").result == "abc"
    assert box.call("empty", "{}").result == "The tool gave nothing."


def test_a_tool_that_hangs(shop: ModuleType, released: threading.Event) -> None:
    """A hung call is given up at its time-out and told as such; it keeps neither the turn nor another tool."""
    shop.hang = lambda: released.wait() and "late"
    shop.quick = lambda: "here"
    box = Toolbox(agent(python_tool("hang", seconds=0.05), python_tool("quick")))

    assert "did not answer within 0.05 seconds" in box.call("hang", "{}").result
    assert box.call("quick", "{}").result == "here"


def test_the_turns_time_rules(shop: ModuleType, released: threading.Event) -> None:
    """A tool has no more time than the turn has left, and none is begun without."""
    shop.hang = lambda: released.wait() and "late"
    tool = python_tool("hang", seconds=60)

    assert "within 0.05 seconds" in Toolbox(agent(tool)).call("hang", "{}", 0.05).result
    assert "no time left" in Toolbox(agent(tool)).call("hang", "{}", 0).result


def test_hung_calls_are_counted(shop: ModuleType, released: threading.Event) -> None:
    """With too many calls hanging a tool is not called at all, until they have come back."""
    ended = threading.Semaphore(0)
    begun: list[int] = []

    def stick() -> str:
        begun.append(1)
        released.wait()
        ended.release()
        return "late"

    shop.stick = stick
    tool = python_tool("stick", seconds=0.02)
    for _ in range(OVERDUE_MAX + 3):
        last = Toolbox(agent(tool)).call("stick", "{}")
    assert len(begun) == OVERDUE_MAX
    assert last.result == f"{FAILED}it does not answer at the moment."

    released.set()
    for _ in range(OVERDUE_MAX):
        assert ended.acquire(timeout=10)
    for thread in threading.enumerate():
        if thread.name.startswith("tool:"):
            thread.join(10)
    assert Toolbox(agent(python_tool("stick"))).call("stick", "{}").result == "late"


def test_the_same_call_is_not_run_twice(shop: ModuleType) -> None:
    """Within a turn the same call gives the same answer without running again: side effects are not repeated."""
    ran: list[str] = []
    shop.book = lambda order_number: ran.append(order_number) or f"booked {len(ran)}"
    box = Toolbox(agent(python_tool("book", ORDER)))

    results = [box.call("book", text).result for text in ('{"order_number":"7"}', '{ "order_number": "7" }')]

    assert (results, ran) == (["booked 1", "booked 1"], ["7"])
    assert box.call("book", '{"order_number":"8"}').result == "booked 2"
    assert (
        Toolbox(agent(python_tool("book", ORDER))).call("book", '{"order_number":"7"}').result == "booked 3"
    )


def test_context(shop: ModuleType) -> None:
    """A function with a parameter ``context`` gets the turn's; the model neither sees nor sets it."""
    shop.who = lambda context=None: str(context["channel"])
    box = Toolbox(agent(python_tool("who")), {"channel": "sms"})

    assert box.call("who", "{}").result == "sms"
    assert not box.call("who", '{"context": {"channel": "forged"}}').ok
    assert "context" not in json.dumps(box.definitions)


def test_a_parameter_called_context(shop: ModuleType) -> None:
    """A tool's own parameter of that name is the model's: the turn's context does not stand in for it."""
    shop.who = lambda context="none": context
    box = Toolbox(agent(python_tool("who", EntityField("context", "string", "D"))), {"channel": "sms"})

    assert box.call("who", '{"context": null}').result == "none"


def test_definitions_are_strict() -> None:
    """Each tool is told with a closed schema in which every parameter is required and takes null."""
    [told] = Toolbox(agent(python_tool("find", ORDER, COUNT, SIZE))).definitions

    parameters = told["parameters"]
    assert (told["name"], parameters["additionalProperties"]) == ("find", False)
    assert parameters["required"] == ["order_number", "count", "size"]
    assert all("null" in part["type"] for part in parameters["properties"].values())
    assert "ask the customer" in parameters["properties"]["order_number"]["description"]


# Shipped tools


@pytest.mark.parametrize("written", ["12345", "#12345", " 12345 ", "12-345", "١٢٣٤٥"])
def test_the_order_of_the_seeds(written: str) -> None:
    """Order 12345 has shipped, with a tracking number, however its number is written."""
    order = json.loads(order_status(written))

    assert (order["found"], order["status"]) == (True, "shipped")
    assert order["tracking_number"].startswith("1Z999")


@pytest.mark.parametrize("written", ["99999", "", "x" * 500])
def test_unknown_orders(written: str) -> None:
    """An unknown order is said to be unknown, with nothing made up."""
    assert json.loads(order_status(written)).keys() == {"order_number", "found"}


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"location": "Dubai", "budget": 500_000, "currency": "USD", "bedrooms": 2}, ["DXB-102", "DXB-101"]),
        (
            {"location": "شقة في دبي", "budget": 500_000, "currency": "usd", "bedrooms": 2},
            ["DXB-102", "DXB-101"],
        ),
        ({"location": "بدبي", "bedrooms": 0}, ["DXB-104"]),
        ({"location": "dubai marina, UAE"}, ["DXB-101"]),
        ({"location": "Marina"}, ["DXB-101"]),
        ({"location": "أبو ظبي", "property_type": "townhouse"}, ["AUH-202"]),
        ({"location": "NYC"}, ["NYC-301"]),
        (
            {"location": "Berlin", "budget": 600_000, "currency": "EUR", "property_type": "Apartment"},
            ["BER-401"],
        ),
        ({"location": "Du"}, []),
        ({"location": "Atlantis"}, []),
        ({"budget": 1}, []),
    ],
)
def test_find_properties(asked: dict[str, Any], ids: list[str]) -> None:
    """Listings are found by place in English or Arabic, kind, bedrooms, and budget across currencies."""
    found = json.loads(find_properties(**asked))

    assert [match["id"] for match in found["matches"]] == ids


def test_nothing_within_the_budget() -> None:
    """When all that fits costs more, the cheapest of it is told; an unknown currency is said to be one."""
    found = json.loads(find_properties("Dubai", 300_000, "USD", "villa"))

    assert (found["matches"], found["cheapest_over_budget"]["id"]) == ([], "DXB-103")
    assert "USD" in json.loads(find_properties("Dubai", 300_000, "XYZ"))["problem"]


# Addresses of web services


def web(target: str = "https://shop.example/orders/{order_number}", **more: Any) -> Tool:
    return Tool("status", "D", "http", target, (ORDER, COUNT), **more)


@pytest.mark.parametrize("value", ["a/b", "a?b=c", "a#b", "@evil.example", "%2e%2e", "é", "a b", "a\r\nX: y"])
def test_arguments_stay_in_their_segment(value: str) -> None:
    """An argument fills one path segment and nothing else, whatever it holds."""
    made = address(web(), {"order_number": value})

    assert made.startswith("https://shop.example/orders/")
    assert made.isascii()
    assert not set(made.removeprefix("https://shop.example/orders/")) & set("/?#@ \r\n")


@pytest.mark.parametrize("value", [".", ".."])
def test_no_argument_climbs(value: str) -> None:
    """An argument that would lead to another path is refused."""
    with pytest.raises(HttpToolFailed):
        address(web(), {"order_number": value})


@given(st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_the_host_is_the_files(value: str) -> None:
    """No argument changes the host or climbs out of the path."""
    try:
        url = http_tool.httpx2.URL(address(web(query={"q": "{order_number}"}), {"order_number": value}))
    except HttpToolFailed:
        assert value in (".", "..")
        return

    assert url.host == "shop.example"
    assert url.raw_path.count(b"/") == 2
    assert url.params["q"] == value


def test_queries() -> None:
    """A query's entry whose parameter was not given is left out; a number is written as one."""
    tool = web("https://shop.example/o", query={"q": "{order_number}", "n": "{count}", "fixed": "1"})

    assert address(tool, {"order_number": "a&b=c"}) == "https://shop.example/o?q=a%26b%3Dc&fixed=1"
    assert address(tool, {"order_number": "a", "count": 0}).endswith("?q=a&n=0&fixed=1")
