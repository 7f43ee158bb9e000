"""What was to be said to a caller who has gone: by text, or on record; and what people then do in the conversation."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

from dataclasses import replace

import pytest

from session.model import Channel, HandledBy, State
from session.operators import NotSendable
from session.outbound import Outbound
from tests.store.phone import (  # noqa: F401  make_phone and phone are fixtures
    AGENT,
    BY_TEXT,
    CALLER,
    OURS,
    SID,
    Away,
    MakePhone,
    Phone,
    make_phone,
    operators,
    phone,
)

# After a hang-up


def test_hung_up_while_the_model_thinks(make_phone: MakePhone) -> None:
    """The agent's file says so: the answer goes by text, as a text is written, and stands in the one history."""
    phone = make_phone(BY_TEXT)
    phone.thinks(lambda: phone.hangs_up())
    phone.rings()
    phone.says("My order number is 12345")
    phone.work(CALLER)

    (text,) = phone.exchange.texts
    assert (text["To"], text["From"]) == (CALLER, OURS)
    assert phone.said() == [("sms", text["Body"], "sent")]
    assert phone.exchange.asked == 0
    assert phone.history()[-1].extra["in_place_of_call"] == SID


def test_hung_up_where_no_text_is_sent(phone: Phone) -> None:
    """The answer to who hung up is on record, as not heard; what it learnt is learnt."""
    phone.thinks(lambda: phone.hangs_up())
    phone.rings()
    phone.says("My order number is 12345")
    phone.work(CALLER)

    assert not phone.exchange.texts and phone.exchange.asked == 0
    assert [(channel, status) for channel, _, status in phone.said()] == [("voice", "undelivered")]
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.entities["order_number"].value == "12345"


@pytest.mark.parametrize(("agent", "asked", "texts"), [(AGENT, 0, 0), (BY_TEXT, 1, 1)])
def test_a_turn_that_begins_after_the_hang_up(
    make_phone: MakePhone, agent: str, asked: int, texts: int
) -> None:
    """The model is asked for who has hung up only where its answer can go by text."""
    phone = make_phone(agent)
    model = phone.thinks()
    phone.rings()
    phone.says("Where is order 12345?")
    phone.hangs_up()
    phone.work(CALLER)

    assert (len(model.shown), len(phone.exchange.texts)) == (asked, texts)
    assert len(phone.said()) == texts
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.inbound_count == 1


def test_an_anonymous_caller_gets_no_text(make_phone: MakePhone) -> None:
    """Where there is no number, nothing is sent, whatever the agent's file says."""
    phone = make_phone(BY_TEXT)
    phone.thinks(lambda: phone.hangs_up())
    phone.rings(caller=f"anonymous:{SID}")
    phone.says("Where is order 12345?")
    phone.work(phone.address)

    assert not phone.exchange.texts
    assert [status for _, _, status in phone.said()] == ["undelivered"]


def test_a_customer_who_opted_out_of_texts_gets_none_after_a_call(make_phone: MakePhone) -> None:
    """Calls are not affected by STOP, but the text in place of one is."""
    phone = make_phone(BY_TEXT)
    phone.receive(CALLER, "STOP")
    phone.work(CALLER)
    phone.rings()
    assert "Gather" in phone.asks("Where is order 12345?")

    phone.thinks(lambda: phone.hangs_up())
    phone.says("And order 12346?", 2)
    phone.work(CALLER)

    assert not phone.exchange.texts


@pytest.mark.parametrize("refusal", [(404, 20404), (400, 21220)])
def test_twilio_knows_first_that_the_call_is_over(make_phone: MakePhone, refusal: tuple[int, int]) -> None:
    """A push that meets no call any more ends it here too, and the answer goes by text, once."""
    phone = make_phone(BY_TEXT)
    phone.rings()
    phone.exchange.faults = [refusal]
    assert phone.asks("Where is order 12345?") == ""
    phone.hangs_up()
    phone.work(CALLER)

    assert [(channel, status) for channel, _, status in phone.said()] == [
        ("voice", "undelivered"),
        ("sms", "sent"),
    ]
    assert len(phone.exchange.texts) == 1


def test_goodbye_is_not_texted_after_who_has_gone(make_phone: MakePhone) -> None:
    """A caller who hangs up on our goodbye gets no text of it."""
    phone = make_phone(BY_TEXT)
    phone.rings()
    phone.exchange.faults = [(404, 20404)]
    phone.asks("Thanks, bye")

    assert not phone.exchange.texts and [status for _, _, status in phone.said()] == ["undelivered"]


def test_who_asked_for_a_person_and_hung_up_is_handed_over(phone: Phone) -> None:
    """The wish stands though nobody hears the answer: a person is called into the conversation."""
    phone.rings()
    phone.says("I want to talk to a person")
    phone.hangs_up()
    phone.work(CALLER)

    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.state is State.WAITING_AGENT
    assert phone.said() == []


# People


def test_a_person_answers_a_caller_by_text(phone: Phone) -> None:
    """An operator's answer in a conversation that came by phone goes to the caller's number as a text."""
    phone.rings()
    phone.asks("Hello there")
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session is not None
    done = operators(phone).answer(session.id, "Maria here, it is on its way.")
    phone.work(CALLER)

    assert done.session.handled_by is HandledBy.OPERATOR
    (text,) = phone.exchange.texts
    assert (text["To"], text["From"], text["Body"]) == (CALLER, OURS, "Maria here, it is on its way.")


def test_a_person_cannot_answer_who_has_no_number(phone: Phone) -> None:
    """Of a withheld number it is said that nothing can be sent there."""
    phone.rings(caller=f"anonymous:{SID}")
    phone.asks("Hello there")
    session = phone.rt.ledger.read(phone.cid(phone.address), None, 0)[1]
    assert session is not None

    with pytest.raises(NotSendable, match="withheld"):
        operators(phone).answer(session.id, "Maria here.")


def test_handed_back_after_the_call_nothing_is_spoken(make_phone: MakePhone) -> None:
    """What a caller said while a person had it is answered by text after handing back, where the agent's file says so."""
    phone = make_phone(BY_TEXT)
    phone.rings()
    phone.asks("I want to talk to a person")
    phone.asks("My order number is 12345", 2)
    phone.hangs_up()
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session is not None
    operators(phone).hand_back(session.id)
    phone.work(CALLER)

    assert len(phone.exchange.texts) == 1 and phone.said()[-1][0] == "sms"


def test_what_was_left_when_the_model_was_away_is_answered_by_text(make_phone: MakePhone) -> None:
    """A failure that came by voice is retried as any other: the call is long over, so the answer is a text."""
    phone = make_phone(BY_TEXT)
    phone.rings()
    phone.rt = replace(phone.rt, assistant=Away("mock"))
    phone.asks("Where is order 12345?")
    phone.hangs_up()
    phone.work(CALLER)
    (failure,) = phone.failures()
    phone.thinks()
    phone.rt.manager.retry_failure(failure)
    phone.work(CALLER)

    assert [(c, status) for c, _, status in phone.said()] == [("voice", "sent"), ("sms", "sent")]
    assert len(phone.exchange.texts) == 1


def test_a_program_texts_from_the_number_that_was_called(phone: Phone) -> None:
    """Whoever called one of our numbers is texted from it, and not from the default one."""
    phone.ours = "+15550002222"
    phone.rings()
    phone.asks("Hello there")

    outbound = Outbound(phone.rt.manager, phone.rt.settings)
    assert outbound.default_sender(CALLER, Channel.SMS) == phone.ours
    assert outbound.default_sender(CALLER, Channel.WHATSAPP) == OURS
