"""The scheduled jobs: idle, expiry, and what lost its data; two at once do no harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from structlog.testing import capture_logs

from session import keys
from session.indexes import BATCH
from session.manager import SessionManager
from session.model import Channel, EndReason, HandledBy, State
from tests.store.desk import Clock, Desk

PHONE = "+1234567890"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def test_idle_then_expired_then_new(manager: SessionManager, clock: Clock) -> None:
    """A session idles after 30 quiet minutes and expires after 24 hours, to the millisecond; the next is new."""
    session = manager.add_message(PHONE, "Hi")
    start = clock.now

    clock.set(start + 30 * MINUTE)
    assert manager.check_idle_sessions() == 0
    clock.advance(1)
    assert (manager.check_idle_sessions(), manager.check_idle_sessions()) == (1, 0)
    assert manager.get_session_by_id(session.id).state is State.IDLE
    assert manager.cleanup_expired_sessions() == 0

    clock.set(start + 24 * HOUR)
    assert manager.cleanup_expired_sessions() == 0
    clock.advance(1)
    assert (manager.cleanup_expired_sessions(), manager.cleanup_expired_sessions()) == (1, 0)
    ended = manager.get_session_by_id(session.id)
    assert (ended.state, ended.end_reason, ended.ended_at) == (State.CLOSED, EndReason.EXPIRED, clock.now)
    assert manager.add_message(PHONE, "Hi again").id != session.id


def test_a_message_wakes_an_idle_session(manager: SessionManager, clock: Clock) -> None:
    """A message in an idle session makes it active again, and its quiet is counted anew."""
    session = manager.add_message(PHONE, "Hi")
    clock.advance(31 * MINUTE)
    manager.check_idle_sessions()

    with capture_logs() as logs:
        assert manager.add_message(PHONE, "Still there?").state is State.ACTIVE

    assert [(e["from"], e["to"]) for e in logs if e["event"] == "state_transitioned"] == [("IDLE", "ACTIVE")]
    clock.advance(30 * MINUTE)
    assert manager.check_idle_sessions() == 0
    assert manager.get_session(PHONE).id == session.id


def test_expiry_without_an_idle_sweep(manager: SessionManager, clock: Clock) -> None:
    """No sweep for a long while: the session expires from where it stands, and is not idled on the way."""
    manager.add_message(PHONE, "Hi")
    clock.advance(25 * HOUR)

    assert manager.check_idle_sessions() == 0
    with capture_logs() as logs:
        assert manager.cleanup_expired_sessions() == 1
    assert [(e["from"], e["to"]) for e in logs] == [("ACTIVE", "CLOSED")]


@pytest.mark.parametrize(
    ("state", "hands", "idled", "expired"),
    [
        (State.NEW, HandledBy.ASSISTANT, 0, 1),
        (State.ACTIVE, HandledBy.ASSISTANT, 1, 1),
        (State.ACTIVE, HandledBy.OPERATOR, 1, 1),
        (State.IDLE, HandledBy.OPERATOR, 0, 1),
        (State.WAITING_AGENT, HandledBy.ASSISTANT, 0, 0),
        (State.WAITING_AGENT, HandledBy.OPERATOR, 0, 0),
    ],
)
def test_what_time_does_to_each(
    manager: SessionManager, clock: Clock, state: State, hands: HandledBy, idled: int, expired: int
) -> None:
    """Time idles what is active and ends what nobody waits for; who waits for a person waits on."""
    session = manager.get_session(PHONE)
    cid = manager.customer_id(PHONE)
    manager.ledger.write(cid, manager.change(replace(session, state=state, handled_by=hands)))

    clock.advance(31 * MINUTE)
    assert manager.check_idle_sessions() == idled
    clock.advance(25 * HOUR)
    assert manager.cleanup_expired_sessions() == expired
    assert manager.get_active_sessions_count() == 1 - expired


def test_an_agents_own_policy(manager: SessionManager, clock: Clock) -> None:
    """The sweep uses the policy of each session's agent."""
    manager.create_session(PHONE, agent_id="patient", initial_message="Hi")
    clock.advance(9 * DAY)
    assert manager.cleanup_expired_sessions() == 0
    clock.advance(DAY + 1)
    assert manager.cleanup_expired_sessions() == 1


def test_two_sweeps_at_once(manager: SessionManager, clock: Clock) -> None:
    """Of sweeps that run at once each session is moved, logged and counted by exactly one."""
    count = 40
    for i in range(count):
        manager.add_message(f"+1500555{i:04d}", "Hi")
    clock.advance(31 * MINUTE)

    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(lambda _: manager.check_idle_sessions(), range(4)))

    assert sum(moved) == count
    assert {s.version for _, s in manager.get_all_sessions()} == {3}


def test_more_than_a_batch(manager: SessionManager, clock: Clock) -> None:
    """A sweep reaches every overdue session, however many there are."""
    session = manager.get_session(PHONE)
    cid = manager.customer_id(PHONE)
    count = BATCH + 7
    for i in range(count):
        fresh = replace(session, id="", version=0, agent_id=f"a{i}", state=State.ACTIVE)
        manager.ledger.write(cid, manager.change(fresh))
    clock.advance(31 * MINUTE)

    assert manager.check_idle_sessions() == count


def test_a_session_written_meanwhile_is_left_alone(manager: SessionManager, clock: Clock) -> None:
    """What the sweep read and somebody wrote since is not overwritten."""
    session = manager.add_message(PHONE, "Hi")
    clock.advance(31 * MINUTE)
    batches = manager.indexes.overdue()
    read = next(batches)
    stored = manager.add_message(PHONE, "I am back")

    changes = [(cid, manager.change(replace(s, state=State.IDLE)), None) for cid, s in read]

    assert [s.id for _, s in read] == [session.id]
    assert manager.ledger.write_all(changes) == [False]
    assert manager.get_session_by_id(session.id) == stored
    assert manager.check_idle_sessions() == 0


def test_entries_without_data_are_taken_off(
    manager: SessionManager, store: redis.Redis, clock: Clock
) -> None:
    """An index entry whose customer's data has ended is removed by whoever walks over it, and harms nobody."""
    gone = manager.add_message(PHONE, "Hi")
    manager.add_message("+1987654321", "Hi")
    cid = manager.customer_id(PHONE)
    for name in keys.CUSTOMER:
        store.delete(keys.key(name, cid))
    clock.advance(31 * MINUTE)

    assert [c.address for c, _ in manager.get_all_sessions()] == ["+1987654321"]
    assert manager.check_idle_sessions() == 1

    number = keys.parse_id(gone.id).number  # type: ignore[union-attr]
    for name in ("active", "deadlines"):
        assert store.zscore(keys.key(name, cid), f"{cid}:{number}") is None
    assert manager.get_active_sessions_count() == 1


def test_the_sweep_does_not_choose_the_readers_session(manager: SessionManager, clock: Clock) -> None:
    """Idling an older session of the customer's leaves the reader with the one they are in."""
    sms = manager.create_session(PHONE, agent_id="timegap", initial_message="Hi")
    clock.advance(20 * MINUTE)
    whatsapp = manager.create_session(
        PHONE, agent_id="timegap", channel=Channel.WHATSAPP, initial_message="Hi"
    )
    manager.update_state(sms.id, State.ACTIVE)
    clock.advance(11 * MINUTE)

    assert manager.check_idle_sessions() == 1

    assert manager.get_session_by_id(sms.id).state is State.IDLE
    found = manager.get_session_by_phone(PHONE)
    assert found and found.id == whatsapp.id


def test_a_sweep_of_nothing(manager: SessionManager) -> None:
    """With nothing to do the jobs do nothing."""
    assert (manager.check_idle_sessions(), manager.cleanup_expired_sessions()) == (0, 0)
    assert manager.ledger.write_all([]) == []


def test_time_does_nothing_to_a_session_that_is_being_answered(desk: Desk, manager: SessionManager) -> None:
    """While a customer waits for an answer, or a turn of theirs runs, the sweep leaves the session alone."""
    desk.text("Hello")
    claim = desk.claim()
    session = desk.open(claim)
    desk.clock.advance(25 * 60 * 60_000)
    during = (manager.check_idle_sessions(), manager.cleanup_expired_sessions())
    desk.commit(claim, session)
    desk.ledger.release(claim)
    desk.clock.advance(31 * 60_000)

    assert during == (0, 0)
    assert manager.cleanup_expired_sessions() == 1
