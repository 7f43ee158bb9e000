"""The seeds' five-minute scenarios, by the policy ``timegap``: same number, same session up to 5:00.000."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from session import course
from session.claims import Claim
from session.machine import Event
from session.manager import SessionManager
from session.model import Direction, Message, Session
from session.policy import Decision, Verdict, judge, scope_of
from tests.store.desk import SMS, WHATSAPP, Clock, Desk

A, B = "+1234567890", "+1987654321"
AGENT = "timegap"
TEN_O_CLOCK = 1_790_056_800_000


def at(text: str) -> int:
    """ "10:02:00" or "10:05:00.001" as ms."""
    hours, minutes, seconds = text.split(":")
    since_ten_ms = ((int(hours) - 10) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1_000)
    return TEN_O_CLOCK + since_ten_ms


@dataclass
class Reception:
    """Hears each message in a turn of its own, with the policy's judgement and the ledger's steps, and answers."""

    manager: SessionManager
    clock: Clock
    heard: list[tuple[str, Verdict]] = field(default_factory=list)

    def hear(self, when: str, address: str, content: str, lane: object = SMS) -> Session:
        self.clock.set(at(when))
        desk = Desk(self.manager.ledger, self.clock, self.manager.customer_id(address), address)  # type: ignore[arg-type]
        desk.text(content, lane, sid=f"SM{len(self.heard):032x}")  # type: ignore[arg-type]
        claim = desk.claim()
        session, closing, verdict = self._judge(claim, address)
        session = course.hear(session, [w.message for w in claim.messages])
        if session.state != "ACTIVE":
            woken = course.move(session, Event.CUSTOMER_WROTE, self.clock.now)
            session = course.move(woken, Event.WORKED_ON, self.clock.now)
        stored, _ = self.manager.ledger.open(
            claim,
            self.manager.change(session),
            [self.manager.change(s) for s in closing],
            [w.number for w in claim.messages],
            20,
        )
        for part in desk.commit(claim, stored, f"Re: {content}"):
            self.manager.ledger.sent(desk.cid, part.number, f"SM{part.number}")
        assert not self.manager.ledger.release(claim)
        self.heard.append((stored.id, verdict))
        return stored

    def _judge(self, claim: Claim, address: str) -> tuple[Session, list[Session], Verdict]:
        assert claim.lane
        policy = self.manager.policy(AGENT)
        scope = scope_of(policy, claim.lane.channel)
        latest = claim.sessions.get(claim.open_index.get(f"{AGENT}|{scope}", 0))
        now = claim.messages[0].message.at
        verdict = judge(latest, policy, claim.lane.channel, now)
        if latest and not verdict.opens:
            return latest, [], verdict
        event = Event.EXPIRED if verdict.decision is Decision.EXPIRED_THEN_NEW else Event.SUPERSEDED
        closing = [course.move(latest, event, now)] if latest else []
        lane = claim.lane
        fresh = course.begin(AGENT, lane.channel, scope, address, lane.ours, verdict.because, now)
        return fresh, closing, verdict

    def texts(self, session: Session) -> list[str]:
        return [m.content for m in self.messages(session) if m.direction is Direction.INBOUND]

    def messages(self, session: Session) -> list[Message]:
        return self.manager.read_session(session.id)[2]


@pytest.fixture
def reception(manager: SessionManager, clock: Clock) -> Reception:
    return Reception(manager, clock)


def test_scenario_1_a_continuous_conversation(reception: Reception) -> None:
    """Messages within five minutes of each other are one session, with all of them and their answers in it."""
    first = reception.hear("10:00:00", A, "Hello")
    second = reception.hear("10:02:00", A, "What are your hours?")
    third = reception.hear("10:04:30", A, "Thank you")

    assert first.id == second.id == third.id
    assert first.title == f"SMS from {A}"
    assert reception.texts(third) == ["Hello", "What are your hours?", "Thank you"]
    stored = reception.manager.get_session_by_id(third.id)
    assert (stored.inbound_count, stored.outbound_count, len(reception.messages(third))) == (3, 3, 6)
    assert [v.because for _, v in reception.heard] == [
        "first message on sms", "last message 120 s ago", "last message 150 s ago",
    ]  # fmt: skip


def test_scenario_2_a_new_conversation(reception: Reception) -> None:
    """After more than five minutes a message opens a second session, and the first is superseded."""
    first = reception.hear("10:00:00", A, "Hello")
    second = reception.hear("10:10:00", A, "Hi again")

    assert second.id != first.id
    assert (reception.texts(first), reception.texts(second)) == (["Hello"], ["Hi again"])
    ended = reception.manager.get_session_by_id(first.id)
    assert (ended.state, ended.end_reason, ended.status) == ("CLOSED", "superseded", "expired")
    assert ended.ended_at == at("10:10:00")
    assert (second.opened_because, reception.manager.get_active_sessions_count()) == ("a gap of 600 s", 1)


def test_scenario_3_several_people(reception: Reception) -> None:
    """Each person has a session of their own, reused by themselves alone."""
    a1 = reception.hear("10:00:00", A, "Hello")
    b1 = reception.hear("10:01:00", B, "Hi there")
    a2 = reception.hear("10:02:00", A, "Are you there?")
    b2 = reception.hear("10:03:00", B, "Can you help?")

    assert (a1.id, b1.id) == (a2.id, b2.id)
    assert a1.id != b1.id
    assert reception.texts(a1) == ["Hello", "Are you there?"]
    assert reception.texts(b1) == ["Hi there", "Can you help?"]
    assert [(c.address, s.id) for c, s in reception.manager.get_all_sessions()] == [(B, b1.id), (A, a1.id)]


@pytest.mark.parametrize(
    ("when", "decision", "same"),
    [
        ("10:00:00", Decision.REUSE, True),
        ("10:04:59.999", Decision.REUSE, True),
        ("10:05:00.000", Decision.REUSE, True),
        ("10:05:00.001", Decision.SUPERSEDED_THEN_NEW, False),
        ("10:06:00", Decision.SUPERSEDED_THEN_NEW, False),
    ],
)
def test_the_boundary(reception: Reception, when: str, decision: Decision, same: bool) -> None:
    """A gap of exactly five minutes reuses the session, one millisecond more opens another."""
    first = reception.hear("10:00:00", A, "Hello")
    second = reception.hear(when, A, "Hi again")

    assert (second.id == first.id) is same
    assert reception.heard[1][1].decision is decision


def test_the_gap_is_counted_from_the_customers_last_message(reception: Reception) -> None:
    """Our answers and callbacks do not stretch the five minutes; the customer's messages do."""
    first = reception.hear("10:00:00", A, "Hello")
    reception.manager.update_session(first.id, context={"seen": True})
    reception.clock.set(at("10:04:00"))
    reception.manager.add_message(A, "Anything else?", direction=Direction.OUTBOUND)

    assert reception.hear("10:05:00.001", A, "No").id != first.id


def test_channels_are_kept_apart(reception: Reception) -> None:
    """By this policy a person's SMS and WhatsApp are two sessions, each with its own gap."""
    sms = reception.hear("10:00:00", A, "Hello", SMS)
    whatsapp = reception.hear("10:04:00", A, "Hello", WHATSAPP)
    again = reception.hear("10:05:00", A, "It's me", SMS)

    assert sms.id == again.id != whatsapp.id
    assert whatsapp.title == f"WhatsApp from {A}"


def test_two_sessions_of_one_person_in_order(reception: Reception) -> None:
    """Sessions follow each other: the customer's next day is a new session, and the list holds the open one."""
    first = reception.hear("10:00:00", A, "I have a question about my order")
    second = reception.hear("34:00:00.001", A, "Another question")

    assert reception.heard[1][1].decision is Decision.EXPIRED_THEN_NEW
    assert reception.manager.get_session_by_id(first.id).end_reason == "expired"
    assert [s.id for _, s in reception.manager.get_all_sessions()] == [second.id]
