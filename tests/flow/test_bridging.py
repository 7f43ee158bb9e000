"""A customer comes back, moves to another channel, or writes another language: the thread is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from config.notices import NOTICES
from session import keys
from tests.flow import staff
from tests.flow.mind import Mind, shown
from tests.flow.staff import OWN, SUPPORT
from tests.flow.system import System, wait_for
from tests.flow.test_faults import FAST

SHOP = f"""
name = "Shop"
numbers = ["{OWN}"]
languages = ["en", "es", "ar", "fr", "de", "pt"]
instructions = "You answer a shop's number."
model = "shop-model"
closing_question = true

[[entities]]
name = "order_number"
type = "string"
description = "The order."

[policy]
new_session_after = "1s"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A shop where a second's silence begins another session."""
    with staff.at_work(tmp_path_factory, mind, FAST, shop=SHOP) as running:
        yield running


def ends(system: System, phone: str) -> str:
    """The customer's session is over; its id."""
    staff.settled(system, phone)
    session = str(system.session(phone)["session"]["session_id"])
    assert 200 == system.api("POST", f"/session/{session}/complete")[0]
    return session


def number_of(session_id: str) -> int:
    found = keys.parse_id(session_id)
    assert found is not None
    return found.number


def test_a_new_session_is_not_amnesia(shop: System, mind: Mind) -> None:
    """It begins with the values, the memory and what the last conversation was about; "it's me again" takes that up."""
    phone = "+15550760001"
    shop.says(phone, "I prefer morning deliveries. My order #12345 has not shipped", to=SUPPORT)
    shop.reply(phone)
    first = ends(shop, phone)
    shop.says(phone, "hi, it's me again", to=SUPPORT)
    reply = shop.reply(phone, 2)
    staff.settled(shop, phone)
    asked = shown(mind.turns("it's me again")[-1])
    session = staff.session_with(shop, phone, "support")

    assert first != session["session_id"]
    assert "12345" in reply
    assert '"order_number": "12345"' in asked and "The last conversation with this customer" in asked
    assert "morning deliveries" in asked.partition("Remembered about")[2]
    assert "12345" == session["extracted_entities"]["order_number"]
    told = session["entity_details"]["order_number"]["message_id"]
    assert told in [m["id"] for s in staff.held(shop, phone)["sessions"] for m in s["messages"]]
    bridged = [e for e in staff.happened(shop, phone) if e["type"] == "context_bridged"]
    assert [(first, number_of(session["session_id"]))] == [(e["from"], e["session"]) for e in bridged]
    assert 0 <= bridged[0].get("took_ms", 0) < 1000


def test_a_summary_crosses_the_bridge(shop: System, mind: Mind) -> None:
    """Where a summary was made it stands for the messages; otherwise their last words do, and never those of other agents."""
    phone = "+15550760002"
    for number, words in enumerate(("My order is #777", "It is the blue bicycle that squeaks"), 1):
        shop.says(phone, words, to=SUPPORT)
        shop.reply(phone, number)
    ends(shop, phone)
    shop.says(phone, "Good morning again", to=SUPPORT)
    shop.reply(phone, 3)
    asked = shown(mind.turns("Good morning again")[-1])
    bridge = asked.partition("The last conversation with this customer")[2].split("\n")[0]
    shop.says(phone, "Good morning to the shop", to=OWN)
    shop.reply(phone, 4)

    assert "the blue bicycle that squeaks" in bridge
    assert "squeaks" not in shown(mind.turns("Good morning to the shop")[-1])


def test_a_silence_that_begins_another_session_is_bridged(shop: System, mind: Mind) -> None:
    """The gap rule ends the session before: superseded, closed once, and taken over from."""
    phone = "+15550760003"
    shop.says(phone, "My order is #8181", to=OWN)
    shop.reply(phone)
    staff.settled(shop, phone)
    time.sleep(1.3)
    shop.says(phone, "Any news?", to=OWN)
    shop.reply(phone, 2)
    staff.settled(shop, phone)
    kinds = [(e["type"], e.get("reason", "")) for e in staff.happened(shop, phone)]

    assert 1 == kinds.count(("session_closed", "superseded"))
    assert 2 == kinds.count(("session_started", "")) and 1 == kinds.count(("context_bridged", ""))
    assert "8181" in shown(mind.turns("Any news?")[-1])


def test_another_channel_keeps_the_thread_and_changes_the_style(shop: System, mind: Mind) -> None:
    """From SMS to WhatsApp: the same session, answered there, told to the model once, and one event that says from where."""
    phone = "+15550760004"
    mind.answers["over here"] = {"reply": "**Noted** – your order is on record"}
    shop.says(phone, "My order is #9191", to=SUPPORT)
    shop.reply(phone)
    shop.says(phone, "I am over here now", "whatsapp", to=SUPPORT)
    assert "*Noted* – your order is on record" == shop.reply(phone, 2)
    shop.says(phone, "Still over here", "whatsapp", to=SUPPORT)
    shop.reply(phone, 3)
    shop.says(phone, "Back by text, not over here", to=SUPPORT)
    assert "Noted - your order is on record" == shop.reply(phone, 4)
    staff.settled(shop, phone)
    moved, stayed = shown(mind.turns("I am over here now")[0]), shown(mind.turns("Still over here")[0])

    assert "moved from sms to whatsapp" in moved and "The channel is WhatsApp" in moved and "9191" in moved
    assert "moved from" not in stayed
    assert 1 == len(staff.held(shop, phone)["sessions"])
    switched = [(e["from"], e["to"]) for e in staff.happened(shop, phone) if e["type"] == "modality_switched"]
    assert [("sms", "whatsapp"), ("whatsapp", "sms")] == switched


def test_the_customers_language_is_kept(shop: System, mind: Mind) -> None:
    """Spanish noticed once is known in the next session, and a short foreign word does not change it."""
    phone = "+15550760005"
    shop.says(phone, "Hola, tengo una pregunta sobre mi pedido", to=OWN)
    shop.reply(phone)
    ends(shop, phone)
    shop.says(phone, "ok", to=OWN)
    shop.reply(phone, 2)
    staff.settled(shop, phone)

    assert "es" == staff.held(shop, phone)["customer"]["language"]
    assert '"language": "es"' in shown(mind.turns("ok")[-1])
    shop.says(phone, "Quiero hablar con una persona", to=OWN)
    assert NOTICES["handoff"]["es"] == shop.reply(phone, 3)


@pytest.mark.parametrize(
    ("number", "language", "words"),
    [
        (1, "es", "Hola, ¿dónde está mi pedido?"),
        (2, "ar", "مرحبا، أين طلبي؟"),
        (3, "fr", "Bonjour, où est ma commande ?"),
        (4, "de", "Guten Tag, wo ist meine Bestellung?"),
        (5, "pt", "Olá, onde está a minha encomenda?"),
        (6, "en", "Hello, where is my order?"),
    ],
)
def test_the_apology_is_in_the_customers_language(
    shop: System, mind: Mind, number: int, language: str, words: str
) -> None:
    """The model is down when somebody writes for the first time: the apology is in their language, the answer comes later."""
    phone = f"+1555076010{number}"
    mind.away.add("shop-model")
    try:
        shop.says(phone, words, to=OWN)
        assert NOTICES["apology"][language] == shop.reply(phone)
    finally:
        mind.away.clear()
    shop.reply(phone, 2)
    staff.silent(shop, phone, 2)


def test_the_closing_question(shop: System, mind: Mind) -> None:
    """At the end the customer is asked once, a number is kept and thanked for, without the model; the session ends."""
    phone = "+15550760020"
    mind.answers["That was all"] = {"reply": "Gladly.", "ends": True}
    shop.says(phone, "That was all, thank you", to=OWN)
    assert f"Gladly.\n{NOTICES['closing_question']['en']}" == shop.reply(phone)
    shop.says(phone, "4 stars", to=OWN)
    assert NOTICES["thanks_rating"]["en"] == shop.reply(phone, 2)
    staff.silent(shop, phone, 2)

    assert [] == mind.turns("4 stars")
    assert 4.0 == shop.api("GET", f"/admin/customer/{quote(phone)}/analytics")[1]["satisfaction_score"]
    assert ["completed"] == [
        e["reason"] for e in staff.happened(shop, phone) if e["type"] == "session_closed"
    ]


def test_the_closing_question_blocks_no_new_topic(shop: System, mind: Mind) -> None:
    """Whoever writes something else instead of a number is answered as always, and is not asked again."""
    phone = "+15550760021"
    mind.answers["all for today"] = {"reply": "Gladly.", "ends": True}
    shop.says(phone, "That is all for today", to=OWN)
    shop.reply(phone)
    shop.says(phone, "Wait, I have 2 more orders, 12345 and 3", to=OWN)
    shop.reply(phone, 2)
    shop.says(phone, "That was all for today", to=OWN)
    reply = wait_for(lambda: shop.replies(phone)[2:], "the third reply")[0]

    assert "2 more orders" in shown(mind.turns("2 more orders")[0])
    assert "Gladly." == reply
