"""Memory in the real processes: kept, superseded, forgotten, never sensitive; summaries behind the conversation; budgets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.notices import NOTICES
from tests.flow import staff
from tests.flow.mind import Mind, shown
from tests.flow.staff import OWN, SUPPORT
from tests.flow.system import System, wait_for

DESK = f"""
name = "Desk"
numbers = ["{OWN}"]
languages = ["en", "es", "de"]
instructions = "You answer a shop's number."
history_window = 8

[limits]
prompt_tokens = 3000

[policy]
idle_after = "2s"
"""
LONG = " ".join(["and so on"] * 60)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A desk that shows the model eight messages and idles soon, beside the presets."""
    more = {"SWEEP_INTERVAL_SECONDS": "0.5", "RATE_LIMIT_PER_MINUTE": "0"}
    with staff.at_work(tmp_path_factory, mind, more, desk=DESK) as running:
        yield running


def memory(system: System, phone: str, agent: str = "desk") -> list[str]:
    """What the agent remembers of the customer."""
    staff.settled(system, phone)
    return [item["content"] for item in staff.held(system, phone)["memory"].get(agent, [])]


def tells(system: System, mind: Mind, phone: str, words: str, *changes: dict[str, Any]) -> None:
    """The customer says words of which the model reports changes of memory; answered when this returns."""
    mind.answers[words] = {"reply": "I see.", "memory": [_change(**change) for change in changes]}
    before = len(system.replies(phone))
    system.says(phone, words, to=OWN)
    system.reply(phone, before + 1)
    staff.settled(system, phone)


def _change(about: str, content: str = "", op: str = "remember", **more: Any) -> dict[str, Any]:
    return {
        "op": op,
        "type": "preference",
        "about": about,
        "content": content or None,
        "confidence": 0.9,
    } | more


def test_remembered_superseded_and_told(desk: System, mind: Mind) -> None:
    """A contradiction takes the place of what it contradicts; the next prompt shows what is remembered, quoted."""
    phone = "+15550740001"
    tells(desk, mind, phone, "Mornings are best", _change(about="delivery time", content="mornings"))
    assert ["mornings"] == memory(desk, phone)
    tells(
        desk, mind, phone, "No, evenings, and ring twice",
        _change(about="Delivery time", content="evenings"), _change(about="door", content="rings twice"),
    )  # fmt: skip
    assert ["evenings", "rings twice"] == memory(desk, phone)
    desk.says(phone, "What do you know about me?", to=OWN)
    reply = desk.reply(phone, 3)

    asked = shown(mind.turns("What do you know about me?")[-1])
    assert (
        '"content": "evenings"' in asked
        and "mornings" not in asked.partition("Remembered about")[2].split("\n")[0]
    )
    assert "evenings" in reply and "rings twice" in reply
    turn = staff.turn_of(desk, phone)
    assert 2 == len(turn["shown"]["memory_ids"])


@pytest.mark.parametrize(
    ("number", "language", "words"), [(1, "en", "Forget that"), (2, "es", "Olvida eso, por favor")]
)
def test_forget_that(desk: System, mind: Mind, number: int, language: str, words: str) -> None:
    """What was told last is forgotten at the customer's word, without asking the model; the rest stays."""
    phone = f"+1555074001{number}"
    tells(desk, mind, phone, "My dog is called Rex", _change(about="dog", content="Rex"))
    tells(desk, mind, phone, "My cat is called Tom", _change(about="cat", content="Tom"))
    desk.says(phone, words, to=OWN)

    assert NOTICES["forgotten"][language] == desk.reply(phone, 3)
    assert ["Rex"] == memory(desk, phone)
    assert [] == [a for a in mind.turns(words) if "Rex" in shown(a)]


def test_forget_everything(desk: System, mind: Mind) -> None:
    """All that was remembered and found out goes, and no later prompt, session or summary holds a word of it."""
    phone = "+15550740020"
    values = {"order_number": "77881", "customer_name": "Ludmilla", "issue_type": "missing_item"}
    mind.answers["I am Ludmilla"] = {
        "reply": "Noted.", "entities": values, "intent": "order",
        "memory": [_change(about="door", content="the green gate")],
    }  # fmt: skip
    desk.says(phone, "I am Ludmilla, order 77881, the green gate", to=SUPPORT)
    desk.reply(phone)
    assert ["the green gate"] == memory(desk, phone, "support")
    desk.says(phone, "Forget everything you know about me", to=SUPPORT)
    assert NOTICES["forgotten_all"]["en"] == desk.reply(phone, 2)
    assert [] == memory(desk, phone, "support")
    session = staff.session_with(desk, phone, "support")
    assert ({}, None, None) == tuple(session[name] for name in ("extracted_entities", "summary", "intent"))
    desk.api("POST", f"/session/{session['session_id']}/complete")
    desk.says(phone, "Hello, what do you know about me?", to=SUPPORT)
    assert NOTICES["nothing_known"]["en"] == desk.reply(phone, 3)
    desk.says(phone, "Where is my parcel then?", to=SUPPORT)
    reply = desk.reply(phone, 4)

    asked = shown(mind.turns("Where is my parcel then?")[-1])
    for word in ("Ludmilla", "77881", "green gate"):
        assert word not in reply and word not in asked


def test_after_forget_everything_the_same_conversation_does_not_know(desk: System, mind: Mind) -> None:
    """In the same session too, what was said before is not shown to the model any more."""
    phone = "+15550740021"
    tells(desk, mind, phone, "The key lies under the stone", _change(about="key", content="under the stone"))
    desk.says(phone, "Please forget everything about me", to=OWN)
    assert NOTICES["forgotten_all"]["en"] == desk.reply(phone, 2)
    desk.says(phone, "Where is it, what do you know about me?", to=OWN)
    reply = desk.reply(phone, 3)

    assert "under the stone" not in reply
    assert "under the stone" not in shown(mind.turns("Where is it")[-1])


def test_a_summary_in_the_making_brings_nothing_back(desk: System, mind: Mind) -> None:
    """Forgotten while the model sums up: what it then says of the conversation is not kept."""
    phone = "+15550740022"
    mind.summaries_held.clear()
    try:
        for number in (1, 2):
            desk.says(phone, f"Crimson secret {number}", to=OWN)
            desk.reply(phone, number)
        wait_for(lambda: mind.summaries("Crimson secret"), "the request for a summary")
        desk.says(phone, "Forget everything you know about me", to=OWN)
        assert NOTICES["forgotten_all"]["en"] == desk.reply(phone, 3)
    finally:
        mind.summaries_held.set()
    wait_for(
        lambda: not desk.redis.exists(staff.customer_key(desk, "summing", phone)), "the summary to be made"
    )
    time.sleep(staff.SILENCE_S)

    assert not staff.session_with(desk, phone, "desk")["summary"]


@pytest.mark.parametrize(
    ("number", "content"),
    [
        (1, "card 4111 1111 1111 1111"),
        (2, "the password is hunter2"),
        (3, "PIN 4711"),
        (4, "is diabetic and takes insulin"),
        (5, "IBAN DE89 3704 0044 0532 0130 00"),
        (6, "tiene diabetes"),
    ],
)
def test_nothing_sensitive_is_kept(desk: System, mind: Mind, number: int, content: str) -> None:
    """However eagerly the model reports it: cards, secrets and health are not remembered, and the rest is."""
    phone = f"+1555074003{number}"
    changes = _change(about="secret", content=content), _change(about="colour", content="blue")
    tells(desk, mind, phone, f"Remember this, number {number}", *changes)

    assert ["blue"] == memory(desk, phone)


def test_a_memory_outlives_its_session(desk: System, mind: Mind) -> None:
    """The next session begins with what is remembered."""
    phone = "+15550740040"
    tells(desk, mind, phone, "I live on the third floor", _change(about="floor", content="third floor"))
    desk.api("POST", f"/session/{staff.session_with(desk, phone, 'desk')['session_id']}/complete")
    desk.says(phone, "Good day, a new matter", to=OWN)
    desk.reply(phone, 2)

    assert '"content": "third floor"' in shown(mind.turns("a new matter")[-1])
    assert 2 == len(staff.held(desk, phone)["sessions"])


def test_a_summary_is_made_behind_the_conversation(desk: System, mind: Mind) -> None:
    """When the window overflows, a summary is asked for in the background; while it takes its time, answers go out."""
    phone = "+15550740050"
    mind.summaries_held.clear()
    try:
        for number in range(1, 6):
            desk.says(phone, f"Violet point {number} of my long story", to=OWN)
            desk.reply(phone, number)
        wait_for(lambda: mind.summaries("Violet point"), "the request for a summary")
        desk.says(phone, "Violet point six while the summary takes its time", to=OWN)
        desk.reply(phone, 6)
        desk.says(phone, "Violet point six and a half, for good measure", to=OWN)
        desk.reply(phone, 7)
        time.sleep(staff.SILENCE_S)
        assert 1 == len(mind.summaries("Violet point"))
        assert not staff.session_with(desk, phone, "desk")["summary"]
    finally:
        mind.summaries_held.set()
    staff.settled(desk, phone)
    desk.says(phone, "Violet point seven", to=OWN)
    desk.reply(phone, 8)
    wait_for(lambda: staff.session_with(desk, phone, "desk")["summary"], "the summary")
    before = len(mind.turns("Violet point eight"))
    desk.says(phone, "Violet point eight", to=OWN)
    desk.reply(phone, 9)

    asked = mind.turns("Violet point eight")[before]
    assert '"summary": "' in shown(asked)
    assert "Violet point 1 of" not in "\n".join(i["content"] for i in asked.items if i["role"] == "user")
    assert all("reply" not in s.schema["properties"] for s in mind.summaries("Violet point") if s.schema)


def test_a_summary_is_made_when_a_conversation_pauses(desk: System, mind: Mind) -> None:
    """A session that goes idle is summed up once, with its open matter; nothing is said for it."""
    phone = "+15550740051"
    for number in (1, 2):
        desk.says(phone, f"Indigo thought {number}", to=OWN)
        desk.reply(phone, number)
    wait_for(lambda: staff.session_with(desk, phone, "desk")["summary"], "the summary")
    time.sleep(staff.SILENCE_S)

    assert 1 == len(mind.summaries("Indigo thought"))
    assert 2 == len(desk.replies(phone))
    assert staff.session_with(desk, phone, "desk")["state"] in ("IDLE", "ACTIVE")


def test_a_summary_that_fails_is_made_later(desk: System, mind: Mind) -> None:
    """A model that gives no summary harms nothing; the next pause asks again."""
    phone = "+15550740052"
    failed: list[bool] = []

    def first_fails(asked: Any) -> dict[str, Any] | None:
        if "reply" in asked.schema["properties"] or "Amber thought" not in shown(asked) or failed:
            return None
        failed.append(True)
        return {"text": "no JSON at all"}

    mind.decide = first_fails
    try:
        for number in (1, 2, 3):
            desk.says(phone, f"Amber thought {number}", to=OWN)
            desk.reply(phone, number)
        wait_for(lambda: failed, "the summary that fails")
    finally:
        mind.decide = lambda asked: None
    assert not staff.session_with(desk, phone, "desk")["summary"]
    desk.says(phone, "Amber thought 4", to=OWN)
    desk.reply(phone, 4)

    wait_for(lambda: staff.session_with(desk, phone, "desk")["summary"], "the summary")


def test_two_hundred_messages_stay_within_the_budget(desk: System, mind: Mind) -> None:
    """However long a conversation grows: no prompt passes the agent's budget, and each begins at a whole exchange."""
    phone = "+15550740060"
    mind.answers["Scarlet chapter"] = {"reply": f"Noted, scarlet. {LONG}"}
    for number in range(1, 101):
        desk.says(phone, f"Scarlet chapter {number}: {LONG}", to=OWN)
        desk.reply(phone, number)
    staff.settled(desk, phone)
    session = staff.session_with(desk, phone, "desk")
    asked = mind.turns("Scarlet chapter")

    assert 200 == session["message_count"]
    assert 100 == len(asked)
    assert max(len(shown(a)) // 4 for a in asked) <= 3000
    for one in asked[20:]:
        spoken = [item["role"] for item in one.items if item["role"] in ("user", "assistant")]
        assert spoken == (["user", "assistant"] * len(spoken))[: len(spoken)], spoken
        assert len(spoken) <= 8
    wait_for(lambda: staff.session_with(desk, phone, "desk")["summary"], "the summary")
    assert len(mind.summaries("Scarlet chapter")) < 60
    turn = staff.turn_of(desk, phone)
    assert 1 == turn["model"]["calls"] and turn["shown"]["estimated_tokens"] <= 3000
