"""Turns on a call: what is said into it, by which way, and what becomes of it when nobody is there to hear it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from ai.assistant import Assistant, ModelFault
from config.agents import load_agents
from config.notices import NOTICES
from config.settings import load_settings
from session import keys, unheard
from session.calls import Call, utterance_sid
from session.claims import Claim, Part
from session.manager import SessionManager
from session.model import Answer, Channel, Direction, HandledBy, Lane, Message, Role, State
from session.operators import NotSendable, Operators
from session.outbound import Outbound
from tests.store.conftest import ENVIRONMENT
from tests.store.desk import Clock, ClockedLedger
from tests.store.exchange import Exchange, exchange
from tests.store.test_stale_turns import Thinker
from tests.store.test_turns import START, Workshop
from workers import runtime, turn
from workers.background_queue import Background
from workers.bell import Bell
from workers.delivery import Delivery
from workers.keeper import ClaimKeeper
from workers.runtime import Runtime

OURS = ENVIRONMENT["TWILIO_PHONE_NUMBER"]
CALLER, SID, SID_TOO = "+15557230001", "CA" + "1" * 32, "CA" + "2" * 32
VOICE = Lane(Channel.VOICE, OURS)
ENGLISH = {name: texts["en"] for name, texts in NOTICES.items()}
AGENT = """\
name = "Riley"
instructions = "Help customers with their orders."
languages = ["en", "es"]

[[entities]]
name = "order_number"
type = "string"
description = "the number of the order"
"""
BY_TEXT = AGENT + "\n[voice]\nanswer_by_text = true\n"
WITH_PERSON = AGENT + '\n[voice]\ntransfer = "+15557230099"\n'
CLOSED = '\n[hours]\nzone = "UTC"\nafter_hours = "answer"\n[hours.week]\nsunday = ["09:00-10:00"]\n'


class Away(Assistant):
    """A model that refuses every question."""

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        raise ModelFault("away", code="model_http_400", retryable=False)


class Listening(Thinker):
    """The stand-in model; ``told`` is what it was told by us, for each time."""

    def __init__(self, *acts: Callable[[], object] | None) -> None:
        super().__init__(*acts)
        self.told: list[str] = []

    def answer(self, agent: Any, items: Sequence[Any], *args: Any, **kwargs: Any) -> Answer:
        self.told.append("\n".join(i.content for i in items if i.role == "developer"))
        return super().answer(agent, items, *args, **kwargs)


@dataclass
class Phone(Workshop):
    """The workshop with a telephone: callers speak, and what is pushed into their calls is heard."""

    exchange: Exchange = None  # type: ignore[assignment]
    address: str = CALLER
    ours: str = OURS

    def rings(self, sid: str = SID, caller: str = CALLER) -> Call:
        self.address = caller
        call = Call(sid, Lane(Channel.VOICE, self.ours), caller, "default-agent", language="en")
        return self.rt.calls.begin(self.cid(caller), call, {"address": caller})[0]

    def says(self, words: str, turn: int = 1, sid: str = SID, **extra: Any) -> None:
        """The caller answers question ``turn``, as ingress takes it in."""
        cid = self.cid(self.address)
        message = Message(
            Direction.INBOUND, Role.USER, words, Channel.VOICE, self.address, self.ours,
            twilio_sid=utterance_sid(sid, turn), extra=extra,
        )  # fmt: skip
        self.rt.ledger.receive(cid, message, profile={"address": self.address}, optout="")
        call = self.rt.calls.find(cid, sid)
        if call and call.live:
            self.rt.calls.heard(cid, replace(call, turn=turn))

    def rings_and_says(self, sid: str, words: str) -> None:
        """Another call of theirs, and its first answer."""
        self.rings(sid)
        self.says(words, 1, sid)

    def asks(self, words: str, turn: int = 1, **extra: Any) -> str:
        """The same, and a worker's answer as it was pushed; '' for none."""
        before = len(self.exchange.pushed)
        self.says(words, turn, **extra)
        self.work(self.address)
        pushed = self.exchange.pushed[before:]
        assert len(pushed) <= 1, "two words were pushed"
        return pushed[0][1] if pushed else ""

    def hangs_up(self, sid: str = SID) -> unheard.Ended:
        return unheard.end_call(self.rt.manager, self.cid(self.address), sid, "completed", None)

    def polls(self, turn: int = 1, poll: int = 1, sid: str = SID) -> tuple[str, str]:
        """The call's own question whether there is an answer."""
        outcome, word = self.rt.calls.take(self.cid(self.address), sid, turn, f"poll:{poll}")
        return outcome, word.text if word else ""

    def key(self, name: str) -> str:
        return keys.customer_key(name, self.cid(self.address))

    def failures(self) -> list[str]:
        """The ids of what needs a person."""
        numbers: Any = self.rt.ledger.redis.hkeys(self.key("failures"))
        return [keys.make_id("f", self.cid(self.address), number) for number in numbers]

    def work_anyhow(self) -> None:
        """A job that may end in an error of ours."""
        runtime.use(self.rt)
        turn.answer_customer(self.cid(self.address))

    def history(self) -> list[Message]:
        return self.rt.ledger.read(self.cid(self.address), None, -1)[2]

    def said(self) -> list[tuple[str, str, str]]:
        """(channel, text, status) of what went out."""
        return [
            (str(m.channel), m.content, m.status) for m in self.history() if m.direction is Direction.OUTBOUND
        ]

    def goes_on(self, turn: int) -> None:
        """The caller answers another question, as far as the call knows."""
        call = self.rt.calls.find(self.cid(self.address), SID)
        assert call is not None
        self.rt.calls.heard(self.cid(self.address), replace(call, turn=turn))

    def thinks(self, *acts: Callable[[], object] | None) -> Listening:
        model = Listening(*acts)
        self.rt = replace(self.rt, assistant=model)
        return model


MakePhone = Callable[..., Phone]


@pytest.fixture
def make_phone(ledger: ClockedLedger, clock: Clock, tmp_path: Path) -> Iterator[MakePhone]:
    """A telephone at an agent of this file."""
    with exchange() as running:

        def make(agent: str = AGENT, **env: str) -> Phone:
            clock.set(START)
            (tmp_path / "default-agent.toml").write_text(agent, encoding="utf-8")
            settings = load_settings(
                ENVIRONMENT | {"TWILIO_API_BASE_URL": running.origin} | env, env_file=None
            )
            agents = load_agents(tmp_path, "default-agent")
            rt = Runtime(
                settings=settings, ledger=ledger, manager=SessionManager(ledger, settings, agents), agents=agents,
                assistant=Assistant("mock"), delivery=Delivery(settings, ledger, agents),
                keeper=ClaimKeeper(ledger, 60), bell=Bell(fakeredis.FakeRedis()),
                background=Background(fakeredis.FakeRedis(), 120),
            )  # fmt: skip
            return Phone(rt, clock, exchange=running)

        yield make


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone()


def spoken(twiml: str) -> str:
    """The words of a TwiML document."""
    said = ET.fromstring(twiml).iter("Say")
    return " ".join("".join(say.itertext()) for say in said)


def verbs(twiml: str) -> list[str]:
    """What a document does, in order."""
    return [element.tag for element in ET.fromstring(twiml).iter() if element.tag[0].isupper()][1:]


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
    """Between the commit and the poll an operator took over: the word is given up, and the caller is asked again."""
    phone.rings()
    phone.exchange.faults = [(503, 0)]
    phone.asks("Hello there")
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session is not None
    operators(phone).hand_off(session.id)

    assert phone.polls() == ("SPOKEN", "")
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


# Without the model


def test_asked_to_repeat(phone: Phone) -> None:
    """The last words are said again, without the model, as often as it is asked; before any, the greeting."""
    phone.rings()
    assert spoken(phone.asks("Sorry, what did you say?")) == ENGLISH["voice_greeting"]
    first = spoken(phone.asks("My order number is 12345", 2))
    model = phone.thinks()

    assert spoken(phone.asks("Could you repeat that please", 3)) == first
    assert spoken(phone.asks("once more", 4)) == first
    assert not model.shown


def test_goodbye(phone: Phone) -> None:
    """A caller who says goodbye hears goodbye, without the model, and the call ends; the session goes on."""
    model = phone.thinks()
    phone.rings()
    heard = phone.asks("No, that's all. Thank you, bye!")

    assert (verbs(heard), spoken(heard)) == (["Say", "Hangup"], ENGLISH["voice_goodbye"])
    assert not model.shown
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.state is State.ACTIVE


@pytest.mark.parametrize(("words", "extra"), [("0", {"digits": True}), ("I want to talk to a person", {})])
def test_a_person_is_dialled(make_phone: MakePhone, words: str, extra: dict[str, Any]) -> None:
    """Who keys 0 or asks for a person is told so, and put through to the agent's number."""
    phone = make_phone(WITH_PERSON)
    phone.rings()
    heard = phone.asks(words, **extra)

    assert verbs(heard) == ["Say", "Dial", "Number"] and "+15557230099" in heard
    assert spoken(heard) == ENGLISH["voice_transfer"]
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.state is State.WAITING_AGENT


def test_a_zero_that_was_said_is_a_number(phone: Phone) -> None:
    """Only a key calls a person: "0" in a sentence or a text does not."""
    phone.rings()
    assert "Gather" in phone.asks("0")


@pytest.mark.parametrize(("agent", "notice"), [
    (AGENT, "voice_call_back"), (WITH_PERSON + CLOSED, "voice_call_back_closed"),
])  # fmt: skip
def test_nobody_to_put_through_to(make_phone: MakePhone, agent: str, notice: str) -> None:
    """Without a number, or outside its hours, a caller is told that somebody calls back, and the call ends."""
    phone = make_phone(agent)
    phone.rings()
    heard = phone.asks("I want to talk to a person")

    assert verbs(heard) == ["Say", "Hangup"]
    assert re.fullmatch(re.escape(ENGLISH[notice]).replace(re.escape("{opens}"), ".+"), spoken(heard))
    assert len(phone.rt.ledger.redis.keys("*failures*")) == 0


def test_nobody_calls_back_who_has_no_number(phone: Phone) -> None:
    """A caller with a withheld number is not promised a call."""
    phone.rings(caller=f"anonymous:{SID}")
    assert spoken(phone.asks("I want to talk to a person")) == ENGLISH["voice_noted"]


@pytest.mark.parametrize("env", [{"AI_RESPONSES_ENABLED": "false"}, {}])
@pytest.mark.parametrize("agent", [AGENT, WITH_PERSON])
def test_the_assistant_may_not_answer(make_phone: MakePhone, env: dict[str, str], agent: str) -> None:
    """A person has the conversation, or answers are off: the caller is put through or told it is noted, and never held."""
    phone = make_phone(agent, **env)
    phone.rings()
    if not env:
        phone.asks("I want to talk to a person")
        phone.hangs_up()
        phone.rings(SID_TOO)
    phone.says("Any news?", 1, SID if env else SID_TOO)
    phone.work(CALLER)

    heard = phone.exchange.pushed[-1][1]
    noted = spoken(heard), verbs(heard)[-1]
    assert noted == (
        (ENGLISH["voice_noted"], "Hangup") if agent == AGENT else (ENGLISH["voice_transfer"], "Number")
    )


@pytest.mark.parametrize(("env", "reason"), [
    ({"RATE_LIMIT_PER_MINUTE": "1"}, "rate_limit"), ({"DAILY_TURN_LIMIT": "1"}, "daily_limit"),
    ({"DAILY_BUDGET_TURNS": "1"}, "daily_budget"),
])  # fmt: skip
def test_a_limit_ends_the_call(make_phone: MakePhone, env: dict[str, str], reason: str) -> None:
    """Over a limit the caller is told, the call ends, nothing waits; at a day's limit a person is asked, once."""
    phone = make_phone(**env)
    phone.rings()
    phone.asks("Hello there")
    for n in (2, 3):
        heard = phone.asks(f"And again {n}", n)
        assert (spoken(heard), verbs(heard)[-1]) == (ENGLISH["voice_enough"], "Hangup")

    failures = phone.rt.ledger.redis.hvals(phone.key("failures"))
    assert [reason in str(f) for f in failures] == ([True] if reason != "rate_limit" else [])
    assert not phone.rt.ledger.redis.exists(phone.key("inbox"))


def test_yes_is_no_loop(phone: Phone) -> None:
    """The same short word again and again is how people talk on the phone: it is answered each time."""
    phone.rings()
    for n in range(1, 7):
        assert "Gather" in phone.asks("yes", n)


def test_the_model_is_away(phone: Phone) -> None:
    """Nobody thinks: the caller is told and let go, a person is asked, and nothing is put off."""

    phone.rings()
    phone.rt = replace(phone.rt, assistant=Away("mock"))
    heard = phone.asks("Where is my order?")

    assert (verbs(heard), spoken(heard)) == (["Say", "Hangup"], ENGLISH["voice_away"])
    session = phone.rt.manager.get_session_by_phone(CALLER)
    assert session and session.state is State.WAITING_AGENT
    assert not phone.rt.ledger.redis.exists(phone.key("inbox"))
    assert "model_away" in str(phone.rt.ledger.redis.hvals(phone.key("failures")))


def test_an_utterance_that_kills_its_worker_is_said_so_to_the_caller(phone: Phone) -> None:
    """Tried too often, it is a failure for a person; a caller who holds the line still is told, and let go."""
    phone.rings()
    phone.says("poison")
    fails = phone.thinks(*[boom] * 5)
    for _ in range(4):
        phone.work_anyhow()
        phone.clock.advance(60_000)

    assert len(fails.shown) == 3
    assert [spoken(twiml) for _, twiml in phone.exchange.pushed] == [ENGLISH["voice_away"]]


def boom() -> None:
    """An error of our own."""
    raise ZeroDivisionError


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


def operators(phone: Phone) -> Operators:
    return Operators(phone.rt.manager, None)


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
