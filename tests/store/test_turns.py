"""Whole turns on a clock of the test's: the seeds' scenarios with their exact boundaries, ids, counts and log events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fakeredis
import pytest
import structlog

from ai.assistant import Assistant
from config.agents import Agents, load_agents
from config.settings import PROJECT, load_settings
from session import address, optout
from session.manager import SessionManager
from session.model import Channel, Direction, Message, Role, Session
from simulator.account import Account
from simulator.app import create_app
from simulator.server import Server
from tests.store.conftest import ENVIRONMENT
from tests.store.desk import Clock, ClockedLedger
from workers import runtime, turn
from workers.background_queue import Background
from workers.bell import Bell
from workers.delivery import Delivery
from workers.keeper import ClaimKeeper
from workers.runtime import Runtime

OURS = ENVIRONMENT["TWILIO_PHONE_NUMBER"]
A, B = "+1234567890", "+1987654321"  # the seeds' own two
MINUTE = 60_000


@pytest.fixture(scope="module")
def twilio() -> Iterator[str]:
    """The local Twilio, over HTTP."""
    account = Account(
        ENVIRONMENT["TWILIO_ACCOUNT_SID"],
        ENVIRONMENT["TWILIO_AUTH_TOKEN"],
        (OURS,),
        "http://127.0.0.1:9",
        delivery_ms=0,
    )
    server = Server(create_app(account), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass
class Workshop:
    """A worker's runtime without its process: one call is one job."""

    rt: Runtime
    clock: Clock
    sids: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def at(self, minutes: float, customer: str, body: str, channel: Channel = Channel.SMS) -> Session:
        """At so many minutes after the start, a text comes in and is answered; gives the customer's session."""
        self.clock.set(START + round(minutes * MINUTE))
        self.receive(customer, body, channel)
        return self.work(customer)

    def receive(self, customer: str, body: str, channel: Channel = Channel.SMS) -> None:
        self.sids += 1
        message = Message(
            Direction.INBOUND, Role.USER, body, channel, customer, OURS,
            twilio_sid=f"SM{self.sids:032x}", keyword=optout.keyword(channel, body),
        )  # fmt: skip
        self.rt.ledger.receive(
            self.cid(customer), message, profile={"address": customer}, optout=optout.field(message.lane)
        )

    def work(self, customer: str) -> Session:
        runtime.use(self.rt)
        with structlog.testing.capture_logs() as lines:
            turn.answer_customer(self.cid(customer))
        self.lines += lines
        session = self.rt.ledger.read(self.cid(customer), None, 0)[1]
        assert session is not None
        return session

    def cid(self, customer: str) -> str:
        return address.customer_id(ENVIRONMENT["CUSTOMER_ID_KEY"], customer)

    def logged(self, *events: str) -> list[tuple[str, Any]]:
        """(event, its telling value) of these events, in order."""
        telling = {
            "session_created": "session_id", "session_reused": "last_message_ago_s", "time_gap_detected": "gap_s",
            "state_transitioned": "to", "message_added_to_history": "total_messages",
        }  # fmt: skip
        return [(e["event"], e[telling[e["event"]]]) for e in self.lines if e["event"] in events]


START = 1_790_000_000_000


@pytest.fixture
def workshop(ledger: ClockedLedger, clock: Clock, twilio: str) -> Workshop:
    """The seeds' rule: a silence of more than five minutes opens a new session, per channel."""
    return make_workshop(ledger, clock, twilio, SESSION_POLICY="timegap")


def make_workshop(ledger: ClockedLedger, clock: Clock, twilio: str, **env: str) -> Workshop:
    settings = load_settings(ENVIRONMENT | {"TWILIO_API_BASE_URL": twilio} | env, env_file=None)
    agents: Agents = load_agents(PROJECT / "config/agents", "default-agent")
    rt = Runtime(
        settings=settings, ledger=ledger, manager=SessionManager(ledger, settings, agents), agents=agents,
        assistant=Assistant("mock"), delivery=Delivery(settings, ledger, agents), keeper=ClaimKeeper(ledger, 60),
        bell=Bell(fakeredis.FakeRedis()), background=Background(fakeredis.FakeRedis(), 120),
    )  # fmt: skip
    return Workshop(rt, clock)


def test_scenario_1_a_continuous_conversation(workshop: Workshop) -> None:
    """10:00, 10:02 and 10:04:30 are one session of three texts and three answers, NEW to ACTIVE once."""
    sessions = [
        workshop.at(0, A, "Hello"),
        workshop.at(2, A, "What are your hours?"),
        workshop.at(4.5, A, "Thank you"),
    ]

    assert len({s.id for s in sessions}) == 1
    assert [s.message_count for s in sessions] == [2, 4, 6]
    assert sessions[-1].title == f"SMS from {A}"
    assert workshop.logged("session_created", "session_reused", "state_transitioned") == [
        ("session_created", sessions[0].id), ("state_transitioned", "ACTIVE"),
        ("session_reused", 120), ("session_reused", 150),
    ]  # fmt: skip
    totals = [total for _, total in workshop.logged("message_added_to_history")]
    assert totals == [1, 2, 3, 4, 5, 6]


def test_scenario_2_a_gap_opens_a_new_session(workshop: Workshop) -> None:
    """10:00 and 10:06: the gap of 360 s is logged, the first session is superseded, each has its own two messages."""
    first = workshop.at(0, A, "Hello")
    second = workshop.at(6, A, "Hi again")
    old = workshop.rt.manager.get_session_by_id(first.id)

    assert first.id != second.id
    assert (old.message_count, second.message_count) == (2, 2)
    assert (old.status, old.end_reason) == ("expired", "superseded")
    assert workshop.logged("time_gap_detected", "session_created") == [
        ("session_created", first.id), ("time_gap_detected", 360), ("session_created", second.id),
    ]  # fmt: skip
    assert second.opened_because == "a gap of 360 s"


def test_scenario_3_two_people(workshop: Workshop) -> None:
    """Two numbers writing in turns have a session each, of two texts and two answers, and never meet."""
    workshop.at(0, A, "Hello")
    workshop.at(1, B, "Hi there")
    a = workshop.at(2, A, "Are you there?")
    b = workshop.at(3, B, "Can you help?")

    assert a.id != b.id
    assert (a.message_count, b.message_count) == (4, 4)
    assert [ago for _, ago in workshop.logged("session_reused")] == [120, 120]


@pytest.mark.parametrize(("gap_ms", "sessions"), [(5 * MINUTE, 1), (5 * MINUTE + 1, 2)])
def test_the_boundary_is_exact(workshop: Workshop, gap_ms: int, sessions: int) -> None:
    """A silence of exactly five minutes reuses; one millisecond more opens a new session."""
    first = workshop.at(0, A, "Hello")
    second = workshop.at(gap_ms / MINUTE, A, "Hello again")

    assert len({first.id, second.id}) == sessions


def test_the_gap_runs_from_the_customers_message_not_from_our_reply(workshop: Workshop) -> None:
    """An answer that came late does not make the customer's silence shorter."""
    workshop.clock.set(START)
    workshop.receive(A, "Hello")
    workshop.clock.set(START + 4 * MINUTE)
    first = workshop.work(A)
    second = workshop.at(5.5, A, "Anybody?")

    assert first.id != second.id


def test_texts_a_gap_apart_that_waited_together_are_two_turns(workshop: Workshop) -> None:
    """No worker for a while: texts that belong to two sessions are put in two, and both are answered."""
    workshop.clock.set(START)
    workshop.receive(A, "Hello")
    workshop.clock.set(START + 6 * MINUTE)
    workshop.receive(A, "Hi again")
    second = workshop.work(A)

    assert [e for e, _ in workshop.logged("session_created", "time_gap_detected")] == [
        "session_created", "time_gap_detected", "session_created",
    ]  # fmt: skip
    assert second.message_count == 2


def test_each_channel_has_its_session_under_the_seeds_rule(workshop: Workshop) -> None:
    """SMS and WhatsApp of one number are two sessions; the gap is compared within each."""
    sms = workshop.at(0, A, "Hello")
    whatsapp = workshop.at(1, A, "Hello", Channel.WHATSAPP)
    again = workshop.at(4, A, "Hello")

    assert sms.id != whatsapp.id
    assert workshop.rt.manager.get_session_by_id(sms.id).message_count == 4
    assert again.id in (sms.id, whatsapp.id)


def test_one_session_across_channels_by_default(ledger: ClockedLedger, clock: Clock, twilio: str) -> None:
    """Without a policy the same customer keeps one session from SMS to WhatsApp, and it knows where it is now."""
    workshop = make_workshop(ledger, clock, twilio)
    sms = workshop.at(0, A, "Hi, I'm having trouble with my order #12345")
    whatsapp = workshop.at(1, A, "It hasn't shipped yet", Channel.WHATSAPP)

    assert sms.id == whatsapp.id
    assert whatsapp.channel is Channel.WHATSAPP
    assert whatsapp.channel_counts == {"sms": 1, "whatsapp": 1}
    assert whatsapp.entities["order_number"].value == "12345"


def test_it_is_me_again_after_an_hour(ledger: ClockedLedger, clock: Clock, twilio: str) -> None:
    """An hour later the idle session is resumed and the answer knows the order."""
    workshop = make_workshop(ledger, clock, twilio)
    workshop.at(0, A, "Hi, I'm having trouble with my order #12345")
    clock.set(START + 31 * MINUTE)
    assert workshop.rt.manager.check_idle_sessions() == 1
    resumed = workshop.at(60, A, "Hi, it's me again")
    reply = workshop.rt.ledger.read(workshop.cid(A), None, 1)[2][0].content

    assert resumed.state == "ACTIVE"
    assert "12345" in reply
    assert [to for _, to in workshop.logged("state_transitioned")] == ["ACTIVE", "ACTIVE"]


def test_the_model_sees_the_last_messages_the_reader_all(
    ledger: ClockedLedger, clock: Clock, twilio: str
) -> None:
    """MAX_MESSAGE_HISTORY bounds what is shown, this turn's messages with it; the history keeps everything."""
    workshop = make_workshop(ledger, clock, twilio, MAX_MESSAGE_HISTORY="4")
    for minute in range(5):
        workshop.at(minute, A, f"Message {minute}")
    workshop.clock.set(START + 6 * MINUTE)
    workshop.receive(A, "Last")
    claim = ledger.claim(workshop.cid(A))
    opened = turn.Turn(workshop.rt, claim)  # type: ignore[arg-type]
    opened.agent = workshop.rt.agents.default
    opened.policy = workshop.rt.manager.policy(opened.agent.id)
    _, shown = opened._open(opened.claim.messages)

    assert [m.content for m in shown if m.direction is Direction.INBOUND] == ["Message 4"]
    assert len(shown) + 1 == 4
    assert len(workshop.rt.manager.get_conversation_history(A)) == 11
