"""Agents' files: read into frozen values; the shipped presets; ``ringback agents``."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

import config.agents
from config.agents import (
    AgentFileError,
    EntityField,
    Handoff,
    HandoffRule,
    Hours,
    Limits,
    MemoryRules,
    OrderRule,
    Tool,
    load_agents,
)
from config.tool_check import tool_faults
from console.cli import main as program
from console.commands_agents import listed

SHIPPED = Path(config.agents.__file__).parent / "agents"
PRESETS = {"default-agent", "support", "orders", "real_estate", "clinic_hours"}
GOOD = 'name = "N"\ninstructions = "I"\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def faults_of(folder: Path, default_id: str = "shop") -> list[str]:
    with pytest.raises(AgentFileError) as caught:
        load_agents(folder, default_id)
    return caught.value.faults


def test_shipped_default_agent() -> None:
    """The shipped default agent asks for the seeds' three entities and leaves policy to the environment."""
    agent = load_agents(SHIPPED, "default-agent").default

    assert [e.name for e in agent.entities] == ["order_number", "customer_name", "issue_type"]
    assert {e.type for e in agent.entities} == {"string"}
    assert (agent.policy, agent.numbers, agent.model, agent.history_window) == ({}, (), "", None)
    assert (agent.tools, set(agent.languages)) == ((), {"en", "es", "ar", "fr", "de", "pt"})


def test_shipped_presets() -> None:
    """The presets of the issue are shipped, claim no number, and their tools can be used."""
    agents = load_agents(SHIPPED, "default-agent")

    assert {agent.id for agent in agents} == PRESETS
    assert [agent.numbers for agent in agents] == [()] * len(PRESETS)
    assert tool_faults(agents, {}) == []


@pytest.mark.parametrize(
    ("agent", "types"),
    [
        ("support", {"order_number": "string", "customer_name": "string", "issue_type": "enum"}),
        ("orders", {"customer_name": "string", "items": "items"}),
        (
            "real_estate",
            {
                "location": "string",
                "budget": "money",
                "property_type": "enum",
                "bedrooms": "integer",
                "bathrooms": "integer",
                "area": "number",
                "payment_method": "enum",
                "urgency": "enum",
            },
        ),
        ("clinic_hours", {"customer_name": "string", "reason": "enum", "preferred_date": "date"}),
    ],
)
def test_what_presets_find_out(agent: str, types: dict[str, str]) -> None:
    """Each preset finds out what the issue lists for it."""
    preset = load_agents(SHIPPED, agent).default

    assert {entity.name: entity.type for entity in preset.entities} == types


def test_shipped_texts_hold_no_sample_data() -> None:
    """Nothing of a shipped agent that a model is shown holds digits, which it would take for an order or a phone number."""
    for agent in load_agents(SHIPPED, "default-agent"):
        fields = [*agent.entities, *(p for tool in agent.tools for p in tool.parameters)]
        fields += [inner for field in fields for inner in field.fields]
        shown = [agent.name, agent.instructions, agent.style, agent.greeting]
        shown += [text for field in fields for text in (field.name, field.description, *field.values)]
        shown += [text for tool in agent.tools for text in (tool.name, tool.description)]

        assert [text for text in shown if any(character.isdigit() for character in text)] == [], agent.id


def test_numbers_pick_the_agent(tmp_path: Path) -> None:
    """A number that an agent claims is its own; every other number is the default agent's."""
    agents = load_agents(write(tmp_path, shop=GOOD, vip=GOOD + 'numbers = ["+15550001111"]'), "shop")

    assert agents.for_number("+15550001111").id == "vip"
    assert agents.for_number("+15550002222").id == "shop"
    assert agents.by_id("vip") is agents.for_number("+15550001111")
    assert agents.by_id("nobody") is None


def test_defaults(tmp_path: Path) -> None:
    """A file of a name and instructions is an agent; the rest has values that do no harm."""
    agent = load_agents(write(tmp_path, shop=GOOD), "shop").default

    assert (agent.entities, agent.tools, agent.links, agent.languages) == ((), (), (), ("en",))
    assert (agent.hours, agent.order, agent.greeting, agent.closing_question) == (None, None, "", False)
    assert (agent.handoff, agent.limits, agent.memory) == (Handoff(), Limits(), MemoryRules())
    assert (agent.prices, agent.notices, agent.fallback_model) == ((0.0, 0.0), {}, "")


EVERYTHING = """
name = " N "
instructions = "I"
style = "S"
greeting = "G"
languages = ["en", "pt-BR"]
numbers = ["+15550001111"]
model = "m"
fallback_model = "f"
history_window = 5
links = ["shop.example.com"]
closing_question = true
[policy]
scope = "channel"
[[entities]]
name = "colour"
type = "enum"
description = "D"
values = ["red", "blue"]
required = true
[[entities]]
name = "total"
type = "money"
description = "D"
minimum = 0
maximum = 9.5
[[entities]]
name = "parts"
type = "items"
description = "D"
[[entities.fields]]
name = "count"
type = "integer"
description = "D"
[[entities.fields]]
name = "price"
type = "number"
description = "D"
[order]
items = "parts"
quantity = "count"
price = "price"
[hours]
zone = "Europe/Berlin"
after_hours = "notice_only"
holidays = ["2026-12-25", 2026-12-26]
[hours.week]
monday = ["09:00-12:30", "13:30-24:00"]
sunday = []
[handoff]
after_failures = 0
by_model = false
notify = ["+15550003333"]
[handoff.words]
en = ["clerk"]
[[handoff.when]]
entity = "colour"
equals = "red"
[[handoff.when]]
entity = "order_total"
above = 1000
intent = "big order"
[[tools]]
name = "stock"
description = "D"
http = "https://shop.example.com/stock/{colour}"
method = "post"
timeout_seconds = 2
[tools.headers]
Authorization = "Bearer ${SHOP_TOKEN}"
[tools.query]
lang = "en"
[tools.body]
count = "{count}"
[[tools.parameters]]
name = "colour"
type = "string"
description = "D"
required = true
[[tools.parameters]]
name = "count"
type = "integer"
description = "D"
[limits]
reply_chars = 300
prompt_tokens = 4000
tool_rounds = 2
[memory]
enabled = false
items_max = 7
sensitive = true
[prices]
input = 1
output = 2.5
[notices.apology]
en = "Back soon."
"""


def test_everything_a_file_may_say(tmp_path: Path) -> None:
    """All settings of a file arrive in the agent's value."""
    agent = load_agents(write(tmp_path, shop=EVERYTHING), "shop").default

    assert (agent.id, agent.name, agent.style, agent.greeting) == ("shop", "N", "S", "G")
    assert (agent.model, agent.fallback_model, agent.history_window) == ("m", "f", 5)
    assert (agent.languages, agent.numbers, agent.links) == (
        ("en", "pt-BR"),
        ("+15550001111",),
        ("shop.example.com",),
    )
    assert (agent.closing_question, agent.policy, agent.prices) == (True, {"scope": "channel"}, (1.0, 2.5))
    assert agent.entities == (
        EntityField("colour", "enum", "D", ("red", "blue"), required=True),
        EntityField("total", "money", "D", minimum=0, maximum=9.5),
        EntityField(
            "parts",
            "items",
            "D",
            fields=(EntityField("count", "integer", "D"), EntityField("price", "number", "D")),
        ),
    )
    assert agent.order == OrderRule("parts", "count", "price")
    assert agent.hours == Hours(
        "Europe/Berlin",
        (((540, 750), (810, 1440)), (), (), (), (), (), ()),
        frozenset({date(2026, 12, 25), date(2026, 12, 26)}),
        "notice_only",
    )
    assert agent.handoff == Handoff(
        words={"en": ("clerk",)},
        when=(HandoffRule("colour", "red"), HandoffRule("order_total", above=1000, intent="big order")),
        after_failures=0,
        notify=("+15550003333",),
        by_model=False,
    )
    assert agent.tools == (
        Tool(
            "stock",
            "D",
            "http",
            "https://shop.example.com/stock/{colour}",
            (
                EntityField("colour", "string", "D", required=True),
                EntityField("count", "integer", "D"),
            ),
            2.0,
            "POST",
            {"Authorization": "Bearer ${SHOP_TOKEN}"},
            {"lang": "en"},
            {"count": "{count}"},
        ),
    )
    assert (agent.limits, agent.memory) == (Limits(300, 4000, 2), MemoryRules(False, 7, True))
    assert agent.notices == {"apology": {"en": "Back soon."}}
    assert agent.lines["policy.scope"] == EVERYTHING[: EVERYTHING.index("scope =")].count("\n") + 1


def test_windows_files_are_read(tmp_path: Path) -> None:
    """A byte order mark and carriage returns, as editors on Windows write them, do no harm, and lines are right."""
    text = "\ufeff" + (GOOD + "[limits]\ntool_rounds = 2\n").replace("\n", "\r\n")
    (tmp_path / "shop.toml").write_bytes(text.encode("utf-8"))
    agent = load_agents(tmp_path, "shop").default

    assert (agent.limits.tool_rounds, agent.lines["limits.tool_rounds"]) == (2, 4)


def test_listed() -> None:
    """The list names each agent once, the default agent first and as the one that answers every other number."""
    agents = load_agents(SHIPPED, "support")
    rows = listed(list(agents), agents.default)

    assert {row.split()[0] for row in rows[1:]} == PRESETS
    assert re.match(r"support +Order support +every other number +en es .* always +order_status$", rows[1])
    assert any("no number" in row and "Europe/Madrid, notice_first" in row for row in rows)


def test_check_of_a_folder(tmp_path: Path) -> None:
    """``ringback agents --check DIR`` lists good files with status 0, without a system that is set up."""
    write(tmp_path, shop=GOOD + 'numbers = ["+15550001111"]')
    result = CliRunner().invoke(program, ["agents", "--check", str(tmp_path)])

    assert (result.exit_code, "+15550001111" in result.output) == (0, True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('name = "N"', "shop.toml:1: instructions is missing"),
        (GOOD + '[policy]\nscope = "all"', "shop.toml:4: policy: scope must be one of"),
        (
            GOOD + '[[tools]]\nname = "t"\ndescription = "D"\npython = "no.such:thing"',
            "shop.toml:6: tool 1: there is no module",
        ),
    ],
)
def test_check_finds_every_kind_of_fault(tmp_path: Path, text: str, fault: str) -> None:
    """Faults of the file, of its session policy and of its tools are told with file and line, status 2."""
    write(tmp_path, shop=text)
    result = CliRunner().invoke(program, ["agents", "--check", str(tmp_path)])

    assert (result.exit_code, result.stderr.startswith(fault)) == (2, True), result.stderr


@pytest.mark.parametrize("folder", ["none", "."])
def test_check_of_nothing(tmp_path: Path, folder: str) -> None:
    """A folder that is not there, or holds no agent, is not a success."""
    result = CliRunner().invoke(program, ["agents", "--check", str(tmp_path / folder)])

    assert (result.exit_code, result.stdout) == (2, "")


def test_one_number_two_agents(tmp_path: Path) -> None:
    """Two agents cannot claim the same number; the second file is told, at the number's line."""
    text = GOOD + 'numbers = [\n  "+15550001111",\n]'

    assert faults_of(write(tmp_path, shop=text, vip=text)) == [
        "vip.toml:4: numbers holds +15550001111, which shop.toml claims already; leave it to one."
    ]


def test_operator_is_none_of_us(tmp_path: Path) -> None:
    """An operator's number that another agent answers is refused: two assistants would text each other."""
    shop = GOOD + '[handoff]\nnotify = ["+15550001111"]'
    vip = GOOD + 'numbers = ["+15550001111"]'

    assert faults_of(write(tmp_path, shop=shop, vip=vip))[0].startswith("shop.toml:4: handoff: notify holds")


def test_default_agent_must_exist(tmp_path: Path) -> None:
    """A default that no file describes, or a folder that is not there, is said in a sentence."""
    assert "DEFAULT_AGENT_ID" in faults_of(write(tmp_path, vip=GOOD))[0]
    assert "AGENTS_DIR" in faults_of(tmp_path / "none")[0]


def test_bad_file_name(tmp_path: Path) -> None:
    """An id that could not stand in a path or a key is refused."""
    assert "the file's name is the agent's id" in faults_of(write(tmp_path, shop=GOOD, **{"A b": GOOD}))[0]
