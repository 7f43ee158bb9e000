"""The strict schema shown to the model, and what of its answers is accepted."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.neutral import fill
from ai.schema import Checked, DoesNotFit, check, json_schema
from config.agents import Agent, EntityField

AGENT = Agent(
    id="a",
    name="A",
    instructions="I",
    style="",
    entities=(
        EntityField("order_number", "string", "D"),
        EntityField("budget", "number", "D"),
        EntityField("rooms", "integer", "D"),
        EntityField("urgent", "boolean", "D"),
        EntityField("kind", "enum", "D", ("flat", "house")),
    ),
)


def answer(reply: Any = "Hello", **others: Any) -> str:
    return json.dumps({"reply": reply} | others)


def entities(**values: Any) -> str:
    return answer(entities=values)


def test_every_object_is_closed() -> None:
    """Strict mode wants each object to require all its properties and to allow no other."""
    schema = json_schema(AGENT)

    for part in (schema, schema["properties"]["entities"]):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    assert schema["properties"]["reply"]["type"] == "string"
    assert list(schema["properties"]) == ["reply", "entities", "intent", "language"]


def test_every_entity_is_nullable() -> None:
    """Each entity accepts null, and an enum begins with a neutral word that is none of the agent's values."""
    properties = json_schema(AGENT)["properties"]["entities"]["properties"]

    assert all("null" in part["type"] for part in properties.values())
    assert properties["kind"]["enum"] == ["unknown", "flat", "house", None]


def test_schema_is_json_schema() -> None:
    """The schema is valid JSON schema, and a neutral answer made from it fits it and reports nothing."""
    schema = json_schema(AGENT)
    jsonschema.Draft202012Validator.check_schema(schema)
    neutral = fill(schema, {"reply": "Hi"})

    jsonschema.validate(neutral, schema)
    assert check(AGENT, json.dumps(neutral)) == Checked("Hi")


def test_full_answer() -> None:
    """What fits arrives as plain values of the agent's types."""
    given = {"order_number": " 12345 ", "budget": 3.5, "rooms": 2.0, "urgent": True, "kind": "flat"}

    checked = check(AGENT, answer(entities=given, intent="shipping", language="pt_BR"))

    expected = {"order_number": "12345", "budget": 3.5, "rooms": 2, "urgent": True, "kind": "flat"}
    assert checked == Checked("Hello", expected, "shipping", "pt-BR")
    assert type(checked.entities["rooms"]) is int


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        answer(entities=None, intent=None, language=None),
        answer(entities={}, intent="", language=""),
        answer(intent="  ", language="not a tag"),
        entities(order_number=None, budget=None, rooms=None, urgent=None, kind=None),
        entities(order_number="", budget=0, rooms=0, urgent=False, kind="unknown"),
        entities(order_number=" \n", budget=0.0, rooms=-0.0, kind=""),
    ],
)
def test_nothing_to_report(text: str) -> None:
    """Null, "", 0, false, an enum's first value, and a property left out, mean nothing to report."""
    assert check(AGENT, text) == Checked("Hello")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "null",
        '["reply"]',
        '"reply"',
        "{",
        "{}",
        '```json\n{"reply": "Hello"}\n```',
        answer(None),
        answer(7),
        answer(""),
        answer(" \n\t"),
        answer("\u200b\u200d \x00"),
        answer("\ud83d"),
        answer(["Hello"]),
        answer(extra=1),
        answer(entities=[]),
        answer(entities="x"),
        answer(intent=3),
        answer(language=["en"]),
        entities(unknown_field="x"),
        entities(order_number=12345),
        entities(order_number=["1"]),
        entities(order_number=True),
        entities(budget="3"),
        entities(budget=True),
        entities(rooms=2.5),
        entities(rooms=2**60),
        entities(budget=10**400),
        entities(urgent="yes"),
        entities(urgent=1),
        entities(kind="castle"),
        entities(kind=1),
        '{"reply": "Hello", "entities": {"budget": NaN}}',
        '{"reply": "Hello", "entities": {"budget": Infinity}}',
        '{"reply": "Hello", "entities": {"budget": 1e999}}',
        '{"reply": "Hello", "entities": {"rooms": 1e300}}',
        '{"reply": "Hello", "entities": {"rooms": ' + "9" * 5_000 + "}}",
        '{"reply": ' + "[" * 100_000,
        '{"a":' * 100_000,
        answer("x" * 200_001),
    ],
)
def test_does_not_fit(text: str) -> None:
    """An answer of another shape or type is refused with a reason, never a crash."""
    with pytest.raises(DoesNotFit) as caught:
        check(AGENT, text)

    assert caught.value.reason


def test_reason_does_not_quote() -> None:
    """The reason goes into logs, so it holds nothing of the answer."""
    for text in (answer(Canary="Canary"), entities(Canary="x"), entities(kind="Canary"), "Canary"):
        with pytest.raises(DoesNotFit) as caught:
            check(AGENT, text)
        assert "Canary" not in caught.value.reason


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\ud83db", "ab"),
        ("a\x00b\x1b", "ab"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\U0001f600 \u0645\u0631\u062d\u0628\u0627", "\U0001f600 \u0645\u0631\u062d\u0628\u0627"),
    ],
)
def test_text_is_cleaned(raw: str, clean: str) -> None:
    """Half characters and controls are taken out of replies and entities; everything else stays."""
    checked = check(AGENT, answer(raw, entities={"order_number": raw}))

    assert (checked.reply, checked.entities["order_number"]) == (clean, clean)


def test_long_entity_is_cut() -> None:
    """A letter in a field's place is cut, and the reply survives."""
    assert len(check(AGENT, entities(order_number="x" * 50_000)).entities["order_number"]) == 500


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(["reply", "entities", "intent", "order_number", "rooms", "kind"]), c
            )
        ),
    )
)
def test_never_crashes(value: Any) -> None:
    """Any JSON either fits, and then is valid UTF-8, or is refused."""
    try:
        checked = check(AGENT, json.dumps(value))
    except DoesNotFit:
        return
    checked.reply.encode("utf-8")
