"""Open and commit: a turn is shown before the model is asked, and stored all or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from session import course, keys
from session.claims import Change, ClaimLost, LedgerConflict
from session.model import Channel, Direction, Message, Role, Session, State
from tests.store.desk import AGENT, SMS, Desk, dump, number_of, numbers

NOTE = Message(Direction.OUTBOUND, Role.AGENT, "A person here", Channel.SMS)


def test_opened_messages_are_seen_before_the_model_is_asked(desk: Desk) -> None:
    """After OPEN a reader sees the session and its messages, although nothing is answered."""
    desk.text("one")
    desk.text("two")
    claim = desk.claim()

    session = desk.open(claim)

    assert desk.said() == ["one", "two"]
    assert desk.session() == session
    assert (session.version, session.inbound_count) == (1, 2)


def test_a_message_is_shown_once_however_often_it_is_opened(desk: Desk) -> None:
    """A turn that begins again finds its messages in their session and places them no second time."""
    desk.text("one")
    desk.open(desk.claim())
    desk.die()
    desk.text("two")
    claim = desk.claim()
    assert [w.session_no > 0 for w in claim.messages] == [True, False]

    session = desk.open(claim)

    assert desk.said() == ["one", "two"]
    assert (session.inbound_count, session.version) == (2, 2)


def test_the_model_is_shown_what_came_before(desk: Desk) -> None:
    """OPEN gives the last messages of the session without those of this turn, oldest first."""
    for i in range(4):
        desk.answer(f"{i}")
    desk.text("now")
    claim = desk.claim()

    change = Change(desk.session_for(claim), None)
    _, history = desk.ledger.open(claim, change, [], numbers(claim), 3)

    assert [m.content for m in history] == ["Re: 2", "3", "Re: 3"]
    assert [m.status for m in history] == ["sent", "received", "sent"]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize("last", [-1, 0, 1, 100, 150])
def test_a_history_of_any_length(desk: Desk, count: int, last: int) -> None:
    """A reader gets the last messages of one session, whatever lies between them in the customer's history."""
    session = course.begin(AGENT, Channel.SMS, "*", desk.address, SMS.ours, "a test", desk.clock.now)
    notes = [NOTE._replace(content=f"{i}") for i in range(count)]
    stored = desk.ledger.write(desk.cid, Change(session, None), notes[: count // 2]).session
    other = replace(session, agent_id="another")
    desk.ledger.write(desk.cid, Change(other, None), [NOTE] * (count // 2))
    stored = desk.ledger.write(desk.cid, Change(stored, None), notes[count // 2 :]).session

    expected = [f"{i}" for i in range(count)]
    shown = desk.ledger.read(desk.cid, number_of(stored), last)[2]
    assert [m.content for m in shown] == (expected if last < 0 else expected[count - min(last, count) :])


def test_commit_is_all_or_nothing(desk: Desk, store: redis.Redis) -> None:
    """A commit over a session that somebody wrote meanwhile, or for a message answered already, writes nothing."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    desk.ledger.write(desk.cid, Change(replace(session, summary="by a person"), None))
    before = dump(store)

    with pytest.raises(LedgerConflict, match="CONFLICT"):
        desk.commit(claim, session, "An answer")
    assert dump(store) == before

    claim.messages[0] = replace(claim.messages[0], number=99)
    with pytest.raises(LedgerConflict, match="MISMATCH"):
        desk.commit(claim, desk.session(), "An answer")
    assert dump(store) == before


def test_a_commit_stores_the_answer_and_empties_the_inbox(desk: Desk, store: redis.Redis) -> None:
    """After COMMIT the message is answered, the reply is owed, and no count of attempts is left."""
    claim, parts = desk.owe("one", parts=2)

    assert desk.said() == ["one", "An answer"]
    assert [m.status for m in desk.ledger.read(desk.cid)[2]] == ["received", "queued"]
    assert store.llen(desk.key("inbox")) == 0
    assert store.lrange(desk.key("outbox"), 0, -1) == [p.number for p in parts]
    assert not store.exists(desk.key("attempts"), desk.key("placed"))
    assert list(store.hgetall(desk.key("turns"))) == [claim.fence]


def test_a_fence_commits_once(desk: Desk, store: redis.Redis) -> None:
    """A second commit under the same claim is answered as the first and does nothing."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    first = desk.commit(claim, session, "An answer")
    before = dump(store)

    again = desk.commit(claim, desk.session(), "Another answer")
    assert [p.number for p in again] == [p.number for p in first]
    assert dump(store) == before


def test_a_committed_turn_is_known_after_its_claim(desk: Desk, store: redis.Redis) -> None:
    """A commit sent again after the claim has ended is told that it was done."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    first = desk.commit(claim, session, "An answer")
    desk.die()

    assert desk.commit(claim, session, "An answer") == first


def test_a_message_moves_with_the_turn_that_opens_it(desk: Desk) -> None:
    """A message shown in a session that ended before its turn did is shown in the next one instead."""
    desk.text("one")
    desk.open(desk.claim())
    old = desk.session()
    desk.ledger.write(desk.cid, Change(replace(old, state=State.CLOSED), None))
    desk.die()

    claim = desk.claim()
    assert claim.open_index == {}
    assert claim.messages[0].session_no == number_of(old)
    fresh = Change(replace(old, id="", version=0), None)
    desk.ledger.open(claim, fresh, [], numbers(claim), 20)

    assert (desk.said(old), desk.said()) == ([], ["one"])


def test_a_forgotten_customers_commit_is_lost(desk: Desk, store: redis.Redis) -> None:
    """What a turn decided for a customer deleted meanwhile brings nothing of them back."""
    late, parts = desk.owe("one")
    desk.ledger.forget(desk.cid)
    before = dump(store)

    session = Session("", AGENT, Channel.SMS, State.ACTIVE, course.HandledBy.ASSISTANT, "t", 1, 1)
    with pytest.raises(ClaimLost):
        desk.commit(late, session, "too late")
    with pytest.raises(ClaimLost):
        desk.open(late)
    assert desk.begin(late, parts[0]) == ("LOST", "")
    assert desk.ledger.sent(desk.cid, parts[0].number, "SM1") == "GONE"
    assert desk.ledger.status(desk.cid, parts[0].number, "SM1", "sent", "", desk.address) == (
        "UNKNOWN",
        False,
    )
    with pytest.raises(LedgerConflict):
        gone = replace(session, id=keys.make_id("s", desk.cid, 2), version=1)
        desk.ledger.write(desk.cid, Change(gone, None))
    assert dump(store) == before


def test_an_entity_of_any_shape_is_kept(desk: Desk) -> None:
    """Empty lists and objects, numbers of every size and deep nesting come back as they were told."""
    desk.answer("one")
    context: dict[str, object] = {
        "empty": [], "none": {}, "null": None, "large": 2**70, "small": 1e-9, "no": False,
        "nested": [[[{"a": [{}]}]]], "text": 'quote " back \\ slash / é 🙂 \u2028 {} %s ]]',
    }  # fmt: skip
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]

    desk.ledger.write(desk.cid, Change(replace(desk.session(), context={**context, "deep": deep}), None))

    assert desk.session().context == {**context, "deep": deep}
