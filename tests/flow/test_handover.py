"""Handing over: a person takes a conversation, answers in it and gives it back, while real workers answer customers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.flow.system import System, wait_for

SILENCE_S = 1.5  # longer than an answer takes; nothing comes when all is well


def step(system: System, phone: str, name: str, body: Any = None) -> dict[str, Any]:
    """POST /session/{phone}/{name}; the session of its answer."""
    status, given = system.api("POST", f"/session/{quote(phone)}/{name}", body)
    assert status in (200, 202), given
    return dict(given["session"])


def said(system: System, phone: str) -> list[tuple[str, str]]:
    """(role, content) of the session, oldest first."""
    return [(m["role"], m["content"]) for m in system.session(phone)["conversation_history"]]


def greeted(system: System, phone: str) -> str:
    """A customer who was answered; the session's id."""
    system.says(phone, "Hi, I'm having trouble with my order #12345")
    system.reply(phone)
    return str(
        wait_for(lambda: (s := system.session(phone)["session"])["message_count"] == 2 and s, "the answer")[
            "session_id"
        ]
    )


def test_handing_over_and_back_is_the_same_twice(system: System) -> None:
    """Handing over sends nothing and is 200 again, and so is handing back; a note stands in the context."""
    phone = "+15550620001"
    greeted(system, phone)
    wait_for(
        lambda: system.session(phone)["conversation_history"][-1]["status"] == "delivered",
        "the last callback",
    )

    first = step(system, phone, "handoff", {"note": "wants a refund"})
    assert ("WAITING_AGENT", "assistant", "wants a refund") == (
        first["state"], first["handled_by"], first["context"]["handoff_note"]
    )  # fmt: skip
    assert first == step(system, phone, "handoff")
    back = step(system, phone, "handback")
    assert ("ACTIVE", "assistant") == (back["state"], back["handled_by"])
    assert back == step(system, phone, "handback")
    assert 1 == len(system.replies(phone))


def test_a_person_answers_as_written(system: System) -> None:
    """An operator's answer goes out as written, on the session's channel, marked as a person's; the assistant is silent."""
    phone, words = "+15550620002", "  Hello, this is **Maria**.\n\nYour refund is on its way – £5 😀"
    greeted(system, phone)
    step(system, phone, "handoff")

    status, given = system.api("POST", f"/session/{quote(phone)}/messages", {"body": words})

    assert (202, "ACTIVE", "operator") == (status, given["session"]["state"], given["session"]["handled_by"])
    assert ("agent", "operator", words.strip(), "outbound", "queued") == (
        given["message"]["role"], given["message"]["metadata"]["generated_by"], given["message"]["content"],
        given["message"]["direction"], given["message"]["status"],
    )  # fmt: skip
    assert words.strip() == system.reply(phone, 2)
    system.says(phone, "Thank you, when will it be there?")
    wait_for(lambda: system.session(phone)["session"]["state"] == "WAITING_AGENT", "the customer to wait")
    time.sleep(SILENCE_S)
    assert 2 == len(system.replies(phone))
    assert ["user", "assistant", "agent", "user"] == [role for role, _ in said(system, phone)]
    shown = system.session(phone)["conversation_history"][2]
    assert (given["message"]["id"], given["message"]["content"]) == (shown["id"], shown["content"])


def test_answering_takes_over_by_itself(system: System) -> None:
    """A person who answers without being called has the conversation from then on, by number or id, on WhatsApp too."""
    phone = "+15550620003"
    system.says(phone, "Hello", channel="whatsapp")
    system.reply(phone)
    session_id = system.session(phone)["session"]["session_id"]

    session = step(system, session_id, "messages", {"body": "Maria here."})

    assert ("ACTIVE", "operator", "whatsapp") == (session["state"], session["handled_by"], session["channel"])
    assert "Maria here." == system.reply(phone, 2)
    assert f"whatsapp:{phone}" == system.messages(phone, "outbound-api")[-1]["to"]


def test_two_answers_at_once_and_an_end_are_all_sent(system: System) -> None:
    """A person's answers are sent in order, even when Twilio is busy and the session is completed at once."""
    phone = "+15550620004"
    greeted(system, phone)
    system.fault("429", 1, to=phone)

    for words in ("One.", "Two."):
        step(system, phone, "messages", {"body": words})
    status, done = system.api("POST", f"/session/{quote(phone)}/complete")

    assert (200, "CLOSED") == (status, done["session"]["state"])
    assert ("One.", "Two.") == (system.reply(phone, 2), system.reply(phone, 3))


def test_handed_back_only_what_nobody_answered_is_answered(system: System) -> None:
    """After handing back, the assistant answers the message that came since the person's last word, once."""
    phone = "+15550620005"
    greeted(system, phone)
    step(system, phone, "messages", {"body": "I am looking into it."})
    system.reply(phone, 2)
    system.says(phone, "Thanks! My name is Alex by the way")
    wait_for(lambda: system.session(phone)["session"]["state"] == "WAITING_AGENT", "the customer to wait")
    wait_for(lambda: not system.redis.exists(*_keys(system, "inbox", phone)), "the message to be put away")

    session = step(system, phone, "handback", {"note": "It ships tomorrow."})

    assert ("ACTIVE", "assistant") == (session["state"], session["handled_by"])
    system.reply(phone, 3)
    time.sleep(SILENCE_S)
    assert ["user", "assistant", "agent", "user", "assistant"] == [role for role, _ in said(system, phone)]
    noted = [request for request in map(str, system.model_requests()) if "It ships tomorrow." in request]
    assert "I am looking into it." in noted[-1]


def test_handed_back_with_all_answered_nobody_speaks(system: System) -> None:
    """Where the person had the last word, handing back sends nothing; the next message is the assistant's again."""
    phone = "+15550620006"
    greeted(system, phone)
    step(system, phone, "messages", {"body": "Done."})
    system.reply(phone, 2)

    step(system, phone, "handback")
    time.sleep(SILENCE_S)
    assert 2 == len(system.replies(phone))

    system.says(phone, "Where is my order?")
    system.reply(phone, 3)
    wait_for(lambda: said(system, phone)[-1][0] == "assistant", "the assistant's answer")


def test_a_wish_for_a_person_is_not_answered_by_the_assistant_later(system: System) -> None:
    """Handed back without a word, a customer who asked for a person is not handed over a second time."""
    phone = "+15550620007"
    system.says(phone, "I want to talk to a human")
    system.reply(phone)
    wait_for(lambda: system.session(phone)["session"]["state"] == "WAITING_AGENT", "the handover")

    step(system, phone, "handback")
    time.sleep(SILENCE_S)

    assert ("ACTIVE", 1) == (system.session(phone)["session"]["state"], len(system.replies(phone)))


@pytest.mark.parametrize(("name", "body"), [("messages", {"body": "Maria here."}), ("handback", None)])
def test_whoever_comes_resolves_the_alert(make_system: Callable[..., System], name: str, body: Any) -> None:
    """A customer who waits too long is a failure, once, until a person answers or hands back."""
    running, phone = make_system(HANDOFF_ALERT_MINUTES="0.02").start(), "+15550620008"
    greeted(running, phone)
    step(running, phone, "handoff")
    (failure,) = wait_for(lambda: running.api("GET", "/admin/failures")[1]["failures"], "the alert")
    assert ("nobody_answered", phone) == (failure["reason"], failure["phone_number"])
    time.sleep(SILENCE_S)
    assert 1 == running.api("GET", "/admin/failures")[1]["total_open"]

    step(running, phone, name, body)

    assert 0 == running.api("GET", "/admin/failures")[1]["total_open"]


@pytest.fixture
def slow(make_system: Callable[..., System]) -> System:
    """A model that takes its time."""
    running = make_system().start()
    running.model(latency_ms=2500)
    return running


def _thinking(system: System, phone: str, body: str) -> None:
    """A customer's message that the model is thinking about."""
    before = len(system.model_requests())
    system.says(phone, body)
    wait_for(lambda: len(system.model_requests()) > before, "the model to be asked")


def test_a_person_steps_in_while_the_model_thinks(slow: System) -> None:
    """What the assistant was thinking when a person stepped in never goes out, nor is it thought again."""
    taken, answered, ended = "+15550620011", "+15550620012", "+15550620013"
    for phone in (taken, answered, ended):
        _thinking(slow, phone, "Where is my order 12345?")

    step(slow, taken, "handoff")
    step(slow, answered, "messages", {"body": "Maria here."})
    assert 200 == slow.api("POST", f"/session/{quote(ended)}/complete")[0]

    assert "Maria here." == slow.reply(answered)
    wait_for(lambda: not any(slow.redis.exists(*_keys(slow, "inbox", p)) for p in (taken, answered)), "quiet")
    time.sleep(SILENCE_S)
    assert ([], ["Maria here."]) == (slow.replies(taken), slow.replies(answered))
    assert ["user"] == [role for role, _ in said(slow, taken)]
    assert ["user", "agent"] == [role for role, _ in said(slow, answered)]
    assert "WAITING_AGENT" == slow.session(taken)["session"]["state"]
    assert ("ACTIVE", "operator") == tuple(
        slow.session(answered)["session"][n] for n in ("state", "handled_by")
    )

    slow.model(latency_ms=0)
    step(slow, taken, "handback")
    assert "12345" in slow.reply(taken)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, (400, "invalid_json")),
        ({}, (422, "missing_field")),
        ({"body": ""}, (422, "invalid_body")),
        ({"body": "  \n"}, (422, "invalid_body")),
        ({"body": 5}, (422, "invalid_body")),
        ({"body": "x", "to": "+15550000000"}, (422, "unknown_field")),
        ({"body": "x" * 7501}, (422, "body_too_long")),
        ({"body": "\u0000\u0007\u200b "}, (422, "empty_body")),
        ({"body": "x" * 8001}, (422, "invalid_body")),
    ],
)
def test_an_answer_that_cannot_be_sent(system: System, body: Any, expected: tuple[int, str]) -> None:
    """A wrong body is refused, and the conversation stays the assistant's."""
    phone = "+15550620021"
    if not system.replies(phone):
        greeted(system, phone)

    status, given = system.api("POST", f"/session/{quote(phone)}/messages", body)

    assert expected == (status, given["error"]["code"])
    assert "assistant" == system.session(phone)["session"]["handled_by"]


def test_a_wrong_note(system: System) -> None:
    """A note that is no text, or too long, or a body that is no object is refused; an empty body is none."""
    phone = "+15550620022"
    greeted(system, phone)

    for body, code in (
        ({"note": 5}, "invalid_note"),
        ({"note": "x" * 2001}, "invalid_note"),
        ([], "invalid_json"),
    ):
        status, given = system.api("POST", f"/session/{quote(phone)}/handoff", body)
        assert (400 if code == "invalid_json" else 422, code) == (status, given["error"]["code"])
    assert "ACTIVE" == system.session(phone)["session"]["state"]
    assert "WAITING_AGENT" == step(system, phone, "handoff", {})["state"]


def test_nobody_who_opted_out_is_written_to(system: System) -> None:
    """After STOP an operator's answer is 422 in a session that a program opens too, and nothing goes out."""
    phone = "+15550620023"
    greeted(system, phone)
    system.says(phone, "STOP")
    wait_for(lambda: system.session(phone)["session"]["state"] == "CLOSED", "the end of the session")
    assert 201 == system.api("POST", "/sessions", {"phone_number": phone})[0]

    status, given = system.api("POST", f"/session/{quote(phone)}/messages", {"body": "But wait"})

    assert (422, "opted_out") == (status, given["error"]["code"])
    assert ("NEW", "assistant") == tuple(system.session(phone)["session"][n] for n in ("state", "handled_by"))
    assert "But wait" not in system.replies(phone)


def test_an_ended_session_is_with_nobody(system: System) -> None:
    """On a CLOSED session each step is 409 with both states."""
    phone = "+15550620024"
    session_id = greeted(system, phone)
    assert 200 == system.api("POST", f"/session/{session_id}/complete")[0]

    for name, body, aim in (
        ("handoff", None, "WAITING_AGENT"), ("handback", None, "ACTIVE"), ("messages", {"body": "x"}, "ACTIVE"),
        ("complete", None, "CLOSED"),
    ):  # fmt: skip
        status, given = system.api("POST", f"/session/{session_id}/{name}", body)
        assert (409, "transition_not_allowed") == (status, given["error"]["code"])
        assert {"from": "CLOSED", "to": aim} == given["error"]["details"]


def _keys(system: System, kind: str, phone: str) -> list[str]:
    """The customer's key of a kind, by the number of the session's id."""
    part, cid, _ = str(system.session(phone)["session"]["session_id"]).split("-", 2)
    return [f"ringback:{{{part}}}:{kind}:{cid}"]
