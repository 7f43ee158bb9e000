"""Lanes: order within each, and none waits for another."""

from __future__ import annotations

import pytest
import redis

from session import optout
from session.model import Lane
from tests.store.desk import SMS, SMS_TOO, WHATSAPP, Clock, Desk

SECOND = 1_000
ROUND_TRIPS_DATABASE = 2  # of the real server


def test_a_turn_takes_one_lane(desk: Desk) -> None:
    """What came in on two numbers and two channels is taken lane by lane, each in its order."""
    for i, lane in enumerate((SMS, WHATSAPP, SMS, SMS_TOO, WHATSAPP)):
        desk.text(f"{i}", lane)

    taken: list[tuple[Lane | None, list[str]]] = []
    for _ in range(3):
        claim = desk.claim()
        taken.append((claim.lane, [w.message.content for w in claim.messages]))
        desk.commit(claim, desk.open(claim))
        desk.ledger.release(claim)

    assert taken == [(SMS, ["0", "2"]), (WHATSAPP, ["1", "4"]), (SMS_TOO, ["3"])]


@pytest.mark.parametrize("state", ["pending", "sending", "unknown"])
def test_an_unsettled_part_blocks_its_own_lane_only(desk: Desk, clock: Clock, state: str) -> None:
    """While a reply's part is in doubt its lane waits, and the other lanes go on."""
    claim, parts = desk.owe("one", SMS)
    if state != "pending":
        desk.begin(claim, parts[0])
        if state == "unknown":
            desk.ledger.settle(claim, parts[0].number, ["sending"], "unknown", wait_ms=20 * SECOND)
    else:
        desk.ledger.settle(claim, parts[0].number, ["pending"], "pending", wait_ms=20 * SECOND)
    if state == "sending":
        desk.ledger.settle(claim, parts[0].number, ["sending"], "sending", wait_ms=20 * SECOND)
    desk.text("two", SMS)
    desk.text("three", WHATSAPP)
    assert desk.ledger.release(claim)

    other = desk.claim()
    assert (other.lane, [w.message.content for w in other.messages], other.parts) == (WHATSAPP, ["three"], [])
    desk.commit(other, desk.open(other))
    assert desk.ledger.release(other)
    early = desk.not_claimed()
    assert (early.outcome, early.wait_ms) == ("EARLY", 20 * SECOND)
    assert desk.due_at() == clock.now + 20 * SECOND

    clock.advance(20 * SECOND)
    again = desk.claim()
    assert [p.number for p in again.parts] == [parts[0].number]
    assert again.messages == []
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    assert desk.ledger.release(again)
    assert [w.message.content for w in desk.claim().messages] == ["two"]


def test_parts_come_one_per_lane_in_order(desk: Desk) -> None:
    """Of a lane only the oldest unsettled part is given out, so that order cannot be lost."""
    claim, parts = desk.owe(parts=3)
    desk.ledger.release(claim)

    for expected in parts:
        claim = desk.claim()
        assert [(p.number, p.text) for p in claim.parts] == [
            (expected.number, f"An answer {expected.number[-1]}")
        ]
        desk.begin(claim, claim.parts[0])
        desk.ledger.sent(desk.cid, expected.number, f"SM{expected.number}")
        desk.ledger.release(claim)
    assert desk.due_at() is None


def test_a_held_lane_is_left_alone(desk: Desk, clock: Clock) -> None:
    """After a release with a hold that lane is asked again when the hold ends; another lane is not held."""
    desk.text("one", SMS)
    claim = desk.claim()
    assert desk.ledger.release(claim, give_back=[1], hold_ms=30 * SECOND)
    early = desk.not_claimed()
    assert (early.outcome, early.wait_ms) == ("EARLY", 30 * SECOND)

    desk.text("two", SMS)
    assert desk.not_claimed().outcome == "EARLY"
    desk.text("three", WHATSAPP)
    other = desk.claim()
    assert other.lane == WHATSAPP
    desk.commit(other, desk.open(other))
    desk.ledger.release(other)
    clock.advance(30 * SECOND - 1)
    assert desk.not_claimed().outcome == "EARLY"
    clock.advance(1)
    assert [w.message.content for w in desk.claim().messages] == ["one", "two"]


def test_a_part_carries_its_text(desk: Desk) -> None:
    """Each part that is owed has its own text, whoever sends it."""
    claim, _ = desk.owe(parts=2)
    desk.ledger.release(claim)

    claim = desk.claim()

    assert [p.text for p in claim.parts] == ["An answer 1"]
    assert desk.ledger.begin_send(claim, claim.parts[0], optout.field(SMS)) == ("GO", "1")


def test_an_outbox_entry_without_its_part_blocks_nothing(desk: Desk, store: redis.Redis) -> None:
    """An entry that leads nowhere is taken off, and the lane goes on."""
    store.rpush(desk.key("outbox"), "77.1")
    desk.text()

    claim = desk.claim()

    assert len(claim.messages) == 1
    assert store.llen(desk.key("outbox")) == 0
