"""Sessions idle, resume, expire and are superseded in the real processes, at short times."""

from __future__ import annotations

import time

import pytest

from tests.flow.system import System, wait_for


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Idle after 1.5 s, expired after 5 s, swept every 0.3 s, by two clocks."""
    running = System(
        tmp_path_factory.mktemp("hasty"),
        SESSION_TIMEOUT_MINUTES="0.025", SESSION_EXPIRE_HOURS="0.00139", SWEEP_INTERVAL_SECONDS="0.3",
    )  # fmt: skip
    try:
        running.start()
        running.spawn("clock", "second-clock")
        yield running
    finally:
        running.stop()


def _state(system: System, customer: str) -> str:
    return str(system.session(customer).get("session", {}).get("state", ""))


def test_idle_resumed_expired_and_begun_anew(hasty: System) -> None:
    """ACTIVE, IDLE by the clock, ACTIVE by the customer, CLOSED by the clock, and the next message opens another."""
    customer = "+15550410001"
    hasty.says(customer, "Hello")
    hasty.reply(customer)
    wait_for(lambda: _state(hasty, customer) == "IDLE", "IDLE")
    first = hasty.session(customer)["session"]["session_id"]
    hasty.says(customer, "Still there?")
    hasty.reply(customer, 2)
    assert _state(hasty, customer) == "ACTIVE"
    assert hasty.session(customer)["session"]["session_id"] == first
    wait_for(lambda: _state(hasty, customer) == "CLOSED", "expiry")
    ended = hasty.session(customer)["session"]
    hasty.says(customer, "Hello again")
    hasty.reply(customer, 3)
    second = hasty.session(customer)["session"]

    assert (ended["end_reason"], ended["status"]) == ("expired", "expired")
    assert second["session_id"] != first
    assert second["opened_because"] == "the last session expired"
    moves = [(e["from"], e["to"]) for e in hasty.events("state_transitioned") if e["session_id"] == first]
    assert moves == [
        ("NEW", "ACTIVE"),
        ("ACTIVE", "IDLE"),
        ("IDLE", "ACTIVE"),
        ("ACTIVE", "IDLE"),
        ("IDLE", "CLOSED"),
    ]


def test_the_gap_of_the_seeds_policy(make_system) -> None:  # type: ignore[no-untyped-def]
    """Under the time-gap rule a longer silence opens a second session; each holds its own messages."""
    gaps = make_system(SESSION_POLICY="timegap", SESSION_GAP_MINUTES="0.03").start()
    customer = "+1234567890"
    gaps.says(customer, "Hello")
    gaps.reply(customer)
    first = gaps.session(customer)
    time.sleep(2.0)
    gaps.says(customer, "Hi again")
    gaps.reply(customer, 2)
    second = gaps.session(customer)
    old = gaps.api("GET", f"/sessions/{first['session']['session_id']}")[1]

    assert second["session"]["session_id"] != first["session"]["session_id"]
    assert (first["message_count"], second["message_count"]) == (2, 2)
    assert old["session"]["end_reason"] == "superseded"
    assert len(gaps.events("time_gap_detected")) == 1
    assert second["session"]["title"] == "SMS from +1234567890"


def test_completed_by_the_api_while_the_model_thinks(hasty: System) -> None:
    """A session that a person ends while a reply is thought out: that reply is not sent into it."""
    customer = "+15550410003"
    hasty.model(latency_ms=700)
    try:
        hasty.says(customer, "Hello")
        wait_for(lambda: _state(hasty, customer) == "ACTIVE", "the session to be open")
        first = hasty.session(customer)["session"]["session_id"]
        status, answer = hasty.api("POST", f"/session/{first}/complete")
        hasty.reply(customer)
    finally:
        hasty.model(latency_ms=0)
    again = hasty.api("POST", f"/session/{first}/complete")
    ended = hasty.api("GET", f"/sessions/{first}")[1]

    assert (status, answer["message"]) == (200, "Session completed successfully")
    assert again[0] == 409
    assert ended["message_count"] == len(ended["conversation_history"]) == 0
    assert len(hasty.replies(customer)) == 1
    assert hasty.session(customer)["session"]["session_id"] != first
