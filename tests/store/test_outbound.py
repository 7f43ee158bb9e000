"""What a program says: which session it stands in, and that it takes nothing over."""

from __future__ import annotations

import json

import pytest

from config.agents import Agent, Agents, Template
from config.settings import Settings
from session import keys
from session.claims import OptedOut
from session.manager import SessionManager
from session.model import Channel, HandledBy, State
from session.operators import NotSendable, Operators
from session.outbound import Draft, DraftTemplate, Outbound
from tests.store.desk import Clock, ClockedLedger

PHONE, OURS, OURS_TOO, CALLER_ID = "+1234567890", "+15550001111", "+15550002222", "+15557654321"
MINUTE, HOUR = 60_000, 3_600_000
SID = "HX" + "a" * 32
HELLO = Draft(PHONE, Channel.SMS, "Hello")


@pytest.fixture
def house(ledger: ClockedLedger, settings: Settings) -> SessionManager:
    """Two numbers: the second is another agent's, which has a template and keeps sessions per channel."""
    template = Template("shipped", SID, variables=("1",), text="Order {{1}} has shipped.")
    shop = Agent(
        "shop", "Sam", "Help.", "", (), numbers=(OURS_TOO,), templates=(template,), policy={"scope": "channel"}
    )  # fmt: skip
    agents = {"default-agent": Agent("default-agent", "Riley", "Help.", "", ()), "shop": shop}
    return SessionManager(ledger, settings, Agents(agents, "default-agent"))


@pytest.fixture
def outbound(house: SessionManager, settings: Settings) -> Outbound:
    return Outbound(house, settings)


def test_to_somebody_new_it_opens_a_session(house: SessionManager, outbound: Outbound) -> None:
    """One write: the session is the assistant's and ACTIVE, the message is owed, and the customer waits for a worker."""
    done = outbound.send(HELLO)

    assert (State.ACTIVE, HandledBy.ASSISTANT, "a message by a program", 1) == (
        done.session.state, done.session.handled_by, done.session.opened_because, done.session.message_count,
    )  # fmt: skip
    assert done.waits
    assert done.message is not None
    assert [done.message.id] == [m.id for m in house.get_conversation_history(PHONE)]
    claim = house.ledger.claim(house.customer_id(PHONE))
    assert [("Hello", OURS, PHONE)] == [
        (p.text, p.record["from"], p.record["to"])
        for p in claim.parts  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize(
    ("wait_ms", "same"),
    [(0, True), (29 * MINUTE, True), (2 * HOUR, True), (24 * HOUR, True), (24 * HOUR + 1, False)],
)
def test_it_goes_on_with_the_open_session_while_its_time_lasts(
    house: SessionManager, outbound: Outbound, clock: Clock, wait_ms: int, same: bool
) -> None:
    """An idle session is gone on with and stays idle; one whose time is over ends first, and what it knew is kept."""
    session = house.add_message(PHONE, "Order 12345")
    house.update_extracted_info(session.id, {"order_number": "12345"})
    clock.advance(wait_ms)
    if MINUTE * 30 < wait_ms <= 24 * HOUR:
        assert 1 == house.check_idle_sessions()
    before = house.get_session_by_id(session.id)
    done = outbound.send(HELLO)

    assert same == (done.session.id == session.id)
    assert "12345" == done.session.entities["order_number"].value
    if same:
        assert before.state is done.session.state
        assert clock.now == done.session.last_activity
    else:
        assert State.CLOSED is house.get_session_by_id(session.id).state


def test_a_session_that_a_program_opened_begins_with_it(house: SessionManager, outbound: Outbound) -> None:
    """A NEW session is ACTIVE once something was said in it, by whomever."""
    opened = house.create_session(PHONE)
    told = outbound.send(HELLO).session

    assert (opened.id, State.ACTIVE) == (told.id, told.state)


@pytest.mark.parametrize(("wait_ms", "reason"), [(10 * MINUTE, "superseded"), (25 * HOUR, "expired")])
def test_a_session_ends_by_what_ended_it(
    ledger: ClockedLedger, settings: Settings, clock: Clock, wait_ms: int, reason: str
) -> None:
    """After the agent's gap the old session is superseded, after its time it has expired; the number is kept."""
    agent = Agent("default-agent", "Riley", "Help.", "", (), policy={"name": "timegap"})
    house = SessionManager(ledger, settings, Agents({"default-agent": agent}, "default-agent"))
    outbound = Outbound(house, settings)
    outbound.send(HELLO)
    session = house.add_message(PHONE, "Hello")
    clock.advance(wait_ms)

    assert session.id != outbound.send(HELLO).session.id
    assert reason == house.get_session_by_id(session.id).end_reason
    assert PHONE == house.read(PHONE, 0)[0].address


def test_a_person_keeps_what_a_person_has(
    house: SessionManager, outbound: Outbound, settings: Settings
) -> None:
    """Neither a customer who waits for a person nor one whom a person answers is taken over."""
    session = house.add_message(PHONE, "A person, please")
    operators = Operators(house, None)
    waiting = operators.hand_off(session.id).session
    told = outbound.send(HELLO).session
    assert (waiting.state, waiting.handled_by, waiting.epoch) == (told.state, told.handled_by, told.epoch)

    answered = operators.answer(session.id, "I am here").session
    told = outbound.send(HELLO).session
    assert (State.ACTIVE, HandledBy.OPERATOR, answered.epoch) == (told.state, told.handled_by, told.epoch)


def test_the_number_decides_who_has_the_session(house: SessionManager, outbound: Outbound) -> None:
    """Sent from an agent's number it is that agent's session; without one the customer's own conversation decides."""
    theirs = outbound.send(Draft(PHONE, Channel.SMS, "Hello", ours=OURS_TOO)).session

    assert ("shop", "sms", OURS_TOO) == (theirs.agent_id, theirs.scope, theirs.ours)
    assert theirs.id == outbound.send(HELLO).session.id
    assert OURS == outbound.default_sender("+19998887777", Channel.SMS)


def test_a_template_is_one_part_with_its_sid(house: SessionManager, outbound: Outbound) -> None:
    """The part carries SID and variables, the history the words."""
    draft = Draft(
        PHONE, Channel.WHATSAPP, template=DraftTemplate("shipped", variables={"1": "7"}), ours=OURS_TOO
    )
    done = outbound.send(draft)

    assert done.message is not None
    found = keys.parse_id(done.message.id)
    assert found is not None
    (part,) = house.ledger.parts_of(found.cid, found.number).values()
    assert ("Order 7 has shipped.", SID, {"1": "7"}, f"whatsapp:{PHONE}") == (
        done.message.content, part["content_sid"], json.loads(part["content_variables"]), part["to"],
    )  # fmt: skip


def test_a_call_is_one_part(house: SessionManager, outbound: Outbound) -> None:
    """What a call says is never split: one part on the voice lane, from the number it is made from."""
    body = "Your order has shipped. " * 90
    done = outbound.send(Draft(PHONE, Channel.VOICE, body, ours=CALLER_ID))
    assert done.message is not None
    found = keys.parse_id(done.message.id)
    assert found is not None
    (part,) = house.ledger.parts_of(found.cid, found.number).values()

    assert (f"voice|{CALLER_ID}", PHONE, CALLER_ID, body.strip(), "pending") == (
        part["lane"], part["to"], part["from"], part["text"], part["state"]
    )  # fmt: skip
    assert (Channel.VOICE, CALLER_ID) == (done.session.channel, done.session.ours)


def test_a_call_goes_on_with_the_texts(house: SessionManager, outbound: Outbound) -> None:
    """In an open session a call is one more message; the session stays where the customer wrote last."""
    outbound.send(HELLO)
    session = house.add_message(PHONE, "Order 12345")
    told = outbound.send(Draft(PHONE, Channel.VOICE, "Hello", ours=CALLER_ID)).session

    assert (session.id, Channel.SMS, OURS) == (told.id, told.channel, told.ours)


def test_an_opt_out_of_texts_forbids_no_call(house: SessionManager, outbound: Outbound) -> None:
    """Who wants no more texts from this number may be called from it."""
    outbound.send(HELLO)
    key = keys.customer_key("customer", house.customer_id(PHONE))
    house.ledger.redis.hset(key, f"optout:sms|{OURS}", 1)

    assert outbound.send(Draft(PHONE, Channel.VOICE, "Hello", ours=OURS)).message


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (Draft(PHONE, Channel.SMS, "\u200b "), "empty_body"),
        (Draft(PHONE, Channel.SMS, "x" * 7501), "body_too_long"),
        (Draft(OURS, Channel.SMS, "x"), "own_number"),
        (Draft("US.123", Channel.SMS, "x"), "invalid_phone_number"),
        (Draft("US.123", Channel.VOICE, "x"), "invalid_phone_number"),
        (Draft(PHONE, Channel.VOICE, "x" * 2401), "body_too_long"),
        (Draft(PHONE, Channel.VOICE, " \n"), "empty_body"),
        (Draft(CALLER_ID, Channel.VOICE, "x", ours=CALLER_ID), "own_number"),
        (Draft(PHONE, Channel.VOICE, template=DraftTemplate("shipped"), ours=OURS_TOO), "invalid_template"),
        (Draft(PHONE, Channel.WHATSAPP, "x"), "outside_window"),
        (Draft(PHONE, Channel.SMS, template=DraftTemplate("shipped")), "invalid_template"),
        (Draft(PHONE, Channel.WHATSAPP, template=DraftTemplate("shipped")), "unknown_template"),
        (
            Draft(PHONE, Channel.WHATSAPP, template=DraftTemplate("shipped"), ours=OURS_TOO),
            "invalid_template",
        ),
    ],
)
def test_what_cannot_be_sent_stores_nothing(
    house: SessionManager, outbound: Outbound, draft: Draft, code: str
) -> None:
    """Each refusal has its code and leaves no customer behind."""
    with pytest.raises(NotSendable) as refused:
        outbound.send(draft)

    assert code == refused.value.code
    assert not list(house.ledger.redis.scan_iter("ringback:*:customer:*"))


def test_an_opt_out_is_this_senders(house: SessionManager, outbound: Outbound) -> None:
    """Who opted out of one number may still be written to from another, and on WhatsApp within its window."""
    outbound.send(HELLO)
    key = keys.customer_key("customer", house.customer_id(PHONE))
    house.ledger.redis.hset(key, f"optout:sms|{OURS}", 1)
    length = len(house.get_conversation_history(PHONE))

    with pytest.raises(OptedOut):
        outbound.send(Draft(PHONE, Channel.SMS, "Hello", ours=OURS))
    assert length == len(house.get_conversation_history(PHONE))
    outbound.send(Draft(PHONE, Channel.SMS, "Hello", ours=OURS_TOO))
