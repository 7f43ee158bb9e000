"""Forget: nothing of the customer's stays, nobody else loses anything, and nothing comes back."""

from __future__ import annotations

import pytest
import redis

from session import keys
from tests.store.desk import CLOCK_KEY, WHATSAPP, Desk, cid_of, dump
from tests.store.test_repeat_safe import live_through_everything

STAYS = {"seen", "erased", "sequence", "events"}  # they carry nothing of the customer's


def filled(desk: Desk) -> Desk:
    """A customer of whom every key and every index holds something, and whose turn is running."""
    live_through_everything(desk)
    desk.clock.advance(60_000)
    claim, parts = desk.owe("a reply that waits", WHATSAPP)
    desk.ledger.settle(claim, parts[0].number, ["pending"], "pending", wait_ms=120_000)
    desk.ledger.release(claim)
    desk.text("one that waits")
    desk.open(desk.claim())
    desk.clock.advance(60_000)
    desk.ledger.due()
    return desk


@pytest.fixture
def neighbour(desk: Desk) -> Desk:
    """Another customer in the same partition."""
    own = keys.partition(desk.cid)
    cid = next(c for i in range(10_000) if keys.partition(c := cid_of(f"neighbour {i}")) == own)
    return Desk(desk.ledger, desk.clock, cid, "+15005550002")


def test_every_key_of_the_customer_goes(desk: Desk, store: redis.Redis) -> None:
    """Each key in the table of a customer's keys existed before and does not afterwards."""
    filled(desk)
    assert all(store.exists(keys.key(name, desk.cid)) for name in {**keys.CUSTOMER, **keys.CLAIM})

    assert desk.ledger.forget(desk.cid) > 0

    left = dump(store)
    assert not [name for name in left if desk.cid in name and ":erased:" not in name]
    kinds = {name.split(":")[2] for name in left if name.startswith(keys.PREFIX)}
    assert kinds <= STAYS
    assert desk.cid not in repr([value for name, value in left.items()])
    assert desk.address not in repr(left) and "Zoë" not in repr(left)


def test_the_neighbours_keep_everything(desk: Desk, neighbour: Desk, store: redis.Redis) -> None:
    """Forgetting one customer leaves another of the same partition exactly as they were."""
    filled(neighbour)
    before = {name: value for name, value in dump(store).items() if name != CLOCK_KEY}
    now = desk.clock.now
    filled(desk)
    desk.clock.set(now)

    desk.ledger.forget(desk.cid)

    after = dump(store)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {keys.key("sequence", desk.cid)} | _moved_by_due(desk)


def _moved_by_due(desk: Desk) -> set[str]:
    """Ringing looks at the whole partition, the neighbour too."""
    return {keys.key("waiting", desk.cid), keys.key("rings", desk.cid)}


def test_the_customer_may_come_again(desk: Desk) -> None:
    """A customer who was forgotten and writes anew is answered as a stranger."""
    filled(desk)
    desk.ledger.forget(desk.cid)

    assert desk.text("Hi again").ring
    claim = desk.claim()
    assert (claim.sessions, claim.open_index) == ({}, {})
    assert [(w.message.content, w.attempt) for w in claim.messages] == [("Hi again", 1)]
    customer = desk.ledger.read(desk.cid)[0]
    assert (customer.name, customer.opted_out) == ("", frozenset())


def test_forgetting_leaves_a_mark_for_two_days(desk: Desk, store: redis.Redis) -> None:
    """What must not be brought back is marked for 48 hours, a stranger's forgetting too."""
    assert desk.ledger.forget(desk.cid) == 0

    left_ms = int(str(store.pttl(keys.key("erased", desk.cid))))
    assert 0 < left_ms <= 48 * 3_600_000
