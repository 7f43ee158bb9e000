"""The presets at work, each at its number: tools, computed totals, languages, and nothing shared between agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.notices import NOTICES
from tests.flow import staff
from tests.flow.mind import Mind, shown
from tests.flow.staff import ESTATE, ORDERS, OWN, SUPPORT
from tests.flow.system import OURS, System, wait_for

TWO_MODELS = f"""
name = "Cautious"
numbers = ["{OWN}"]
instructions = "You answer a shop's number."
model = "first-choice"
fallback_model = "second-choice"

[prices]
input = 2.0
output = 10.0
"""


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """Every preset at its number, one agent with two models, and the default agent at the others."""
    with staff.at_work(tmp_path_factory, mind, cautious=TWO_MODELS) as running:
        yield running


def test_support_looks_the_order_up(staffed: System, mind: Mind) -> None:
    """The order's status comes from the tool: shipped, with its tracking number; two requests, and the turn tells of it."""
    phone = "+15550710001"
    staffed.says(phone, "What's the status of order #12345?", to=SUPPORT)
    reply = staffed.reply(phone)
    turn = staff.turn_of(staffed, phone)

    assert "shipped" in reply and "1Z999AA10123456784" in reply
    assert [("order_status", {"order_number": "12345"}, True)] == [
        (use["name"], use["arguments"], use["ok"]) for use in turn["tools"]
    ]
    assert "1Z999AA10123456784" in turn["tools"][0]["result"]
    assert 2 == turn["model"]["calls"] == len(mind.turns("#12345"))


def test_an_unknown_order_is_said_to_be_unknown(staffed: System) -> None:
    """What the tool does not know is not made up."""
    phone = "+15550710002"
    staffed.says(phone, "What's the status of order #99999?", to=SUPPORT)

    assert "shipped" not in staffed.reply(phone)
    assert '"found": false' in staff.turn_of(staffed, phone)["tools"][0]["result"]


def test_a_tool_that_the_agent_has_not_is_no_tool(staffed: System, mind: Mind) -> None:
    """A model that calls what it was not offered gets a sentence back, and the customer an answer."""
    phone = "+15550710003"
    mind.answers["walk the dog"] = {"calls": [{"name": "dog_walk", "arguments": {"far": True}}]}
    staffed.says(phone, "Please walk the dog", to=SUPPORT)
    staffed.reply(phone)
    use = staff.turn_of(staffed, phone)["tools"][0]

    assert ("dog_walk", False) == (use["name"], use["ok"])
    assert use["result"] in shown(mind.turns("walk the dog")[-1])


def test_an_order_has_a_computed_total(staffed: System) -> None:
    """Items become order_details whose total is computed, over two messages too, and large ones call a person."""
    phone = "+15550710004"
    staffed.says(phone, "My name is Ana. I'd like two large pizzas at 12.50 and a cola for 3", to=ORDERS)
    staffed.reply(phone)
    first = staff.session_with(staffed, phone, "orders")
    staffed.says(phone, "Also 100 chairs at 25", to=ORDERS)
    staffed.reply(phone, 2)
    staff.settled(staffed, phone)
    second = staff.session_with(staffed, phone, "orders")

    assert (28.0, "ACTIVE") == (first["order_details"]["total"], first["state"])
    assert (2528.0, "WAITING_AGENT") == (second["order_details"]["total"], second["state"])
    assert 3 == len(second["order_details"]["items"])


def test_an_order_of_a_thousand_cents_is_exact(staffed: System, mind: Mind) -> None:
    """What the model says of a total is not believed: three at 0.1 are 0.3."""
    phone = "+15550710005"
    items = [{"name": "screw", "quantity": 3, "unit_price": 0.1}]
    mind.answers["screws"] = {"entities": {"customer_name": None, "items": items}, "reply": "Noted."}
    staffed.says(phone, "Three screws", to=ORDERS)
    staffed.reply(phone)

    assert {"items": items, "total": 0.3} == staff.session_with(staffed, phone, "orders")["order_details"]


def test_real_estate_in_arabic(staffed: System) -> None:
    """In Arabic the search finds the bundled list's matches; values are typed, and the reply is Arabic."""
    phone = "+15550710006"
    staffed.says(phone, "مرحبا، أبحث عن شقة بغرفتي نوم في دبي وميزانيتي 500 ألف دولار", to=ESTATE)
    reply = staffed.reply(phone)
    turn, session = staff.turn_of(staffed, phone), staff.session_with(staffed, phone, "real_estate")

    assert "مارينا جيت" in reply or "الخليج التجاري" in reply
    assert ["find_properties"] == [use["name"] for use in turn["tools"]]
    assert {"amount": 500000, "currency": "USD"} == session["extracted_entities"]["budget"]
    assert (2, "apartment") == tuple(session["extracted_entities"][n] for n in ("bedrooms", "property_type"))
    assert "ar" == session["language"]


def test_two_agents_know_nothing_of_each_other(staffed: System, mind: Mind) -> None:
    """One customer, two numbers: sessions, values, memory and messages of one agent are never shown to the other."""
    phone = "+15550710007"
    staffed.says(phone, "I prefer morning deliveries. My order is #77123 and my name is Xaver", to=SUPPORT)
    staffed.reply(phone)
    staffed.says(phone, "Hello, what do you know about me?", to=ORDERS)
    assert NOTICES["nothing_known"]["en"] == staffed.reply(phone, 2)
    staffed.says(phone, "Anything new from your side?", to=ORDERS)
    reply = staffed.reply(phone, 3)
    staff.settled(staffed, phone)
    known = staff.held(staffed, phone)
    asked = shown(mind.turns("new from your side?")[-1])

    for secret in ("77123", "Xaver", "morning"):
        assert secret not in asked and secret not in reply
    assert ["support"] == list(known["memory"])
    assert {"support": 2, "orders": 3} == {s["agent_id"]: s["message_count"] for s in known["sessions"]}
    assert {} == staff.session_with(staffed, phone, "orders")["extracted_entities"]


def test_each_agent_answers_from_its_number(staffed: System) -> None:
    """The answer leaves from the number that was written to, by the agent who claims it, else the default one."""
    phone = "+15550710008"
    for number, ours in enumerate((SUPPORT, ORDERS, OURS), 1):
        staffed.says(phone, "Hello", to=ours)
        staffed.reply(phone, number)
    staff.settled(staffed, phone)

    assert [SUPPORT, ORDERS, OURS] == [m["from"] for m in staffed.messages(phone, "outbound-api")]
    agents = {s["agent_id"] for s in staff.held(staffed, phone)["sessions"]}
    assert {"support", "orders", "default-agent"} == agents


def test_usage_and_cost_are_with_the_turn(staffed: System, mind: Mind) -> None:
    """One request for a turn without tools; tokens are the server's own, the cost by the agent's prices."""
    phone = "+15550710009"
    staffed.says(phone, "Good morning to the cautious ones", to=OWN)
    staffed.reply(phone)
    model = staff.turn_of(staffed, phone)["model"]

    assert 1 == model["calls"] == model["tries"] == len(mind.turns("the cautious ones"))
    assert model["name"] == "first-choice"
    cost = (model["input_tokens"] * 2.0 + model["output_tokens"] * 10.0) / 1_000_000
    assert model["input_tokens"] > 100 and model["output_tokens"] > 10
    assert abs(cost - model["cost_usd"]) < 1e-6


def test_the_fallback_model_answers_when_the_first_is_away(staffed: System, mind: Mind) -> None:
    """The agent's second model is asked in the same turn; no apology goes out, and the turn names who answered."""
    phone = "+15550710010"
    mind.away.add("first-choice")
    try:
        staffed.says(phone, "Is anybody there today?", to=OWN)
        staffed.reply(phone)
    finally:
        mind.away.clear()
    staff.silent(staffed, phone, 1)

    assert "second-choice" == staff.turn_of(staffed, phone)["model"]["name"]
    assert ["first-choice", "second-choice"] == [a.body["model"] for a in mind.turns("anybody there today")]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, {"surprise": 1}),
        (2, {"text": '{"reply": "Hi"}'}),
        (3, {"entities": "none", "reply": ["x"]}),
        (4, {"reply": "word " * 20_000}),
        (5, {"text": ""}),
        (6, {"reply": "  "}),
        (7, {"text": "Sure, here is what I think"}),
    ],
    ids=["extra", "missing", "mistyped", "huge", "empty", "blank", "prose"],
)
def test_an_answer_out_of_shape_harms_nobody(
    staffed: System, mind: Mind, number: int, said: dict[str, Any]
) -> None:
    """A model that answers beside the schema once is asked again, or its answer is used as far as it goes: one reply."""
    phone, words = f"+155507101{number:02}", f"of shape {number}"
    answered: list[bool] = []

    def once(asked: Any) -> dict[str, Any] | None:
        if words not in shown(asked) or answered:
            return None
        answered.append(True)
        return said

    mind.decide = once
    try:
        staffed.says(phone, f"Hello, this is {words}")
        staffed.reply(phone)
        staff.settled(staffed, phone)
    finally:
        mind.decide = lambda asked: None

    session = staff.session_with(staffed, phone, "default-agent")
    outbound = [m for m in session["messages"] if m["direction"] == "outbound"]
    assert ["ai"] == [m["metadata"]["generated_by"] for m in outbound]
    assert "surprise" not in json.dumps(session)


def test_values_that_fail_their_check_are_asked_for_again(staffed: System, mind: Mind) -> None:
    """A value that does not match is never stored, and the next prompt says that it must be asked for again."""
    phone = "+15550710011"
    mind.answers["the big one"] = {
        "entities": {"order_number": "no such thing!", "customer_name": None, "issue_type": None}
    }
    staffed.says(phone, "It is the big one", to=SUPPORT)
    staffed.reply(phone)
    staffed.says(phone, "As I said before", to=SUPPORT)
    staffed.reply(phone, 2)

    assert "order_number" not in staff.session_with(staffed, phone, "support")["extracted_entities"]
    again = [
        line for line in shown(mind.turns("As I said before")[-1]).split("\n") if "ask for it again" in line
    ]
    assert again and "order_number" in again[0]


def test_a_later_value_replaces_and_the_earlier_stays(staffed: System) -> None:
    """A corrected value names its message; the one before stays in the record with its own."""
    phone = "+15550710012"
    for number, text in enumerate(("My order is #11111", "Sorry, I meant order #22222"), 1):
        staffed.says(phone, text, to=SUPPORT)
        staffed.reply(phone, number)
    staff.settled(staffed, phone)
    session = staff.session_with(staffed, phone, "support")
    heard = [m["id"] for m in session["messages"] if m["direction"] == "inbound"]
    told = session["entity_details"]["order_number"]

    assert ("22222", heard[1]) == (told["value"], told["message_id"])
    assert [("11111", heard[0])] == [(e["value"], e["message_id"]) for e in told["earlier"]]


def test_one_model_request_for_a_burst(make_system: Callable[..., System], mind: Mind) -> None:
    """Texts within the quiet time are one turn and one request."""
    quiet = make_system(AI_RESPONSE_DELAY="700", OPENAI_BASE_URL=f"{mind.origin}/v1").start()
    phone = "+15550710013"
    for text in ("Burst one", "Burst two", "Burst three"):
        quiet.says(phone, text)
    quiet.reply(phone)
    staff.silent(quiet, phone, 1)

    asked = [a for a in mind.asked if "Burst one" in shown(a)]
    assert 1 == len(asked)
    wait_for(lambda: quiet.session(phone)["message_count"] == 4, "three texts and an answer")
