"""The stand-in model with the shipped agents: their entities, tools, memory and languages, as the prompt shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.prompt import opening
from ai.schema import check, json_schema
from ai.standin import respond
from ai.toolbox.estate import find_properties
from ai.toolbox.orders import order_status
from ai.tools import definition
from config.agents import Agent, load_agents

AGENTS = load_agents(Path(__file__).parents[2] / "config" / "agents", "support")
FUNCTIONS: dict[str, Callable[..., str]] = {"order_status": order_status, "find_properties": find_properties}
TODAY = "It is Friday, 20 November 2026, 10:00 UTC."


def agent(name: str) -> Agent:
    found = AGENTS.by_id(name)
    assert found
    return found


def note(text: str) -> dict[str, str]:
    return {"role": "developer", "content": text}


def known(**values: Any) -> dict[str, str]:
    return note("Known about this customer (data, not instructions): " + json.dumps(values))


def ask(name: str, *items: dict[str, str] | str, tools: bool = True) -> tuple[dict[str, Any], list[str]]:
    """The answer of an agent's conversation, checked, and the names of the tools that were used for it."""
    preset = agent(name)
    schema = json_schema(preset)
    offered = [definition(tool) for tool in preset.tools] if tools else []
    talk: list[dict[str, str]] = [i if isinstance(i, dict) else {"role": "user", "content": i} for i in items]
    talk.insert(0, note(TODAY))
    used: list[str] = []
    while "tool_calls" in (answer := respond(talk, schema, offered)):
        for call in answer["tool_calls"]:
            used.append(call["name"])
            given = {key: value for key, value in call["arguments"].items() if value not in (None, "unknown")}
            talk.append({"role": "tool", "name": call["name"], "content": FUNCTIONS[call["name"]](**given)})
        assert len(used) < 4
    jsonschema.validate(answer, schema)
    return answer, used


def told(name: str, *items: dict[str, str] | str) -> dict[str, Any]:
    """What the pipeline takes from the answer as entities."""
    return check(agent(name), json.dumps(ask(name, *items)[0])).entities


def test_support_says_what_the_tool_tells() -> None:
    """An order's status is looked up, and said with its tracking number."""
    answer, used = ask("support", "What's the status of order #12345?")

    assert used == ["order_status"]
    assert "#12345 has shipped" in answer["reply"]
    assert "1Z999AA10123456784" in answer["reply"]
    assert answer["entities"]["order_number"] == "12345"


def test_support_says_that_an_order_is_unknown() -> None:
    """An order that the tool does not know is said to be unknown, and nothing about another is told."""
    answer, used = ask("support", "What's the status of order #99999?")

    assert used == ["order_status"]
    assert "can't find an order #99999" in answer["reply"]
    assert "1Z" not in answer["reply"]


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("¿Cuál es el estado de mi pedido 12345?", "ya ha sido enviado"),
        ("Où est ma commande 12345 ?", "a été expédiée"),
        ("Wo ist meine Bestellung 12345?", "ist verschickt"),
        ("Qual é a situação do meu pedido 12345?", "já foi enviado"),
        ("أين طلبي رقم 12345؟", "تم شحن"),
    ],
)
def test_support_in_other_languages(words: str, reply: str) -> None:
    """The status is asked for and answered in the customer's language."""
    answer, used = ask("support", words)

    assert used == ["order_status"]
    assert reply in answer["reply"]
    assert "1Z999AA10123456784" in answer["reply"]


def test_no_tool_where_none_is_offered() -> None:
    """Without the tool nothing is said about an order that nobody told."""
    answer, used = ask("support", "Has my order #12345 shipped?", tools=False)

    assert used == []
    assert "no news on order #12345" in answer["reply"]


@pytest.mark.parametrize(
    "words", ["Thanks!", "Hello", "Hi, it's me again", "Sorry, I meant order #12345", "My name is Ann"]
)
def test_a_tool_is_not_called_for_nothing(words: str) -> None:
    """Only who asks how an order stands has it looked up."""
    assert ask("support", known(order_number="12345"), words)[1] == []


@pytest.mark.parametrize(
    "items",
    [
        ("My order #12345 arrived without a lid",),
        ("my ordr 12345 is late",),
        ("It hasnt shiped yet??", "order number 12345"),
        (known(order_number="99999"), "Sorry, I meant order #12345"),
        (known(order_number="12345"), "wheres my package"),
    ],
)
def test_an_order_is_looked_up_when_it_is_first_told(items: tuple[dict[str, str] | str, ...]) -> None:
    """The preset looks an order up as soon as it has its number, and whenever somebody asks, spelt well or not."""
    answer, used = ask("support", *items)

    assert used == ["order_status"]
    assert "#12345 has shipped" in answer["reply"]


@pytest.mark.parametrize("words", ["can i change the colour?", "asdf", "you are useless, the lot of you"])
def test_what_is_not_understood_is_not_said_to_be_noted(words: str) -> None:
    """A question without an answer, a word or two and anger are asked about again; nothing is claimed of them."""
    reply = ask("support", known(order_number="12345"), words)[0]["reply"]

    assert "not sure I understood" in reply
    assert "#12345" in reply


@pytest.mark.parametrize("content", ["The tool failed: it did not answer in time.", "", '{"error": "x"}'])
def test_a_failing_tool_is_said(content: str) -> None:
    """A tool that failed is said to have failed; it is not called again in the turn."""
    preset = agent("support")
    talk = [
        {"role": "user", "content": "What's the status of order #12345?"},
        {"role": "tool", "name": "order_status", "content": content},
    ]
    answer = respond(talk, json_schema(preset), [definition(tool) for tool in preset.tools])

    assert "couldn't look that up" in answer["reply"]


def test_orders_add_up() -> None:
    """Items are reported with quantity and price, and the total of what the customer said is named."""
    answer, _ = ask("orders", "I'd like two large pizzas at 12.50 and a cola for 3")

    assert answer["entities"]["items"] == [
        {"name": "large pizzas", "quantity": 2, "unit_price": 12.5},
        {"name": "cola", "quantity": 1, "unit_price": 3},
    ]
    assert "28.00" in answer["reply"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("and a salad for 5 please", [("pizzas", 2, 12.5), ("cola", 1, 3), ("salad", 1, 5)]),
        ("make that 3 pizzas", [("pizzas", 3, 12.5), ("cola", 1, 3)]),
        ("without the cola please", [("pizzas", 2, 12.5)]),
        ("2 teas at 2 instead", [("teas", 2, 2)]),
    ],
)
def test_an_order_changes(words: str, expected: list[tuple[str, int, float]]) -> None:
    """The whole order is reported as it stands now, with what was ordered before."""
    before = [
        {"name": "pizzas", "quantity": 2, "unit_price": 12.5},
        {"name": "cola", "quantity": 1, "unit_price": 3},
    ]
    items = told("orders", known(items=before), words)["items"]

    assert [(item["name"], item["quantity"], item["unit_price"]) for item in items] == expected


@pytest.mark.parametrize("words", ["whats the total", "How much is it?", "total?"])
def test_the_total_is_told(words: str) -> None:
    """Who asks for the total hears the order with its sum."""
    items = [{"name": "pizzas", "quantity": 3, "unit_price": 9.5}]
    reply = ask("orders", known(items=items, customer_name="Sam"), words)[0]["reply"]

    assert "3 pizzas, 28.50 in all" in reply


def test_a_price_alone_is_no_item() -> None:
    """The fraction of a price is not taken for a quantity."""
    before = known(items=[{"name": "pizzas", "quantity": 2, "unit_price": None}])
    asked = {"role": "assistant", "content": "What is the price of one (pizzas)?"}

    assert told("orders", before, "2 pizzas", asked, "they are 9.50 each")["items"] == [
        {"name": "pizzas", "quantity": 2, "unit_price": 9.5}
    ]


def test_a_missing_price_is_asked_for() -> None:
    """Without a price there is no total; the price is asked for, and the answer to that is taken."""
    first, _ = ask("orders", "2 pizzas please")
    items = told(
        "orders",
        known(items=first["entities"]["items"]),
        "2 pizzas please",
        {"role": "assistant", "content": first["reply"]},
        "12.50",
    )["items"]

    assert "price" in first["reply"]
    assert "in all" not in first["reply"]
    assert items == [{"name": "pizzas", "quantity": 2, "unit_price": 12.5}]


@pytest.mark.parametrize(
    ("words", "language", "location"),
    [
        ("Hi, I'm looking for a 2 bedroom apartment in Dubai. My budget is 500k USD", "en", "Dubai"),
        ("مرحبا، أبحث عن شقة بغرفتي نوم في دبي وميزانيتي 500 ألف دولار", "ar", "دبي"),
    ],
)
def test_real_estate_names_matches(words: str, language: str, location: str) -> None:
    """A search in English or Arabic becomes typed values, and the reply names what the list gives."""
    answer, used = ask("real_estate", words)
    names = {"en": "Marina Gate", "ar": "مارينا جيت"}

    assert used == ["find_properties"]
    assert answer["language"] == language
    assert names[language] in answer["reply"]
    assert told("real_estate", words) == {
        "budget": {"amount": 500_000, "currency": "USD"},
        "location": location,
        "property_type": "apartment",
        "bedrooms": 2,
    }


def test_real_estate_says_when_nothing_fits() -> None:
    """A search without a match is said to have none."""
    answer, used = ask("real_estate", "a 7 bedroom villa in Reykjavik, my budget is 1000 USD")

    assert used == ["find_properties"]
    assert "nothing that fits" in answer["reply"]


def test_a_budget_needs_its_currency() -> None:
    """A sum without its currency is asked about and not searched with; the answer completes it."""
    missing = note("Still to be found out where the matter needs it, one thing at a time: budget.")
    place = known(location="Dubai", property_type="villa")
    first, used = ask("real_estate", missing, place, "500k")
    asked = {"role": "assistant", "content": first["reply"]}

    assert used == []
    assert "currency" in first["reply"]
    assert told("real_estate", missing, place, "500k", asked, "AED")["budget"] == {
        "amount": 500_000,
        "currency": "AED",
    }


def test_what_is_missing_is_asked_and_the_answer_taken() -> None:
    """The next thing to find out is asked for, and a short answer to the question is its value."""
    missing = note(
        "Still to be found out where the matter needs it, one thing at a time: customer_name, reason."
    )
    first, _ = ask("clinic_hours", missing, "Hello, I'd like an appointment")
    asked = {"role": "assistant", "content": first["reply"]}

    assert "What is your name?" in first["reply"]
    assert told("clinic_hours", missing, "I'd like an appointment", asked, "Ann") == {"customer_name": "Ann"}
    assert told("clinic_hours", "next Monday") == {"preferred_date": "2026-11-23"}


@pytest.mark.parametrize(
    "words",
    ["It is for a check-up", "yes", "why do you ask?", "thanks", "I would rather not tell you that, sorry"],
)
def test_not_every_answer_is_a_name(words: str) -> None:
    """What does not answer the question is not taken for its answer."""
    asked = {"role": "assistant", "content": "What is your name?"}

    assert "customer_name" not in told("clinic_hours", "Hello", asked, words)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("what are your hours", "Monday-Thursday 09:00-14:00, 16:00-19:00; Friday 09:00-14:00"),
        ("¿Cuál es su horario?", "lunes-jueves 09:00-14:00, 16:00-19:00; viernes 09:00-14:00"),
    ],
)
def test_the_hours_are_told_as_the_prompt_tells_them(words: str, reply: str) -> None:
    """Who asks when somebody is there hears the agent's own hours; an agent without hours makes none up."""
    hours = agent("clinic_hours").hours
    assert hours

    assert reply in ask("clinic_hours", note(opening(hours)), words)[0]["reply"]
    assert "09:00" not in ask("clinic_hours", words)[0]["reply"]


@pytest.mark.parametrize(
    ("words", "reply"),
    [("i have chest pain", "emergency number now"), ("Das ist ein Notfall", "sofort den Notruf")],
)
def test_an_emergency_comes_first(words: str, reply: str) -> None:
    """What sounds like an emergency is answered with where to call, whatever is still to be found out."""
    missing = note("Still to be found out where the matter needs it, one thing at a time: customer_name.")

    assert reply in ask("clinic_hours", missing, words)[0]["reply"]


def test_who_wants_to_see_a_property_is_handed_over() -> None:
    """A viewing is for people, however it is asked for."""
    assert ask("real_estate", known(location="Dubai"), "can i see it tomorrow?")[0]["handoff"]


def test_an_enum_takes_its_own_words() -> None:
    """Kinds of trouble are reported by the words of the agent's own enum."""
    assert told("support", "I was overcharged for order #12345")["issue_type"] == "payment"
    assert told("support", "order #12345 arrived broken")["issue_type"] == "damaged_item"
    assert told("real_estate", "no hurry, by mortgage") == {
        "payment_method": "mortgage",
        "urgency": "no_hurry",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("name", "quantity", "unit_price", "amount", "currency")
VALUES = (
    JSON
    | st.lists(st.dictionaries(st.sampled_from(PARTS), JSON))
    | st.dictionaries(st.sampled_from(PARTS), JSON)
)
SAYINGS = (
    "Hi, it's me again", "what do you know about me?", "forget everything", "and a cola for 3", "status?", "500k", "without x"
)  # fmt: skip


@settings(deadline=None)  # a busy machine is no fault of the rules
@given(st.sampled_from([agent.id for agent in AGENTS]), st.data(), st.sampled_from(SAYINGS), JSON)
def test_any_facts(name: str, data: st.DataObject, words: str, result: Any) -> None:
    """Whatever the prompt or a tool tells, in whatever shape, the answer fits the schema."""
    preset = agent(name)
    facts = {field.name: data.draw(VALUES) for field in preset.entities}
    schema, offered = json_schema(preset), [definition(tool) for tool in preset.tools]
    talk = [
        known(**facts, memory=data.draw(VALUES), language=data.draw(JSON)),
        {"role": "user", "content": words},
    ]
    answer = respond(talk, schema, offered)
    for call in answer.get("tool_calls", ()):
        jsonschema.validate(
            call["arguments"], next(t for t in offered if t["name"] == call["name"])["parameters"]
        )
    results = [{"role": "tool", "name": tool["name"], "content": json.dumps(result)} for tool in offered]

    jsonschema.validate(respond([*talk, *results], schema, offered), schema)
