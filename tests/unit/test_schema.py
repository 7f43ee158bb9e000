"""The strict schema shown to the model, and what of its answers is accepted."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.neutral import fill
from ai.schema import Checked, DoesNotFit, check, json_schema
from config.agents import Agent, EntityField, Handoff, MemoryRules
from session.model import MemoryChange

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
        EntityField("price", "money", "D"),
        EntityField("day", "date", "D"),
        EntityField("wishes", "list", "D"),
        EntityField(
            "items",
            "items",
            "D",
            fields=(
                EntityField("name", "string", "D"),
                EntityField("quantity", "integer", "D", minimum=1, maximum=99),
                EntityField("unit_price", "number", "D"),
            ),
        ),
    ),
)
ASKING = dataclasses.replace(AGENT, closing_question=True)
QUIET = dataclasses.replace(AGENT, memory=MemoryRules(enabled=False), handoff=Handoff(by_model=False))


def answer(reply: Any = "Hello", **others: Any) -> str:
    return json.dumps({"reply": reply} | others)


def entities(**values: Any) -> str:
    return answer(entities=values)


def test_every_object_is_closed() -> None:
    """Strict mode wants each object to require all its properties and to allow no other."""
    schema = json_schema(ASKING)
    found = schema["properties"]["entities"]["properties"]

    closed = [schema, schema["properties"]["entities"], schema["properties"]["memory"]["items"]]
    for part in (*closed, found["price"], found["items"]["items"]):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    assert schema["properties"]["reply"]["type"] == "string"
    assert list(schema["properties"]) == [
        "reply", "entities", "intent", "language", "memory", "handoff", "ends", "satisfaction",
    ]  # fmt: skip


def test_only_what_the_agent_wants_is_asked() -> None:
    """Ratings, memory and handoff are in the schema only of agents that use them, and elsewhere do not fit."""
    assert "satisfaction" not in json_schema(AGENT)["properties"]
    assert {"memory", "handoff"}.isdisjoint(json_schema(QUIET)["properties"])
    for agent, text in (
        (AGENT, answer(satisfaction=5)),
        (QUIET, answer(memory=[])),
        (QUIET, answer(handoff="x")),
    ):
        with pytest.raises(DoesNotFit):
            check(agent, text)


def test_every_entity_is_nullable() -> None:
    """Each entity accepts null, and an enum begins with a neutral word that is none of the agent's values."""
    properties = json_schema(AGENT)["properties"]["entities"]["properties"]

    assert all("null" in part["type"] for part in properties.values())
    assert properties["kind"]["enum"] == ["unknown", "flat", "house", None]


def test_schema_is_json_schema() -> None:
    """The schema is valid JSON schema, and a neutral answer made from it fits it and reports nothing."""
    for agent in (AGENT, ASKING, QUIET):
        schema = json_schema(agent)
        jsonschema.Draft202012Validator.check_schema(schema)
        neutral = fill(schema, {"reply": "Hi"})

        jsonschema.validate(neutral, schema)
        assert check(agent, json.dumps(neutral)) == Checked("Hi")


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
        entities(price={"amount": None, "currency": None}, day="", wishes=[], items=[]),
        entities(price={"amount": 0, "currency": "USD"}, wishes=["", " "], items=[{}, {"name": None}]),
        entities(price={}, day=" ", items=[{"name": "", "quantity": 0, "unit_price": 0.0}]),
        answer(memory=None, handoff=None, ends=None),
        answer(memory=[], handoff=" \n", ends=False),
        answer(memory=[{"op": "none", "type": "unknown", "about": "", "content": "", "confidence": 0}]),
        answer(memory=[{}, {"op": None, "content": "likes tea"}, {"op": "", "content": "likes tea"}]),
        answer(memory=[{"op": "remember", "about": "tea"}, {"op": "forget"}]),
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
        entities(urgent="yes"),
        entities(urgent=1),
        entities(kind="castle"),
        entities(kind=1),
        entities(price=5),
        entities(price="5 USD"),
        entities(price={"amount": "5", "currency": "USD"}),
        entities(price={"amount": 5, "currency": 1}),
        entities(price={"amount": True, "currency": "USD"}),
        entities(price={"amount": 5, "currency": "USD", "more": 1}),
        entities(day=20261120),
        entities(day=["2026-11-20"]),
        entities(wishes="tea"),
        entities(wishes=["tea", 1]),
        entities(wishes={"0": "tea"}),
        entities(items={"name": "pizza"}),
        entities(items=["pizza"]),
        entities(items=[None]),
        entities(items=[{"name": "pizza", "size": "L"}]),
        entities(items=[{"name": 1}]),
        entities(items=[{"quantity": "2"}]),
        entities(items=[{"quantity": 1.5}]),
        answer(memory="likes tea"),
        answer(memory={"op": "remember"}),
        answer(memory=["likes tea"]),
        answer(memory=[{"op": "erase", "content": "x"}]),
        answer(memory=[{"op": ["forget"], "content": "x"}]),
        answer(memory=[{"op": 0, "content": "x"}]),
        answer(memory=[{"op": "remember", "type": "rumour", "content": "x"}]),
        answer(memory=[{"op": "remember", "content": 5}]),
        answer(memory=[{"op": "remember", "content": "x", "confidence": "high"}]),
        answer(memory=[{"op": "remember", "content": "x", "confidence": True}]),
        answer(memory=[{"op": "remember", "content": "x", "why": "y"}]),
        answer(handoff=True),
        answer(handoff=["angry"]),
        answer(ends="yes"),
        answer(ends=1),
        '{"reply": "Hello", "entities": {"budget": NaN}}',
        '{"reply": "Hello", "entities": {"budget": Infinity}}',
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


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (
            {"price": {"amount": 500_000, "currency": " usd "}},
            {"price": {"amount": 500_000, "currency": "USD"}},
        ),
        ({"day": " 2026-11-20 "}, {"day": "2026-11-20"}),
        ({"wishes": [" tea ", "tea", "", "milk"]}, {"wishes": ["tea", "milk"]}),
        (
            {
                "items": [
                    {"name": "Pizza", "quantity": 2.0, "unit_price": 12.5},
                    {"name": "Cola", "quantity": None},
                ]
            },
            {"items": [{"name": "Pizza", "quantity": 2, "unit_price": 12.5}, {"name": "Cola"}]},
        ),
    ],
)
def test_typed_values(given: dict[str, Any], plain: dict[str, Any]) -> None:
    """Money, dates, lists and items arrive as plain values, without what was left open."""
    assert check(AGENT, entities(**given)) == Checked("Hello", plain)


@pytest.mark.parametrize(
    "given",
    [
        {"price": {"amount": 5, "currency": None}},
        {"price": {"amount": 5, "currency": "dollars"}},
        {"price": {"amount": -5, "currency": "USD"}},
        {"price": {"amount": 10**400, "currency": "USD"}},
        {"day": "tomorrow"},
        {"day": "2026-02-30"},
        {"day": "20261120"},
        {"day": "2026-W47-5"},
        {"day": "٢٠٢٦-١١-٢٠"},
        {"rooms": 2**60},
        {"rooms": 1e300},
        {"budget": 10**400},
        {"budget": float("inf")},
        {"wishes": [str(n) for n in range(51)]},
        {"items": [{"name": "pizza"}] * 51},
        {"items": [{"name": "pizza", "quantity": 100}]},
        {"items": [{"name": "pizza", "quantity": -1}]},
    ],
)
def test_a_value_that_fails_its_check_is_asked_for_again(given: dict[str, Any]) -> None:
    """It is dropped and named, and the rest of the answer stands."""
    checked = check(AGENT, entities(order_number="7", **given).replace("Infinity", "1e999"))

    assert checked == Checked("Hello", {"order_number": "7"}, rejected=tuple(given))


def test_memory_changes() -> None:
    """What is to be remembered or forgotten is cleaned and cut; one that says not how sure it is gets a middling."""
    given = [
        {
            "op": "remember",
            "type": "preference",
            "about": " delivery\ntime ",
            "content": "mornings",
            "confidence": 0.9,
        },
        {"op": "remember", "type": None, "about": None, "content": "x" * 50_000, "confidence": None},
        {"op": "forget", "type": "unknown", "about": "name", "content": None, "confidence": 90},
        {"op": "remember", "content": "sure", "confidence": -(10**400)},
    ]

    assert check(AGENT, answer(memory=given)).memory == (
        MemoryChange("remember", "preference", "delivery time", "mornings", 0.9),
        MemoryChange("remember", "fact", "", "x" * 300, 0.7),
        MemoryChange("forget", "fact", "name", "", 1.0),
        MemoryChange("remember", "fact", "", "sure", 0.0),
    )
    assert len(check(AGENT, answer(memory=given[:1] * 500)).memory) == 10


@pytest.mark.parametrize(
    ("given", "rating"),
    [(1, 1), (5, 5), (4.0, 4), (0, None), (6, None), (3.5, None), (None, None), (1e300, None)],
)
def test_satisfaction(given: Any, rating: int | None) -> None:
    """A rating from 1 to 5 counts; any other number is none and holds back no reply."""
    assert check(ASKING, answer(satisfaction=given)).satisfaction == rating
    with pytest.raises(DoesNotFit):
        check(ASKING, answer(satisfaction="5"))


def test_wishes_of_the_model() -> None:
    """Why a person is needed is one short line, and the end of a conversation a plain yes."""
    checked = check(AGENT, answer(handoff=" angry\n customer " + "!" * 500, ends=True))

    assert checked.handoff.startswith("angry customer !")
    assert (len(checked.handoff), checked.ends) == (200, True)


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


_TEXTS = st.text(max_size=20)
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda c: (
        st.lists(c, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "reply",
                    "entities",
                    "intent",
                    "memory",
                    "op",
                    "content",
                    "order_number",
                    "rooms",
                    "kind",
                    "price",
                    "amount",
                    "currency",
                    "day",
                    "wishes",
                    "items",
                    "quantity",
                    "satisfaction",
                    "handoff",
                    "ends",
                ]
            ),
            c,
        )
    ),
)


@given(_JSON, _JSON, _JSON)
def test_never_crashes(value: Any, found: Any, memory: Any) -> None:
    """Any JSON either fits, and then is valid UTF-8, or is refused."""
    for told in (value, {"reply": "Hello", "entities": found}, {"reply": "Hello", "memory": [memory]}):
        try:
            checked = check(ASKING, json.dumps(told))
        except DoesNotFit:
            continue
        json.dumps(dataclasses.asdict(checked), ensure_ascii=False, allow_nan=False).encode("utf-8")


@st.composite
def fitting(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """Any value that fits a strict schema."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = draw(st.sampled_from(kinds))
    if kind == "null":
        return None
    if "enum" in schema:
        return draw(st.sampled_from([word for word in schema["enum"] if word is not None]))
    if kind == "object":
        return {name: draw(fitting(part)) for name, part in schema["properties"].items()}
    if kind == "array":
        return draw(st.lists(fitting(schema["items"]), max_size=4))
    plain = {"string": _TEXTS, "number": _NUMBERS, "integer": st.integers(), "boolean": st.booleans()}
    return draw(plain[kind])


@given(fitting(json_schema(ASKING)))
def test_what_fits_the_schema_is_accepted(given: dict[str, Any]) -> None:
    """No answer that fits the schema is refused but for its reply, and what it tells fits when told again."""
    given["reply"] = "Hello"
    once = check(ASKING, json.dumps(given))
    again = check(
        ASKING, answer(once.reply, entities=once.entities, intent=once.intent, language=once.language)
    )

    assert (again.entities, again.intent, again.rejected) == (once.entities, once.intent, ())
    assert not once.entities.keys() & set(once.rejected)
