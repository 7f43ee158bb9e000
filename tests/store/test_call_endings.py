"""Turns on a call that end without the model: each says a word, and nobody is left holding the line."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from session.model import State
from tests.store.phone import (  # noqa: F401  make_phone and phone are fixtures
    AGENT,
    CALLER,
    CLOSED,
    ENGLISH,
    SID,
    SID_TOO,
    WITH_PERSON,
    Away,
    MakePhone,
    Phone,
    make_phone,
    phone,
    spoken,
    verbs,
)


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
