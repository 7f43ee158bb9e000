"""Twilio says no in its ways, each with its class: what waits, what fails, who is told, and that nothing goes twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from session import address, keys, records
from tests.flow.system import API_KEY, ID_KEY, OURS, System, call, wait_for
from tests.flow.test_faults import FAST

PATIENCE = {"PART_LIMIT_SECONDS": "6", "FAULT_RETRY_SECONDS": "0.3,1", "SENDER_BUSY_SECONDS": "0.5,1"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose parts wait six seconds in all."""
    running = System(tmp_path_factory.mktemp("quick"), **FAST | PATIENCE)
    try:
        yield running.start()
    finally:
        running.stop()


def stored(system: System, name: str, customer: str) -> dict[str, Any]:
    """A hash of the customer's, its values read."""
    found = system.redis.hgetall(keys.customer_key(name, address.customer_id(ID_KEY, customer)))
    return {str(k): records.decode_part(str(v)) for k, v in found.items()}


def parts(system: System, customer: str) -> list[dict[str, Any]]:
    """The customer's reply parts, oldest first."""
    found = stored(system, "parts", customer)
    return [found[n] for n in sorted(found, key=lambda n: tuple(map(int, n.split("."))))]


def facts(system: System, customer: str) -> dict[str, str]:
    return dict(system.redis.hgetall(keys.customer_key("customer", address.customer_id(ID_KEY, customer))))


def failures(system: System, customer: str) -> list[dict[str, Any]]:
    return list(stored(system, "failures", customer).values())


def alarms(system: System, code: int, event: str = "configuration_fault") -> list[dict[str, Any]]:
    return [e for e in system.events(event, "worker") if e["code"] == code]


def posts(system: System, code: int) -> int:
    """How many sends Twilio has refused with this code."""
    requests = call("GET", f"{system.simulator}/_control/requests?on=create")[1]["requests"]
    return sum(r.get("code") == code for r in requests)


def test_a_refused_password_stops_everybody_and_fails_nobody(quick: System) -> None:
    """Row 31: 401 opens the breaker: few tries, one alarm, no failure; all are answered when it is right again."""
    customers = [f"+1555170{n:04d}" for n in range(12)]
    quick.fault("error", 4, code=20003, status=401)
    for customer in customers:
        quick.says(customer, "Hello")
    for customer in customers:
        quick.reply(customer)

    assert posts(quick, 20003) == 4
    told = wait_for(lambda: alarms(quick, 20003), "the alarm")
    assert [(e["account"], e["reason"]) for e in told] == [(True, "our password is refused")]
    assert [len(quick.replies(c)) for c in customers] == [1] * 12
    assert [failures(quick, c) for c in customers] == [[]] * 12


def test_a_fault_of_ours_holds_the_lane_and_then_asks_a_person(quick: System) -> None:
    """A sender that is not ours: the part waits, one alarm is raised, and in the end it is a failure; then it goes on."""
    customer, other = "+15551710001", "+15551710002"
    quick.fault("error", 100, code=21606, to=customer)
    quick.says(customer, "Hello")
    quick.says(other, "Hello")
    quick.reply(other)
    [failure] = wait_for(lambda: failures(quick, customer), "the failure")
    call("DELETE", f"{quick.simulator}/_control/faults")
    quick.says(customer, "Hello again")
    quick.reply(customer)

    assert (failure["reason"], failure["error"]) == ("configuration", 21606)
    assert posts(quick, 21606) > 2
    assert len(wait_for(lambda: alarms(quick, 21606), "the alarm")) == 1
    # Twilio shows the reply a moment before the worker has noted that it went.
    wait_for(lambda: [p["state"] for p in parts(quick, customer)] == ["dead", "sent"], "the sent mark")
    assert len(quick.replies(customer)) == 1


@pytest.mark.parametrize("code", [21611, 30001, 63017, 63018, 63038])
def test_a_full_queue_is_waited_for(quick: System, code: int) -> None:
    """What may go later goes later, once, and is nobody's failure."""
    customer = f"+155517{code}"
    quick.fault("error", 2, code=code, to=customer)
    quick.says(customer, "Hello")
    quick.reply(customer)

    assert posts(quick, code) == 2
    assert len(quick.replies(customer)) == 1
    assert failures(quick, customer) == []


@pytest.mark.parametrize("code", [21610, 63014])
def test_an_opt_out_that_twilio_knew_first_is_learnt(quick: System, code: int) -> None:
    """Refused for an opt-out: failed once, nothing is asked or sent any more, until START."""
    customer = f"+155518{code}"
    quick.fault("error", code=code, to=customer)
    quick.says(customer, "Hello")
    wait_for(lambda: f"optout:sms|{OURS}" in facts(quick, customer), "the opt-out")
    quick.says(customer, f"Hello {code}?")
    wait_for(lambda: quick.session(customer).get("message_count") == 3, "the record")
    asked = [request for request in quick.model_requests() if f"Hello {code}?" in str(request)]
    quiet = asked, quick.replies(customer)
    quick.says(customer, "START")
    quick.says(customer, "Hello again")
    quick.reply(customer)

    assert quiet == ([], [])
    assert posts(quick, code) == 1
    assert failures(quick, customer) == []
    assert parts(quick, customer)[0]["state"] == "failed"
    assert len(quick.replies(customer)) == 1


def test_an_opt_out_in_a_callback_is_learnt(quick: System) -> None:
    """BAD_INPUTS 2, row 36: a delivery that failed for an opt-out is one; a late copy does not undo START."""
    customer = "+15551720001"
    quick.fault("failed", code=21610, to=customer)
    quick.says(customer, "Hello")
    wait_for(lambda: f"optout:sms|{OURS}" in facts(quick, customer), "the opt-out")
    part = wait_for(lambda: [p for p in parts(quick, customer) if p.get("error")], "the reason")[0]
    quick.says(customer, "START")
    wait_for(lambda: f"optout:sms|{OURS}" not in facts(quick, customer), "the START")
    cid = address.customer_id(ID_KEY, customer)
    ob = keys.part_id(cid, next(iter(stored(quick, "parts", customer))))
    copy = [
        ("MessageSid", part["sid"]), ("MessageStatus", "failed"), ("ErrorCode", "21610"), ("From", OURS), ("To", customer),
    ]  # fmt: skip
    assert quick.signed(f"/status?ob={ob}&a=1", copy)[0] == 200

    assert f"optout:sms|{OURS}" not in facts(quick, customer)
    assert (part["error"], part["delivery"]) == (21610, "failed")


@pytest.mark.parametrize("code", [30001, 30003, 30005, 30008])
def test_why_it_was_not_delivered_is_kept(quick: System, code: int) -> None:
    """A carrier's reason stands with the part and in the log; it is no opt-out and nothing goes twice."""
    customer = f"+155519{code}"
    quick.fault("undelivered", code=code, to=customer)
    quick.says(customer, "Hello")
    part = wait_for(lambda: [p for p in parts(quick, customer) if p.get("error")], "the reason")[0]

    assert (part["error"], part["delivery"], part["state"]) == (code, "undelivered", "sent")
    told = wait_for(
        lambda: [e for e in quick.events("part_not_delivered", "web") if e["code"] == code],
        "the line in the log",
    )
    assert [(e["status"], e["outcome"]) for e in told] == [("undelivered", "ok")]
    assert not [name for name in facts(quick, customer) if name.startswith("optout:")]
    assert len(quick.replies(customer)) == 1


def test_a_code_nobody_knows_ends_and_is_told(quick: System) -> None:
    """An unknown 4xx is permanent: one try, a failure, an error in the log."""
    customer = "+15551770001"
    quick.fault("error", code=29999, to=customer)
    quick.says(customer, "Hello")
    [failure] = wait_for(lambda: failures(quick, customer), "the failure")

    assert (failure["reason"], failure["error"]) == ("refused_by_twilio", 29999)
    assert len(wait_for(lambda: alarms(quick, 29999, "unknown_twilio_error"), "the alarm")) == 1
    assert quick.replies(customer) == []


def test_half_a_sentence_does_not_go(quick: System) -> None:
    """The second part of three is refused: the third does not go, and one failure stands for both."""
    customer = "+15551740001"
    words = " ".join(f"This is sentence number {n} of a long reply." for n in range(1, 100))
    quick.model(reply=words)
    try:
        quick.fault("error", code=30007, skip=1, to=customer)
        quick.says(customer, "Tell me everything")
        [failure] = wait_for(lambda: failures(quick, customer), "the failure")
    finally:
        quick.model(reply="")

    told = [(p["state"], p.get("refused", "")) for p in parts(quick, customer)]
    assert told[:3] == [("sent", ""), ("failed", "refused_by_twilio"), ("failed", "earlier_part_failed")]
    assert failure["part"].endswith(".2")
    assert len(quick.replies(customer)) == 1
    quick.says(customer, "Hello")
    quick.reply(customer, 2)


def test_a_lookup_that_never_succeeds_ends_with_a_person(quick: System) -> None:
    """Nobody knows whether it was sent, and Twilio's list stays away: after the part's time a failure, never a second send."""
    customer = "+15551750001"
    quick.fault("drop_after_accept", to=customer)
    quick.fault("503", 1000, on="list", to=customer)
    quick.fault("callbacks_lost", to=customer)
    quick.says(customer, "Hello")
    [failure] = wait_for(lambda: failures(quick, customer), "the failure")
    call("DELETE", f"{quick.simulator}/_control/faults")

    assert failure["reason"] == "unknown_outcome"
    assert len(quick.replies(customer)) == 1


def test_no_answer_of_twilios_is_in_a_log(quick: System) -> None:
    """Twilio's errors carry numbers and texts; no line of ours has them, nor a key."""
    customer = "+15551760001"
    quick.fault(
        "error", code=21211, to=customer, message=f"Invalid 'To' Phone Number: {customer} canary-text"
    )
    quick.says(customer, "Hello")
    wait_for(lambda: failures(quick, customer), "the failure")
    log = (quick.folder / "worker.log").read_text("utf-8")

    assert "canary-text" not in log
    assert customer not in log
    assert API_KEY not in log
