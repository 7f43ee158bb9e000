"""Business hours in the real processes: a notice once per closed time, answers before or after it, opt-outs at any time."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.agent import Hours
from config.notices import NOTICES
from session import hours
from tests.flow import staff
from tests.flow.mind import Mind, shown
from tests.flow.staff import CLINIC, ORDERS, OWN, SUPPORT
from tests.flow.system import System, wait_for

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPENS_SOON_S = 12  # at least, so that everything runs by then


def desk(number: str, after_hours: str, week: str) -> str:
    """An agent's file with business hours."""
    return (
        f'name = "Desk"\nnumbers = ["{number}"]\ninstructions = "You answer."\nlanguages = ["en", "es", "ar"]\n'
        f'[hours]\nzone = "UTC"\nafter_hours = "{after_hours}"\n[hours.week]\n{week}\n'
    )


def far_away() -> tuple[str, str]:
    """Hours that are closed now and open in three days, and in what words that is told."""
    opens = datetime.now(UTC) + timedelta(days=3)
    return f'{DAYS[opens.weekday()]} = ["09:30-10:00"]', f"on {opens:%A} at 9:30 am"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """Three desks whose hours begin in three days: each does something else until then."""
    week = far_away()[0]
    desks = {
        "clinic_hours": desk(CLINIC, "notice_first", week),
        "orders": desk(ORDERS, "notice_only", week),
        "support": desk(SUPPORT, "answer", week),
    }
    with staff.at_work(tmp_path_factory, mind, **desks) as running:
        yield running


def closed_notice() -> str:
    return NOTICES["after_hours"]["en"].format(opens=far_away()[1])


def test_the_notice_comes_first_and_once(closed: System) -> None:
    """notice_first: what is closed is said once, before the answer; the next answers come alone."""
    phone = "+15550730001"
    for number, words in ((2, "Hello"), (3, "I have another question"), (4, "And one more")):
        closed.says(phone, words, to=CLINIC)
        closed.reply(phone, number)
    staff.silent(closed, phone, 4)

    assert closed_notice() == closed.replies(phone)[0]
    assert 1 == closed.replies(phone).count(closed_notice())
    roles = [m["role"] for m in closed.session(phone)["conversation_history"]]
    assert ["user", "system", "assistant", "user", "assistant", "user", "assistant"] == roles
    assert 6 == closed.session(phone)["message_count"]


def test_the_next_closed_time_has_a_notice_of_its_own(closed: System) -> None:
    """What was said of an earlier closing is not taken for this one."""
    phone = "+15550730002"
    closed.says(phone, "Hello", to=CLINIC)
    closed.reply(phone, 2)
    staff.settled(closed, phone)
    closed.redis.hset(
        staff.customer_key(closed, "customer", phone), "closed:clinic_hours", "2026-01-05T09:30:00+00:00"
    )
    closed.says(phone, "It is me again", to=CLINIC)
    closed.reply(phone, 4)

    assert 2 == closed.replies(phone).count(closed_notice())


def test_the_notice_is_in_the_customers_language(closed: System) -> None:
    """Who writes Spanish reads Spanish."""
    phone = "+15550730003"
    closed.says(phone, "Hola, necesito una cita por favor", to=CLINIC)

    assert closed.reply(phone).startswith(NOTICES["after_hours"]["es"].partition(" {")[0])


def test_where_the_assistant_answers_as_always_it_knows_that_nobody_is_there(
    closed: System, mind: Mind
) -> None:
    """answer: no notice; the model is told that it is outside business hours."""
    phone = "+15550730004"
    closed.says(phone, "Good evening, always open?", to=SUPPORT)
    closed.reply(phone)
    staff.silent(closed, phone, 1)

    assert closed_notice() not in closed.replies(phone)
    assert "outside business hours" in shown(mind.turns("always open?")[0])


def test_asked_for_a_person_while_closed(closed: System) -> None:
    """Whoever asks for a person is told when somebody will be there, under each of the three rules, and no more."""
    words = NOTICES["handoff_closed"]["en"].format(opens=far_away()[1])
    for number, ours in enumerate((CLINIC, ORDERS, SUPPORT), 1):
        phone = f"+1555073001{number}"
        closed.says(phone, "I want to talk to a human", to=ours)
        assert words == closed.reply(phone)
        staff.silent(closed, phone, 1)
        assert "WAITING_AGENT" == staff.state(closed, phone)


def test_what_is_asked_waits_for_the_opening(closed: System, mind: Mind) -> None:
    """notice_only: the notice now and once; the lane is left alone until they open, and nothing counts as a try."""
    phone = "+15550730020"
    closed.says(phone, "Held until Monday one", to=ORDERS)
    assert closed_notice() == closed.reply(phone)
    closed.says(phone, "Held until Monday two", to=ORDERS)
    staff_key = staff.customer_key(closed, "customer", phone)
    wait_for(lambda: not closed.redis.exists(staff.customer_key(closed, "claim", phone)), "the claim to end")
    time.sleep(staff.SILENCE_S)
    week = far_away()[0]
    opens = hours.next_opening(_hours(week), round(time.time() * 1000))
    assert opens is not None
    held = int(str(closed.redis.hget(staff_key, f"hold:sms|{ORDERS}")))

    assert [closed_notice()] == closed.replies(phone)
    assert abs(held - opens.timestamp() * 1000) < 5000
    assert [] == mind.turns("Held until Monday")
    assert 2 == closed.redis.llen(staff.customer_key(closed, "inbox", phone))
    assert {} == closed.redis.hgetall(staff.customer_key(closed, "attempts", phone))
    turns = staff.held(closed, phone)["turns"]
    assert ["outside business hours"] in [turn["decisions"][-1:] for turn in turns]


def _hours(week: str) -> Hours:
    days = tomllib.loads(week)
    spans = {day: tuple(_span(span) for span in days[day]) for day in days}
    return Hours("UTC", tuple(spans.get(day, ()) for day in DAYS), frozenset(), "notice_only")


def _span(text: str) -> tuple[int, int]:
    opens, closes = map(_minutes, text.split("-"))
    return opens, closes


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def test_opting_out_works_while_closed(closed: System, mind: Mind) -> None:
    """HELP is recorded and starts nothing; STOP ends the session at once, what was held is not answered; START is heard."""
    phone = "+15550730021"
    closed.says(phone, "Held until they open three", to=ORDERS)
    closed.reply(phone)
    closed.says(phone, "HELP", to=ORDERS)
    wait_for(lambda: "HELP" in str(closed.session(phone)["conversation_history"]), "HELP to be recorded")
    assert 1 == closed.redis.llen(staff.customer_key(closed, "inbox", phone))
    closed.says(phone, "STOP", to=ORDERS)
    wait_for(lambda: staff.state(closed, phone) == "CLOSED", "the end of the session")
    staff.silent(closed, phone, 1)
    assert "opted_out" == staff.session_with(closed, phone, "orders")["end_reason"]

    closed.says(phone, "START", to=ORDERS)
    wait_for(lambda: "START" in str(staff.held(closed, phone)["sessions"]), "START to be recorded")
    closed.says(phone, "I am back", to=ORDERS)
    inbox = staff.customer_key(closed, "inbox", phone)
    wait_for(lambda: "I am back" in str(closed.redis.lrange(inbox, 0, -1)), "the message to wait")
    assert 1 == len(closed.replies(phone))
    assert [] == mind.turns("Held until they open")


def test_they_open_and_what_waited_is_answered(
    make_system: Callable[..., System], mind: Mind, tmp_path: Path
) -> None:
    """At the opening, all that waited is answered in one turn, once, without another word about the hours."""
    now = datetime.now(UTC)
    opens = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if (opens - now).total_seconds() < OPENS_SOON_S:
        opens += timedelta(minutes=1)
    # Two days' spans, should the next minute be the first of a day.
    day, next_day = DAYS[opens.weekday()], DAYS[(opens.weekday() + 1) % 7]
    week = f'{day} = ["{opens:%H:%M}-24:00"]\n{next_day} = ["00:00-12:00"]'
    agents = staff.folder(tmp_path / "agents", own=desk(OWN, "notice_only", week))
    desks = make_system(**staff.settings(agents, OPENAI_BASE_URL=f"{mind.origin}/v1")).start()
    phone, stopped = "+15550730030", "+15550730031"
    desks.says(phone, "Waiting for the opening: my order is #4711", to=OWN)
    desks.says(stopped, "Waiting for the opening: never mind", to=OWN)
    notices = [desks.reply(who) for who in (phone, stopped)]
    desks.says(phone, "Waiting for the opening: and it is late", to=OWN)
    desks.says(stopped, "STOP", to=OWN)
    assert [] == mind.turns("Waiting for the opening")
    assert datetime.now(UTC) < opens

    answer = wait_for(lambda: desks.replies(phone)[1:], "the answer", 90)[0]
    assert datetime.now(UTC) >= opens
    staff.silent(desks, phone, 2)
    assert "4711" in answer
    assert all(notice.startswith("We are closed now.") for notice in notices)
    assert [notices[1]] == desks.replies(stopped)
    assert 1 == len(mind.turns("Waiting for the opening"))
