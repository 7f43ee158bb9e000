"""Failures are work: listed with cause and effect, retried once, whoever asks and however often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis

from session import keys, optout
from session.claims import DAY_MS, Change, Claim, Part
from session.failures import Act, Failure, NoSuchFailure, failure_id
from session.ledger import INBOX_MAX
from session.manager import SessionManager
from session.model import HandledBy, State
from session.retries import NotRetried
from tests.store.desk import SMS, Clock, Desk, cid_of, dump, numbers


def open_failures(manager: SessionManager) -> list[Failure]:
    return manager.failures.page(100)[0]


def only(manager: SessionManager) -> Failure:
    found = open_failures(manager)
    assert len(found) == 1
    return found[0]


def poisoned(desk: Desk, content: str = "poison") -> None:
    """A message whose turns die until it is a failure; the customer's claim is free again."""
    desk.text(content)
    for _ in range(desk.ledger.timing.attempts_max):
        desk.open(desk.claim())
        desk.die()
    desk.ledger.release(desk.claim())


def given_up(desk: Desk, reason: str, *, attempts: int, parts: int = 1, state: str = "dead") -> list[Part]:
    """A reply whose first part became a failure after so many requests."""
    claim, owed = desk.owe(parts=parts)
    for _ in range(attempts):
        desk.begin(claim, owed[0])
        desk.ledger.settle(claim, owed[0].number, ["sending"], "pending", changes={"error": 20429})
    failure = {"reason": reason, "part": owed[0].number}
    desk.ledger.settle(
        claim, owed[0].number, ["pending"], state, changes={"refused": reason}, failure=failure
    )
    for part in owed[1:]:
        changes = {"refused": "earlier_part_failed"}
        desk.ledger.settle(claim, part.number, ["pending"], "failed", changes=changes)
    desk.ledger.release(claim)
    return owed


def refused(manager: SessionManager, name: str) -> str:
    with pytest.raises(NotRetried) as refusal:
        manager.retry_failure(name)
    assert refusal.value.sentence
    return refusal.value.code


# What is listed


def test_a_failure_says_what_it_is(desk: Desk, manager: SessionManager, clock: Clock) -> None:
    """A message tried too often is listed with its cause, attempts, customer, session and message."""
    poisoned(desk)
    failure = only(manager)

    assert (failure.reason, failure.attempts, failure.at) == ("attempts", 3, clock.now)
    assert (failure.phone, failure.session_id) == (desk.address, desk.session().id)
    number = failure.number
    assert failure.message_ids == (keys.make_id("m", desk.cid, number),)
    assert failure.id == keys.make_id("f", desk.cid, number)
    assert failure.cause and failure.effect and failure.retryable and not failure.part_id
    assert manager.failures.count() == 1


def test_the_last_error_of_a_turn(desk: Desk, manager: SessionManager, clock: Clock) -> None:
    """A message whose turns ended with an error of ours names its class; not one of before the message came."""
    desk.text("fine")
    desk.ledger.release(desk.claim(), hold_ms=1, fault="OldError")
    clock.advance(1_000)
    desk.commit(claim := desk.claim(), desk.open(claim))
    desk.ledger.release(claim)
    poisoned(desk, "kills its worker")
    clock.advance(1_000)
    desk.text("poison")
    for _ in range(3):
        desk.ledger.release(desk.claim(), hold_ms=1, fault="KeyError")
        clock.advance(1_000)
    desk.ledger.release(desk.claim())

    assert [f.last_error for f in open_failures(manager)] == ["KeyError", ""]


def test_a_part_says_what_it_is(desk: Desk, manager: SessionManager) -> None:
    """A part is listed with its requests, Twilio's last error and the message it belongs to."""
    part = given_up(desk, "expired", attempts=2)[0]
    failure = only(manager)

    assert (failure.attempts, failure.last_error, failure.act) == (2, "Twilio 20429", Act.LOOK)
    assert failure.part_id == keys.part_id(desk.cid, part.number)
    assert failure.message_ids == (keys.make_id("m", desk.cid, part.number.split(".")[0]),)
    assert failure.session_id == desk.session().id
    assert manager.failures.read(failure.part_id) == manager.failures.read(failure.id) == failure


def many(desk: Desk, clock: Clock, count: int) -> list[str]:
    """Failures of many customers, several in the same millisecond; ids, newest first."""
    made = []
    for i in range(count):
        one = Desk(desk.ledger, clock, cid_of(f"customer {i % 7}"), f"+1500555{i % 7:04d}")
        one._sids = i
        number = keys.parse_id(one.text("x", bury="own_number").message_id)
        assert number
        made.append((clock.now, f"{one.cid}:{number.number}"))
        if i % 4 == 3:
            clock.advance(1)
    return [failure_id(*member.split(":")) for _, member in sorted(made, reverse=True)]


@pytest.mark.parametrize("limit", [1, 3, 10, 25, 100])
def test_pages_are_newest_first_and_complete(
    desk: Desk, manager: SessionManager, clock: Clock, limit: int
) -> None:
    """Page by page every failure comes once, newest first, whatever the size of the page."""
    expected, seen, cursor = many(desk, clock, 25), [], ""
    while True:
        found, cursor = manager.failures.page(limit, cursor)
        assert len(found) <= limit
        seen += [f.id for f in found]
        if not cursor:
            break

    assert seen == expected


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "1-p00-f1", "-1-x", "١-x", "1" * 200, "\0"])
def test_what_is_no_cursor(manager: SessionManager, cursor: str) -> None:
    """A cursor that no page gave is refused, not guessed at."""
    with pytest.raises(ValueError):
        manager.failures.page(10, cursor)


def test_an_entry_whose_customer_is_gone(desk: Desk, manager: SessionManager, store: redis.Redis) -> None:
    """When a customer's time is over their failure is on no list, is not found, and leaves the index."""
    poisoned(desk)
    failure = only(manager)
    store.delete(desk.key("failures"))

    assert open_failures(manager) == []
    assert manager.failures.count() == 0
    with pytest.raises(NoSuchFailure):
        manager.retry_failure(failure.id)


@pytest.mark.parametrize("first", ["retry", "nothing"])
def test_a_forgotten_customers_failure(
    desk: Desk, manager: SessionManager, store: redis.Redis, first: str
) -> None:
    """Forgetting takes failures off every index, the resolved ones too; a retry finds nothing."""
    poisoned(desk)
    failure = only(manager)
    if first == "retry":
        manager.retry_failure(failure.id)
    desk.ledger.forget(desk.cid)

    assert manager.failures.page(10, resolved=True)[0] == []
    assert desk.cid not in repr({k: v for k, v in dump(store).items() if ":erased:" not in k})
    with pytest.raises(NoSuchFailure):
        manager.retry_failure(failure.id)


@pytest.mark.parametrize(
    "name", ["", "x", "p00-f1", keys.make_id("s", cid_of("x"), 1), failure_id(cid_of("x"), "1")]
)
def test_what_is_no_failure(manager: SessionManager, name: str) -> None:
    """An id of something else, of nobody, or no id at all is no failure."""
    with pytest.raises(NoSuchFailure):
        manager.retry_failure(name)


# Messages


def test_a_message_is_answered_once_more(desk: Desk, manager: SessionManager) -> None:
    """A retried message waits with no attempts counted, is rung for, shown once and answered; then nobody retries it."""
    poisoned(desk)
    failure = only(manager)
    done = manager.retry_failure(failure.id)

    assert (done.resolution, done.resolved_at, done.retryable) == ("retried", desk.clock.now, False)
    assert desk.due_at() == desk.clock.now + desk.ledger.timing.ring_ms
    assert refused(manager, failure.id) == "already_retried"
    claim = desk.claim()
    assert [(w.message.content, w.attempt) for w in claim.messages] == [("poison", 1)]
    desk.commit(claim, desk.open(claim), "An answer")
    desk.ledger.release(claim)
    assert desk.said() == ["poison", "An answer"]
    assert refused(manager, failure.id) == "already_retried"
    assert open_failures(manager) == []
    assert [f.id for f in manager.failures.page(10, resolved=True)[0]] == [failure.id]


def test_many_at_once_retry_once(desk: Desk, manager: SessionManager) -> None:
    """Of people and programs that retry at the same moment one does, and the message waits once."""
    poisoned(desk)
    failure, start = only(manager), threading.Barrier(8)

    def retry(_: int) -> str:
        start.wait()
        try:
            return manager.retry_failure(failure.id).resolution
        except NotRetried as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(retry, range(8)))

    assert told == ["already_retried"] * 7 + ["retried"]
    assert len(numbers(desk.claim())) == 1


def test_it_may_fail_again(desk: Desk, manager: SessionManager) -> None:
    """A message that fails again after its retry is a failure again, under its id, and is listed once."""
    poisoned(desk)
    failure = only(manager)
    manager.retry_failure(failure.id)
    for _ in range(3):
        desk.claim()
        desk.die()
    desk.clock.advance(1)
    desk.ledger.release(desk.claim())

    assert only(manager).id == failure.id
    assert [f.resolution for f in manager.failures.page(10, resolved=True)[0]] == [""]
    assert manager.retry_failure(failure.id).resolution == "retried"


def test_back_in_its_place(desk: Desk, manager: SessionManager) -> None:
    """A retried message waits before those that came after it."""
    poisoned(desk, "first")
    desk.text("second")
    manager.retry_failure(only(manager).id)

    assert [w.message.content for w in desk.claim().messages] == ["first", "second"]


def test_while_another_turn_runs(desk: Desk, manager: SessionManager) -> None:
    """A retry under a running turn disturbs nothing, and the holder of the claim sees that something waits."""
    poisoned(desk, "first")
    desk.text("second")
    claim = desk.claim()
    session = desk.open(claim)
    manager.retry_failure(only(manager).id)
    desk.commit(claim, session)

    assert desk.ledger.release(claim)
    assert [w.message.content for w in desk.claim().messages] == ["first"]


def test_a_held_lane_is_free_for_a_retry(desk: Desk, manager: SessionManager) -> None:
    """A lane that was to be left alone for a while is not when a person asks."""
    poisoned(desk)
    desk.text("another")
    desk.ledger.release(desk.claim(), hold_ms=300_000)
    manager.retry_failure(only(manager).id)

    assert len(numbers(desk.claim())) == 2


def test_in_a_closed_session(desk: Desk, manager: SessionManager) -> None:
    """A message whose session has ended waits all the same; where it was shown is known to the turn."""
    poisoned(desk)
    session = desk.session()
    manager.complete_session(session.id)
    manager.retry_failure(only(manager).id)
    claim = desk.claim()

    assert claim.messages[0].session_no == keys.parse_id(session.id).number  # type: ignore[union-attr]
    assert claim.sessions[claim.messages[0].session_no].state is State.CLOSED


def test_a_flood(desk: Desk, manager: SessionManager, store: redis.Redis) -> None:
    """What came in over the limit of the inbox can be answered later."""
    store.rpush(
        desk.key("inbox"), *[f"{i} - {SMS} 1:is:::=x:tx" for i in range(900_000, 900_000 + INBOX_MAX)]
    )
    assert desk.text("one too many").outcome == "BURIED"
    store.delete(desk.key("inbox"))
    failure = only(manager)
    manager.retry_failure(failure.id)

    assert (failure.reason, failure.session_id) == ("flood", "")
    assert [w.message.content for w in desk.claim().messages] == ["one too many"]


@pytest.mark.parametrize(
    "reason", ["own_number", "not_an_address", "not_our_number", "repeated_field", "of_tomorrow"]
)
def test_what_cannot_be_answered(desk: Desk, manager: SessionManager, reason: str) -> None:
    """A message that nobody can answer is not retried, nor what a newer release kept, and stays listed."""
    desk.text("x", bury=reason)

    assert refused(manager, only(manager).id) == "cannot_be_retried"
    assert not only(manager).retryable
    assert not desk.owes()


def test_who_opted_out_is_left_alone(desk: Desk, manager: SessionManager, store: redis.Redis) -> None:
    """Nothing is retried towards somebody who wants nothing more."""
    poisoned(desk)
    part = given_up(desk, "expired", attempts=0)[0]
    store.hset(desk.key("customer"), optout.field(SMS), "1")

    assert {refused(manager, f.id) for f in open_failures(manager)} == {"opted_out"}
    assert (desk.part(part.number)["state"], desk.owes()) == ("dead", False)


@pytest.mark.parametrize("hands", [HandledBy.ASSISTANT, HandledBy.OPERATOR])
def test_with_a_person(desk: Desk, manager: SessionManager, hands: HandledBy) -> None:
    """A conversation that is with a person, or waits for one, is not taken from them by a message's retry."""
    poisoned(desk)
    session = replace(desk.session(), state=State.WAITING_AGENT, handled_by=hands)
    desk.ledger.write(desk.cid, Change(session, None))

    assert refused(manager, only(manager).id) == "with_a_person"
    assert not desk.owes()


def away(desk: Desk, reason: str = "model_away") -> Claim:
    """Two messages that a turn recorded and did not answer, a failure under the turn's number."""
    desk.text("one")
    desk.text("two")
    claim = desk.claim()
    session = replace(desk.open(claim), state=State.WAITING_AGENT)
    desk.ledger.commit(
        claim, Change(session, None), answered=[w.number for w in claim.messages], replies=[],
        turn={"kind": "given_up"}, failure={"reason": reason, "messages": numbers(claim)},
    )  # fmt: skip
    desk.ledger.release(claim)
    return claim


def test_the_model_is_back(desk: Desk, manager: SessionManager) -> None:
    """After an outage a retry gives the conversation back to the assistant, with its messages, in one step."""
    given = away(desk)
    failure = only(manager)
    assert (failure.number, failure.session_id) == (given.fence, desk.session().id)
    manager.retry_failure(failure.id)

    assert (desk.session().state, refused(manager, failure.id)) == (State.ACTIVE, "already_retried")
    claim = desk.claim()
    assert numbers(claim) == numbers(given)
    desk.commit(claim, desk.open(claim), "Here I am")
    assert desk.said() == ["one", "two", "Here I am"]


def test_a_person_took_over_meanwhile(desk: Desk, manager: SessionManager) -> None:
    """A conversation that an operator took up after the outage stays theirs."""
    away(desk)
    desk.ledger.write(desk.cid, Change(replace(desk.session(), handled_by=HandledBy.OPERATOR), None))

    assert refused(manager, only(manager).id) == "with_a_person"
    assert (desk.session().state, desk.owes()) == (State.WAITING_AGENT, False)


def test_answered_meanwhile(desk: Desk, manager: SessionManager) -> None:
    """When a turn answers a message that had failed, its failure leaves the list, and nobody retries it."""
    poisoned(desk)
    failure = only(manager)
    desk.text("more")
    claim = desk.claim()
    desk.ledger.commit(
        claim, Change(desk.open(claim), None), answered=[w.number for w in claim.messages],
        replies=[desk.reply("Both", SMS, 1, 0)], turn={"kind": "answer", "messages": [int(failure.number)]},
    )  # fmt: skip
    desk.ledger.release(claim)

    assert open_failures(manager) == []
    assert refused(manager, failure.id) == "already_answered"


@pytest.mark.parametrize("reason", ["daily_limit", "daily_budget"])
def test_a_limit_of_the_day(desk: Desk, manager: SessionManager, clock: Clock, reason: str) -> None:
    """What a limit of the day kept is retried from the next day (UTC) on."""
    away(desk, reason)
    desk.ledger.write(desk.cid, Change(replace(desk.session(), state=State.ACTIVE), None))
    failure = only(manager)

    assert refused(manager, failure.id) == "not_today"
    clock.set((clock.now // DAY_MS + 1) * DAY_MS)
    assert manager.retry_failure(failure.id).resolution == "retried"
    assert desk.owes()


# Parts

SENDS: dict[str, tuple[int, str, str]] = {  # reason: requests before, state before, state after
    "expired": (0, "dead", "pending"), "refused_by_twilio": (1, "failed", "pending"),
    "unknown_outcome": (3, "dead", "unknown"), "configuration": (5, "dead", "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("reason", SENDS)
def test_a_part_is_sent_with_the_rest_of_its_reply(
    desk: Desk, manager: SessionManager, clock: Clock, reason: str
) -> None:
    """A retried part waits first, with a fresh time, to be looked up when it is in doubt; the rest of its reply behind it."""
    attempts, before, after = SENDS[reason]
    parts = given_up(desk, reason, attempts=attempts, parts=3, state=before)
    clock.advance(3_600_000)
    done = manager.retry_failure(only(manager).id)

    stored = [desk.part(p.number) for p in parts]
    assert [p["state"] for p in stored] == [after, "pending", "pending"]
    assert {p["created"] for p in stored} == {clock.now}
    assert done.resolution == "retried"
    assert [p.number for p in desk.claim().parts] == [parts[0].number]
    assert desk.ledger.redis.lrange(desk.key("outbox"), 0, -1) == [p.number for p in parts]
    assert refused(manager, done.id) == "already_retried"


def test_a_retried_part_may_go(desk: Desk, manager: SessionManager, clock: Clock) -> None:
    """Long after its time was over the gate before Twilio lets a retried part through, once."""
    given_up(desk, "expired", attempts=0)
    clock.advance(3_600_000)
    manager.retry_failure(only(manager).id)
    claim = desk.claim()

    assert desk.begin(claim, claim.parts[0])[0] == "GO"
    assert desk.ledger.sent(desk.cid, claim.parts[0].number, "SM1") == "OK"
    assert not desk.owes()


def test_before_the_parts_of_later_replies(desk: Desk, manager: SessionManager) -> None:
    """A retried part waits before those of replies that were written later."""
    first = given_up(desk, "expired", attempts=0)[0]
    claim, later = desk.owe("next")
    desk.ledger.release(claim)
    manager.retry_failure(only(manager).id)

    assert [p.number for p in desk.claim().parts] == [first.number]
    assert desk.ledger.redis.lrange(desk.key("outbox"), 0, -1) == [first.number, later[0].number]


def test_sent_after_all(desk: Desk, manager: SessionManager) -> None:
    """When a callback shows that Twilio had the part, a retry sends nothing and the failure leaves the list."""
    part = given_up(desk, "unknown_outcome", attempts=2)[0]
    desk.ledger.status(desk.cid, part.number, "SM9", "delivered", "", desk.address)
    failure = only(manager)

    assert refused(manager, failure.id) == "already_sent"
    assert open_failures(manager) == []
    assert not desk.owes()


def test_overtaken_by_a_person(desk: Desk, manager: SessionManager) -> None:
    """What the assistant wrote before a person stepped in is not sent by a retry either."""
    given_up(desk, "expired", attempts=0)
    manager.complete_session(desk.session().id)

    assert refused(manager, only(manager).id) == "overtaken"
    assert not desk.owes()


def test_a_step_sent_twice_is_one(desk: Desk, manager: SessionManager, store: redis.Redis) -> None:
    """redis-py may send a retry again when the connection broke: the second finds it done by itself and changes nothing."""
    poisoned(desk)
    message = only(manager)
    plan: dict[str, Any] = {"entries": [message.entry], "hold": ""}
    replays = [desk.ledger.replay(desk.cid, message.number, "w", "optout:x", plan)]
    before = dump(store)
    replays.append(desk.ledger.replay(desk.cid, message.number, "w", "optout:x", plan))
    assert (replays, dump(store)) == ([("OK", "")] * 2, before)
    desk.ledger.release(desk.claim())

    other = Desk(desk.ledger, desk.clock, cid_of("other"))
    number = given_up(other, "expired", attempts=0)[0].number
    resends = [other.ledger.resend(other.cid, number, "w", "optout:x", look=False)]
    before = dump(store)
    resends.append(other.ledger.resend(other.cid, number, "w", "optout:x", look=False))
    assert (resends, dump(store)) == ([("OK", "")] * 2, before)
