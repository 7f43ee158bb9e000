"""Wishes that come at an awkward moment: while the model thinks, in a burst, or a number after another question."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.notices import NOTICES
from tests.flow import staff
from tests.flow.mind import Mind, newest
from tests.flow.staff import OWN
from tests.flow.system import System, wait_for

SHOP = f"""
name = "Shop"
numbers = ["{OWN}"]
languages = ["en", "de"]
instructions = "You answer a shop's number."
closing_question = true
"""
THINKS_S = 1.5
TEA = {"op": "remember", "type": "preference", "about": "tea", "content": "green tea", "confidence": 0.9}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A shop that asks at the end how it went."""
    with staff.at_work(tmp_path_factory, mind, shop=SHOP) as running:
        yield running


def thinks(mind: Mind, words: str) -> None:
    """From now on the model takes its time for a message with these words; nothing else is on its mind."""

    def slowly(asked: Any) -> dict[str, Any]:
        if words in newest(asked):
            time.sleep(THINKS_S)
        return {"reply": "I see.", "handoff": None, "memory": None, "ends": False}

    mind.decide = slowly


def test_a_number_answers_the_closing_question_only_at_once(shop: System, mind: Mind) -> None:
    """After the closing question a new topic opens, and a number in it is no rating and ends nothing."""
    phone = "+15550850001"
    said = {
        "Goodbye": {"reply": "Goodbye!", "ends": True},
        "Two pizzas": {"reply": "In how many boxes?", "ends": False},
    }
    mind.decide = lambda asked: next(
        (s for words, s in said.items() if words in newest(asked)), {"reply": "Noted.", "ends": False}
    )
    for number, words in enumerate(("Goodbye", "Two pizzas, please", "2"), 1):
        shop.says(phone, words, to=OWN)
        shop.reply(phone, number)
    staff.settled(shop, phone)

    assert "Noted." == shop.reply(phone, 3)
    assert "ACTIVE" == staff.state(shop, phone)
    assert shop.api("GET", f"/admin/customer/{phone}/analytics")[1]["satisfaction_score"] is None


def test_a_number_right_after_the_closing_question_is_a_rating(shop: System, mind: Mind) -> None:
    """The answer to the closing question is kept, thanked for, and ends the conversation."""
    phone = "+15550850002"
    mind.decide = lambda asked: {"reply": "Goodbye!", "ends": True}
    shop.says(phone, "Goodbye", to=OWN)
    assert NOTICES["closing_question"]["en"] in shop.reply(phone)
    staff.settled(shop, phone)
    shop.says(phone, "4, thanks", to=OWN)

    assert NOTICES["thanks_rating"]["en"] == shop.reply(phone, 2)
    wait_for(lambda: staff.state(shop, phone) == "CLOSED", "the end")
    assert 4 == shop.api("GET", f"/admin/customer/{phone}/analytics")[1]["satisfaction_score"]


@pytest.mark.parametrize(
    ("phone", "wish", "done"),
    [
        ("+15550850003", "I want to talk to a human", lambda s, p: staff.state(s, p) == "WAITING_AGENT"),
        (
            "+15550850004",
            "Forget everything you know about me",
            lambda s, p: not staff.held(s, p)["memory"].get("shop"),
        ),
    ],
)
def test_a_wish_said_while_the_model_thinks_is_done(
    shop: System, mind: Mind, phone: str, wish: str, done: Callable[[System, str], bool]
) -> None:
    """A wish that comes in while the model thinks about another message is done by us, whatever the model makes of it."""
    mind.decide = lambda asked: {"reply": "Noted.", "handoff": None, "memory": [TEA]}
    shop.says(phone, "I like green tea", to=OWN)
    shop.reply(phone)
    staff.settled(shop, phone)
    thinks(mind, "a slow question")
    before = len(mind.turns("a slow question"))
    shop.says(phone, "This is a slow question", to=OWN)
    wait_for(lambda: len(mind.turns("a slow question")) > before, "the model to be asked")
    shop.says(phone, wish, to=OWN)
    shop.reply(phone, 3)
    staff.settled(shop, phone)

    assert done(shop, phone)
    assert "I see." == shop.reply(phone, 2)
    assert [] == mind.turns(wish)


def test_forget_everything_in_a_burst(shop: System, mind: Mind) -> None:
    """The wish to be forgotten counts with a courtesy behind it that comes before we look."""
    phone = "+15550850005"
    mind.decide = lambda asked: {"reply": "Noted.", "handoff": None, "memory": [TEA]}
    shop.says(phone, "I like green tea", to=OWN)
    shop.reply(phone)
    staff.settled(shop, phone)
    shop.kill("worker", 15)
    shop.says(phone, "Forget everything you know about me", to=OWN)
    shop.says(phone, "Thank you very much", to=OWN)
    shop.spawn("worker")
    shop.ready("worker")

    assert NOTICES["forgotten_all"]["en"] == shop.reply(phone, 2)
    staff.settled(shop, phone)
    assert not staff.held(shop, phone)["memory"].get("shop")


def test_a_faulty_agent_ends_the_web_process(make_system: Callable[..., System], tmp_path: Any) -> None:
    """A fault in an agent's file is told once, and ends web with exit status 2 instead of a restart loop."""
    agents = staff.folder(tmp_path / "agents", broken='name = "B"\nclosing_question = "yes"\n')
    running = make_system(AGENTS_DIR=str(agents))

    assert 2 == running.spawn("web").wait(30)
    told = (running.folder / "web.log").read_text()
    assert 1 == told.count("broken.toml:2: closing_question must be true or false")
