"""WhatsApp users who have a business-scoped id beside, or in place of, a number."""

from __future__ import annotations

from tests.flow.system import System, wait_for


def test_an_id_leads_to_the_number_that_came_with_it(system: System) -> None:
    """Once Twilio gave both, a message from the id alone is the same customer's, who stays known by the number."""
    phone, scoped = "+15550500001", "US.1122334455"
    system.says(
        phone, "Hi, I have trouble with order #8642", channel="whatsapp", extra={"ExternalUserId": scoped}
    )
    system.reply(phone)
    system.says(scoped, "Any update?", channel="whatsapp")
    wait_for(lambda: system.session(phone).get("message_count", 0) == 4, "the second turn")
    by_number, by_id = system.session(phone), system.session(scoped)

    assert by_number["session"]["phone_number"] == phone
    assert by_id["session"]["session_id"] == by_number["session"]["session_id"]
    assert "8642" in by_number["conversation_history"][-1]["content"]


def test_an_id_without_a_number_is_a_customer_of_its_own(system: System) -> None:
    """Nobody's number: answered at the id, found by the id."""
    scoped = "BR.998877"
    system.says(scoped, "Hello", channel="whatsapp")
    wait_for(lambda: system.session(scoped).get("message_count", 0) == 2, "the turn")

    assert system.session(scoped)["session"]["phone_number"] == scoped
