"""The life of a reply part: begun once, refused when it must not go, sent as a fact, settled under guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from session.claims import Change
from session.model import Keyword
from tests.store.desk import SMS_TOO, Clock, Desk, dump

MINUTE = 60_000
SID = "SM" + "0f" * 16


def operator_steps_in(desk: Desk) -> None:
    session = desk.ledger.read(desk.cid, last=0)[1]
    assert session
    desk.ledger.write(desk.cid, Change(replace(session, epoch=session.epoch + 1), None))


def program_writes(desk: Desk) -> None:
    session = desk.ledger.read(desk.cid, last=0)[1]
    assert session
    desk.ledger.write(desk.cid, Change(replace(session, summary="so far"), None))


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        (lambda desk: None, ("GO", "1")),
        (program_writes, ("GO", "1")),
        (lambda desk: desk.text("more"), ("GO", "1")),
        (lambda desk: desk.text("STOP", SMS_TOO, keyword=Keyword.STOP), ("GO", "1")),
        (lambda desk: desk.clock.advance(15 * MINUTE), ("GO", "1")),
        (lambda desk: desk.clock.advance(15 * MINUTE + 1), ("REFUSED", "expired")),
        (lambda desk: desk.text("STOP", keyword=Keyword.STOP), ("REFUSED", "opted_out")),
        (operator_steps_in, ("REFUSED", "overtaken")),
        (lambda desk: desk.ledger.redis.delete(desk.key("sessions")), ("REFUSED", "gone")),
        (lambda desk: desk.ledger.redis.delete(desk.key("parts")), ("REFUSED", "gone")),
        (lambda desk: desk.ledger.forget(desk.cid), ("LOST", "")),
        (lambda desk: desk.die(), ("LOST", "")),
    ],
)
def test_the_last_gate(desk: Desk, meanwhile: Callable[[Desk], object], expected: tuple[str, str]) -> None:
    """A committed part is begun unless it may not be sent any more, and the reason is told."""
    claim, parts = desk.owe()

    meanwhile(desk)

    assert desk.begin(claim, parts[0]) == expected


def test_a_refused_part_is_unchanged(desk: Desk, store: redis.Redis) -> None:
    """A refusal marks nothing: the part is still pending, and never sent."""
    claim, parts = desk.owe()
    desk.text("STOP", keyword=Keyword.STOP)
    before = dump(store)

    desk.begin(claim, parts[0])

    assert dump(store) == before


def test_a_part_begun_by_another_is_not_begun(desk: Desk) -> None:
    """A part that an earlier holder began is told as it is, for it must be looked up first."""
    claim, parts = desk.owe()
    assert desk.begin(claim, parts[0]) == ("GO", "1")
    desk.die()

    claim = desk.claim()

    assert claim.parts[0].record["state"] == "sending"
    assert desk.begin(claim, parts[0]) == ("STATE", "sending")


def test_each_new_begin_is_an_attempt(desk: Desk, clock: Clock) -> None:
    """A part that is begun anew counts it, and keeps when it was begun first."""
    claim, parts = desk.owe()
    first = clock.now
    for attempt in (1, 2, 3):
        assert desk.begin(claim, parts[0]) == ("GO", str(attempt))
        desk.ledger.settle(claim, parts[0].number, ["sending"], "pending")
        clock.advance(1_000)

    stored = desk.part(parts[0].number)
    assert (stored["first_sending_at"], stored["sending_at"]) == (first, first + 2_000)


@pytest.mark.parametrize("state", ["pending", "sending", "unknown", "failed", "dead"])
def test_sent_is_a_fact_from_anyone(desk: Desk, store: redis.Redis, state: str) -> None:
    """That Twilio accepted a part is taken in any state, claim or not, any number of times, for one SID."""
    claim, parts = desk.owe()
    number = parts[0].number
    desk.ledger.settle(claim, number, ["pending"], state)
    desk.die()

    assert desk.ledger.sent(desk.cid, number, "SM1") == "OK"

    before = dump(store)
    assert int(str(store.pttl(desk.key("parts")))) > 0
    assert desk.part(number)["state"] == "sent"
    assert not desk.ledger.redis.exists(desk.key("outbox"))
    assert desk.ledger.sent(desk.cid, number, "SM1") == "OK"
    assert desk.ledger.sent(desk.cid, number, "SM2") == "DOUBLE"
    assert dump(store) == before
    assert desk.ledger.sent(desk.cid, "99.1", "SM3") == "GONE"


def test_one_sid_proves_one_part(desk: Desk, store: redis.Redis) -> None:
    """The SID of one part is no proof that another with the same text was sent."""
    claim, parts = desk.owe(parts=2)
    assert desk.ledger.sent(desk.cid, parts[0].number, "SM1") == "OK"
    before = dump(store)

    assert desk.ledger.sent(desk.cid, parts[1].number, "SM1", listed=True) == "TAKEN"

    assert dump(store) == before
    assert desk.ledger.release(claim)


def test_a_sent_part_cannot_be_settled(desk: Desk, store: redis.Redis) -> None:
    """What Twilio accepted is not failed, retried or given up by anybody afterwards."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    before = dump(store)

    for state in ("pending", "unknown", "failed", "dead"):
        got = desk.ledger.settle(claim, parts[0].number, ["pending", "sending", "unknown"], state)
        assert got == "STATE"
    assert desk.begin(claim, parts[0]) == ("STATE", "sent")
    assert dump(store) == before


@pytest.mark.parametrize(("state", "open_still"), [("failed", False), ("dead", False), ("pending", True)])
def test_settling(desk: Desk, store: redis.Redis, state: str, open_still: bool) -> None:
    """A part that is done with frees its lane; what was learnt and what needs a person is kept."""
    claim, parts = desk.owe()
    number = parts[0].number
    desk.begin(claim, parts[0])

    got = desk.ledger.settle(
        claim, number, ["sending"], state, wait_ms=2_000, changes={"error": 21211, "looks": 0},
        failure={"reason": "refused_by_twilio"},
    )  # fmt: skip

    assert got == "OK"
    stored = desk.part(number)
    assert (stored["state"], stored["error"], stored["not_before"]) == (state, 21211, desk.clock.now + 2_000)
    assert "token" not in stored
    assert int(str(store.pttl(desk.key("failures")))) > 0
    assert store.zrange(desk.key("dead"), 0, -1) == [f"{desk.cid}:{number}"]
    assert desk.ledger.release(claim) is open_still


def test_a_part_that_is_gone_is_not_settled(desk: Desk, store: redis.Redis) -> None:
    """Settling a part that does not exist says so and makes none."""
    claim, _ = desk.owe()
    before = dump(store)

    assert desk.ledger.settle(claim, "99.1", ["pending"], "failed", failure={"reason": "x"}) == "GONE"
    assert dump(store) == before


def test_a_stored_part_is_what_was_committed(desk: Desk) -> None:
    """A part keeps every field of the turn's while it is owed; of one that Twilio took, its SID, times and error stay."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    desk.ledger.settle(claim, parts[0].number, ["sending"], "unknown", changes={"list": [1, 2], "x": None})
    stored = desk.part(parts[0].number)

    assert {k: stored[k] for k in parts[0].record if k not in ("state", "attempt", "not_before")} == {
        k: v for k, v in parts[0].record.items() if k not in ("state", "attempt", "not_before")
    }
    assert (stored["attempt"], stored["list"], stored["x"]) == (1, [1, 2], None)
    assert stored["created"] == desk.clock.now

    desk.clock.advance(5)
    desk.ledger.sent(desk.cid, parts[0].number, SID)
    desk.clock.advance(7)
    desk.ledger.status(desk.cid, parts[0].number, SID, "undelivered", "30003", desk.address)

    assert desk.part(parts[0].number) == {
        "state": "sent", "sid": SID, "rank": 4, "attempt": 1, "delivery": "undelivered", "error": 30003,
        "sent_at": 5,
    }  # fmt: skip
    assert len(str(desk.ledger.redis.hget(desk.key("parts"), parts[0].number))) < 40
