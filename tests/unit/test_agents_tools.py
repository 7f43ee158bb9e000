"""Whether tools can be used: the function is there and takes the arguments, the secrets are set."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config.agent import Agent, EntityField, Tool
from config.settings import Settings, load_settings
from config.tool_check import NoSuchTool, function_of, tool_environment, tool_faults

MODULE = """
from __future__ import annotations

import functools
from typing import Any, Optional

NOT_A_FUNCTION = 3

def status(order_number: str, days: int = 3) -> str:
    return order_number

def needs_two(one: str, two: str) -> str:
    return one + two

def wants_number(order_number: float) -> str:
    return ""

def takes_any(**arguments: Any) -> str:
    return ""

def with_context(order_number: str, context: dict) -> str:
    return ""

def loose(order_number, days: Optional[int] = None, words: list[str] = ()) -> str:
    return ""

def by_place(order_number, /) -> str:
    return ""

def annotated_with_what_is_not_there(order_number: Nowhere) -> str:
    return ""

async def later(order_number: str) -> str:
    return ""

@functools.lru_cache
def wrapped(order_number: str) -> str:
    return ""
"""
NUMBER = EntityField("order_number", "string", "D", required=True)
DAYS = EntityField("days", "integer", "D")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of tools that can be imported by its name, and one that cannot."""
    (tmp_path / "shop_for_tests.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken_for_tests.py").write_text("raise RuntimeError('secret')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shop_for_tests"
    sys.modules.pop("shop_for_tests", None)


def agent_with(
    target: str, *parameters: EntityField, kind: str = "python", headers: dict | None = None
) -> Agent:
    tool = Tool("t", "D", kind, target, parameters, headers=headers or {})
    lines = {"tools.0": 5, "tools.0.python": 7, "tools.0.parameters.0": 9, "tools.0.headers.X-Key": 11}
    return Agent("shop", "N", "I", "", (), tools=(tool,), lines=lines)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("status", [NUMBER]),
        ("status", [NUMBER, DAYS]),
        ("takes_any", [NUMBER, DAYS]),
        ("with_context", [NUMBER]),
        ("loose", [NUMBER, DAYS, EntityField("words", "list", "D")]),
        ("annotated_with_what_is_not_there", [NUMBER]),
        ("wrapped", [NUMBER]),
        ("wants_number", [EntityField("order_number", "number", "D", required=True)]),
    ],
)
def test_a_function_that_fits(shop: str, function: str, parameters: list[EntityField]) -> None:
    """A function that takes every parameter, and needs nothing else but the context, is no fault."""
    assert tool_faults([agent_with(f"{shop}:{function}", *parameters)], {}) == []


@pytest.mark.parametrize(
    ("target", "parameters", "fault"),
    [
        ("no_such_module:f", [], '7: tool 1: there is no module "no_such_module"'),
        ("shop_for_tests.inner:f", [], '7: tool 1: there is no module "shop_for_tests.inner"'),
        ("broken_for_tests:f", [], "7: tool 1: broken_for_tests cannot be imported: it raises RuntimeError."),
        ("shop_for_tests:nothing", [], '7: tool 1: shop_for_tests has no function "nothing"'),
        (
            "shop_for_tests:NOT_A_FUNCTION",
            [],
            "7: tool 1: shop_for_tests:NOT_A_FUNCTION must be a plain function",
        ),
        ("shop_for_tests:later", [NUMBER], "7: tool 1: shop_for_tests:later must be a plain function"),
        ("shop_for_tests:status", [DAYS], "7: tool 1: the function needs order_number; add it"),
        (
            "shop_for_tests:needs_two",
            [EntityField("one", "string", "D")],
            "9: tool 1: the function needs one: write",
        ),
        (
            "shop_for_tests:status",
            [EntityField("colour", "string", "D"), NUMBER],
            "9: tool 1: the function takes no argument colour; it takes order_number, days.",
        ),
        ("shop_for_tests:by_place", [NUMBER], "9: tool 1: the function takes no argument order_number"),
        (
            "shop_for_tests:wants_number",
            [NUMBER],
            "9: tool 1: order_number is string here, but the function takes",
        ),
    ],
)
def test_a_function_that_does_not_fit(
    shop: str, target: str, parameters: list[EntityField], fault: str
) -> None:
    """What is missing or does not fit is told at its line, without the words of what the module raised."""
    said = [str(found) for found in tool_faults([agent_with(target, *parameters)], {})]

    assert said[0].startswith(f"shop.toml:{fault}"), said
    assert "secret" not in "".join(said)


def test_the_function_itself(shop: str) -> None:
    """What a tool names is the function that is called; a name that leads nowhere is an error with a sentence."""
    assert function_of(agent_with(f"{shop}:status").tools[0])("12345") == "12345"
    with pytest.raises(NoSuchTool, match="has no function"):
        function_of(agent_with(f"{shop}:nothing").tools[0])


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SHOP_KEY": "k", "SHOP_USER": "u"}, []),
        ({"SHOP_USER": "u"}, ["SHOP_KEY"]),
        ({"SHOP_KEY": " ", "SHOP_USER": "u"}, ["SHOP_KEY"]),
        ({}, ["SHOP_USER", "SHOP_KEY"]),
    ],
)
def test_secrets_of_web_services(environment: dict[str, str], told: list[str]) -> None:
    """Each variable that a header reads and that is not set is named, at the header's line; no value ever is."""
    agent = agent_with(
        "https://shop.example.com/",
        kind="http",
        headers={"X-Key": "Basic ${SHOP_USER}:${SHOP_KEY}", "X-Plain": "a"},
    )

    assert [str(fault) for fault in tool_faults([agent], environment)] == [
        f"shop.toml:11: tool 1: the header X-Key reads {name} from the environment, where it is not set."
        for name in told
    ]


def test_where_secrets_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets may stand in ``.env``, as settings do; the real environment wins."""
    (tmp_path / ".env").write_text("SHOP_KEY=file\nSHOP_USER=file\n", encoding="utf-8")
    monkeypatch.setenv("SHOP_USER", "real")
    found = tool_environment(tmp_path / ".env")

    assert (found["SHOP_KEY"], found["SHOP_USER"]) == ("file", "real")


def settings_for(folder: Path) -> Settings:
    environment = {
        "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com", "AI_PROVIDER": "mock",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "0" * 32, "TWILIO_PHONE_NUMBER": "+15550001111",
        "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": "k" * 16, "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16,
        "AGENTS_DIR": str(folder), "DEFAULT_AGENT_ID": "shop",
    }  # fmt: skip
    return load_settings(environment, None, "worker")


def test_a_process_with_a_tool_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker ends with status 2 and the fault; web, which uses no tool, does not import one."""
    from config.agents import agents_or_exit

    (tmp_path / "shop.toml").write_text(
        'name = "N"\ninstructions = "I"\n[[tools]]\nname = "t"\ndescription = "D"\npython = "no_such_module:f"\n',
        encoding="utf-8",
    )
    assert agents_or_exit(settings_for(tmp_path)).default.tools[0].name == "t"
    with pytest.raises(SystemExit) as ended:
        agents_or_exit(settings_for(tmp_path), with_tools=True)

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith('shop.toml:6: tool 1: there is no module "no_such_module"')
