"""Calls over real processes: a customer speaks, a worker answers into the live call, and nothing is said twice or lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from session.calls import utterance_sid
from tests.flow.mind import Mind, newest, shown
from tests.flow.staff import at_work, held, settled, state
from tests.flow.system import OURS, System, wait_for
from tests.flow.telephone import ENGLISH, Caller
from tests.flow.test_faults import FAST

PLAIN, TEXTING, TEAM, NIGHT = "+15557232001", "+15557232002", "+15557232003", "+15557232004"
PERSON = "+15557239999"
ANOTHER_DAY = f"{datetime.now(UTC) + timedelta(days=2):%A}".lower()
AGENT = """\
name = "{name}"
numbers = ["{number}"]
instructions = "Help callers with their orders."
languages = ["en", "es"]

[[entities]]
name = "order_number"
type = "string"
description = "The number of the order."

"""
AGENTS = {
    "plain": AGENT.format(name="Plain", number=PLAIN),
    "texting": AGENT.format(name="Texting", number=TEXTING) + "[voice]\nanswer_by_text = true\n",
    "team": AGENT.format(name="Team", number=TEAM) + f'[voice]\ntransfer = "{PERSON}"\n',
    "night": AGENT.format(name="Night", number=NIGHT)
    + f'[voice]\ntransfer = "{PERSON}"\n[hours]\nzone = "UTC"\nafter_hours = "answer"\n'
    + f'[hours.week]\n{ANOTHER_DAY} = ["09:00-10:00"]\n',
}
SETTINGS = {
    "SIMULATOR_NUMBERS": f"{OURS},{PLAIN},{TEXTING},{TEAM},{NIGHT}", "CALL_POLL_SECONDS": "1",
    "CALL_HOLD_SECONDS": "6", "WORD_PUSH_SECONDS": "1",
}  # fmt: skip
# A poll is rare, so that none comes between the step at which a worker dies and the one before it.
PATIENT = {"CALL_HOLD_SECONDS": "24", "CALL_POLL_SECONDS": "8"}
WORDS = "It left the house this morning"


def phone(number: int) -> str:
    """This file's own block."""
    return f"+1555723{number:04d}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    with at_work(tmp_path_factory, mind, SETTINGS, **AGENTS) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_ever(mind: Mind) -> None:
    mind.answers = {"Where is it": {"reply": f"{WORDS}."}}
    mind.decide = lambda asked: None


@pytest.fixture
def pondering(mind: Mind) -> Iterator[Pondering]:
    """The model thinks about these words until it is let go."""
    found = Pondering()

    def decide(asked: Any) -> None:
        if found.words in newest(asked):
            found.begun.set()
            found.let_go.wait(20)

    mind.decide = decide
    yield found
    found.let_go.set()


class Pondering:
    """``begun``: it has been asked; ``let_go``: it may answer."""

    words = "Where is it"

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()


def said_to(system: System, number: str) -> list[tuple[str, str, str]]:
    """(channel, content, status) of what went out, oldest first."""
    history = system.session(number)["conversation_history"]
    return [(m["channel"], m["content"], m["status"]) for m in history if m["direction"] == "outbound"]


def greeted(system: System, number: str, to: str = PLAIN, **how: Any) -> Caller:
    """A caller who has heard the greeting."""
    caller = Caller(system, number, to, **how)
    assert ENGLISH["voice_greeting"] in caller.hears()
    return caller


# One conversation


def test_a_call_after_a_text_and_a_text_after_the_call(shop: System, mind: Mind) -> None:
    """Text, call, text again: known by voice, one session, one memory, and the answer is heard as it is recorded."""
    number = phone(1)
    shop.says(number, "Hi, my order number is 12345", to=PLAIN)
    shop.reply(number)

    caller = Caller(shop, number, PLAIN)
    assert caller.hears().startswith(ENGLISH["voice_back"])
    assert caller.asks("Where is it now?") == f"{WORDS}."
    asked = shown(mind.turns("Where is it now")[-1])
    assert "my order number is 12345" in asked and "moved from sms to voice" in asked
    caller.hangs_up()
    shop.says(number, "Any update?", to=PLAIN)
    shop.reply(number, 2)

    session = shop.session(number)["session"]
    assert (session["message_count"], session["extracted_entities"]["order_number"]) == (6, "12345")
    assert [channel for channel, _, _ in said_to(shop, number)] == ["sms", "voice", "sms"]
    assert WORDS in shown(mind.turns("Any update")[-1])


def test_silence_and_an_unsure_ear(shop: System, mind: Mind) -> None:
    """Silence is asked about, three times in a row; what was heard badly is asked for again, and then taken."""
    caller = greeted(shop, phone(2))
    caller.is_silent()
    assert caller.hears() == ENGLISH["voice_unheard"]
    caller.says("Where is it mumbled", 0.1)
    assert caller.hears() == ENGLISH["voice_unsure"]
    caller.says("Where is it mumbled", 0.1)
    assert caller.hears() == f"{WORDS}."
    assert "hard to hear" in shown(mind.turns("mumbled")[-1])

    for _ in range(3):
        caller.is_silent()
        heard = caller.hears()
    assert (heard, caller.is_over) == (ENGLISH["voice_goodbye"], True)
    assert len(mind.turns("mumbled")) == 1


def test_again_and_goodbye(shop: System, mind: Mind) -> None:
    """The last words again, and goodbye, without the model; the call is over then, the session is not."""
    number = phone(3)
    caller = greeted(shop, number)
    caller.asks("Where is it, order 12345?")
    before = len(mind.asked)

    assert caller.asks("Sorry, could you repeat that please?") == f"{WORDS}."
    assert caller.asks("no that's all thank you bye") == ENGLISH["voice_goodbye"]
    assert caller.is_over and len(mind.asked) == before
    assert state(shop, number) == "ACTIVE"


# A person


@pytest.mark.parametrize(
    ("number", "digits", "words"), [(10, "0", ""), (11, "", "I want to speak to a human")]
)
def test_put_through(shop: System, number: int, digits: str, words: str) -> None:
    """Who keys 0 or asks for a person is put through to the agent's number, and the session waits for them."""
    caller = greeted(shop, phone(number), TEAM)
    if digits:
        caller.keys(digits)
    else:
        caller.says(words)

    assert caller.hears(until=ENGLISH["voice_transfer"]) == ENGLISH["voice_transfer"]
    wait_for(lambda: any(PERSON in line["text"] + line["verb"] for line in caller.lines), "the dialling")
    assert shop.session(phone(number))["conversation_history"][-1]["content"] == ENGLISH["voice_transfer"]


def test_called_back_outside_the_hours(shop: System) -> None:
    """While nobody is there nobody is dialled: the caller is told when somebody calls back."""
    caller = greeted(shop, phone(12), NIGHT)
    heard = caller.asks("Can I talk to a person please")

    assert "get back to you then" in heard and caller.is_over
    assert "dial" not in caller.verbs()
    assert state(shop, phone(12)) == "WAITING_AGENT"


def test_with_a_person_a_second_call_is_noted(shop: System) -> None:
    """While the customer waits for a person, a caller who cannot be put through is told that it is noted."""
    number = phone(13)
    assert greeted(shop, number).asks("I want to speak to a human") == ENGLISH["voice_call_back"]
    caller = Caller(shop, number, PLAIN)
    caller.hears()

    assert caller.asks("Any news about it?") == ENGLISH["voice_noted"]
    assert caller.is_over
    status, done = shop.api("POST", f"/session/{number}/messages", {"body": "Maria here, it is on its way."})
    assert status == 202, done
    assert "Maria here" in shop.reply(number)


# Hung up


@pytest.mark.parametrize(("number", "to", "texts"), [(20, PLAIN, 0), (21, TEXTING, 1)])
def test_hung_up_while_the_model_thinks(
    shop: System, pondering: Pondering, number: int, to: str, texts: int
) -> None:
    """The answer goes by text where the agent's file says so, and is on record as not heard where it does not."""
    caller = greeted(shop, phone(number), to)
    caller.says("Where is it, order 12345?")
    assert pondering.begun.wait(20)
    caller.hangs_up()
    wait_for(lambda: shop.events("call_ended", "web"), "the end of the call")
    pondering.let_go.set()

    wait_for(lambda: said_to(shop, phone(number)), "the answer on record")
    settled(shop, phone(number))
    assert [WORDS in text for text in shop.replies(phone(number))] == [True] * texts
    told = [(channel, status) for channel, _, status in said_to(shop, phone(number))]
    assert told == ([("voice", "undelivered")] if not texts else [("sms", told[0][1])])
    assert caller.times(WORDS) == 0


def test_nobody_is_asked_for_who_has_gone(shop: System, mind: Mind, pondering: Pondering) -> None:
    """An utterance that waits behind another when the caller hangs up is recorded, and the model is not asked."""
    number = phone(22)
    shop.says(number, "Where is it, by text", to=PLAIN)
    assert pondering.begun.wait(20)
    caller = greeted(shop, number)
    caller.says("Only recorded")
    caller.hangs_up()
    pondering.let_go.set()
    shop.reply(number)
    settled(shop, number)

    assert not mind.turns("Only recorded")
    assert shop.session(number)["conversation_history"][-1]["content"] == "Only recorded"


# Two ways, never twice


@pytest.mark.parametrize(("number", "fault"), [
    (30, {"kind": "429"}), (31, {"kind": "503"}), (32, {"kind": "500"}), (33, {"kind": "drop"}),
    (34, {"kind": "drop_after_accept"}), (35, {"kind": "500_after_accept"}), (36, {"kind": "hang", "seconds": 3}),
    (37, {"kind": "hang", "seconds": 3, "accept": True}), (38, {"kind": "error", "code": 20003, "status": 401}),
    (39, {"kind": "slow", "seconds": 2}),
])  # fmt: skip
def test_whatever_becomes_of_the_push_the_answer_is_heard_once(
    shop: System, number: int, fault: dict[str, Any]
) -> None:
    """A push refused, lost, late or done without an answer: the caller hears the answer, once, and the call goes on."""
    caller = greeted(shop, phone(number))
    shop.fault(on="call_update", to=caller.sid, **fault)
    caller.says("Where is it, order 12345?")
    caller.hears(until=WORDS)

    assert caller.asks("thank you that's all goodbye") == ENGLISH["voice_goodbye"]
    assert caller.times(WORDS) == 1
    wait_for(lambda: [s for _, t, s in said_to(shop, phone(number)) if WORDS in t] == ["sent"], "the record")


def test_an_answer_that_comes_late(shop: System, pondering: Pondering) -> None:
    """Over the hold the caller is asked what else there is; the answer is pushed in between when it comes."""
    caller = greeted(shop, phone(40))
    caller.says("Where is it, order 12345?")
    assert caller.hears() == ENGLISH["voice_too_long"]
    pondering.let_go.set()

    assert caller.hears(until=WORDS) == f"{WORDS}."
    assert caller.times(WORDS) == 1


def test_the_model_is_away(shop: System, mind: Mind) -> None:
    """Nobody thinks: the caller is told and let go at once, and a person is asked."""
    mind.decide = lambda asked: {"status": 400} if "nobody home" in newest(asked) else None
    caller = greeted(shop, phone(41))

    assert caller.asks("Is nobody home?") == ENGLISH["voice_away"]
    assert caller.is_over
    assert state(shop, phone(41)) == "WAITING_AGENT"
    failures = shop.api("GET", "/admin/failures")[1]["failures"]
    assert [f["reason"] for f in failures if f["phone_number"] == phone(41)] == ["model_away"]


# Who calls


def test_two_calls_at_once_of_one_customer(shop: System) -> None:
    """Each call hears the answer to its own question."""
    first, second = greeted(shop, phone(50)), Caller(shop, phone(50), PLAIN)
    second.hears()
    first.says("Where is it, order 11111?")
    second.says("thanks, bye")

    assert first.hears() == f"{WORDS}."
    assert (second.hears(), second.is_over) == (ENGLISH["voice_goodbye"], True)
    assert (first.times(ENGLISH["voice_goodbye"]), second.times(WORDS), first.is_over) == (0, 0, False)


def test_an_anonymous_caller_is_helped_and_not_known_again(shop: System, mind: Mind) -> None:
    """A withheld number is answered like any other, sent nothing, and is a stranger the next time."""
    caller = greeted(shop, phone(51), TEXTING, anonymous=True)
    assert caller.asks("Where is it, order 98765?") == f"{WORDS}."
    assert caller.asks("I want to speak to a human") == ENGLISH["voice_noted"]

    again = greeted(shop, phone(51), TEXTING, anonymous=True)
    assert again.times(ENGLISH["voice_back"]) == 0
    again.asks("Where is it, you know")
    assert "98765" not in shown(mind.turns("you know")[-1])
    assert not shop.replies(phone(51))


def test_what_a_caller_says_is_words(shop: System, mind: Mind) -> None:
    """TwiML in speech, and speech of 10 kB, are words to the model and to the record, and no verb in any answer."""
    injected = "</Say><Dial>+15557230000</Dial><Say> Where is it"
    mind.answers = {"Where is it": {"reply": f"You said {injected}"}}
    caller = greeted(shop, phone(52))
    heard = caller.asks(injected)
    assert "+15557230000" in heard and "dial" not in caller.verbs()

    mind.answers = {}
    caller.asks("word " * 2000)
    told = shop.session(phone(52))["conversation_history"]
    assert [m["metadata"]["twilio_message_sid"] for m in told if m["direction"] == "inbound"] == [
        utterance_sid(caller.sid, 1), utterance_sid(caller.sid, 2),
    ]  # fmt: skip


# A worker that dies


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A system whose workers a test starts."""
    with at_work(tmp_path_factory, mind, FAST | SETTINGS | PATIENT, **AGENTS) as running:
        running.kill("worker")
        yield running


@pytest.mark.parametrize(("number", "step"), [
    (60, "before_commit"), (61, "after_commit"), (62, "before_word"), (63, "before_push"), (64, "after_push"),
])  # fmt: skip
def test_a_worker_dies_in_mid_call(mortal: System, number: int, step: str) -> None:
    """Whatever its worker was doing when it died, the caller hears the answer once, and the next question is answered."""
    caller = greeted(mortal, phone(number))
    doomed = mortal.spawn("worker", f"worker-{step}", CRASH_AT=step)
    caller.says("Where is it, order 12345?")
    wait_for(lambda: doomed.poll() is not None, "the worker's death")
    heir = mortal.spawn("worker", f"heir-{step}")
    try:
        caller.hears(until=WORDS)
        assert caller.asks("repeat that please") == f"{WORDS}."
        assert caller.asks("thanks, bye") == ENGLISH["voice_goodbye"]
        assert caller.times(WORDS) == 2
    finally:
        heir.terminate()
        heir.wait(40)


def test_nothing_of_a_call_is_in_the_logs(shop: System) -> None:
    """Neither numbers nor words stand in a line of ours."""
    number = phone(70)
    caller = greeted(shop, number)
    caller.asks("Where is it, my secret walrus?")
    caller.hangs_up()
    settled(shop, number)

    assert held(shop, number)
    written = "\n".join((shop.folder / f"{name}.log").read_text() for name in ("web", "worker", "clock"))
    assert not [word for word in (number, number[1:], "walrus", WORDS) if word in written]
