"""What happens while the model thinks: newer messages, STOP, a person, a deletion, a job told to stop."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ai.assistant import Assistant, ModelUnavailable
from config.notices import NOTICES
from session import keys, optout
from session.claims import Change, Claim, OptedOut, StaleTurn
from session.model import Answer, Channel, Keyword, Lane, State
from tests.store.desk import SMS, SMS_TOO, WHATSAPP, Clock, ClockedLedger, Desk, dump, numbers
from tests.store.test_turns import MINUTE, OURS, START, A, Workshop, make_workshop, twilio  # noqa: F401
from workers import halt, steps, turn

LANE = Lane(Channel.SMS, OURS)


class Thinker(Assistant):
    """The stand-in model, with something that happens while it thinks: one act for each time it is asked."""

    def __init__(self, *acts: Callable[[], object] | None) -> None:
        super().__init__("mock")
        self.acts = list(acts)
        self.shown: list[list[str]] = []

    def answer(self, agent: Any, items: Sequence[Any], *args: Any, **kwargs: Any) -> Answer:
        self.shown.append([i.content for i in items if i.role == "user"])
        act = self.acts.pop(0) if self.acts else None
        if act:
            act()
        return super().answer(agent, items, *args, **kwargs)


@pytest.fixture
def workshop(ledger: ClockedLedger, clock: Clock, twilio: str) -> Workshop:
    clock.set(START)
    return make_workshop(ledger, clock, twilio)


def thinking(workshop: Workshop, *acts: Callable[[], object] | None) -> Thinker:
    """The workshop's model from now on."""
    model = Thinker(*acts)
    workshop.rt = replace(workshop.rt, assistant=model)
    return model


def history(workshop: Workshop) -> list[tuple[str, str]]:
    return [(str(m.direction), m.content) for m in workshop.rt.manager.get_conversation_history(A)]


def said(workshop: Workshop) -> list[str]:
    return [content for direction, content in history(workshop) if direction == "outbound"]


def attempts(workshop: Workshop) -> list[Any]:
    return list(workshop.rt.ledger.redis.hvals(keys.customer_key("attempts", workshop.cid(A))))


def inbox(workshop: Workshop) -> int:
    return int(str(workshop.rt.ledger.redis.llen(keys.customer_key("inbox", workshop.cid(A)))))


# The steps


def test_a_commit_notices_a_newer_message_and_writes_nothing(desk: Desk) -> None:
    """With leave to redo, a commit over a newer text of its lane is STALE and changes nothing at all."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    desk.text("two")
    before = dump(desk.ledger.redis)

    with pytest.raises(StaleTurn):
        desk.ledger.commit(
            claim, Change(session, None), answered=[claim.messages[0].number],
            replies=[desk.reply("old", SMS, 1, 0)], turn={}, redo_after=numbers(claim)[-1],
        )  # fmt: skip

    assert dump(desk.ledger.redis) == before
    assert desk.commit(claim, session, "after all")  # and without leave it commits


@pytest.mark.parametrize(
    ("lane", "keyword"),
    [(SMS_TOO, Keyword.NONE), (WHATSAPP, Keyword.NONE), (SMS, Keyword.STOP), (SMS, Keyword.HELP)],
)
def test_what_makes_no_turn_stale(desk: Desk, lane: Lane, keyword: Keyword) -> None:
    """A text on another lane, or an opt-out word, is no reason to think again."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    desk.text("two", lane, keyword=keyword)

    desk.ledger.commit(
        claim, Change(session, None), answered=[claim.messages[0].number], replies=[], turn={},
        redo_after=numbers(claim)[-1],
    )  # fmt: skip
    assert claim.committed


def test_more_is_taken_once_in_order_and_counted_once(desk: Desk) -> None:
    """What came in since is added to the claim oldest first, bounded, one attempt each, however often it is asked."""
    desk.text("one")
    claim = desk.claim()
    first = numbers(claim)[0]
    desk.text("elsewhere", WHATSAPP)
    for text in ("two", "three", "four"):
        desk.text(text)

    more = desk.ledger.take_more(claim, first, 2)
    assert [w.message.content for w in more] == ["two", "three"]
    assert [w.message.content for w in claim.messages] == ["one", "two", "three"]
    assert [w.attempt for w in desk.ledger.take_more(claim, first, 2)] == [1, 1]
    assert desk.ledger.redis.hlen(desk.key("attempts")) == 3


def test_no_reply_is_committed_for_who_opted_out(desk: Desk) -> None:
    """A commit with a reply is refused once the customer's opt-out stands; one without a reply is not."""
    desk.text("one")
    claim = desk.claim()
    session = desk.open(claim)
    desk.text("STOP", keyword=Keyword.STOP)
    plan: dict[str, Any] = {
        "answered": [claim.messages[0].number],
        "turn": {},
        "optout": optout.field(SMS),
    }

    with pytest.raises(OptedOut):
        desk.ledger.commit(claim, Change(session, None), replies=[desk.reply("x", SMS, 1, 0)], **plan)
    assert desk.ledger.commit(claim, Change(session, None), replies=[], **plan) == []
    assert not desk.ledger.redis.exists(desk.key("parts"))


# Whole turns


def test_a_burst_while_thinking_gives_one_answer(workshop: Workshop) -> None:
    """Texts that come in while the model thinks are thought about together with the first, and answered once."""
    model = thinking(
        workshop,
        lambda: [workshop.receive(A, "about order #777"), workshop.receive(A, "please")],
    )
    session = workshop.at(0, A, "Hello")

    assert model.shown == [["Hello"], ["Hello", "about order #777", "please"]]
    assert [d for d, _ in history(workshop)] == ["inbound"] * 3 + ["outbound"]
    assert "777" in said(workshop)[0]
    assert session.message_count == 4
    assert (inbox(workshop), attempts(workshop)) == (0, [])
    assert [e["redos"] for e in workshop.lines if e["event"] == "turn"] == [1]
    totals = [total for _, total in workshop.logged("message_added_to_history")]
    assert totals == [1, 2, 3, 4]


def test_a_turn_is_redone_twice_at_most(workshop: Workshop) -> None:
    """Who writes on and on gets the third answer; what came in during it is the next turn's."""
    model = thinking(
        workshop,
        *(lambda n=n: workshop.receive(A, f"and {n}") for n in range(3)),  # type: ignore[misc]
    )
    workshop.at(0, A, "Hello")

    assert [len(shown) for shown in model.shown[:3]] == [1, 2, 3]
    assert len(said(workshop)) == 2
    assert [c for d, c in history(workshop) if d == "inbound"] == ["Hello", "and 0", "and 1", "and 2"]
    assert inbox(workshop) == 0


def test_no_redo_without_time_for_the_model(ledger: ClockedLedger, clock: Clock, twilio: str) -> None:
    """With less than one model call's time left the turn commits what it has."""
    clock.set(START)
    workshop = make_workshop(
        ledger, clock, twilio, MODEL_TIMEOUT_SECONDS="19.99", TURN_SECONDS="20", CLAIM_LIMIT_SECONDS="40"
    )
    model = thinking(workshop, lambda: [workshop.receive(A, "more"), threading.Event().wait(0.03)])
    workshop.at(0, A, "Hello")

    assert model.shown[0] == ["Hello"]
    assert len(said(workshop)) == 2


def test_a_redo_that_finds_the_model_away_sends_the_answer_there_is(workshop: Workshop) -> None:
    """The first answer goes out; the newer text waits with its attempt given back, and the customer hears why."""

    def gone() -> None:
        raise ModelUnavailable("gone", code="model_unreachable", retry_after=100)

    thinking(workshop, lambda: workshop.receive(A, "more"), gone, gone)
    workshop.at(0, A, "Hello")

    assert len(said(workshop)) == 2  # the answer, and the notice of the next turn
    assert said(workshop)[1].startswith("Sorry")
    assert (inbox(workshop), attempts(workshop)) == (1, [])


def test_a_reaction_is_no_reason_to_ask_again(workshop: Workshop) -> None:
    """An empty message that came in meanwhile is recorded with the answer there is."""
    model = thinking(workshop, lambda: workshop.receive(A, " "))
    workshop.at(0, A, "Hello")

    assert len(model.shown) == len(said(workshop)) == 1
    assert inbox(workshop) == 0


def test_a_gap_while_thinking_is_the_next_turns(ledger: ClockedLedger, clock: Clock, twilio: str) -> None:
    """A text that belongs to a new session is not drawn into the running turn."""
    clock.set(START)
    workshop = make_workshop(ledger, clock, twilio, SESSION_POLICY="timegap")

    def later() -> None:
        clock.set(START + 6 * MINUTE)
        workshop.receive(A, "Hi again")

    thinking(workshop, later)
    second = workshop.at(0, A, "Hello")

    assert [e for e, _ in workshop.logged("session_created")] == ["session_created"] * 2
    assert second.message_count == 2
    assert attempts(workshop) == []


def test_stop_while_thinking_silences_the_answer(workshop: Workshop) -> None:
    """A STOP that comes in while the model thinks: no reply is even written, and the session ends."""
    thinking(workshop, lambda: workshop.receive(A, "STOP"))
    session = workshop.at(0, A, "Hello")

    assert said(workshop) == []
    assert session.state is State.CLOSED
    assert inbox(workshop) == 0


def test_stop_while_a_redo_thinks_silences_it(workshop: Workshop) -> None:
    """The same when the STOP comes in during the second time the model is asked."""
    model = thinking(workshop, lambda: workshop.receive(A, "more"), lambda: workshop.receive(A, "STOP"))
    session = workshop.at(0, A, "Hello")

    assert (len(model.shown), said(workshop), inbox(workshop)) == (2, [], 0)
    assert session.state is State.CLOSED


def test_a_process_that_ends_does_not_begin_to_think_again(workshop: Workshop) -> None:
    """Told to stop, a worker commits the answer it has; what came in since is another worker's."""
    model = thinking(workshop, lambda: [workshop.receive(A, "more"), workshop.rt.stopping.set()])
    workshop.at(0, A, "Hello")

    assert (len(model.shown), len(said(workshop)), inbox(workshop)) == (1, 1, 1)


def test_stop_while_the_model_fails_silences_the_apology(workshop: Workshop) -> None:
    """Nobody who said STOP is told that the model is away."""

    def stopped() -> None:
        workshop.receive(A, "STOP")
        raise ModelUnavailable("gone", code="model_unreachable", retry_after=100)

    thinking(workshop, stopped)
    workshop.at(0, A, "Hello")

    assert said(workshop) == []
    assert inbox(workshop) == 0


def test_a_completed_session_is_not_answered_late(workshop: Workshop) -> None:
    """An operator who completes the session while the model thinks: what was thought for it is not sent."""

    def completed() -> None:
        session = workshop.rt.manager.get_session_by_phone(A)
        assert session
        workshop.rt.manager.complete_session(session.id)

    thinking(workshop, completed)
    workshop.at(0, A, "Hello")

    turns = [e["outcome"] for e in workshop.lines if e["event"] == "turn"]
    assert turns == ["conflict", "answered"]  # the text, asked in no open session, opens the next
    assert len(said(workshop)) == 1


def test_a_person_who_steps_in_is_not_talked_over(workshop: Workshop) -> None:
    """A session handed to a person while the model thinks stays silent; the text is recorded in it."""

    def handed() -> None:
        session = workshop.rt.manager.get_session_by_phone(A)
        assert session
        workshop.rt.manager.update_state(session, State.WAITING_AGENT)

    thinking(workshop, handed)
    session = workshop.at(0, A, "Hello")

    assert (session.state, said(workshop)) == (State.WAITING_AGENT, [])
    assert inbox(workshop) == 0


def test_a_deletion_while_thinking_stays_a_deletion(workshop: Workshop) -> None:
    """Who is forgotten while the model thinks gets no reply, and nothing of them comes back."""
    thinking(workshop, lambda: workshop.rt.manager.destroy_session(A))
    workshop.receive(A, "Hello")
    with pytest.raises(AssertionError):  # there is no session left to look at
        workshop.work(A)

    left = [str(name) for name in workshop.rt.ledger.redis.scan_iter(f"*{workshop.cid(A)}*")]
    assert [name for name in left if ":erased:" not in name] == []


def test_a_job_told_to_stop_lets_go(workshop: Workshop) -> None:
    """Between two steps: the attempt is given back, the lane rests, nothing is sent, and RQ hears of it."""
    told = threading.Event()
    thinking(workshop, told.set)
    halt.use(told)
    workshop.receive(A, "Hello")
    try:
        with pytest.raises(halt.Halted):
            workshop.work(A)
    finally:
        halt.use(None)

    assert (said(workshop), attempts(workshop), inbox(workshop)) == ([], [], 1)
    assert workshop.work(A).outbound_count == 0  # too early
    workshop.clock.advance(turn.HALT_HOLD_MS)
    workshop.work(A)
    assert len(said(workshop)) == 1


# Poison


class Poisonable(Thinker):
    """A model client that breaks when it is asked about one text."""

    def answer(self, agent: Any, items: Sequence[Any], *args: Any, **kwargs: Any) -> Answer:
        if items[-1].content == "poison":
            raise RuntimeError("poison")
        return super().answer(agent, items, *args, **kwargs)


def dies(workshop: Workshop) -> None:
    """A worker takes what waits and is killed."""
    claim = workshop.rt.ledger.claim(workshop.cid(A))
    assert isinstance(claim, Claim)
    workshop.rt.ledger.redis.delete(keys.customer_key("claim", workshop.cid(A)))


def test_poison_ends_as_a_failure_and_takes_no_neighbour_with_it(workshop: Workshop) -> None:
    """Three attempts, a dead letter, one apology; the texts around it in the same burst are answered."""
    workshop.rt = replace(workshop.rt, assistant=Poisonable())
    for text in ("before", "poison", "after"):
        workshop.receive(A, text)
    dies(workshop)
    dies(workshop)
    for _ in range(4):
        workshop.work(A)
        workshop.clock.advance(round(workshop.rt.settings.ring_seconds * 1000))

    ledger, cid = workshop.rt.ledger, workshop.cid(A)
    assert ledger.redis.hlen(keys.customer_key("failures", cid)) == 1
    assert len([e for e in workshop.lines if e["event"] == "message_buried"]) == 1
    assert (inbox(workshop), attempts(workshop)) == (0, [])
    assert len(said(workshop)) == 3
    assert said(workshop)[1] == NOTICES["unreadable"]["en"]


def test_an_innocent_burst_survives_two_dead_workers(workshop: Workshop) -> None:
    """Its texts are answered one by one in the end, each in its order, and none is a failure."""
    model = thinking(workshop)
    for text in ("one", "two", "three"):
        workshop.receive(A, text)
    dies(workshop)
    dies(workshop)
    workshop.work(A)

    assert [shown[-1] for shown in model.shown] == ["one", "two", "three"]
    assert model.shown[0] == ["one"]  # what comes later is no history of it
    assert inbox(workshop) == 0


@pytest.mark.parametrize("silenced", ["", "STOP", "switched off"])
def test_no_apology_to_who_wants_none(
    ledger: ClockedLedger,
    clock: Clock,
    twilio: str,
    silenced: str,
) -> None:
    """A dead letter of a customer who opted out, or where nothing is answered, is a failure without a word;
    a new customer who did neither hears of it."""
    clock.set(START)
    off = {"AI_RESPONSES_ENABLED": "false"} if silenced == "switched off" else {}
    workshop = make_workshop(ledger, clock, twilio, **off)
    workshop.receive(A, "poison")
    for _ in range(3):
        dies(workshop)
    if silenced == "STOP":
        workshop.receive(A, "STOP")
    claim = ledger.claim(workshop.cid(A))
    assert isinstance(claim, Claim)
    assert claim.buried
    assert steps.Turn(workshop.rt, claim).run() == "buried"
    assert ledger.redis.exists(keys.customer_key("parts", workshop.cid(A))) == (not silenced)
