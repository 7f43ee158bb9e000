"""Receive: one message in, once, and a doorbell when nobody is coming."""

from __future__ import annotations

import pytest
import redis

from session import keys
from session.ledger import INBOX_MAX
from session.model import Keyword, Lane
from tests.store.desk import SMS, SMS_TOO, WHATSAPP, Clock, Desk, dump

SID = "SM" + "a" * 32
D = 2_000  # the quiet before answering, ms
SECOND = 1_000


def test_a_first_message_is_stored_queued_and_rung_for(desk: Desk, clock: Clock) -> None:
    """A new message waits for its turn, and the doorbell is wanted for it."""
    got = desk.text("Hi")

    assert (got.outcome, got.ring) == ("NEW", True)
    assert got.message_id == keys.make_id("m", desk.cid, 1)
    claim = desk.claim()
    assert [(w.number, w.attempt, w.message.content, w.message.at) for w in claim.messages] == [
        (1, 1, "Hi", clock.now)
    ]


def test_a_message_sid_is_taken_once(desk: Desk, store: redis.Redis) -> None:
    """A repeat of a MessageSid says DUP and changes nothing at all while its bell is on the way."""
    desk.text("Hi", sid=SID)
    before = dump(store)

    again = desk.text("Hi", sid=SID)

    assert (again.outcome, again.message_id, again.ring) == ("DUP", "", False)
    assert dump(store) == before


def test_a_repeat_after_the_answer_does_nothing(desk: Desk, store: redis.Redis) -> None:
    """A message that was answered is not answered again when Twilio tells of it again."""
    desk.text("Hi", sid=SID)
    claim = desk.claim()
    desk.commit(claim, desk.open(claim))
    desk.ledger.release(claim)
    before = dump(store)

    assert not desk.text("Hi", sid=SID).ring
    assert dump(store) == before
    assert desk.due_at() is None


def test_a_repeat_rings_for_a_message_whose_bell_was_lost(desk: Desk, clock: Clock) -> None:
    """A message stored without its bell is rung for when Twilio delivers it again."""
    desk.text("Hi", sid=SID)
    clock.advance(5 * SECOND)

    assert desk.text("Hi", sid=SID).ring
    assert not desk.text("Hi", sid=SID).ring


def test_the_seen_marks_end_after_thirty_days(desk: Desk, store: redis.Redis) -> None:
    """What a MessageSid leaves behind has an end of its own, the 30 days of the contract."""
    desk.text("Hi", sid=SID)

    left_ms = int(str(store.pttl(keys.seen(desk.cid, SID))))
    assert 29.9 * 86_400_000 < left_ms <= 30 * 86_400_000


def test_one_bell_for_a_burst(desk: Desk, clock: Clock) -> None:
    """Fifty messages within the time of one bell ring once."""
    rung = [desk.text(f"{i}").ring for i in range(50)]

    assert rung == [True] + [False] * 49
    clock.advance(5 * SECOND)
    assert desk.text("51").ring


def test_no_bell_while_somebody_answers(desk: Desk) -> None:
    """Who holds the claim looks again before leaving, so a message to them rings nobody."""
    desk.text("one")
    claim = desk.claim()

    assert not desk.text("two").ring
    assert desk.ledger.release(claim)


def test_no_bell_is_owed_to_a_dead_holder(desk: Desk, clock: Clock) -> None:
    """After the claim of a dead holder has ended, a message rings again and so does the clock."""
    desk.text("one")
    desk.claim()
    desk.die()

    assert desk.ledger.due() == []
    clock.advance(desk.ledger.timing.claim_ms)
    assert desk.ledger.due() == [desk.cid]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((0,), 2_000),
        ((0, 1_000), 3_000),
        ((0, 1_900, 3_800), 5_800),
        ((0, 1_900, 3_800, 5_700), 6_000),
        ((0, 1_900, 3_800, 5_700, 5_999), 6_000),
    ],
)
def test_the_quiet_before_answering(desk: Desk, clock: Clock, at: tuple[int, ...], expected: int) -> None:
    """A burst is answered D after its last message, and 3 D after its first at the latest."""
    start = clock.now
    for moment in at:
        clock.set(start + moment)
        assert not desk.text(quiet_ms=D).ring

    assert desk.due_at() == start + expected
    early = desk.not_claimed()
    assert (early.outcome, early.wait_ms) == ("EARLY", start + expected - clock.now)
    clock.set(start + expected - 1)
    assert desk.not_claimed().outcome == "EARLY"
    assert desk.ledger.due() == []
    clock.set(start + expected)
    assert desk.ledger.due() == [desk.cid]
    assert len(desk.claim().messages) == len(at)


def test_the_quiet_begins_anew_after_an_answer(desk: Desk, clock: Clock) -> None:
    """The 3 D of a burst are counted from that burst's first message, not from an earlier one's."""
    desk.text(quiet_ms=D)
    clock.advance(D)
    claim = desk.claim()
    desk.commit(claim, desk.open(claim))
    desk.ledger.release(claim)
    clock.advance(60 * SECOND)

    desk.text(quiet_ms=D)

    assert desk.due_at() == clock.now + D


@pytest.mark.parametrize("keyword", [Keyword.STOP, Keyword.HELP])
def test_opt_out_words_do_not_wait(desk: Desk, keyword: Keyword) -> None:
    """STOP and HELP ring and are taken at once, with what waits before them on their lane."""
    assert not desk.text("I wonder", quiet_ms=D).ring

    assert desk.text("STOP", keyword=keyword, quiet_ms=D).ring
    assert [w.message.content for w in desk.claim().messages] == ["I wonder", "STOP"]


def test_a_stop_does_not_end_the_quiet_of_another_lane(desk: Desk, clock: Clock) -> None:
    """An opt-out word on one number leaves the burst to another of our numbers its quiet."""
    desk.text("I wonder", SMS, quiet_ms=D)
    desk.text("STOP", SMS_TOO, keyword=Keyword.STOP, quiet_ms=D)

    claim = desk.claim()
    assert (claim.lane, [w.message.content for w in claim.messages]) == (SMS_TOO, ["STOP"])
    desk.commit(claim, desk.open(claim))
    assert desk.ledger.release(claim)
    early = desk.not_claimed()
    assert (early.outcome, early.wait_ms) == ("EARLY", D)
    assert desk.due_at() == clock.now + D


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], False),
        ([(Keyword.STOP, SMS)], True),
        ([(Keyword.STOP, SMS), (Keyword.START, SMS)], False),
        ([(Keyword.STOP, SMS_TOO)], False),
        ([(Keyword.STOP, WHATSAPP)], False),
        ([(Keyword.STOP, SMS), (Keyword.START, WHATSAPP)], True),
        ([(Keyword.STOP, SMS), (Keyword.HELP, SMS), (Keyword.NONE, SMS)], True),
    ],
)
def test_an_opt_out_is_per_sender_and_channel(
    desk: Desk, words: list[tuple[Keyword, Lane]], expected: bool
) -> None:
    """STOP ends what that number may send on that channel, START allows it again."""
    for keyword, lane in words:
        desk.text("word", lane, keyword=keyword)

    assert (str(SMS) in desk.ledger.read(desk.cid)[0].opted_out) is expected


def test_start_is_an_ordinary_text_unless_it_ends_an_opt_out(desk: Desk) -> None:
    """Only the START that ended an opt-out is kept from the assistant."""
    desk.text("START", keyword=Keyword.START)
    desk.text("STOP", keyword=Keyword.STOP)
    desk.text("START", keyword=Keyword.START)

    assert [w.keyword for w in desk.claim().messages] == ["-", "stop", "start"]


def test_a_flood_is_kept_as_failures(desk: Desk, store: redis.Redis) -> None:
    """Over 200 waiting messages of one customer are stored for a person, and ring nobody."""
    for i in range(INBOX_MAX):
        assert desk.text(f"{i}").outcome == "NEW"

    got = desk.text("one more")

    assert (got.outcome, got.ring) == ("BURIED", False)
    assert store.llen(desk.key("inbox")) == INBOX_MAX
    assert store.zrange(desk.key("dead"), 0, -1) == [f"{desk.cid}:{INBOX_MAX + 1}"]
    assert '"flood"' in str(store.hget(desk.key("failures"), str(INBOX_MAX + 1)))


def test_a_stop_in_a_flood_is_honoured(desk: Desk) -> None:
    """A customer may flood us and is still heard when they write STOP."""
    for i in range(INBOX_MAX):
        desk.text(f"{i}")

    assert desk.text("STOP", keyword=Keyword.STOP).outcome == "BURIED"
    assert str(SMS) in desk.ledger.read(desk.cid)[0].opted_out


def test_a_message_nobody_may_answer_is_a_failure(desk: Desk) -> None:
    """A message that comes with a reason to bury it is stored for a person and waits for nobody."""
    assert desk.text("Hi", bury="not_ours").outcome == "BURIED"

    assert desk.due_at() is None
    assert desk.not_claimed().outcome == "EMPTY"
    assert desk.text("Hello").ring


def test_what_is_learnt_of_the_customer(desk: Desk, clock: Clock) -> None:
    """The profile keeps first and last sight, counts per channel and what the message told."""
    first = clock.now
    desk.text("Hi", SMS, profile={"address": desk.address, "name": "Zoë 🙂"})
    last = clock.advance(1_000)
    desk.text("Hi", WHATSAPP, profile={"address": desk.address})
    desk.text("Hi", WHATSAPP, profile={})

    customer = desk.ledger.read(desk.cid)[0]
    assert (customer.address, customer.name) == (desk.address, "Zoë 🙂")
    assert (customer.first_seen, customer.last_seen) == (first, last)
    assert customer.channel_counts == {"sms": 1, "whatsapp": 2}
