"""SessionManager: the seeds' verbs, each doing what its seed says, against the version-checked ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from structlog.testing import capture_logs

from config.agents import Agent, Agents
from config.settings import Settings
from session import keys
from session.claims import Change, LedgerConflict
from session.machine import IllegalTransition
from session.manager import ALIAS, NoSuchSession, NotANumber, SessionManager, SessionOpen
from session.model import Channel, Direction, HandledBy, MessageType, Role, State
from tests.store.desk import Clock, ClockedLedger, dump

PHONE = "+1234567890"  # the seeds'
OTHER = "+1987654321"
MINUTE = 60_000


def test_the_seeds_demonstration(manager: SessionManager) -> None:
    """A first message opens a session, a second finds it, completing ends it, and the next opens another."""
    first = manager.get_session(PHONE)
    assert (first.state, first.message_count, first.title) == (State.NEW, 0, f"SMS from {PHONE}")

    assert manager.add_message(PHONE, "I have trouble with order #12345").id == first.id
    again = manager.add_message(PHONE, "What is the number?", direction=Direction.OUTBOUND)
    assert (again.id, again.state, again.message_count) == (first.id, State.ACTIVE, 2)
    assert [(m.role, m.content) for m in manager.get_conversation_history(PHONE)] == [
        (Role.USER, "I have trouble with order #12345"),
        (Role.ASSISTANT, "What is the number?"),
    ]
    assert [m.content for m in manager.get_conversation_history(PHONE, 1)] == ["What is the number?"]

    done = manager.complete_session(first.id)
    assert (done.state, done.status, done.end_reason) == (State.CLOSED, "completed", "completed")
    assert manager.get_session_by_phone(PHONE) is None
    assert manager.get_session(PHONE).id != first.id


def test_the_steps_are_logged(manager: SessionManager) -> None:
    """The steps the seeds log are events, and none carries the number or a text."""
    with capture_logs() as logs:
        session = manager.add_message(PHONE, "a secret text")
        manager.complete_session(session.id)

    assert [entry["event"] for entry in logs] == [
        "session_created", "state_transitioned", "message_added_to_history", "state_transitioned",
    ]  # fmt: skip
    assert [(entry["from"], entry["to"]) for entry in logs if "from" in entry] == [
        ("NEW", "ACTIVE"),
        ("ACTIVE", "CLOSED"),
    ]
    assert logs[2]["total_messages"] == 1
    assert "1234567890" not in repr(logs) and "secret" not in repr(logs)


@pytest.mark.parametrize(
    "typed", ["+1 (234) 567-890", " 1234567890", "whatsapp:+1234567890", "%2B1234567890"]
)
def test_a_number_as_people_type_it(manager: SessionManager, typed: str) -> None:
    """However a known customer's number is typed, it finds that customer."""
    session = manager.get_session(PHONE)

    assert manager.get_session(typed).id == session.id


@pytest.mark.parametrize("typed", ["", "abc", "+", "12", "+1234567890123456789", "\0", "x" * 1000])
def test_what_is_no_number(manager: SessionManager, typed: str) -> None:
    """What is no number in any reading is told so, and makes no customer."""
    with pytest.raises(NotANumber):
        manager.get_session(typed)
    assert set(dump(manager.ledger.redis)) == set()


def test_creating_a_second_session_is_refused(manager: SessionManager) -> None:
    """While a session is open a program may not open another, and is given the open one."""
    session = manager.create_session(PHONE, initial_message="Hi", context={"from": "shop"})
    assert (session.inbound_count, session.context, session.opened_because) == (
        1,
        {"from": "shop"},
        "opened by a program",
    )

    with pytest.raises(SessionOpen) as refusal:
        manager.create_session(PHONE)

    assert refusal.value.session.id == session.id
    assert manager.create_session(PHONE, agent_id="timegap").id != session.id
    assert manager.create_session(PHONE, agent_id="timegap", channel=Channel.WHATSAPP).scope == "whatsapp"


def test_get_session_at_once_is_one_session(manager: SessionManager) -> None:
    """Many callers at once who ask for a new customer's session get the same."""
    with ThreadPoolExecutor(8) as pool:
        ids = {s.id for s in pool.map(lambda _: manager.get_session(PHONE), range(16))}

    assert len(ids) == 1
    assert manager.get_active_sessions_count() == 1


def test_messages_added_at_once_are_all_there(manager: SessionManager) -> None:
    """Writers who collide try again: no message is lost or counted twice."""
    manager.get_session(PHONE)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: manager.add_message(PHONE, f"{i}"), range(3)))

    session = manager.get_session(PHONE)
    assert session.inbound_count == 3
    assert sorted(m.content for m in manager.get_conversation_history(PHONE)) == ["0", "1", "2"]


def test_a_system_notice_is_not_counted(manager: SessionManager) -> None:
    """Notices are in the history and not among the messages counted."""
    session = manager.add_message(PHONE, "We are closed", MessageType.SYSTEM, Direction.OUTBOUND)

    assert session.message_count == 0
    assert [m.role for m in manager.get_conversation_history(PHONE)] == [Role.SYSTEM]


def test_updates_are_merged(manager: SessionManager) -> None:
    """Context, order details and entities are merged, later values over earlier ones."""
    session = manager.get_session(PHONE)
    manager.update_session(session.id, context={"a": 1, "b": 1}, order_details={"number": "12345"})
    manager.update_session(session.id, context={"b": 2}, order_details={"status": "lost"})
    stored = manager.update_extracted_info(session.id, {"order_number": "12345"})

    assert stored.context == {"a": 1, "b": 2}
    assert stored.order_details == {"number": "12345", "status": "lost"}
    summary = manager.get_session_summary(session.id)
    assert summary["extracted_entities"] == {"order_number": "12345"}
    assert (summary["phone_number"], summary["status"]) == (PHONE, "active")


def test_an_update_of_an_old_copy_conflicts(manager: SessionManager) -> None:
    """Who writes a session they read must have read its latest version."""
    session = manager.get_session(PHONE)
    newer = manager.update_session(session, context={"a": 1})
    assert newer.version == session.version + 1

    with pytest.raises(LedgerConflict):
        manager.update_session(session, context={"a": 2})

    assert manager.get_session_by_id(session.id).context == {"a": 1}


@pytest.mark.parametrize(
    "session_id", ["", "x", "../..", "p00-" + "0" * 32 + "-s1", "p00-" + "0" * 32 + "-m1"]
)
def test_no_such_session(manager: SessionManager, session_id: str) -> None:
    """An id that is none of ours, or leads nowhere, is no session for any verb."""
    for verb in (manager.get_session_by_id, manager.complete_session, manager.get_session_summary):
        with pytest.raises(NoSuchSession):
            verb(session_id)


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ((State.ACTIVE, State.IDLE, State.ACTIVE), None),
        ((State.WAITING_AGENT, State.ACTIVE, State.CLOSED), None),
        ((State.ACTIVE, State.ACTIVE), None),
        ((State.IDLE,), State.IDLE),
        ((State.WAITING_AGENT, State.IDLE), State.IDLE),
        ((State.CLOSED, State.ACTIVE), State.ACTIVE),
        ((State.ACTIVE, State.NEW), State.NEW),
        ((State.CLOSED, State.NEW), State.NEW),
    ],
)
def test_moving_to_a_state(manager: SessionManager, path: tuple[State, ...], refused: State | None) -> None:
    """A session moves to a state by an event of the table, and is told which states it cannot reach."""
    session = manager.get_session(PHONE)
    for state in path[:-1]:
        assert manager.update_state(session.id, state).state is state
    before = manager.get_session_by_id(session.id)

    if refused is None:
        assert manager.update_state(session, path[-1]).state is path[-1]
        return
    with pytest.raises(IllegalTransition) as refusal:
        manager.update_state(session, path[-1])

    assert (refusal.value.from_state, refusal.value.to_state) == (before.state, refused)
    assert manager.get_session_by_id(session.id) == before


def test_completing_overtakes_a_running_turn(manager: SessionManager) -> None:
    """Completing moves the epoch, so that what was being thought is not sent; a second time is refused."""
    session = manager.add_message(PHONE, "Hi")

    done = manager.close_session(session.id)

    assert done.epoch == session.epoch + 1
    with pytest.raises(IllegalTransition):
        manager.complete_session(session.id)
    with pytest.raises(IllegalTransition):
        manager.expire_session(session.id)


def test_active_sessions_are_those_not_closed(manager: SessionManager, clock: Clock) -> None:
    """Every session that is not closed is listed, the one last active first."""
    ids = []
    for phone in (PHONE, OTHER, "+15005550009"):
        clock.advance(MINUTE)
        ids.append(manager.add_message(phone, "Hi").id)
    manager.update_state(ids[0], State.WAITING_AGENT)
    manager.complete_session(ids[1])

    listed = manager.get_all_sessions()

    assert [(c.address, s.id, s.state) for c, s in listed] == [
        ("+15005550009", ids[2], State.ACTIVE),
        (PHONE, ids[0], State.WAITING_AGENT),
    ]
    assert manager.get_active_sessions_count() == 2
    assert [s.id for _, s in manager.get_all_sessions(limit=1)] == [ids[2]]


def test_an_operators_session_waits_for_the_operator(manager: SessionManager) -> None:
    """A customer's message in a session that a person handles brings the person back, not the assistant."""
    session = manager.get_session(PHONE)
    taken = replace(session, state=State.ACTIVE, handled_by=HandledBy.OPERATOR)
    cid = manager.customer_id(PHONE)
    manager.ledger.write(cid, Change(taken, None))

    assert manager.add_message(PHONE, "Hello?").state is State.WAITING_AGENT


def test_a_destroyed_customer_is_gone(manager: SessionManager, store: redis.Redis) -> None:
    """Destroying forgets the customer and the alias, and leaves other customers alone."""
    session = manager.add_message(PHONE, "Hi")
    manager.add_message(OTHER, "Hi")
    cid = manager.customer_id(PHONE)
    alias = keys.customer_key("alias", "0" * 32)
    store.set(alias, cid)
    store.hset(keys.customer_key("customer", cid), ALIAS + "0" * 32, "1")

    assert manager.destroy_session(PHONE) == 2

    assert not store.exists(alias)
    assert [key for key in dump(store) if cid in key] == [keys.customer_key("erased", cid)]
    with pytest.raises(NoSuchSession):
        manager.get_session_by_id(session.id)
    assert manager.get_session_by_phone(OTHER)
    assert manager.destroy_session(PHONE) == 0


def test_a_policy_that_cannot_be_read_ends_the_process_with_a_sentence(
    ledger: ClockedLedger, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every agent's fault is told at once, with its file, and the exit status is that of faulty settings."""
    agents = {
        "default-agent": Agent(
            "default-agent", "Riley", "Help.", "", (), policy={"new_session_after": "soon"}
        ),
        "other": Agent("other", "Sam", "Help.", "", (), policy={"gap": "5m"}),
    }
    with pytest.raises(SystemExit) as ended:
        SessionManager(ledger, settings, Agents(agents, "default-agent"))
    said = capsys.readouterr().err.splitlines()

    assert ended.value.code == 2
    assert [line.split(":")[0] for line in said] == ["default-agent.toml", "other.toml"]
