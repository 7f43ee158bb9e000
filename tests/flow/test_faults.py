"""Twilio and the model fail in their ways; the customer gets exactly one answer, or a word about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flow.system import System, wait_for

FAST = {
    "RECONCILE_SECONDS": "1,2.5", "RING_SECONDS": "0.5", "SEND_TIMEOUT_SECONDS": "1", "CLAIM_SECONDS": "3",
    "CLAIM_RENEW_SECONDS": "1", "CLAIM_LIMIT_SECONDS": "20", "MODEL_TIMEOUT_SECONDS": "2", "TURN_SECONDS": "10",
    "JOB_SECONDS": "30", "MODEL_AWAY_SECONDS": "1,2", "MODEL_GIVE_UP_SECONDS": "12", "SHUTDOWN_SECONDS": "6",
}  # fmt: skip


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A system whose protocol runs at about a tenth of its times."""
    running = System(tmp_path_factory.mktemp("fast"), **FAST)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.mark.parametrize("kind", ["429", "503", "500_after_accept", "drop_after_accept", "hang"])
def test_one_answer_whatever_twilio_does(fast: System, kind: str) -> None:
    """Throttled, refused, answered 500 after accepting, cut off or hung: one message reaches the customer."""
    customer = f"+1555020{['429', '503', '500_after_accept', 'drop_after_accept', 'hang'].index(kind):04d}"
    more = {"seconds": 3} if kind == "hang" else {"retry_after": 1} if kind == "429" else {}
    fast.fault(kind, **more)
    fast.says(customer, "Hello")
    fast.reply(customer)
    wait_for(
        lambda: fast.session(customer)["conversation_history"][-1]["status"] in ("sent", "delivered"),
        "the part to be settled",
    )
    fast.says(customer, "And what are your hours?")
    fast.reply(customer, 2)

    assert len(fast.replies(customer)) == 2


def test_a_number_twilio_refuses_is_a_failure_not_a_loop(fast: System) -> None:
    """A definite refusal ends the reply with Twilio's code, and the next message is answered."""
    customer = "+15550200100"
    fast.fault("error", code=21211)
    fast.says(customer, "Hello")
    wait_for(lambda: fast.session(customer).get("message_count") == 2, "the turn")
    failed = wait_for(
        lambda: [m for m in fast.session(customer)["conversation_history"] if m["status"] == "failed"],
        "failure",
    )[0]
    fast.says(customer, "Hello again")
    fast.reply(customer)

    assert failed["error_code"] == 21211
    assert fast.redis.hgetall(fast.redis.keys("ringback:*:failures:*")[0])


def test_a_model_that_fails_for_a_moment_is_asked_again(fast: System) -> None:
    """Two bad answers and a good one: the customer sees the good one alone."""
    customer = "+15550200101"
    fast.model(fault="garbled", count=2)
    fast.says(customer, "Hello")
    fast.reply(customer)

    assert len(fast.replies(customer)) == 1


def test_a_model_that_is_away_is_said_once_and_the_message_is_answered_later(fast: System) -> None:
    """One apology that answers nothing; when the model is back the waiting message gets its answer."""
    customer = "+15550200102"
    fast.model(fault="500", count=None)
    try:
        fast.says(customer, "Hi, my order #4711 is late")
        apology = fast.reply(customer)
        fast.says(customer, "Hello?")
        wait_for(lambda: len(fast.events("model_failed")) >= 7, "another try")
    finally:
        fast.model(fault="500", count=0)
    answer = fast.reply(customer, 2)

    assert apology.startswith("Sorry")
    assert "4711" in answer
    assert len(fast.replies(customer)) == 2
    notice = [m for m in fast.session(customer)["conversation_history"] if m["role"] == "system"]
    assert len(notice) == 1
    assert fast.session(customer)["message_count"] == 3


def test_a_model_that_stays_away_hands_over_to_a_person(fast: System) -> None:
    """After the last patience the session waits for a person, and a failure says so."""
    customer = "+15550200103"
    fast.model(fault="500", count=None)
    try:
        fast.says(customer, "Hello")
        wait_for(
            lambda: fast.session(customer).get("session", {}).get("state") == "WAITING_AGENT", "handoff", 60
        )
    finally:
        fast.model(fault="500", count=0)

    assert len(fast.replies(customer)) == 1
    wait_for(
        lambda: any(e["reason"] == "model_away" for e in fast.events("handoff_requested")),
        "the line in the log",
    )


def test_an_answer_that_does_not_fit_is_never_sent(fast: System) -> None:
    """Whatever the model says outside its schema, the customer gets our own words."""
    customer = "+15550200104"
    fast.model(fault="not_schema", count=3)
    fast.says(customer, "Hello")

    assert fast.reply(customer).startswith("Sorry")


def test_switched_off_means_recorded_and_silent(make_system: Callable[..., System]) -> None:
    """With AI_RESPONSES_ENABLED=false everything is recorded, nothing is asked and nothing is sent."""
    quiet = make_system(AI_RESPONSES_ENABLED="false").start()
    quiet.says("+15550200105", "Hello")
    wait_for(lambda: quiet.session("+15550200105").get("message_count") == 1, "the record")

    assert quiet.session("+15550200105")["session"]["state"] == "ACTIVE"
    assert quiet.model_requests() == []
    assert quiet.replies("+15550200105") == []


def test_a_long_reply_goes_in_order_in_parts(fast: System) -> None:
    """A reply over the limit is split at sentences and arrives in order, once each."""
    customer = "+15550200106"
    words = " ".join(f"This is sentence number {n} of a long reply." for n in range(1, 100))
    fast.model(reply=words)
    try:
        fast.says(customer, "Tell me everything")
        wait_for(lambda: len(fast.replies(customer)) >= 3, "three parts")
    finally:
        fast.model(reply="")

    assert " ".join(fast.replies(customer)) == words
    assert len(fast.session(customer)["conversation_history"]) == 2
