"""Turns on a call: an answer is a word, which is spoken once by one of two ways, each in its own call."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import pytest

from session import keys
from session.calls import utterance_sid
from session.claims import Claim, Part
from session.model import Channel
from tests.store.phone import (  # noqa: F401  make_phone and phone are fixtures
    BY_TEXT,
    CALLER,
    ENGLISH,
    SID,
    SID_TOO,
    VOICE,
    MakePhone,
    Phone,
    make_phone,
    operators,
    phone,
    spoken,
    verbs,
)

# A word


def test_an_answer_is_pushed_into_the_call_and_the_next_question_is_heard(phone: Phone) -> None:
    """An answer is one word, pushed with the next question at an absolute address; its message tells that it was spoken."""
    phone.rings()
    heard = phone.asks("Hi, I'm having trouble with my order number 12345")

    assert verbs(heard) == ["Gather", "Say"] and 'action="https://bot.example.com/voice/turn?n=2"' in heard
    assert phone.said() == [
        ("voice", "I can help you with that. What exactly is the trouble with order #12345?", "sent")
    ]
    assert spoken(heard) == phone.said()[0][1].replace("#", "")
    message = phone.history()[-1]
    assert (message.twilio_sid, message.in_response_to) == (SID, utterance_sid(SID, 1))
    assert ("SPOKEN", "") == phone.polls()
    assert not phone.exchange.texts


def test_what_was_said_on_the_phone_is_known_by_text(phone: Phone) -> None:
    """Calls and texts of a customer are one session with one memory."""
    phone.rings()
    phone.asks("Hi, my order number is 12345")
    phone.hangs_up()
    session = phone.at(1, CALLER, "Any update?")

    assert (session.channel, session.channel_counts) == (Channel.SMS, {"voice": 1, "sms": 1})
    assert session.entities["order_number"].value == "12345"
    assert ["voice", "sms"] == [channel for channel, _, _ in phone.said()]


def test_a_word_never_waits_in_the_outbox(phone: Phone) -> None:
    """A word is no part: nothing of a call blocks the lane, whatever became of the push."""
    phone.rings()
    phone.exchange.faults = [(503, 0)]
    phone.asks("Hello there")

    names = [keys.customer_key(name, phone.cid(CALLER)) for name in ("inbox", "outbox", "claim")]
    assert not phone.rt.ledger.redis.exists(*names)


# Two ways


@pytest.mark.parametrize("fault", [(429, 20429), (503, 0), (401, 20003), (400, 32018)])
def test_a_refused_push_is_the_polls_at_once(phone: Phone, fault: tuple[int, int]) -> None:
    """A push that Twilio did not do leaves the word to the poll, which speaks it once."""
    phone.rings()
    phone.exchange.faults = [fault]

    assert phone.asks("Hello there") == ""
    outcome, text = phone.polls()
    assert outcome == "TAKEN" and phone.said() == [("voice", text, "sent")]
    assert phone.polls(poll=2) == ("SPOKEN", "")


@pytest.mark.parametrize("fault", [(0, 0), (500, 0), (502, 0)])
def test_a_push_that_nobody_knows_of_is_the_polls_when_its_time_is_over(
    phone: Phone, fault: tuple[int, int]
) -> None:
    """A push without an answer may have been spoken: the poll waits until it cannot come any more, and then speaks."""
    phone.rings()
    phone.exchange.faults = [fault]
    phone.asks("Hello there")

    assert phone.polls() == ("WAIT", "")
    phone.clock.advance(phone.rt.ledger.timing.push_ms + 1)
    assert phone.polls(poll=2)[0] == "TAKEN"
    assert phone.polls(poll=3) == ("SPOKEN", "")


def test_a_push_that_nobody_knows_of_was_spoken_when_the_caller_answers_it(make_phone: MakePhone) -> None:
    """Whoever answers the question behind a word has heard it: it is not told again, by voice or by text."""
    phone = make_phone(BY_TEXT)
    phone.rings()
    phone.exchange.faults = [(0, 0)]
    phone.asks("Hello there")
    phone.asks("thanks, bye", 2)
    phone.hangs_up()
    phone.work(CALLER)

    assert [status for _, _, status in phone.said()] == ["sent", "sent"]
    assert not phone.exchange.texts


def test_a_poll_that_was_faster_leaves_nothing_to_push(phone: Phone) -> None:
    """What the poll has spoken is not pushed on top of it."""
    phone.rings()
    phone.exchange.faults = [(503, 0)]
    phone.asks("Hello there")
    phone.polls()
    phone.says("and another thing", 2)
    claim = phone.rt.ledger.claim(phone.cid(CALLER))
    assert isinstance(claim, Claim)

    outcome = phone.rt.speaker.speak(claim, Part("1.1", {"call": SID, "word": 1, "lane": str(VOICE)}))

    assert (outcome, phone.exchange.asked) == ("sent", 1)


def test_a_worker_that_dies_before_the_push_leaves_the_word_to_the_poll(phone: Phone) -> None:
    """What is committed is spoken, whether the worker lives or not."""
    phone.rings()
    phone.says("Hello there")
    phone.rt.__dict__["speaker"] = Dying()
    phone.work_anyhow()

    assert phone.exchange.asked == 0
    assert phone.polls()[0] == "TAKEN"


class Dying:
    """A push that takes its worker with it."""

    def speak(self, claim: Claim, part: Part) -> str:
        """Dies."""
        raise MemoryError


def test_an_answer_to_a_question_that_is_past_is_told_with_the_next(phone: Phone) -> None:
    """The caller went on meanwhile: the old word is not pushed over the new question; the model knows it was not heard."""
    cid = phone.cid(CALLER)
    model = phone.thinks(lambda: phone.goes_on(2))
    phone.rings()
    phone.says("What are your opening hours?", 1)
    phone.work(CALLER)
    assert phone.exchange.asked == 0
    assert [status for _, _, status in phone.said()] == ["queued"]

    assert phone.asks("Hello? Are you there?", 2)
    assert "has not heard yet" in model.told[-1]
    assert [status for _, _, status in phone.said()] == ["undelivered", "sent"]
    assert [word.state for word in phone.rt.calls.words(cid, SID)] == ["unheard", "spoken"]


def test_an_answer_that_the_caller_did_not_wait_for_goes_by_text(make_phone: MakePhone) -> None:
    """Who says goodbye while the model thinks is let go, and has the answer as a text."""
    phone = make_phone(BY_TEXT)
    phone.thinks(lambda: phone.says("no thank you, goodbye", 2))
    phone.rings()
    heard = phone.asks("What are your opening hours?")
    phone.hangs_up()
    phone.work(CALLER)

    assert spoken(heard) == ENGLISH["voice_goodbye"]
    assert [(c, status) for c, _, status in phone.said()] == [
        ("voice", "undelivered"),
        ("voice", "sent"),
        ("sms", "sent"),
    ]


def test_a_person_who_steps_in_keeps_the_word_from_being_spoken(phone: Phone) -> None:
    """Between the commit and the poll an operator took over: the word is given up."""
    phone.rings()
    phone.exchange.faults = [(503, 0)]
    phone.asks("Hello there")
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session is not None
    operators(phone).hand_off(session.id)

    assert phone.polls() == ("GIVEN_UP", "")
    assert [status for _, _, status in phone.said()] == ["undelivered"]


# More than one utterance, more than one call


def test_what_is_said_while_the_model_thinks_is_answered_with_it(phone: Phone) -> None:
    """Two utterances of one call are one turn, whose word answers the later question."""
    model = phone.thinks(lambda: phone.says("order 12345", 2))
    phone.rings()
    heard = phone.asks("I have a problem")

    assert model.shown[-1][-2:] == ["I have a problem", "order 12345"]
    assert "/voice/turn?n=3" in heard and len(phone.said()) == 1


def test_two_calls_of_one_customer_are_answered_each_in_its_own(phone: Phone) -> None:
    """Utterances of two calls wait together: each call hears the answer to its own, and neither the other's."""
    model = phone.thinks()
    phone.rings()
    phone.rings(SID_TOO)
    phone.says("My order number is 11111", 1)
    phone.says("My order number is 22222", 1, SID_TOO)
    phone.says("It has not come", 2)
    phone.work(CALLER)

    assert [sid for sid, _ in phone.exchange.pushed] == [SID, SID_TOO]
    assert (
        "/voice/turn?n=3" in phone.exchange.pushed[0][1] and "/voice/turn?n=2" in phone.exchange.pushed[1][1]
    )
    assert [shown[-1] for shown in model.shown] == ["It has not come", "My order number is 22222"]


def test_a_second_call_while_the_model_thinks_is_its_own_turn(phone: Phone) -> None:
    """What comes in on another call of the customer's is not drawn into the answer of this one."""
    model = phone.thinks(lambda: phone.rings_and_says(SID_TOO, "the other phone"))
    phone.rings()
    phone.says("this phone")
    phone.work(CALLER)

    assert [shown[-1] for shown in model.shown] == ["this phone", "the other phone"]
    assert [sid for sid, _ in phone.exchange.pushed] == [SID, SID_TOO]


# Anonymous, languages


def test_anonymous_callers_share_nothing(phone: Phone) -> None:
    """Each call from a withheld number is a customer of its own."""
    phone.rings(SID, f"anonymous:{SID}")
    phone.asks("My order number is 12345")
    phone.rings(SID_TOO, f"anonymous:{SID_TOO}")
    phone.says("Where is it?", 1, SID_TOO)
    session = phone.work(phone.address)

    assert (session.entities, session.bridge) == ({}, None)


def test_the_call_goes_on_in_the_callers_language(phone: Phone) -> None:
    """Who speaks another language of the agent's is answered in its voice, and listened to in it."""
    phone.rings()
    heard = phone.asks("Hola, quiero saber cuándo llega mi pedido por favor")

    assert 'language="es-MX"' in heard and "en-US" not in heard
    call = phone.rt.calls.find(phone.cid(CALLER), SID)
    assert call and call.language == "es"


def test_what_the_model_is_told_of_a_call(phone: Phone) -> None:
    """No second greeting, and what was heard badly or keyed is marked so."""
    model = phone.thinks()
    phone.rings()
    phone.asks("my name is rally", confidence=0.2)
    phone.asks("12345", 2, digits=True)
    phone.asks("thank you very much indeed", 3, confidence=0.9)

    assert ["hard to hear" in told for told in model.told] == [True, False, False]
    assert ["keyed" in told for told in model.told] == [False, True, False]
    assert all("greeted already" in told and "Greet with" not in told for told in model.told)
