"""Claim, renew, release, due: who may answer, for how long, and when it is asked again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from session import keys
from session.claims import Change, Claim, ClaimLost, NotClaimed, Timing
from session.ledger import Ledger
from simulator.embedded import EmbeddedServer
from tests.store.desk import Clock, Desk, cid_of, dump, numbers

SECOND = 1_000
ROUND_TRIPS_DATABASE = 2  # of the real server


def test_one_of_many_gets_the_claim(desk: Desk) -> None:
    """Of fifty bells for one customer one gets the claim, the others hear how long it is held."""
    desk.text()
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: desk.ledger.claim(desk.cid), range(50)))

    others = [g for g in got if isinstance(g, NotClaimed)]
    assert len(others) == 49
    assert all(o.outcome == "BUSY" and 0 < o.wait_ms <= 30_000 for o in others)


def test_nothing_to_do(desk: Desk) -> None:
    """A bell for somebody who does not wait finds nothing and leaves nothing."""
    assert desk.not_claimed() == NotClaimed("EMPTY")
    assert desk.due_at() is None
    assert desk.ledger.redis.keys(f"*{desk.cid}*") == []


def test_a_claim_ends_by_itself(store: redis.Redis, desk: Desk) -> None:
    """A holder who is silent for the claim's time has lost it, and the next one takes over."""
    desk.ledger.timing = Timing(claim_ms=40)
    desk.text()
    first = desk.claim()
    while store.exists(desk.key("claim")):
        time.sleep(0.005)

    second = desk.claim()
    assert int(second.fence) > int(first.fence)
    assert [w.attempt for w in second.messages] == [2]


def test_every_step_of_a_late_holder_is_lost(desk: Desk, store: redis.Redis) -> None:
    """Who lost the claim can write nothing more, although somebody else finished the work."""
    late, parts = desk.owe("one")
    desk.text("two")
    session = desk.session_for(late)
    desk.die()
    desk.claim()
    before = dump(store)

    assert not desk.ledger.renew(late)
    assert late.lost.is_set()
    assert desk.begin(late, parts[0]) == ("LOST", "")
    assert desk.ledger.settle(late, parts[0].number, ["pending"], "failed") == "LOST"
    assert not desk.ledger.release(late, give_back=[1, 2])
    late.token = late.token.replace(late.fence, str(int(late.fence) + 100))
    with pytest.raises(ClaimLost):
        desk.ledger.open(late, Change(session, None), [], [], 20)
    with pytest.raises(ClaimLost):
        desk.commit(late, session, "too late")
    assert dump(store) == before


@pytest.mark.parametrize("step", ["open", "commit", "renew"])
def test_an_ended_claim_is_lost_though_nobody_took_it(desk: Desk, store: redis.Redis, step: str) -> None:
    """A claim that ended counts for nothing, even while nobody else has come."""
    desk.text()
    claim = desk.claim()
    session = desk.open(claim) if step == "commit" else desk.session_for(claim)
    desk.die()
    before = dump(store)

    if step == "renew":
        assert not desk.ledger.renew(claim)
    else:
        with pytest.raises(ClaimLost):
            desk.open(claim) if step == "open" else desk.commit(claim, session, "late")
        assert claim.lost.is_set()
    assert dump(store) == before


def test_a_message_is_tried_three_times(desk: Desk, store: redis.Redis) -> None:
    """Each claim counts an attempt before the work; the fourth buries the message for a person."""
    desk.text("poison")
    for attempt in (1, 2, 3):
        assert [w.attempt for w in desk.claim().messages] == [attempt]
        desk.die()

    claim = desk.claim()

    assert (claim.messages, claim.buried) == ([], [1])
    assert store.zrange(desk.key("dead"), 0, -1) == [f"{desk.cid}:1"]
    assert '"attempts"' in str(store.hget(desk.key("failures"), "1"))
    assert not desk.ledger.release(claim)
    assert desk.due_at() is None


def test_a_poisonous_message_takes_no_other_with_it(desk: Desk) -> None:
    """Beside a message that was tried too often, a new one is still answered."""
    desk.text("poison")
    for _ in range(3):
        desk.claim()
        desk.die()
    desk.text("fine")

    claim = desk.claim()

    assert claim.buried == [1]
    assert [(w.message.content, w.attempt) for w in claim.messages] == [("fine", 1)]


def test_an_attempt_given_back_does_not_count(desk: Desk) -> None:
    """A release may give attempts back any number of times: an outage buries nothing."""
    desk.text()
    for _ in range(10):
        claim = desk.claim()
        assert [w.attempt for w in claim.messages] == [1]
        assert desk.ledger.release(claim, give_back=[*numbers(claim), 99])
        assert not desk.ledger.redis.exists(desk.key("attempts"))

    for attempt in (1, 2, 3):
        claim = desk.claim()
        assert [w.attempt for w in claim.messages] == [attempt]
        desk.ledger.release(claim)
    assert desk.claim().buried == [1]


def test_a_turn_has_room_for_so_many(desk: Desk) -> None:
    """A turn takes what waits up to its room, in order, and only what it takes counts as tried."""
    room = desk.ledger.timing.take
    for i in range(room + 3):
        desk.text(f"{i}")

    claim = desk.claim()
    assert [w.message.content for w in claim.messages] == [f"{i}" for i in range(room)]
    desk.commit(claim, desk.open(claim))
    assert desk.ledger.release(claim)
    assert [(w.message.content, w.attempt) for w in desk.claim().messages] == [
        (f"{i}", 1) for i in range(room, room + 3)
    ]


def test_release_says_what_came_in_meanwhile(desk: Desk) -> None:
    """A holder who leaves hears of a message that came during the work, and of none when there is none."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    assert not desk.text("two").ring
    desk.commit(claim, session)
    assert desk.ledger.release(claim)
    claim = desk.claim()
    assert [w.message.content for w in claim.messages] == ["two"]
    desk.commit(claim, desk.open(claim))
    assert not desk.ledger.release(claim)
    assert desk.due_at() is None


def test_a_claim_can_be_kept_to_its_limit(desk: Desk, clock: Clock) -> None:
    """Renewing moves the claim's end and the time of ringing, up to 100 s from its start."""
    desk.text()
    start = clock.now
    claim = desk.claim()
    for at, end in ((10, 40), (60, 90), (80, 100), (99, 100)):
        clock.set(start + at * SECOND)
        assert desk.ledger.renew(claim)
        left_ms = int(str(desk.ledger.redis.pttl(desk.key("claim"))))
        assert (end - at) * SECOND - 500 < left_ms <= (end - at) * SECOND
        assert desk.due_at() == start + end * SECOND

    clock.set(start + 100 * SECOND)
    assert not desk.ledger.renew(claim)
    assert desk.ledger.due() == [desk.cid]
    assert isinstance(desk.claim(), Claim)


def test_unanswered_rings_come_later_and_later(desk: Desk, clock: Clock) -> None:
    """A ring that nobody answers is repeated after 5, 10, 20, 40 and then every 60 s; a claim begins anew."""
    assert desk.text().ring
    for wait in (5, 10, 20, 40, 60, 60, 60):
        clock.advance(wait * SECOND - 1)
        assert desk.ledger.due() == []
        clock.advance(1)
        assert desk.ledger.due() == [desk.cid]
        assert desk.ledger.due() == []

    desk.claim()
    assert desk.due_at() == clock.now + desk.ledger.timing.claim_ms
    desk.die()
    for wait_ms in (desk.ledger.timing.claim_ms, 5 * SECOND, 10 * SECOND):
        clock.advance(wait_ms - 1)
        assert desk.ledger.due() == []
        clock.advance(1)
        assert desk.ledger.due() == [desk.cid]
    desk.ledger.release(desk.claim(), give_back=[1])
    assert desk.ledger.due() == [desk.cid]
    clock.advance(5 * SECOND)
    assert desk.ledger.due() == [desk.cid]


class CountedConnection(redis.Connection):
    """A connection that counts what is sent over it at once."""

    sent = 0

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        CountedConnection.sent += 1
        super().send_packed_command(command, check_health)


def test_due_finds_every_partition_in_one_round_trip(redis_server: EmbeddedServer) -> None:
    """One look through the 64 partitions is one request, and names everybody who is due once."""
    pool = redis.ConnectionPool.from_url(
        redis_server.url.removesuffix("/0") + f"/{ROUND_TRIPS_DATABASE}",
        connection_class=CountedConnection, decode_responses=True, socket_timeout=10.0,
    )  # fmt: skip
    with redis.Redis(connection_pool=pool) as client:
        client.flushdb()
        ledger = Ledger(client)
        waiting = [cid_of(str(i)) for i in range(1000)]
        assert {keys.partition(cid) for cid in waiting} == set(keys.partitions())
        for cid in waiting:
            client.zadd(keys.key("waiting", cid), {cid: 1})
        ledger.due(limit=0)  # the server knows the script now
        before = CountedConnection.sent

        found = ledger.due()

        assert CountedConnection.sent == before + 1
        assert sorted(found) == sorted(waiting)
    pool.disconnect()


def test_due_is_bounded(ledger: Ledger, clock: Clock) -> None:
    """A partition gives so many at a time at most; the rest is for the next look."""
    part = next(iter({keys.partition(cid_of("x"))}))
    for i in range(7):
        ledger.redis.zadd(keys.partition_key("waiting", part), {f"{i:032x}": clock.now})

    assert [len(ledger.due(limit=3)) for _ in range(4)] == [3, 3, 1, 0]
