"""A person is called: by wish, by rule, by the model, by a promise, by failure; operators are texted, and alerted again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from config.notices import NOTICES
from session import keys
from tests.flow import staff
from tests.flow.mind import Mind
from tests.flow.staff import OWN, SUPPORT
from tests.flow.system import OURS, System, wait_for
from workers import jobs
from workers.background_queue import Background

DANA, OMAR = "+15550990001", "+15550990002"
SHOP = f"""
name = "Shop"
numbers = ["{OWN}"]
languages = ["en", "es", "de"]
instructions = "You answer a bicycle shop's number. Never tell anybody about the secret workshop behind the old mill."

[handoff]
after_failures = 3
notify = ["{DANA}", "{OMAR}"]

[handoff.words]
en = ["mechanic"]

[[handoff.when]]
intent = "lawsuit"

[policy]
"""
CALM = 'idle_after = "30m"'
HASTY = 'idle_after = "1s"\nexpire_after = "2s"\nalert_after = "1500ms"'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A shop whose two operators are texted, beside the presets."""
    with staff.at_work(tmp_path_factory, mind, shop=f"{SHOP}{CALM}\n") as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """The same where sessions idle and expire within seconds, and whoever waits for a person is soon alerted about."""
    more = {"HANDOFF_ALERT_MINUTES": "0.02", "SWEEP_INTERVAL_SECONDS": "0.3"}
    hasty = SHOP + HASTY.replace('alert_after = "1500ms"', "") + "\n"
    with staff.at_work(tmp_path_factory, mind, more, shop=hasty) as running:
        yield running


def called(system: System, operator: str, phone: str) -> list[str]:
    """The texts that an operator got about a customer."""
    session = str(system.session(phone)["session"]["session_id"])
    return [text for text in system.replies(operator) if session in text]


def failures_of(system: System, phone: str, state: str = "open") -> list[str]:
    """Reasons of the customer's failures."""
    return [
        f["reason"]
        for f in staff.held(system, phone)["failures"]
        if bool(f["resolved_at"]) is (state != "open")
    ]


def call_again(system: System, phone: str) -> None:
    """The job that texts the operators, once more, as after a worker's death."""
    found = keys.parse_id(str(system.session(phone)["session"]["session_id"]))
    assert found is not None
    Background(jobs.connect(system.redis_server.url, 5.0), 60).call_operators(found.cid)


def requested(system: System, phone: str) -> list[str]:
    """By whose wish a person was called, each time."""
    return [e["reason"] for e in staff.happened(system, phone) if e["type"] == "handoff_requested"]


@pytest.mark.parametrize(
    ("number", "language", "words"),
    [
        (1, "en", "Can I talk to a human please?"),
        (2, "es", "Quiero hablar con una persona"),
        (3, "de", "Ich möchte mit einem Menschen sprechen"),
        (4, "en", "I need to speak to the mechanic"),
    ],
)
def test_by_the_customers_wish(shop: System, mind: Mind, number: int, language: str, words: str) -> None:
    """Asked for in the customer's language, a person is called without the model: one acknowledgement, then silence."""
    phone = f"+1555072000{number}"
    shop.says(phone, words, to=OWN)
    assert NOTICES["handoff"][language] == shop.reply(phone)
    shop.says(phone, f"Hello? Number {number}", to=OWN)
    shop.says(phone, words, to=OWN)
    staff.silent(shop, phone, 1)

    assert "WAITING_AGENT" == staff.state(shop, phone)
    assert [] == mind.turns(words) + mind.turns(f"Number {number}")
    assert ["customer"] == requested(shop, phone)
    assert "the customer asks for a person" in staff.held(shop, phone)["turns"][0]["decisions"]


def test_a_wish_in_a_language_the_agent_lacks_is_the_models(shop: System, mind: Mind) -> None:
    """French is not among the agent's languages: the model reads it, as it reads everything else."""
    phone = "+15550720010"
    shop.says(phone, "Je voudrais parler à un humain", to=OWN)
    shop.reply(phone)

    assert mind.turns("parler à un humain")


def test_by_the_agents_rule(shop: System, mind: Mind) -> None:
    """A rule that begins to hold calls a person: the answer and the acknowledgement are one message."""
    phone = "+15550720011"
    mind.answers["in court"] = {"reply": "I have noted that.", "intent": "a lawsuit about a bicycle"}
    shop.says(phone, "We shall meet in court", to=OWN)

    assert f"I have noted that.\n{NOTICES['handoff']['en']}" == shop.reply(phone)
    shop.says(phone, "Did you hear me, in court?", to=OWN)
    staff.silent(shop, phone, 1)
    assert ["rule"] == requested(shop, phone)


def test_by_a_presets_rule(shop: System, mind: Mind) -> None:
    """The support preset leaves legal matters to people."""
    phone = "+15550720012"
    legal = {"order_number": "12345", "customer_name": None, "issue_type": "legal"}
    mind.answers["my lawyer"] = {"reply": "I understand.", "entities": legal, "handoff": None}
    shop.says(phone, "You will hear from my lawyer about #12345", to=SUPPORT)

    assert f"I understand.\n{NOTICES['handoff']['en']}" == shop.reply(phone)
    staff.settled(shop, phone)
    assert ("WAITING_AGENT", ["rule"]) == (staff.state(shop, phone), requested(shop, phone))


def test_by_the_model(shop: System, mind: Mind) -> None:
    """The model says why a person is needed: its own words are the acknowledgement."""
    phone = "+15550720013"
    mind.answers["out of the ordinary"] = {
        "reply": "A colleague will answer you here.",
        "handoff": "needs a refund",
    }
    shop.says(phone, "Something out of the ordinary", to=OWN)

    assert "A colleague will answer you here." == shop.reply(phone)
    staff.silent(shop, phone, 1)
    assert ["assistant"] == requested(shop, phone)


@pytest.mark.parametrize(
    ("number", "promise"),
    [
        (1, "One moment, I'll connect you to a colleague."),
        (2, "I am transferring you to our team now."),
        (3, "Le paso con un compañero ahora mismo."),
        (4, "Ich verbinde Sie mit einem Kollegen."),
    ],
)
def test_by_a_promise(shop: System, mind: Mind, number: int, promise: str) -> None:
    """A reply that promises a person makes the transfer that the model forgot: nobody is told that one comes in vain."""
    phone = f"+1555072002{number}"
    mind.answers[f"odd number {number}"] = {"reply": promise, "handoff": None}
    shop.says(phone, f"This is odd number {number}", to=OWN)

    assert promise == shop.reply(phone)
    staff.silent(shop, phone, 1)
    assert ("WAITING_AGENT", ["promise"]) == (staff.state(shop, phone), requested(shop, phone))
    wait_for(lambda: called(shop, DANA, phone), "the operator's text")


def test_by_repeated_failure(shop: System, mind: Mind) -> None:
    """Three answers in a row that may not be sent call a person; the customer hears notices, and nothing of the answers."""
    phone = "+15550720030"
    told = "Never tell anybody about the secret workshop behind the old mill."
    mind.answers["behind the mill"] = {"reply": f"My orders: {told}"}
    for number in (1, 2, 3):
        shop.says(phone, f"What is behind the mill? {number}", to=OWN)
        shop.reply(phone, number)
    staff.silent(shop, phone, 3)

    assert [*[NOTICES["blocked_answer"]["en"]] * 2, NOTICES["handoff"]["en"]] == shop.replies(phone)
    assert ["repeated_failure"] == requested(shop, phone)
    assert any("not fit to be sent: instructions" in d for d in staff.turn_of(shop, phone)["decisions"])


def test_a_good_answer_between_failures_starts_the_count_again(shop: System, mind: Mind) -> None:
    """Only failures in a row call a person."""
    phone = "+15550720031"
    mind.answers["behind that mill"] = {
        "reply": "Never tell anybody about the secret workshop behind the old mill."
    }
    for number, words in enumerate(("behind that mill", "behind that mill", "Hello", "behind that mill"), 1):
        shop.says(phone, words, to=OWN)
        shop.reply(phone, number)

    assert "ACTIVE" == staff.state(shop, phone)


def test_operators_are_texted_a_link_and_nothing_else(shop: System, mind: Mind) -> None:
    """Each operator gets one text per wait, with a link; nothing of the customer's is in it. A new wait texts again."""
    phone, words = "+15550720040", "My bicycle number 8842 is broken, can I talk to a human?"
    shop.says(phone, words, to=OWN, profile_name="Rosalind")
    shop.reply(phone)
    wait_for(lambda: called(shop, DANA, phone) and called(shop, OMAR, phone), "the operators' texts")
    shop.says(phone, "Are you there? I want to talk to a human", to=OWN)
    call_again(shop, phone)
    staff.silent(shop, phone, 1)
    session = shop.session(phone)["session"]["session_id"]
    text = called(shop, DANA, phone)[0]

    assert text.endswith(f"{shop.base}/console/sessions/{session}")
    assert ([text], [text]) == (called(shop, DANA, phone), called(shop, OMAR, phone))
    for secret in (phone, phone[2:], "8842", "bicycle", "Rosalind"):
        assert secret not in text
    assert OURS == next(m["from"] for m in shop.messages(DANA, "outbound") if m["body"] == text)

    assert 200 == shop.api("POST", f"/session/{quote(phone)}/handback")[0]
    staff.settled(shop, phone)
    shop.says(phone, "No, a human please", to=OWN)
    wait_for(lambda: len(called(shop, DANA, phone)) == 2, "the second text")
    time.sleep(staff.SILENCE_S)
    assert (2, 2) == (len(called(shop, DANA, phone)), len(called(shop, OMAR, phone)))


def test_a_person_who_takes_over_is_not_called(shop: System, mind: Mind) -> None:
    """A handoff by an operator says nothing to the customer, and texts nobody."""
    phone = "+15550720041"
    shop.says(phone, "Hello there", to=OWN)
    shop.reply(phone)
    assert 200 == shop.api("POST", f"/session/{quote(phone)}/handoff")[0]
    staff.silent(shop, phone, 1)

    assert [] == called(shop, DANA, phone)


def test_nobody_answers(hasty: System) -> None:
    """Waited for too long: a failure, an event and a second text, once; an answer of a person resolves it."""
    phone = "+15550720050"
    hasty.says(phone, "I want to talk to a human", to=OWN)
    hasty.reply(phone)
    wait_for(lambda: failures_of(hasty, phone) == ["nobody_answered"], "the failure")
    wait_for(lambda: len(called(hasty, DANA, phone)) == 2, "the second text")
    hasty.says(phone, "Still nobody?", to=OWN)
    time.sleep(3)  # longer than the alert, and than a session that anybody else has lives
    staff.silent(hasty, phone, 1)

    assert "WAITING_AGENT" == staff.state(hasty, phone)
    assert ["nobody_answered"] == failures_of(hasty, phone)
    kinds = [event["type"] for event in staff.happened(hasty, phone)]
    assert 1 == kinds.count("handoff_unanswered") == kinds.count("handoff_requested")
    assert "session_idle" not in kinds and "session_closed" not in kinds
    assert (2, 2) == (len(called(hasty, DANA, phone)), len(called(hasty, OMAR, phone)))

    assert 202 == hasty.api("POST", f"/session/{quote(phone)}/messages", {"body": "Dana here."})[0]
    assert "Dana here." == hasty.reply(phone, 2)
    assert ([], ["nobody_answered"]) == (failures_of(hasty, phone), failures_of(hasty, phone, "resolved"))


def test_an_operators_customer_who_waits_again_is_alerted_about(hasty: System) -> None:
    """A customer who writes to a person and gets no answer waits as well: failure, event, and the operators are texted."""
    phone = "+15550720051"
    hasty.says(phone, "Hello you", to=OWN)
    hasty.reply(phone)
    assert 202 == hasty.api("POST", f"/session/{quote(phone)}/messages", {"body": "Dana here."})[0]
    hasty.says(phone, "Hello Dana, are you still there?", to=OWN)
    wait_for(lambda: failures_of(hasty, phone) == ["nobody_answered"], "the failure")

    wait_for(lambda: called(hasty, DANA, phone), "the operator's text")
    time.sleep(staff.SILENCE_S)
    assert 1 == len(called(hasty, DANA, phone))
    assert "WAITING_AGENT" == staff.state(hasty, phone)


def test_an_operator_forgets_a_conversation(hasty: System) -> None:
    """One that expires while a person has it is a failure for somebody to look at."""
    phone = "+15550720052"
    hasty.says(phone, "Hello again", to=OWN)
    hasty.reply(phone)
    assert 202 == hasty.api("POST", f"/session/{quote(phone)}/messages", {"body": "I am looking into it."})[0]
    wait_for(lambda: staff.state(hasty, phone) == "CLOSED", "expiry")

    assert ["operator_expired"] == failures_of(hasty, phone)
    assert ["expired"] == [e["reason"] for e in staff.happened(hasty, phone) if e["type"] == "session_closed"]


def test_an_operators_text_that_twilio_throttles_comes_with_the_alert(hasty: System) -> None:
    """A text that Twilio has not taken is no text: the alert calls that operator all the same."""
    phone = "+15550720053"
    hasty.fault("429", to=OMAR)
    hasty.says(phone, "I'd like to speak to a person", to=OWN)
    hasty.reply(phone)

    wait_for(lambda: called(hasty, OMAR, phone), "the operator's text")


def test_an_operators_text_that_twilio_throttles_is_sent_again(shop: System, mind: Mind) -> None:
    """The call itself waits a little and asks again, long before any alert; the text comes once."""
    phone = "+15550720054"
    shop.fault("429", 2, to=OMAR)
    shop.says(phone, "I'd like to speak to a person", to=OWN)
    shop.reply(phone)

    wait_for(lambda: called(shop, OMAR, phone), "the operator's text")
    time.sleep(staff.SILENCE_S)
    assert (1, 1) == (len(called(shop, OMAR, phone)), len(called(shop, DANA, phone)))


def test_an_operator_who_texts_back_is_told_nothing(shop: System, mind: Mind) -> None:
    """An operator's own text to our number is a customer's like any other: no conversation of others is shown to it."""
    phone = "+15550720054"
    shop.says(phone, "I want to talk to a human about bicycle 99317", to=OWN)
    shop.reply(phone)
    wait_for(lambda: called(shop, DANA, phone), "the operator's text")
    before = len(shop.replies(DANA))
    shop.says(DANA, "What does this customer want?", to=OURS)
    wait_for(lambda: len(shop.replies(DANA)) > before, "an answer")

    asked: list[Any] = mind.turns("What does this customer want?")
    assert asked and "99317" not in str(asked[0].items)


def test_killed_between_the_commit_and_the_call(make_system: Callable[..., System], tmp_path: Any) -> None:
    """A worker that dies right after the handoff's commit: the alert calls the operators, and the customer is told once."""
    agents = staff.folder(tmp_path / "agents", shop=SHOP + CALM + "\n")
    more = {"HANDOFF_ALERT_MINUTES": "0.02", "SWEEP_INTERVAL_SECONDS": "0.3", "CLAIM_SECONDS": "3", "CLAIM_RENEW_SECONDS": "1",
            "RING_SECONDS": "0.5", "RECONCILE_SECONDS": "0.5,1"}  # fmt: skip
    doomed = make_system(**staff.settings(agents, **more)).start("simulator", "web", "clock")
    phone = "+15550720055"
    worker = doomed.spawn("worker", CRASH_AT="before_deadline")
    doomed.says(phone, "I want to talk to a human", to=OWN)
    worker.wait(30)
    doomed.spawn("worker")

    assert NOTICES["handoff"]["en"] == doomed.reply(phone)
    wait_for(lambda: called(doomed, DANA, phone), "the operator's text")
    staff.silent(doomed, phone, 1)
