"""An error of our own about a part of a reply: it waits longer each time, and a person hears of it in the end."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from session.claims import ClaimLost
from tests.store.desk import Clock, ClockedLedger
from tests.store.test_turns import START, A, Workshop, make_workshop, twilio  # noqa: F401
from workers.delivery import STUMBLES_MAX
from workers.twilio_account import Outcome

SENT = Outcome("sent", sid="SM" + "5" * 32)


@pytest.fixture
def workshop(ledger: ClockedLedger, clock: Clock, twilio: str) -> Workshop:
    clock.set(START)
    return make_workshop(ledger, clock, twilio)


def broken(monkeypatch: pytest.MonkeyPatch, workshop: Workshop, name: str, error: Exception) -> list[int]:
    """From now on our own code fails at ``name`` of the delivery; gives the times at which it did, ms."""
    times: list[int] = []

    def fails(*_: Any, **__: Any) -> Any:
        times.append(workshop.clock.now)
        raise error

    monkeypatch.setattr(workshop.rt.delivery, name, fails)
    return times


def work_until(workshop: Workshop, ms: int) -> None:
    """A worker rung for twice a second until ``ms`` have passed."""
    ends = workshop.clock.now + ms
    while workshop.clock.now < ends:
        workshop.work(A)
        workshop.clock.advance(500)


def test_it_is_tried_less_and_less_and_ends_as_a_failure(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits grow from ring to ring, their number is bounded, and the failure names the error's class."""
    times = broken(monkeypatch, workshop, "_look_first", KeyError("+15005550001"))
    workshop.receive(A, "Hello")
    work_until(workshop, 300_000)
    waits = [later - earlier for earlier, later in pairwise(times)]

    assert len(times) == STUMBLES_MAX
    assert waits == sorted(waits)
    assert min(waits) >= workshop.rt.settings.ring_seconds * 1000
    [failure] = workshop.rt.manager.failures.of(workshop.cid(A))
    assert (failure.reason, failure.last_error, failure.retryable) == ("our_error", "KeyError", True)
    assert not any("+15005550001" in str(line.get("error", "")) for line in workshop.lines)


def test_mended_in_time_it_is_sent_once(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next message waits for nothing but its order; once the error is gone both answers go out."""
    with monkeypatch.context() as patch:
        times = broken(patch, workshop, "_look_first", RuntimeError())
        workshop.receive(A, "Hello")
        work_until(workshop, 12_000)
    workshop.receive(A, "Are you there?")
    posted: list[str] = []
    monkeypatch.setattr(
        workshop.rt.delivery.account, "create",
        lambda record, text, callback: posted.append(text) or Outcome("sent", sid=f"SM{len(posted):032x}"),
    )  # fmt: skip
    work_until(workshop, 70_000)

    assert 1 < len(times) < STUMBLES_MAX
    assert len(posted) == 2
    assert workshop.rt.manager.failures.of(workshop.cid(A)) == []


def test_after_the_mark_it_is_looked_up_before_it_is_sent_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error after the request leaves the outcome unknown: Twilio's list is asked before a second request."""
    posts: list[str] = []
    monkeypatch.setattr(workshop.rt.delivery.account, "create", lambda *_: posts.append("") or SENT)
    monkeypatch.setattr(workshop.rt.delivery, "_look_up", lambda *_: SENT.sid)
    with monkeypatch.context() as patch:
        broken(patch, workshop, "_note", RuntimeError())
        workshop.receive(A, "Hello")
        workshop.work(A)
    work_until(workshop, 40_000)

    assert len(posts) == 1
    [message] = [m for m in workshop.rt.manager.get_conversation_history(A) if m.direction == "outbound"]
    assert message.twilio_sid == SENT.sid


def test_a_lost_claim_is_no_error_of_ours(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the turn as it always did, and nothing is noted against the part."""
    broken(monkeypatch, workshop, "_look_first", ClaimLost())
    workshop.receive(A, "Hello")
    workshop.work(A)

    assert not any(line["event"] == "part_failed" for line in workshop.lines)
