"""Whole journeys: a signed webhook in, the model asked over HTTP, a reply by REST, a callback back."""

from __future__ import annotations

from tests.flow.system import OURS, System, wait_for


def test_the_readme_dialogue(system: System) -> None:
    """A customer's second text is answered by an assistant that knows the order of the first."""
    customer = "+1234567890"
    system.says(customer, "Hi, I'm having trouble with my order #12345")
    first = system.reply(customer)
    system.says(customer, "It hasn't shipped yet")
    second = system.reply(customer, 2)

    assert "12345" in first
    assert "12345" in second


def test_one_request_to_the_model_per_turn(system: System) -> None:
    """The model is asked once, and this turn's message is the last thing it is shown, word for word."""
    customer = "+15550100001"
    system.says(customer, "  What are your hours?\n")
    system.reply(customer)
    asked = [r for r in system.model_requests() if "What are your hours?" in str(r)]

    assert len(asked) == 1
    body = asked[0].get("body", asked[0])
    last = body["input"][-1]
    assert last["role"] == "user"
    assert (
        "  What are your hours?\n" in str(last["content"]).encode().decode("unicode_escape")
        or last["content"] == "  What are your hours?\n"
    )


def test_a_burst_is_one_turn(system: System) -> None:
    """Texts that come in while the model is thinking are thought about with the first, and answered once."""
    customer = "+15550100002"
    system.model(latency_ms=800)
    try:
        for text in ("Hello", "I have a question", "about order #777", "please"):
            system.says(customer, text)
        reply = system.reply(customer)
    finally:
        system.model(latency_ms=0)
    wait_for(lambda: system.session(customer)["message_count"] == 5, "four texts and an answer")

    assert "777" in reply
    assert len(system.replies(customer)) == 1


def test_whatsapp_is_answered_on_whatsapp(system: System) -> None:
    """The channel is read from the address and the answer goes to the same address, from the same number."""
    customer = "+15550100003"
    system.says(customer, "Hello", channel="whatsapp")
    system.reply(customer)
    sent = system.messages(customer, "outbound")[0]

    assert (sent["from"], sent["to"]) == (f"whatsapp:{OURS}", f"whatsapp:{customer}")


def test_the_reply_is_delivered_and_the_api_says_so(system: System) -> None:
    """A signed delivery callback moves the message to delivered, which the API shows."""
    customer = "+15550100004"
    system.says(customer, "Hello")
    system.reply(customer)
    wait_for(
        lambda: system.session(customer)["conversation_history"][-1]["status"] == "delivered", "the callback"
    )
    shown = system.session(customer)

    assert shown["message_count"] == 2
    assert shown["session"]["state"] == "ACTIVE"
    assert [m["direction"] for m in shown["conversation_history"]] == ["inbound", "outbound"]


def test_stop_is_honoured_and_start_ends_it(system: System) -> None:
    """After STOP nothing is said, not even to an ordinary text, until START; both are recorded."""
    customer = "+15550100005"
    system.says(customer, "Hello")
    system.reply(customer)
    system.says(customer, "Stop.")
    wait_for(lambda: system.session(customer)["session"]["state"] == "CLOSED", "the session to close")
    ended = system.session(customer)["session"]
    system.says(customer, "Are you there?")
    wait_for(lambda: system.session(customer)["session"]["state"] == "ACTIVE", "the next session")
    system.says(customer, "START")
    system.says(customer, "Hello again")
    system.reply(customer, 2)

    assert ended["end_reason"] == "opted_out"
    assert len(system.replies(customer)) == 2


def test_a_picture_is_recorded_and_said_to_be_unseen(system: System) -> None:
    """A picture is kept with its type and the reply does not pretend to have looked at it."""
    customer = "+15550100006"
    media = [{"url": "https://api.twilio.com/x.jpg", "content_type": "image/jpeg"}]
    system.says(customer, "", channel="whatsapp", media=media)
    reply = system.reply(customer)

    assert system.session(customer)["conversation_history"][0]["message_type"] == "image"
    assert reply
