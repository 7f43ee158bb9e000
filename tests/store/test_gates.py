"""What is decided before the model is asked: rate, limits of the day, the budget, countries, loops."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ai.assistant import Assistant
from config.notices import NOTICES
from session import keys, limits
from session.address import served
from session.claims import ClaimLost
from session.model import MessageType
from tests.store.desk import WHATSAPP, Clock, ClockedLedger, Desk
from tests.store.test_stale_turns import Thinker, inbox, said, thinking
from tests.store.test_turns import MINUTE, START, A, B, Workshop, make_workshop, twilio  # noqa: F401
from workers import gates
from workers.steps import Turn

ENOUGH_TODAY = NOTICES["enough_today"]["en"]
SECOND = 1_000
DAY = 86_400_000
C = "+15005550003"


@pytest.fixture
def make(ledger: ClockedLedger, clock: Clock, twilio: str) -> Callable[..., tuple[Workshop, Thinker]]:
    """A workshop with settings, and its model that notes what it was asked."""

    def made(**env: str) -> tuple[Workshop, Thinker]:
        clock.set(START)
        workshop = make_workshop(ledger, clock, twilio, **env)
        return workshop, thinking(workshop)

    return made


def counted(workshop: Workshop) -> dict[str, int]:
    return limits.today(workshop.rt.ledger.redis, workshop.clock.now)


def failures(workshop: Workshop, customer: str = A) -> list[Any]:
    found = workshop.rt.ledger.redis.hvals(keys.customer_key("failures", workshop.cid(customer)))
    return [json.loads(str(value)) for value in found]


def events(workshop: Workshop, event: str) -> list[dict[str, Any]]:
    return [line for line in workshop.lines if line["event"] == event]


def outbound(workshop: Workshop, customer: str) -> list[str]:
    history = workshop.rt.manager.get_conversation_history(customer)
    return [m.content for m in history if m.direction == "outbound"]


# The step


def ask(desk: Desk, *texts: tuple[int, str], rate: int = 0, day: int = 0) -> list[Any]:
    """A claimed turn at the gate, asked about texts with these digests; it is let go with its attempts."""
    desk.text()
    claim = desk.claim()
    rows = [{"number": number, "digest": digest, "at": desk.clock.now} for number, digest in texts]
    got = desk.ledger.count_turn(claim, rows, max(1, len(rows)), rate, day)
    assert desk.ledger.count_turn(claim, rows, max(1, len(rows)), rate, day)[0] == got[0]
    desk.ledger.release(claim, give_back=[w.number for w in claim.messages])
    return got


def test_the_minute_slides(desk: Desk) -> None:
    """Two turns a minute: the third waits until the first is a minute old, to the millisecond."""
    assert ask(desk, rate=2)[0] == "GO"
    desk.clock.advance(20 * SECOND)
    assert ask(desk, rate=2)[0] == "GO"
    desk.clock.advance(10 * SECOND)
    assert ask(desk, rate=2) == ["WAIT", 30 * SECOND]
    desk.clock.advance(30 * SECOND - 1)
    assert ask(desk, rate=2) == ["WAIT", 1]
    desk.clock.advance(1)
    assert ask(desk, rate=2)[0] == "GO"
    assert ask(desk, rate=2) == ["WAIT", 20 * SECOND]


def test_a_lowered_limit_waits_for_enough_room(desk: Desk) -> None:
    """With more turns in the minute than the limit allows now, the wait ends when few enough are left."""
    for _ in range(3):
        ask(desk, rate=3)
        desk.clock.advance(10 * SECOND)
    assert ask(desk, rate=1) == ["WAIT", 50 * SECOND]


def test_a_day_ends_at_midnight_utc(desk: Desk) -> None:
    """The turns of a day are counted until its end, and a turn that waited is not counted."""
    desk.clock.set(START // DAY * DAY + DAY - 2)
    assert ask(desk, day=1)[0] == "GO"
    desk.clock.advance(1)
    assert ask(desk, day=1) == ["DAY_OVER"]
    desk.clock.advance(1)
    assert ask(desk, day=1)[0] == "GO"


def test_zero_is_off(desk: Desk) -> None:
    """Limits of 0 let any number of turns through."""
    assert {ask(desk)[0] for _ in range(50)} == {"GO"}


def test_the_fourth_of_ten_minutes_is_a_loop(desk: Desk) -> None:
    """The same text is answered three times within ten minutes; others are not affected, and time heals."""
    outcomes = [ask(desk, (n, "aa"))[0] for n in range(1, 6)]
    assert outcomes == ["GO", "GO", "GO", "LOOP", "LOOP"]
    assert ask(desk, (6, "bb"))[0] == "GO"
    assert ask(desk, (7, "aa"), (8, "bb"))[2] == ["7"]
    desk.clock.advance(10 * MINUTE)
    assert ask(desk, (9, "aa"))[0] == "GO"


def test_a_late_holder_is_not_counted(desk: Desk) -> None:
    """A turn whose claim is gone learns it at the gate and counts for nothing."""
    desk.text()
    claim = desk.claim()
    desk.die()
    with pytest.raises(ClaimLost):
        desk.ledger.count_turn(claim, [], 1, 1, 1)
    assert claim.lost.is_set()
    assert not desk.ledger.redis.exists(desk.key("pace"))


# Whole turns


def test_over_the_rate_a_turn_waits_and_loses_nothing(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """The third text of a minute is not asked about, keeps its place and its attempts, and is answered in time."""
    workshop, model = make(RATE_LIMIT_PER_MINUTE="2")
    workshop.at(0, A, "one")
    workshop.at(0, A, "two")
    workshop.at(0, A, "three")
    for _ in range(5):
        workshop.work(A)

    assert len(model.shown) == 2
    assert inbox(workshop) == 1
    assert not workshop.rt.ledger.redis.exists(keys.customer_key("attempts", workshop.cid(A)))
    workshop.at(0.5, A, "four")
    assert len(model.shown) == 2
    workshop.clock.set(START + MINUTE)
    assert workshop.rt.ledger.due() == [workshop.cid(A)]
    workshop.work(A)
    assert model.shown[-1][-2:] == ["three", "four"]
    assert (len(said(workshop)), inbox(workshop)) == (3, 0)


@pytest.mark.parametrize("word", ["HELP", "STOP"])
def test_opt_out_words_do_not_wait_for_the_rate(
    make: Callable[..., tuple[Workshop, Thinker]], word: str
) -> None:
    """HELP is recorded and STOP ends the session while a text waits for room; no bell rings in circles."""
    workshop, _ = make(RATE_LIMIT_PER_MINUTE="1")
    workshop.at(0, A, "one")
    workshop.at(0, A, "two")
    session = workshop.at(0, A, word)

    assert len(events(workshop, "turn")) <= 4
    if word == "STOP":
        assert (session.end_reason, inbox(workshop)) == ("opted_out", 0)
    else:
        assert inbox(workshop) == 1


def test_over_the_days_limit_one_notice_one_failure(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Texts over the limit are recorded; the customer and a person hear of it once a day; tomorrow goes on."""
    workshop, model = make(DAILY_TURN_LIMIT="2")
    for n in range(5):
        session = workshop.at(n, A, f"text {n}")
    assert session.inbound_count == 5
    assert len(model.shown) == 2
    assert outbound(workshop, A)[2:] == [ENOUGH_TODAY]
    assert [f["reason"] for f in failures(workshop)] == ["daily_limit"]
    assert inbox(workshop) == 0
    assert counted(workshop)["gated:daily_limit"] == 3

    workshop.at(24 * 60, A, "a new day")
    assert len(model.shown) == 3


def test_the_budget_of_the_deployment(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Three turns a day for all customers: the fourth is nobody's, and the alarm is raised once."""
    workshop, model = make(DAILY_BUDGET_TURNS="3")
    for customer in (A, B, C, A, B, A):
        workshop.at(0, customer, "Hello there")

    assert len(model.shown) == 3
    assert counted(workshop)["gated:daily_budget"] == 3
    assert len(events(workshop, "daily_budget_reached")) == 1
    assert outbound(workshop, A)[1:] == [ENOUGH_TODAY] == outbound(workshop, B)[1:]
    assert outbound(workshop, C)[1:] == []
    assert [len(failures(workshop, c)) for c in (A, B, C)] == [1, 1, 0]


def test_no_notice_to_who_opted_out(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Over the limit a customer who said STOP hears nothing of it, as of nothing else."""
    workshop, _ = make(DAILY_TURN_LIMIT="1")
    workshop.at(0, A, "one")
    workshop.receive(A, "two")
    claim = workshop.rt.ledger.claim(workshop.cid(A))
    workshop.receive(A, "STOP")  # after the claim: only the commit can know
    assert Turn(workshop.rt, claim).run() == "opted_out"  # type: ignore[arg-type]
    assert len(outbound(workshop, A)) == 1
    assert failures(workshop) == []


@pytest.mark.parametrize(
    ("countries", "answered"), [("", True), ("US,CA", True), ("CA", True), ("GB", False), ("DE,FR", False)]
)
def test_countries_that_are_not_served(
    make: Callable[..., tuple[Workshop, Thinker]], countries: str, answered: bool
) -> None:
    """A text from a country that is not allowed is recorded and counted, and the model never asked."""
    workshop, model = make(**({"ALLOWED_COUNTRIES": countries} if countries else {}))
    session = workshop.at(0, A, "Hello")

    assert session.inbound_count == 1
    assert bool(model.shown) == bool(outbound(workshop, A)) == answered
    assert counted(workshop).get("gated:country", 0) == (0 if answered else 1)
    assert (inbox(workshop), failures(workshop)) == (0, [])


@pytest.mark.parametrize(
    ("address", "countries", "is_served"),
    [
        ("+12025550123", ("US",), True), ("+14165550123", ("US",), False), ("+14165550123", ("US", "CA"), True),
        ("+15550001111", ("CA",), True), ("+15550001111", ("GB",), False),  # in no plan: any country of its code
        ("+442079460000", ("GB",), True), ("+447700900123", ("US",), False), ("+882161234567", ("US",), False),
        ("+9999999", ("US",), False), ("US.13491208655302741918", ("US",), True), ("DE.1349120", ("US",), False),
    ],
)  # fmt: skip
def test_whose_country_is_served(address: str, countries: tuple[str, ...], is_served: bool) -> None:
    """The country is the number's own; where no plan knows the number, its calling code decides."""
    assert served(address, countries) is is_served


def test_a_bot_that_repeats_itself_is_left_alone(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """From the fourth identical text within ten minutes on: recorded, not answered; something new is."""
    workshop, model = make()
    for n in range(6):
        session = workshop.at(n, A, "Thank you for your  MESSAGE" if n % 2 else "thank you for your message ")

    assert session.inbound_count == 6
    assert len(model.shown) == 3
    assert counted(workshop)["gated:loop"] == 3
    workshop.at(7, A, "A real question")
    workshop.at(18, A, "thank you for your message")
    assert len(model.shown) == 5
    assert inbox(workshop) == 0


def test_repeats_in_one_burst_are_one_turn(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Of a burst with a text five times over, the model sees it three times, and the rest that was said."""
    workshop, model = make()
    for text in ["hi"] * 5 + ["and a question"]:
        workshop.receive(A, text)
    workshop.work(A)

    assert model.shown == [["hi", "hi", "hi", "and a question"]]
    assert len(said(workshop)) == 1


def test_pictures_are_no_loop(desk: Desk, make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Four pictures without a word do not count as the same text."""
    desk.text("x", WHATSAPP)
    claim = desk.claim()
    picture = claim.messages[0].message._replace(content="", message_type=MessageType.IMAGE)
    waiting = [replace(claim.messages[0], message=picture)] * 4
    workshop, _ = make()

    verdict = gates.judge(workshop.rt.settings, desk.ledger, claim, waiting)
    assert (verdict.gate, len(verdict.asked)) == (gates.Gate.OPEN, 4)


def test_what_is_silent_anyway_is_not_counted(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """Texts that nobody would answer (switched off, opted out, with a person) use up no limit."""
    workshop, _ = make(AI_RESPONSES_ENABLED="false", DAILY_BUDGET_TURNS="1", DAILY_TURN_LIMIT="1")
    for n in range(3):
        workshop.at(n, A, "Hello")

    assert counted(workshop) == {}
    assert failures(workshop) == []


def test_a_redone_turn_is_one_turn(make: Callable[..., tuple[Workshop, Thinker]]) -> None:
    """A turn that was thought over again takes one place in the minute, the day and the budget."""
    workshop, _ = make(DAILY_BUDGET_TURNS="5", RATE_LIMIT_PER_MINUTE="1")
    model = thinking(workshop, lambda: workshop.receive(A, "more"), lambda: workshop.receive(A, "and more"))
    workshop.at(0, A, "Hello")

    store, cid = workshop.rt.ledger.redis, workshop.cid(A)
    assert len(model.shown) == 3
    assert counted(workshop)["turns"] == 1
    assert store.hget(keys.customer_key("customer", cid), "day_turns") == "1"
    assert store.zcard(keys.customer_key("pace", cid)) == 1


def test_an_outage_of_the_model_uses_up_no_limit(ledger: ClockedLedger, clock: Clock, twilio: str) -> None:
    """A turn that found nobody to ask is not counted, neither for the customer nor for the deployment."""
    workshop = make_workshop(ledger, clock, twilio, DAILY_TURN_LIMIT="2", DAILY_BUDGET_TURNS="2")
    there = workshop.rt.assistant
    away = Assistant("openai", "sk-nobody-is-there", "http://127.0.0.1:9/v1", "none", 0.5)
    workshop.rt = replace(workshop.rt, assistant=away)
    for minute in (0, 6, 12):
        workshop.at(minute, A, f"Hello {minute}")
    workshop.rt = replace(workshop.rt, assistant=there)
    workshop.clock.set(START + 30 * MINUTE)
    workshop.work(A)
    other = workshop.at(31, B, "Hi there")

    assert limits.today(ledger.redis, ledger.now())["turns"] == 2
    assert other.message_count == 2
    assert not [e for e in workshop.lines if e["event"] == "limit_reached"]
