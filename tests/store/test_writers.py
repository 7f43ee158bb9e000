"""Who may write a session: one of many, one open session per agent and scope, all or nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis

from session import course
from session.claims import Change, LedgerConflict
from session.model import Channel, Direction, Message, Role, Session, State
from tests.store.desk import AGENT, SMS, WHATSAPP, Clock, Desk, dump, number_of, numbers

NOTE = Message(Direction.OUTBOUND, Role.AGENT, "A person here", Channel.SMS)


def test_two_writers_one_conflict(desk: Desk) -> None:
    """Of writers that read the same version exactly one succeeds, and the others know."""
    desk.answer("one")
    session = desk.session()
    start = threading.Barrier(8)

    def write(name: str) -> bool:
        start.wait()
        try:
            desk.ledger.write(desk.cid, Change(replace(session, summary=name), None), [NOTE])
        except LedgerConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(write, "abcdefgh"))

    assert sorted(done) == [False] * 7 + [True]
    assert desk.session().version == session.version + 1
    assert desk.said()[2:] == ["A person here"]


def test_two_openers_one_session(desk: Desk, store: redis.Redis) -> None:
    """Of programs that open a session for the same customer, agent and scope at once, one does."""
    start = threading.Barrier(8)
    fresh = course.begin(AGENT, Channel.SMS, "*", desk.address, SMS.ours, "a test", desk.clock.now)

    def create(_: int) -> bool:
        start.wait()
        try:
            desk.ledger.write(desk.cid, Change(fresh, None))
        except LedgerConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [False] * 7 + [True]
    assert len(desk.opened()) == store.hlen(desk.key("sessions")) == 1


def test_one_open_session_per_agent_and_scope(desk: Desk, store: redis.Redis) -> None:
    """Sessions of two agents, or of two channels kept apart, stand open beside each other."""
    for agent in ("a", "b"):
        for scope in ("sms", "whatsapp"):
            fresh = course.begin(agent, Channel.SMS, scope, desk.address, SMS.ours, "a test", desk.clock.now)
            desk.ledger.write(desk.cid, Change(fresh, None))

    assert sorted(desk.opened()) == ["a|sms", "a|whatsapp", "b|sms", "b|whatsapp"]


def superseding(desk: Desk) -> tuple[Session, Session]:
    """The open session as it is closed, and the new one that takes its place."""
    old = desk.session()
    return replace(old, state=State.CLOSED), replace(old, id="", version=0, title="new")


def test_a_new_session_takes_the_place_of_the_one_it_closes(desk: Desk, store: redis.Redis) -> None:
    """Closing one session and opening the next is one step; each keeps its own messages."""
    desk.answer("one")
    desk.text("two")
    claim = desk.claim()
    closed, fresh = superseding(desk)

    stored, history = desk.ledger.open(claim, Change(fresh, None), [Change(closed, None)], numbers(claim), 20)

    assert history == []
    assert (desk.said(closed), desk.said()) == (["one", "Re: one"], ["two"])
    assert desk.session().id == stored.id != closed.id
    number = str(number_of(stored))
    assert desk.opened() == {f"{AGENT}|*": int(number)}
    assert store.zrange(desk.key("active"), 0, -1) == [f"{desk.cid}:{number}"]


@pytest.mark.parametrize("foreign_scope", ["*", "sms"])
def test_an_open_that_conflicts_writes_nothing(desk: Desk, store: redis.Redis, foreign_scope: str) -> None:
    """When the session to open or the one to close is not as it was, neither is touched."""
    desk.answer("one")
    desk.text("two")
    claim = desk.claim()
    closed, fresh = superseding(desk)
    if foreign_scope == "*":
        desk.ledger.write(desk.cid, Change(replace(desk.session(), summary="by a person"), None))
    else:
        # The place where the new one would stand was taken meanwhile.
        fresh = replace(fresh, scope="sms")
        desk.ledger.write(desk.cid, Change(replace(fresh, title="faster"), None))
    before = dump(store)

    with pytest.raises(LedgerConflict):
        desk.ledger.open(claim, Change(fresh, None), [Change(closed, None)], numbers(claim), 20)

    assert dump(store) == before


def test_a_closed_session_leaves_the_indexes(desk: Desk, store: redis.Redis) -> None:
    """A session that is closed is neither active nor looked at by the sweep, and is still read."""
    desk.answer("one")
    session = desk.session()

    desk.ledger.write(desk.cid, Change(replace(session, state=State.CLOSED), 5))

    assert not desk.opened()
    assert not store.exists(desk.key("active"), desk.key("deadlines"))
    assert desk.session().state is State.CLOSED
    assert desk.said() == ["one", "Re: one"]


def test_the_reader_sees_the_session_the_customer_is_in(desk: Desk, clock: Clock) -> None:
    """Of two open sessions the one with the last message is read, whatever the sweep does to the other."""
    desk.answer("one")
    first = desk.session()
    clock.advance(1)
    desk.text("two", WHATSAPP)
    claim = desk.claim()
    change = Change(desk.session_for(claim, scope="whatsapp"), None)
    second, _ = desk.ledger.open(claim, change, [], numbers(claim), 20)
    assert desk.session().id == second.id

    desk.ledger.write(desk.cid, Change(replace(first, state=State.IDLE), None))

    assert desk.session().id == second.id


def test_a_word_on_an_old_session_leaves_the_open_one(desk: Desk, store: redis.Redis) -> None:
    """Writing a session that is closed already takes the newer one of its place out of no index."""
    desk.answer("one")
    old = desk.ledger.write(desk.cid, Change(replace(desk.session(), state=State.CLOSED), None)).session
    desk.answer("two")
    new = desk.session()
    assert new.id != old.id

    desk.ledger.write(desk.cid, Change(replace(old, summary="what came of it"), None))

    assert desk.session().id == new.id
    assert list(desk.opened().values()) == [number_of(new)]
    assert store.zrange(desk.key("active"), 0, -1) == [f"{desk.cid}:{number_of(new)}"]
