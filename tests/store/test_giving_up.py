"""A reply that ends without being sent, and an opt-out that Twilio knew of first: each in one step."""

from __future__ import annotations

import pytest
import redis

from session import optout
from session.model import Keyword
from tests.store.desk import SMS, Desk, dump

ANY = ["pending", "sending", "unknown"]
FIELD = optout.field(SMS)


@pytest.mark.parametrize("state", ["failed", "dead"])
def test_a_reply_ends_with_its_first_part_that_does_not_go(
    desk: Desk, store: redis.Redis, state: str
) -> None:
    """The parts behind it end with it, those before it stay sent, one failure stands for all, the lane is free."""
    claim, parts = desk.owe(parts=4)
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    desk.begin(claim, parts[1])

    got = desk.ledger.give_up(
        claim, parts[1].number, ANY, state, changes={"error": 30007}, failure={"reason": "refused_by_twilio"}
    )

    assert got == "OK"
    stored = [desk.part(p.number) for p in parts]
    assert [p["state"] for p in stored] == ["sent", state, "failed", "failed"]
    assert [p.get("refused", "") for p in stored] == ["", "", "earlier_part_failed", "earlier_part_failed"]
    assert (stored[1]["error"], "token" in stored[1]) == (30007, False)
    assert store.zrange(desk.key("dead"), 0, -1) == [f"{desk.cid}:{parts[1].number}"]
    assert not store.exists(desk.key("outbox"))
    assert desk.ledger.release(claim) is False


def test_another_reply_does_not_end_with_it(desk: Desk) -> None:
    """A reply that waits behind it on the lane still goes."""
    desk.text()
    claim = desk.claim()
    first, second = desk.commit(claim, desk.open(claim), "One", "Two")

    assert desk.ledger.give_up(claim, first.number, ANY, "dead") == "OK"
    assert [desk.part(p.number)["state"] for p in (first, second)] == ["dead", "pending"]
    assert desk.begin(claim, second) == ("GO", "1")


def test_giving_up_is_guarded(desk: Desk, store: redis.Redis) -> None:
    """What was sent, was given up before, does not exist, or is somebody else's claim is left as it is."""
    claim, parts = desk.owe(parts=2)
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    desk.ledger.give_up(claim, parts[1].number, ANY, "dead", failure={"reason": "expired"})
    before = dump(store)

    assert [desk.ledger.give_up(claim, p.number, ANY, "dead") for p in parts] == ["STATE", "STATE"]
    assert desk.ledger.give_up(claim, "99.1", ANY, "dead") == "GONE"
    assert dump(store) == before
    desk.die()
    assert desk.ledger.give_up(claim, parts[1].number, ANY, "dead") == "LOST"


def test_an_optout_is_learnt_once_and_ended_by_start(desk: Desk) -> None:
    """From a part by its number or its SID; from then on the last gate refuses, until START."""
    claim, parts = desk.owe(parts=2)
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")

    assert desk.ledger.learn_optout(desk.cid, "", "SM1", desk.address, FIELD) == "LEARNT"
    assert desk.ledger.learn_optout(desk.cid, parts[0].number, "SM1", desk.address, FIELD) == "KNOWN"
    assert desk.begin(claim, parts[1]) == ("REFUSED", "opted_out")
    desk.text("START", keyword=Keyword.START)
    assert desk.begin(claim, parts[1]) == ("GO", "1")


@pytest.mark.parametrize(
    ("number", "sid", "to"),
    [
        ("99.1", "", "+15005550001"),
        ("", "SM9", "+15005550001"),
        (None, "SM9", "+15005550001"),
        ("owed", "", "+15005550002"),
    ],
    ids=["no such part", "no such SID", "another SID", "another address"],
)
def test_an_optout_of_nobody_is_not_learnt(
    desk: Desk, store: redis.Redis, number: str | None, sid: str, to: str
) -> None:
    """A callback that does not fit a part of this customer teaches nothing."""
    _, parts = desk.owe(parts=2)
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    before = dump(store)

    name = {None: parts[0].number, "owed": parts[1].number}.get(number, number)
    assert desk.ledger.learn_optout(desk.cid, name, sid, to, FIELD) == "IGNORED"
    assert dump(store) == before


def test_old_news_does_not_undo_a_start(desk: Desk) -> None:
    """The same refusal told again after START is no new opt-out; and of a deleted customer nothing is made."""
    _, parts = desk.owe()
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    desk.ledger.learn_optout(desk.cid, parts[0].number, "SM1", desk.address, FIELD)
    desk.ledger.status(desk.cid, parts[0].number, "SM1", "failed", "21610", desk.address)
    desk.text("START", keyword=Keyword.START)

    assert desk.ledger.learn_optout(desk.cid, parts[0].number, "SM1", desk.address, FIELD) == "IGNORED"
    desk.ledger.forget(desk.cid)
    assert desk.ledger.learn_optout(desk.cid, parts[0].number, "SM1", desk.address, FIELD) == "IGNORED"
    assert not desk.ledger.redis.exists(desk.key("customer"))
