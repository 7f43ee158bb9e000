"""Failures in a real system: listed by API and command line, and retried by both at once, to one effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.flow.system import System, call, wait_for
from tests.flow.test_cli import Shell
from tests.flow.test_faults import FAST

HASTY = FAST | {"MAX_ATTEMPTS": "1", "MODEL_GIVE_UP_SECONDS": "1", "MODEL_AWAY_SECONDS": "0.5,1"}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that gives up early."""
    running = System(tmp_path_factory.mktemp("hasty"), **HASTY)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def shell(hasty: System, tmp_path: Path) -> Shell:
    """The command line, in the environment of the system."""
    return Shell(tmp_path, {name: value for name, value in hasty.env.items() if name.isupper()})


def failure_of(system: System, customer: str, query: str = "") -> dict[str, Any]:
    """The customer's one failure, waited for."""

    def found() -> list[dict[str, Any]]:
        status, page = system.api("GET", f"/admin/failures{query}")
        assert status == 200, page
        return [f for f in page["failures"] if f["phone_number"] == customer]

    failures = wait_for(found, "the failure")
    assert len(failures) == 1
    return dict(failures[0])


def retry(system: System, failure_id: str) -> tuple[int, Any]:
    return system.api("POST", f"/admin/failures/{failure_id}/retry")


def refused_by_twilio(system: System, customer: str) -> dict[str, Any]:
    system.fault("error", code=21211, to=customer)
    system.says(customer, "Hello")
    return failure_of(system, customer)


def settled(system: System, customer: str, replies: int) -> list[str]:
    """The replies, when nobody owes this customer anything any more."""
    system.reply(customer, replies)
    pattern = "ringback:*:waiting"
    wait_for(
        lambda: not any(system.redis.zcard(key) for key in system.redis.scan_iter(pattern)),
        "everything done",
    )
    return system.replies(customer)


def test_a_refused_part_is_work(hasty: System, shell: Shell) -> None:
    """What Twilio refused is listed with its code and the effect of a retry, by both; the retry sends it, once."""
    customer = "+15550400001"
    failure = refused_by_twilio(hasty, customer)
    listed = shell.ringback("failures")
    doctor = shell.ringback("doctor")

    assert (failure["reason"], failure["last_error"], failure["attempts"]) == (
        "refused_by_twilio", "Twilio 21211", 1,
    )  # fmt: skip
    assert failure["retryable"] and failure["retry"] and failure["cause"] and failure["state"] == "open"
    assert failure["session_id"] == hasty.session(customer)["session"]["session_id"]
    assert failure["message_ids"] == [hasty.session(customer)["conversation_history"][-1]["id"]]
    assert listed.status == 0
    assert all(failure[name] in listed.out for name in ("id", "cause", "last_error", "retry", "phone_number"))
    assert "Failures: one needs a person" in doctor.out

    status, answer = retry(hasty, failure["id"])
    assert (status, answer["failure"]["state"]) == (200, "retried")
    assert len(settled(hasty, customer, 1)) == 1
    assert retry(hasty, failure["id"])[0] == 409
    assert failure_of(hasty, customer, "?state=all")["resolved_at"]
    assert failure["id"] not in shell.ringback("failures").out
    assert failure["id"] in shell.ringback("failures", "--all").out


def test_retries_at_once_send_once(hasty: System, shell: Shell) -> None:
    """Many retries at the same moment, from API and command line: one is done, one message goes out."""
    customer = "+15550400002"
    failure = refused_by_twilio(hasty, customer)
    start = threading.Barrier(12)

    def by_api() -> bool:
        start.wait()
        status, answer = retry(hasty, failure["id"])
        assert status in (200, 409), answer
        return bool(status == 200)

    def by_hand() -> bool:
        start.wait()
        ended = shell.ringback("retry", failure["id"])
        assert (ended.status, bool(ended.out)) in ((0, True), (1, False)), ended
        return ended.status == 0

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(by_api if i % 3 else by_hand) for i in range(12)]
        done = [each.result() for each in asked]

    assert done.count(True) == 1
    assert len(settled(hasty, customer, 1)) == 1


def test_a_message_that_killed_its_worker(hasty: System, shell: Shell) -> None:
    """A message given up after its worker died is answered after retries at once, a single time."""
    customer = "+15550400003"
    hasty.model(latency_ms=1500)
    hasty.says(customer, "Hi, where is order #12345?")
    wait_for(lambda: "Hi, where is order #12345?" in str(hasty.model_requests()), "the model to be asked")
    hasty.kill("worker")
    hasty.model(latency_ms=0)
    hasty.spawn("worker")
    failure = failure_of(hasty, customer)
    before = settled(hasty, customer, 0) if not hasty.replies(customer) else hasty.replies(customer)

    assert (failure["reason"], failure["attempts"]) == ("attempts", 1)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: retry(hasty, failure["id"])[0], range(4)))
    assert sorted(done) == [200, 409, 409, 409]
    wait_for(lambda: any("12345" in text for text in hasty.replies(customer)), "the answer")
    after = settled(hasty, customer, len(before) + 1)
    assert len([text for text in after if "12345" in text]) == 1
    inbound = [m for m in hasty.session(customer)["conversation_history"] if m["direction"] == "inbound"]
    assert len(inbound) == 1


def test_the_model_comes_back(hasty: System, shell: Shell) -> None:
    """A conversation handed to a person because the model was away is given back by a retry from the command line."""
    customer = "+15550400004"
    hasty.model(fault="500", count=None)
    try:
        hasty.says(customer, "My order is #4711")
        failure = failure_of(hasty, customer)
    finally:
        hasty.model(fault="500", count=0)
    assert failure["reason"] == "model_away"
    assert hasty.session(customer)["session"]["state"] == "WAITING_AGENT"

    ended = shell.ringback("retry", failure["id"])
    assert (ended.status, ended.out.strip()) == (0, failure["retry"])
    wait_for(lambda: any("4711" in text for text in hasty.replies(customer)), "the answer")
    assert hasty.session(customer)["session"]["state"] == "ACTIVE"
    again = shell.ringback("retry", failure["id"])
    assert (again.status, again.out) == (1, "")
    assert again.err.startswith("Somebody retried this failure already.")


def test_a_part_that_twilio_never_had(hasty: System) -> None:
    """A part that broke off three times and stands on no list is sent by a retry, once."""
    customer = "+15550400005"
    hasty.fault("drop", count=3, to=customer)
    hasty.says(customer, "Hello")
    failure = failure_of(hasty, customer)

    assert (failure["reason"], hasty.replies(customer)) == ("unknown_outcome", [])
    assert "list" in failure["retry"]
    assert retry(hasty, failure["id"])[0] == 200
    assert len(settled(hasty, customer, 1)) == 1


def test_a_part_that_twilio_had_all_along(make_system: Callable[..., System]) -> None:
    """A part that Twilio took while nobody could see it is found by a retry's look at the list, and not sent again."""
    blind = make_system(**HASTY, PART_LIMIT_SECONDS="4").start()
    customer = "+15550400006"
    blind.fault("callbacks_lost", to=customer)
    blind.fault("503", count=1000, on="list")
    blind.fault("drop_after_accept", to=customer)
    blind.says(customer, "Hello")
    failure = failure_of(blind, customer)
    assert call("DELETE", f"{blind.simulator}/_control/faults")[0] in (200, 204)

    assert failure["reason"] == "unknown_outcome"
    assert retry(blind, failure["id"])[0] == 200
    settled(blind, customer, 1)
    assert wait_for(lambda: blind.events("part_looked_up")[-1:], "the look")[0]["found"]
    assert len(blind.replies(customer)) == 1
    assert blind.session(customer)["conversation_history"][-1]["status"] in ("sent", "delivered")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/admin/failures?limit=0", 422, "invalid_limit"),
        ("GET", "/admin/failures?limit=501", 422, "invalid_limit"),
        ("GET", "/admin/failures?limit=x", 422, "invalid_limit"),
        ("GET", "/admin/failures?state=closed", 422, "invalid_state"),
        ("GET", "/admin/failures?cursor=nonsense", 422, "invalid_cursor"),
        ("POST", "/admin/failures/nonsense/retry", 404, "failure_not_found"),
        ("POST", f"/admin/failures/p00-{'0' * 32}-f1/retry", 404, "failure_not_found"),
        ("POST", f"/admin/failures/p00-{'0' * 32}-s1/retry", 404, "failure_not_found"),
        ("GET", f"/admin/failures/p00-{'0' * 32}-f1/retry", 405, "method_not_allowed"),
    ],
)
def test_what_is_refused(hasty: System, method: str, path: str, status: int, code: str) -> None:
    """Wrong values, unknown failures and wrong methods get the API's error shape."""
    got, answer = hasty.api(method, path)

    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", f"/p00-{'0' * 32}-f1/retry")])
def test_nothing_without_the_key(hasty: System, method: str, path: str) -> None:
    """Failures are shown to, and retried by, those who have the key."""
    status, answer = call(method, f"{hasty.base}/admin/failures{path}")

    assert (status, answer["error"]["code"]) == (401, "unauthorized")


def test_an_unknown_failure_by_hand(shell: Shell) -> None:
    """The command line says so, with exit status 1, and a wrong cursor is wrong usage."""
    unknown = shell.ringback("retry", "nonsense")
    cursor = shell.ringback("failures", "--cursor", "nonsense")

    assert (unknown.status, unknown.out) == (1, "")
    assert "ringback failures" in unknown.err
    assert cursor.status == 2
