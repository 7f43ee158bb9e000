"""Random lives of two customers in one partition: after every single step the ledger holds what the books say.

Late holders try theirs, people step in, failures are retried, customers are forgotten. ``test_machine`` is about
workers that overtake each other; this is about what stands in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from session import course, events, keys, optout
from session.claims import Change, Claim, ClaimLost, LedgerConflict, OptedOut, Part
from session.failures import failure_id
from session.machine import Event
from session.model import HandledBy, Keyword, Lane, Session, State
from session.retries import NotRetried
from tests.store.books import UNSETTLED, Books
from tests.store.desk import AGENT, SMS, SMS_TOO, WHATSAPP, dump
from tests.store.lives import (
    DEADLINE_MS,
    DEEDS,
    KINDS,
    LANES,
    PEOPLE,
    PICK,
    TWICE,
    WAYS,
    WORDS,
    Turns,
    picked,
)

BETWEEN = [
    "write", "write", "word", "more", "person", "person", "retry", "retry", "wait", "late", "claim", "leave",
    "tried in vain", "call back", "learn", "again and retried",
]  # fmt: skip


class Lives(Turns):
    """Turns with something between their steps; people step in; time passes."""

    # Hypothesis leaves some rules out of each example and seldom finds the way through a turn, so that is one rule too.

    @rule(who=PEOPLE, lane=LANES, seed=st.integers(0, 2**32))
    def live(self, who: int, lane: Lane, seed: int) -> None:
        """A message and the turn that answers it, with something else between its steps."""
        rng = Random(seed)
        steps = ["write", "claim", "open", "count", "commit", "send", "send", "leave"]
        for _ in range(rng.randrange(5)):
            steps.insert(rng.randint(1, len(steps)), rng.choice(BETWEEN))
        for name in steps:
            self._step(rng, who, lane, name)
            self.the_ledger_holds_what_the_books_say()
        if rng.random() < 0.2 and self.books[who].sessions:
            for deed in ("sweep", "resolve"):
                self.step_in(who, 0, rng.random() < 0.3, deed, stale=False)
                self.the_ledger_holds_what_the_books_say()

    def _step(self, rng: Random, who: int, lane: Lane, name: str) -> None:
        twice, pick, books = rng.random() < 0.3, rng.randrange(30), self.books[who]
        if name == "write":
            self.write(who, lane, Keyword.NONE, 0, "", twice)
        elif name == "word":
            self.write(who, lane, rng.choice(WORDS), 0, "", twice)
        elif name == "claim":
            self.claim(who, twice)
        elif name == "person" and books.sessions:
            self.step_in(who, pick, twice, rng.choice(DEEDS), stale=False)
        elif name == "retry" and (books.failures or books.resolved):
            self.retry(who, pick, twice)
        elif name == "call back" and books.parts:
            self.call_back(who, pick, "delivered", rng.random() < 0.7, twice)
        elif name == "learn" and books.parts:
            self.learn_optout(who, pick, lane, twice)
        elif name == "again and retried" and any(
            n.isdecimal() and f.about for n, f in books.failures.items()
        ):
            self._again_and_retried(who, rng.random() < 0.5)
        elif name == "wait":
            self.wait(rng.choice([5_000, 30_000, 900_001]))
        elif name == "late" and self.late:
            self.come_late(pick)
        elif name == "tried in vain":
            for _ in range(rng.randint(1, 3)):
                self.claim(who, twice)
                if who in self.claims:
                    self.leave(who, "die", twice)
        elif who in self.claims:
            self._hold(rng, who, name, twice)

    def _again_and_retried(self, who: int, twice: bool) -> None:
        """What a turn gave up waits again by an operator's hand, and then somebody retries the failure."""
        books = self.books[who]
        name = max((n for n, f in books.failures.items() if n.isdecimal() and f.about), key=int)
        where = {number: session for session, number in books.shown}
        for number in sorted(books.failures[name].about & books.answered):
            self._write(books, where[number], self._session(books, where[number]), "again", {number})
        self._retry(books, name)

    def _hold(self, rng: Random, who: int, name: str, twice: bool) -> None:
        """A step of the holder of a claim."""
        if name == "open":
            self.open(who, rng.random() < 0.2, twice)
        elif name == "count":
            self.count_turn(who, twice, 0)
        elif name == "more":
            self.take_more(who, twice)
        elif name == "commit":
            redo, remember = rng.random() < 0.5, rng.random() < 0.5
            self.commit(who, rng.randint(0, 2), rng.randint(1, 3), remember, redo, rng.choice(KINDS), twice)
        elif name == "send":
            self.send(who, twice, rng.choice(WAYS))
        elif name == "leave":
            self.leave(who, rng.choice(["release", "release", "give back", "die"]), twice)

    @precondition(lambda self: self.late)
    @rule(pick=PICK)
    def come_late(self, pick: int) -> None:
        """Whatever a late holder tries, by the newest facts even, changes nothing."""
        who, claim = self.late[-1 - pick % len(self.late)]
        books = self.books[who]
        desk, now = books.desk, self.clock.now
        before = dump(self.client)  # type: ignore[arg-type]
        session = desk.ledger.read(desk.cid, last=0)[1]
        if session is None or session.state is State.CLOSED:
            session = course.begin(AGENT, SMS.channel, "*", desk.address, SMS.ours, "late", now)
        reply, waits = desk.reply("Too late", SMS, 1, session.epoch), sorted(books.waiting)
        steps: list[Callable[[], object]] = [
            lambda: desk.ledger.open(claim, Change(session, now), [], waits, 5),
            lambda: desk.ledger.take_more(claim, 0, 5),
            lambda: desk.ledger.count_turn(claim, [], 1, 0, 0),
        ]
        if claim.fence not in books.fences:
            steps.append(lambda: desk.ledger.commit(
                claim, Change(session, now), answered=waits, replies=[reply], turn={"kind": "answer"}
            ))  # fmt: skip
        for step in steps:
            try:
                step()
            except ClaimLost:
                continue
            raise AssertionError("a late holder wrote")
        assert not desk.ledger.renew(claim)
        assert not desk.ledger.release(claim, give_back=waits, hold_ms=1, uncount=True)
        for number in sorted(books.parts)[:2]:
            part = Part(number, desk.part(number))
            assert desk.begin(claim, part)[0] == "LOST"
            assert desk.ledger.settle(claim, number, UNSETTLED, "pending") == "LOST"
            assert desk.ledger.give_up(claim, number, UNSETTLED, "dead") == "LOST"
        assert dump(self.client) == before  # type: ignore[arg-type]

    # People, programs and time

    @precondition(lambda self: any(b.sessions for b in self.books))
    @rule(
        who=PEOPLE, pick=PICK, twice=TWICE, what=st.sampled_from(DEEDS), stale=st.sampled_from([False, False, False, True]),
    )  # fmt: skip
    def step_in(self, who: int, pick: int, twice: bool, what: str, stale: bool) -> None:
        """Somebody writes a session outside any turn."""
        books = self.books[who] if self.books[who].sessions else self.books[1 - who]
        desk, now = books.desk, self.clock.now
        no = picked(books.sessions, pick)
        session = self._session(books, no)
        if session.state is State.CLOSED and what not in ("note", "records"):
            return
        if stale:
            session = replace(session, version=session.version - 1)
        self.client.twice = twice
        if what == "sweep":
            held = bool(self.client.exists(desk.key("claim"))) or bool(self._inbox(desk))
            change = Change(replace(session, alerted_at=now), now, (events.event("handoff_unanswered"),))
            done = desk.ledger.write_all([(desk.cid, change, {"reason": "nobody_answered"})])
            assert done == [not held and not stale]
            if done[0]:
                books.fail(str(no), set())
                books.tell(no, change.events)
            return
        try:
            self._write(books, no, session, what)
        except LedgerConflict:
            assert stale
            return
        except OptedOut:
            assert what == "answer" and books.optouts and not stale
            self.happened["person refused"] += 1
            return
        assert not stale, "written over what somebody else wrote"
        refused = optout.field(Lane(session.channel, session.ours)) in books.optouts
        assert what != "answer" or not refused, "owed to who opted out"
        self.happened[what] += 1
        if what == "resolve" and str(no) in books.failures:
            books.resolve(str(no))
            self.happened["resolved by a person"] += 1

    @staticmethod
    def _session(books: Books, no: int) -> Session:
        session = books.desk.ledger.read(books.desk.cid, no, 0)[1]
        assert session
        return session

    def _write(self, books: Books, no: int, session: Session, what: str, which: Iterable[int] = ()) -> None:
        desk, now, lane = books.desk, self.clock.now, Lane(session.channel, session.ours)
        told: tuple[dict[str, Any], ...] = ()
        more: dict[str, Any] = {"resolves": what == "resolve"}
        again: dict[int, str] = {}
        if what == "records":
            more["messages"] = [m for m in desk.ledger.read(desk.cid, no)[2] if m.twilio_sid][-2:]
        elif what == "answer":
            session = replace(
                session, epoch=session.epoch + 1, handled_by=HandledBy.OPERATOR, state=State.ACTIVE
            )
            told = (events.event("operator_answered"),)
            more |= {"owed": desk.reply("I am here", lane, 2, session.epoch), "optout": optout.field(lane)}
        elif what == "again":
            of_session = {n for s, n in books.shown if s == no}
            again = desk.ledger.recorded(desk.cid, sorted(which or books.answered & of_session)[-2:])
            lanes = {n: m.lane for n, m in desk.ledger.find_messages(desk.cid, list(again)).items()}
            more["entries"] = [f"{n} - {lanes[n]} {record}" for n, record in sorted(again.items())]
        elif what == "close":
            session = course.move(session, Event.COMPLETED, now)
            told = events.ended(session)
        made = desk.ledger.write(desk.cid, Change(session, now + DEADLINE_MS, told), **more)
        ids = [found.number for name in made.message_ids if (found := keys.parse_id(name))]
        books.sessions[no] = session.state is not State.CLOSED
        books.tell(no, told)
        if what == "answer":
            books.owe(no, ids.pop(), 2)
        books.shown += [(no, number) for number in ids]
        books.requeue(set(again))
        assert made.waits == (what == "answer" or bool(again))

    @precondition(lambda self: any(b.failures or b.resolved for b in self.books))
    @rule(who=PEOPLE, pick=PICK, twice=TWICE)
    def retry(self, who: int, pick: int, twice: bool) -> None:
        """Somebody retries a failure, of a message or a part, once or once more."""
        books = next(b for b in (self.books[who], *self.books) if b.failures or b.resolved)
        self.client.twice = twice
        self._retry(books, picked([*books.failures, *books.resolved], pick))

    def _retry(self, books: Books, name: str) -> None:
        desk = books.desk
        failing = books.failures.get(name)
        part = desk.part(name) if "." in name else {}
        behind = (
            self._behind(desk, name, lambda p: p.get("refused") == "earlier_part_failed") if part else set()
        )
        try:
            failure = self.manager.retry_failure(failure_id(desk.cid, name))
        except NotRetried as refusal:
            self.happened[refusal.code] += 1
            self._expect(bool(failing) or refusal.code.startswith("already_"))
            self._expect(refusal.code != "opted_out" or bool(books.optouts))
            if failing and refusal.code in ("already_answered", "already_sent"):
                books.resolve(name)
            return
        assert failing and failure.resolution == "retried"
        if part:
            self.happened["resent"] += 1
            assert not part.get("sid")
            books.owed |= {name, *behind}
        else:
            self.happened["replayed"] += 1
            again = failing.about - failing.answered - books.waiting
            assert again
            books.requeue(again)
        books.resolve(name)

    @rule(ms=st.sampled_from([1, 2_000, 5_000, 20_000, 30_000, 61_000, 900_001]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule()
    def ring(self) -> None:
        now = self.clock.now
        for cid in self.books[0].desk.ledger.due():
            desk = next(b.desk for b in self.books if b.desk.cid == cid)
            assert (desk.due_at() or 0) > now

    @rule(who=PEOPLE, sure=st.integers(0, 3), twice=TWICE)
    def forget(self, who: int, sure: int, twice: bool) -> None:
        if sure:
            return
        desk = self.books[who].desk
        self.client.twice = twice
        desk.ledger.forget(desk.cid)
        if who in self.claims:
            self._gone(who)
        self.books[who] = Books(desk)
        left = [name for name in dump(self.client) if desk.cid in name]  # type: ignore[arg-type]
        assert left == [desk.key("erased")]

    # What must hold

    @invariant()
    def the_ledger_holds_what_the_books_say(self) -> None:
        if hasattr(self, "books"):
            self.client.twice = False
            for books in self.books:
                books.check()

    def teardown(self) -> None:
        """In the end, when time passes and somebody works, nobody waits and the index is empty; all of it will fade."""
        self.client.twice = False
        for who, books in enumerate(self.books):
            desk = books.desk
            if who in self.claims:
                desk.die()
            for _ in range(200):
                got = desk.ledger.claim(desk.cid)
                if isinstance(got, Claim):
                    for part in got.parts:
                        desk.ledger.settle(got, part.number, UNSETTLED, "failed")
                    if got.messages:
                        desk.commit(got, desk.open(got))
                    desk.ledger.release(got)
                elif got.outcome == "EARLY":
                    self.clock.advance(got.wait_ms)
                else:
                    break
            assert not desk.owes()
            assert desk.due_at() is None
            own = [name for name in dump(self.client) if desk.cid in name]  # type: ignore[arg-type]
            assert [name for name in own if self.client.pttl(name) < 0] == []


class TestLives(Lives.TestCase):  # type: ignore[misc,name-defined]
    """Short lives, as hypothesis chooses the rules."""

    settings = settings(
        derandomize=True,
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        phases=(
            Phase.explicit,
            Phase.generate,
        ),  # making a failure small takes minutes: add Phase.shrink for that
        suppress_health_check=list(HealthCheck),
    )


def test_long_lives() -> None:
    """Turn after turn with harm between their steps: the ledger holds what the books say, and all of it came to pass."""
    Lives.happened.clear()
    for seed in range(12):
        rng, lives = Random(seed), Lives()
        lives.begin()
        for turn in range(40):
            lives.live(rng.randrange(2), rng.choice([SMS, SMS, SMS_TOO, WHATSAPP]), rng.randrange(2**32))
            if turn == 30:
                lives.forget(rng.randrange(2), 0, twice=True)
        lives.teardown()
    wanted = (
        "buried", "took more", "GO", "LOOP", "DAY_OVER", "OptedOut", "LedgerConflict", "StaleTurn", "open conflict",
        "replayed", "resent", "again", "close", "records", "answer", "person refused", "resolved by a person", "expired",
        "overtaken", "opted_out", "already_answered", "already_sent", "already_retried", "with_a_person",
    )  # fmt: skip
    assert [name for name in wanted if not Lives.happened[name]] == [], Lives.happened
