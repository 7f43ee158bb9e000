"""The stand-in model: the seeds' dialogues, any schema, any input."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.schema import json_schema
from ai.standin import respond
from config.agents import Agent, EntityField

ENTITIES = ("order_number", "customer_name", "issue_type")
AGENT = Agent("a", "A", "I", "", tuple(EntityField(name, "string", "D") for name in ENTITIES))
SCHEMA = json_schema(AGENT)
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


def item(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def known(**values: str) -> dict[str, Any]:
    return item("developer", "Known (data): " + json.dumps(values))


def say(*items: dict[str, Any] | str) -> dict[str, Any]:
    return respond([item("user", i) if isinstance(i, str) else i for i in items], SCHEMA)


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer["entities"].items() if value is not None}


def test_the_seeds_dialogue() -> None:
    """Trouble with an order, then "it hasn't shipped yet": the second answer knows the order of the first."""
    first = say("Hi, I'm having trouble with my order #12345")
    talk: list[dict[str, Any] | str] = [
        "Hi, I'm having trouble with my order #12345",
        item("assistant", first["reply"]),
    ]
    second = say(*talk, "It hasn't shipped yet")

    assert told(first) == {"order_number": "12345"}
    assert "#12345" in first["reply"]
    assert "?" in first["reply"]
    assert told(second) == {"issue_type": "shipping_delay"}
    assert "#12345" in second["reply"]
    assert "ship" in second["reply"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("Hi, it's me again", "Welcome back, John! I remember we talked about your order #12345"),
        ("Any update on my order?", "#12345"),
        ("Thank you", "#12345"),
        ("Hello", "#12345"),
        ("It was damaged", "#12345"),
    ],
)
def test_what_is_known_is_used(words: str, part: str) -> None:
    """What the prompt tells about the customer is in the answer, without any earlier message."""
    notes = known(order_number="12345", customer_name="John Smith", issue_type="shipping_delay")

    assert part in say(notes, words)["reply"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("Hi, it's me again", "help"),
        ("Any update on my order?", "order number"),
        ("What are your hours?", "hours"),
        ("Thank you", "You're welcome"),
        ("Hello", "Hello"),
        ("who are you?", "stand-in"),
        ("[picture]", "received your picture"),
        ("[voice note]", "received your voice note"),
        ("my parcel never arrived", "order number"),
    ],
)
def test_what_is_not_known_is_not_made_up(words: str, part: str) -> None:
    """Without anything known, no answer names an order, and only a question about it reveals the stand-in."""
    answer = say(words)

    assert part in answer["reply"]
    assert "#" not in answer["reply"]
    assert ("stand-in" in answer["reply"]) is (words == "who are you?")
    assert "order_number" not in told(answer)


def test_a_picture_with_words() -> None:
    """The note about a picture is believed although the words say nothing of it."""
    note = item("developer", "This turn came with a picture. You cannot look at it.")

    assert "received your picture" in say(note, "Here it is")["reply"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("order 12345", {"order_number": "12345"}),
        ("Order number is AB-1234.", {"order_number": "AB-1234"}),
        ("# 9876 please", {"order_number": "9876"}),
        ("#111 sorry, I meant #222", {"order_number": "222"}),
        ("12345", {"order_number": "12345"}),
        ("I want to order 2 pizzas", {}),
        ("call +15551234567", {}),
        ("my name is john", {"customer_name": "John"}),
        ("Hi, I'm John", {"customer_name": "John"}),
        ("I\u2019m John Smith", {"customer_name": "John Smith"}),
        ("I'm having trouble", {}),
        ("I'm Still waiting", {}),
        ("I want my money back", {"issue_type": "refund"}),
        ("where is my package?", {"issue_type": "shipping_delay"}),
        ("You sent the wrong size", {"issue_type": "wrong_item"}),
        (
            "My name is Ann, order #333 arrived broken",
            {"customer_name": "Ann", "order_number": "333", "issue_type": "damaged_item"},
        ),
    ],
)
def test_what_is_found(words: str, expected: dict[str, str]) -> None:
    """Order numbers, names and kinds of trouble are found in this turn's words, and nothing else is."""
    assert told(say(words)) == expected


def test_only_this_turn_is_reported() -> None:
    """What earlier messages told is used but not reported again."""
    answer = say("I'm Ann, #333", item("assistant", "Yes?"), "It was damaged", "and late")

    assert set(told(answer)) == {"issue_type"}
    assert "#333" in answer["reply"]


def test_replies_fit_one_sms() -> None:
    """Every rule's reply fits 160 characters of the GSM alphabet, whatever the numbers and names are."""
    long = known(order_number="X" * 300, customer_name="N" * 300, issue_type="i" * 300)
    sayings = (
        "hello",
        "it's me again",
        "thanks",
        "any update?",
        "hasn't shipped",
        "refund",
        "hm",
        "order 1234567890123",
        "my name is Bartholomew-Maximilian Featherstonehaugh",
        "who are you",
        "hours?",
        "a human agent",
    )
    for saying in sayings:
        for reply in (say(long, saying)["reply"], say(saying)["reply"]):
            assert len(reply) <= 160, reply
            assert set(reply) <= GSM, reply


SCHEMAS: list[dict[str, Any]] = [
    SCHEMA,
    {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]},
    {
        "type": "object",
        "properties": {
            "reply": {"type": "string"},
            "kind": {"type": "string", "enum": ["none", "x"]},
            "count": {"type": "integer"},
            "yes": {"type": "boolean"},
            "list": {"type": "array", "items": {"type": "string"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "order_number": {"anyOf": [{"type": "null"}, {"type": "integer"}]},
            "deep": {"$ref": "#/$defs/node"},
            "fixed": {"const": 3},
        },
        "required": ["reply", "kind", "count", "yes", "list", "either", "order_number", "deep", "fixed"],
        "additionalProperties": False,
        "$defs": {
            "node": {"type": "object", "properties": {"a": {"type": ["number", "null"]}}, "required": ["a"]}
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_any_schema_is_honoured(schema: dict[str, Any]) -> None:
    """The answer validates against whatever schema was asked for."""
    answer = respond([item("user", "I'm Ann, order #12345 hasn't shipped")], schema)

    jsonschema.validate(answer, schema)
    if "order_number" in schema["properties"]:
        assert answer["order_number"] == 12345


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"$ref": "#"}, {"properties": 3}, {"anyOf": [1]}])
def test_odd_schemas(schema: dict[str, Any]) -> None:
    """A schema that says nothing, or refers to itself, still gets a reply."""
    assert respond([item("user", "Hello")], schema)["reply"].startswith("Hello")


ODD = [
    "",
    " ",
    "x" * 50_000,
    "#" * 50_000,
    "order " * 10_000,
    "\U0001f600" * 100,
    "\u202e\u0645\u0631",
    "\ud83d",
    "\x00",
    "not " * 12_000,
    "i'm " * 12_000,
    "{" * 50_000,
    "[[[[" * 10_000 + "}",
]


@pytest.mark.parametrize("words", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("role", ["user", "developer", "assistant", "tool"])
def test_odd_words(role: str, words: str) -> None:
    """No text in any role breaks it, and the answer fits the schema."""
    answer = respond([item(role, words)], SCHEMA)

    jsonschema.validate(answer, SCHEMA)
    assert answer["reply"]


@settings(deadline=None)  # a busy machine is no fault of the rules
@given(
    st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "system", "x"])},
            optional={
                "content": st.text()
                | st.none()
                | st.lists(st.fixed_dictionaries({"text": st.text()}) | st.none())
            },
        )
    )
)
def test_any_conversation(items: list[dict[str, Any]]) -> None:
    """Any list of items is answered within the schema and within one SMS."""
    answer = respond(items, SCHEMA)

    jsonschema.validate(answer, SCHEMA)
    assert 0 < len(answer["reply"]) <= 160
