"""What was made of media is kept beside the messages, for a time of its own, and by nobody who lost the claim."""

from __future__ import annotations

import pytest
import redis

from session import keys, media, replied
from session.claims import ClaimLost
from session.media import Attachment, Kind
from session.model import Media
from tests.store.desk import SMS, WHATSAPP, ClockedLedger, Desk, number_of, numbers
from tests.store.test_turns import make_workshop
from workers import runtime, sweep

DAY = 86_400_000
NOTE = Attachment(Kind.AUDIO, "audio/ogg", 52_000, "note.ogg", "hello there", "en")


def with_note(desk: Desk) -> int:
    """A message with a voice note, read and shown; gives its number."""
    desk.text("", media=(Media("https://api.twilio.com/x", "audio/ogg"),))
    claim = desk.claim()
    number = numbers(claim)[0]
    session = desk.open(claim)
    desk.ledger.keep_media(claim, {number: media.encode(desk.clock.now, [NOTE], claim.fence)}, 7 * DAY)
    desk.commit(claim, session)
    desk.ledger.release(claim)
    return number


def test_it_stands_beside_the_message(desk: Desk) -> None:
    """Whoever reads a conversation reads what its media were, with the words as they came."""
    with_note(desk)
    message = desk.ledger.read(desk.cid)[2][0]

    assert (NOTE,) == media.attachments(message)
    assert ("", "hello there", "en") == (message.content, media.spoken(message), media.language(message))


def test_it_ends_by_itself(desk: Desk, store: redis.Redis) -> None:
    """It goes so long after the message came, however much the customer writes since; younger ones stay."""
    old = with_note(desk)
    desk.clock.advance(4 * DAY)
    young = with_note(desk)
    desk.clock.advance(3 * DAY)
    desk.text("still here")
    desk.ledger.drop_media(desk.cid, 7 * DAY)

    assert {str(young)} == set(store.hkeys(keys.customer_key("media", desk.cid))), old
    assert 0 < int(str(store.pttl(keys.customer_key("media", desk.cid)))) <= 7 * DAY


def test_the_walk_through_the_keys_drops_what_is_old(
    desk: Desk, ledger: ClockedLedger, store: redis.Redis
) -> None:
    """Of a customer who is silent since, too: the scheduled walk finds the hash, and nothing of the others' is lost."""
    old = with_note(desk)
    desk.clock.advance(8 * DAY)
    young = with_note(desk)
    runtime.use(make_workshop(ledger, desk.clock, "http://127.0.0.1:9").rt)
    sweep.reconcile()

    assert {str(young)} == set(store.hkeys(keys.customer_key("media", desk.cid))), old


def test_who_lost_the_claim_keeps_nothing(desk: Desk, store: redis.Redis) -> None:
    """A customer who is forgotten while a picture is fetched stays forgotten."""
    desk.text("", media=(Media("https://api.twilio.com/x", "image/png"),))
    claim = desk.claim()
    desk.ledger.forget(desk.cid)

    with pytest.raises(ClaimLost):
        desk.ledger.keep_media(claim, {1: media.encode(1, [])}, DAY)
    assert not store.exists(keys.customer_key("media", desk.cid))


def test_a_message_is_found_by_its_sid(desk: Desk) -> None:
    """What is answered is found on its own lane, in and out, and not once it was forgotten."""
    sid = "SM" + "5" * 32
    desk.text("the blue one?", WHATSAPP, sid=sid)
    claim = desk.claim()
    session = desk.open(claim)
    part = desk.commit(claim, session, "It is in stock.")[0]
    desk.ledger.sent(desk.cid, part.number, "SM" + "6" * 32)
    desk.ledger.release(claim)
    find = replied.find
    asked = find(desk.ledger, desk.cid, WHATSAPP, sid)
    answered = find(desk.ledger, desk.cid, WHATSAPP, "SM" + "6" * 32)

    assert asked and answered
    assert ["the blue one?", "It is in stock."] == [m.content for m in (asked, answered)]
    assert ["the customer", "you"] == [replied.described(m, 99)["by"] for m in (asked, answered)]
    assert find(desk.ledger, desk.cid, SMS, sid) is None
    assert find(desk.ledger, desk.cid, WHATSAPP, "SM" + "9" * 32) is None
    assert number_of(session)
