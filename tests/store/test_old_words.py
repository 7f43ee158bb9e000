"""Opt-out words that Twilio could not deliver: fetched late, each counts as of when it was written."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from session import keys
from session.model import Channel
from tests.store.desk import Clock, ClockedLedger
from tests.store.test_turns import MINUTE, OURS, START, A, Workshop, make_workshop, twilio  # noqa: F401
from workers.backfill import Backfill

FIELD = f"optout:sms|{OURS}"


@pytest.fixture
def workshop(ledger: ClockedLedger, clock: Clock, twilio: str) -> Workshop:
    clock.set(START)
    workshop = make_workshop(ledger, clock, twilio, BACKFILL_LATE_SECONDS="900")
    ledger.redis.set(keys.STARTED, START - 60 * MINUTE)
    return workshop


def fetch(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, *words: tuple[float, str]) -> None:
    """A look at Twilio's list, which holds these words: minutes after the start, body."""
    listed = []
    for i, (minutes, body) in enumerate(words):
        at = datetime.fromtimestamp((START + round(minutes * MINUTE)) // 1000, UTC)
        listed.append(SimpleNamespace(
            sid=f"SM{i:031x}f", date_sent=at, date_created=at, to=OURS, from_=A, body=body, num_media="0"
        ))  # fmt: skip
    monkeypatch.setattr(workshop.rt.delivery.account, "inbound", lambda *_: listed)
    assert Backfill(workshop.rt).run() == len(words)


def opted_out(workshop: Workshop) -> bool:
    return bool(workshop.rt.ledger.redis.hexists(keys.customer_key("customer", workshop.cid(A)), FIELD))


def texts(workshop: Workshop, minutes: float, body: str, channel: Channel = Channel.SMS) -> None:
    workshop.clock.set(START + round(minutes * MINUTE))
    workshop.receive(A, body, channel)


@pytest.mark.parametrize("late_minutes", [1, 30])
def test_an_old_stop_does_not_undo_a_newer_start(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, late_minutes: float
) -> None:
    """Though that START ended nothing, for the STOP had never arrived; and the STOP is not answered as a text."""
    texts(workshop, 5, "START")
    workshop.work(A)
    before = len(workshop.rt.manager.get_conversation_history(A))
    workshop.clock.set(START + round((5 + late_minutes) * MINUTE))
    fetch(workshop, monkeypatch, (3, "STOP"))
    workshop.work(A)

    assert not opted_out(workshop)
    said = workshop.rt.manager.get_conversation_history(A)[before:]
    assert [m.direction for m in said] in ([], ["inbound"])


def test_a_start_that_still_waits_or_was_kept_for_a_person_counts_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the START stands, it is seen."""
    texts(workshop, 5, "START")  # nobody has answered it yet
    fetch(workshop, monkeypatch, (3, "STOP"))

    assert not opted_out(workshop)


@pytest.mark.parametrize(
    "start",
    [(2.0, Channel.SMS), (3.0, Channel.SMS), (5.0, Channel.WHATSAPP), None],
    ids=["older", "same second", "elsewhere", "none"],
)
def test_a_fetched_stop_counts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, start: tuple[float, Channel] | None
) -> None:
    """After an older START, one of the same second, one on another channel, or none."""
    texts(workshop, 1, "Hello")
    if start:
        texts(workshop, start[0], "START", start[1])
    workshop.clock.set(START + 6 * MINUTE)
    fetch(workshop, monkeypatch, (3, "STOP"))

    assert opted_out(workshop)


def test_both_fetched_they_count_in_their_order(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetched START is as old as Twilio says, not as old as its fetching."""
    texts(workshop, 1, "Hello")
    workshop.clock.set(START + 8 * MINUTE)
    fetch(workshop, monkeypatch, (3, "START"), (5, "STOP"))

    assert opted_out(workshop)


def test_an_old_start_does_not_undo_a_newer_stop(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who said STOP last stays opted out."""
    texts(workshop, 5, "STOP")
    workshop.clock.set(START + 8 * MINUTE)
    fetch(workshop, monkeypatch, (3, "START"))

    assert opted_out(workshop)
