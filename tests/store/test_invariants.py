"""Random lives of two customers in one partition: after every single step the ledger holds what the books say.

Every step of the ledger is taken here, each perhaps twice, and late holders try theirs. ``test_machine`` is about
workers that overtake each other; this is about what stands in the store.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import fakeredis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config.agents import Agent, Agents
from config.settings import load_settings
from session import course, events, keys, optout, records
from session.claims import Change, Claim, ClaimLost, LedgerConflict, OptedOut, Part, StaleTurn, Timing
from session.failures import failure_id
from session.machine import Event
from session.manager import SessionManager
from session.model import HandledBy, Keyword, Lane, MemoryItem, Session, State
from session.retries import NotRetried
from tests.store.books import UNSETTLED, Books
from tests.store.conftest import CLOCKED_PRELUDE, ENVIRONMENT, START_MS
from tests.store.desk import (
    AGENT,
    SMS,
    SMS_TOO,
    WHATSAPP,
    Clock,
    ClockedLedger,
    Desk,
    cid_of,
    dump,
    number_of,
    numbers,
)

LANES = st.sampled_from([SMS, SMS, SMS_TOO, WHATSAPP])
WORDS = st.sampled_from([Keyword.NONE] * 6 + [Keyword.STOP, Keyword.START, Keyword.START])
PEOPLE = st.integers(0, 1)
TWICE = st.sampled_from([False, False, True])
KINDS = st.sampled_from(["answer", "answer", "answer", "silent", "given_up"])
WAYS = st.sampled_from(["sent", "sent", "unknown", "pending", "sending", "failed", "given up", "given up"])
DEEDS = st.sampled_from(
    ["note", "records", "answer", "answer", "again", "again", "close", "sweep", "resolve"]
)
BETWEEN = st.sampled_from(
    ["write", "write", "word", "more", "person", "person", "retry", "retry", "wait", "late", "claim", "leave", "tried in vain"]
)  # fmt: skip
DEADLINE_MS, DAY_MAX = 1_800_000, 4


def two_neighbours() -> list[str]:
    """Two customer ids of one partition."""
    first = cid_of("first")
    second = next(
        c for i in range(10_000) if keys.partition(c := cid_of(f"second {i}")) == keys.partition(first)
    )
    return [first, second]


class Doubled:
    """A client that runs every step a second time while ``twice`` is set: nothing may change by that."""

    def __init__(self, client: Any) -> None:
        self._client, self.twice = client, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def evalsha(self, *call: Any) -> Any:
        first = self._client.evalsha(*call)
        if self.twice:
            self._client.evalsha(*call)
        return first

    def eval(self, *call: Any) -> Any:
        """What the ledger falls back to where the server does not know a script yet."""
        first = self._client.eval(*call)
        if self.twice:
            self._client.eval(*call)
        return first


class Lives(RuleBasedStateMachine):
    """Customers write, holders answer, die, come late and repeat themselves; people step in; time passes."""

    happened: ClassVar[Counter[str]] = Counter()  # over all examples: what came to pass at all

    @initialize()
    def begin(self) -> None:
        self.client = Doubled(fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True))
        self.clock = Clock(self.client)  # type: ignore[arg-type]
        self.clock.set(START_MS)
        ledger = ClockedLedger(self.client, Timing(take=2), CLOCKED_PRELUDE)  # type: ignore[arg-type]
        agents = Agents({AGENT: Agent(AGENT, "Riley", "Help.", "", ())}, AGENT)
        self.manager = SessionManager(ledger, load_settings(ENVIRONMENT, env_file=None), agents)
        self.books = [
            Books(Desk(ledger, self.clock, cid, f"+1500555000{i}")) for i, cid in enumerate(two_neighbours())
        ]
        self.claims: dict[int, Claim] = {}
        self.opened: dict[int, Session] = {}  # by the holder of the claim, as far as it is
        self.counted: set[str] = set()  # fences
        self.late: list[tuple[int, Claim]] = []

    # Hypothesis leaves some rules out of each example and seldom finds the way through a turn, so that is one rule too.

    @rule(
        data=st.data(),
        who=PEOPLE,
        lane=LANES,
        between=st.lists(st.tuples(st.integers(1, 8), BETWEEN), max_size=4),
    )
    def live(self, data: st.DataObject, who: int, lane: Lane, between: list[tuple[int, str]]) -> None:
        """A message and the turn that answers it, with something else between its steps."""
        steps = ["write", "claim", "open", "count", "commit", "send", "send", "leave"]
        for at, name in sorted(between, reverse=True):
            steps.insert(at, name)
        for name in steps:
            self._step(data, who, lane, name)
            self.the_ledger_holds_what_the_books_say()

    def _step(self, data: st.DataObject, who: int, lane: Lane, name: str) -> None:
        twice, books = data.draw(TWICE), self.books[who]
        if name == "write":
            self.write(who, lane, Keyword.NONE, 0, "", twice)
        elif name == "word":
            self.write(who, lane, data.draw(WORDS), 0, "", twice)
        elif name == "claim":
            self.claim(who, twice)
        elif name == "person" and books.sessions:
            self.step_in(data, who, twice, data.draw(DEEDS), stale=False)
        elif name == "retry" and (books.failures or books.resolved):
            self.retry(data, who, twice)
        elif name == "wait":
            self.wait(data.draw(st.sampled_from([5_000, 30_000, 900_001])))
        elif name == "late" and self.late:
            self.come_late(data)
        elif name == "tried in vain":
            for _ in range(data.draw(st.integers(1, 3))):
                self.claim(who, twice)
                if who in self.claims:
                    self.leave(who, "die", twice)
        elif who in self.claims:
            self._hold(data, who, name, twice)

    def _hold(self, data: st.DataObject, who: int, name: str, twice: bool) -> None:
        """A step of the holder of a claim."""
        if name == "open":
            self.open(who, data.draw(st.sampled_from([False, False, False, True])), twice)
        elif name == "count":
            self.count_turn(who, twice, 0)
        elif name == "more":
            self.take_more(who, twice)
        elif name == "commit":
            kind = data.draw(KINDS)
            self.commit(who, data.draw(st.integers(0, 2)), data.draw(st.integers(1, 3)), data.draw(st.booleans()),
                        data.draw(st.booleans()), kind, twice)  # fmt: skip
        elif name == "send":
            self.send(who, twice, data.draw(WAYS))
        elif name == "leave":
            self.leave(who, data.draw(st.sampled_from(["release", "release", "die"])), twice)

    # The customers

    @rule(
        who=PEOPLE, lane=LANES, word=WORDS, quiet_ms=st.sampled_from([0, 0, 2_000]),
        bury=st.sampled_from(["", "", "", "flood"]), twice=TWICE,
    )  # fmt: skip
    def write(self, who: int, lane: Lane, word: Keyword, quiet_ms: int, bury: str, twice: bool) -> None:
        books, field = self.books[who], optout.field(lane)
        self.client.twice = twice
        got = books.desk.text("text", lane, keyword=word, quiet_ms=quiet_ms, bury=bury)
        number = keys.parse_id(got.message_id)
        assert number and got.outcome == ("BURIED" if bury else "NEW")
        if word is Keyword.STOP:
            books.optouts.add(field)
        elif word is Keyword.START:
            books.optouts.discard(field)
        if bury:
            books.bury(number.number)
        else:
            books.waiting.add(number.number)

    @rule(who=PEOPLE, again=st.integers(1, 3))
    def repeat(self, who: int, again: int) -> None:
        desk = self.books[who].desk
        if desk._sids >= again:
            desk._sids -= again
            assert desk.text("text").outcome == "DUP"
            desk._sids += again - 1

    # A turn

    @rule(who=PEOPLE, twice=TWICE)
    def claim(self, who: int, twice: bool) -> None:
        books = self.books[who]
        self.client.twice = twice
        got = books.desk.ledger.claim(books.desk.cid)
        if not isinstance(got, Claim):
            books.unlooked &= got.outcome == "BUSY"
            return
        assert who not in self.claims, "two hold the claim"
        assert not (got.parts and got.messages)
        assert len({p.record["lane"] for p in got.parts}) == len(got.parts)
        assert all(w.message.lane == got.lane and w.attempt <= 3 for w in got.messages)
        assert all(int(got.fence) > int(old.fence) for _, old in self.late)
        assert got.memories == books.memory
        for number in got.buried:
            self.happened["buried"] += 1
            books.bury(number)
        books.unlooked = True
        self.claims[who] = got

    @precondition(lambda self: self.claims)
    @rule(who=PEOPLE, supersede=st.sampled_from([False, False, True]), twice=TWICE)
    def open(self, who: int, supersede: bool, twice: bool) -> None:
        who, books, claim = self._holder(who)
        if not claim.messages or claim.committed:
            return
        desk, lane = books.desk, claim.lane
        assert lane
        scope = "whatsapp" if lane is WHATSAPP else "*"
        session = self.opened.get(who) or desk.session_for(claim, scope=scope)
        told = events.event("session_started" if not session.id else "session_resumed")
        closing = []
        if supersede and session.id:
            ended = course.move(session, Event.COMPLETED, self.clock.now)
            closing = [Change(ended, None, events.ended(ended))]
            session = course.begin(
                AGENT, lane.channel, scope, desk.address, lane.ours, "a test", self.clock.now
            )
        changes = [Change(session, self.clock.now + DEADLINE_MS, (told,)), *closing]
        fresh = all(self._fresh(books, change.session) for change in closing or changes)
        self.client.twice = twice
        try:
            stored, _ = desk.ledger.open(claim, changes[0], closing, numbers(claim), 5)
        except LedgerConflict:
            assert not fresh
            self.happened["open conflict"] += 1
            return
        assert fresh, "opened over what somebody else wrote"
        no = number_of(stored)
        for change in closing:
            books.sessions[number_of(change.session)] = False
            books.tell(number_of(change.session), change.events)
        books.sessions[no] = True
        books.tell(no, changes[0].events)
        for number in numbers(claim):
            books.place(no, number)
        self.opened[who] = stored

    @precondition(lambda self: self.claims)
    @rule(who=PEOPLE, twice=TWICE)
    def take_more(self, who: int, twice: bool) -> None:
        _, books, claim = self._holder(who)
        if not claim.messages or claim.committed:
            return
        known = numbers(claim)
        self.client.twice = twice
        more = [w.number for w in books.desk.ledger.take_more(claim, max(known), 2)]
        self.happened["took more"] += bool(more)
        assert set(more) <= books.waiting - set(known) and more == sorted(more)
        assert all(w.message.lane == claim.lane for w in claim.messages)

    @precondition(lambda self: self.claims)
    @rule(who=PEOPLE, twice=TWICE, rate=st.sampled_from([0, 1, 3]))
    def count_turn(self, who: int, twice: bool, rate: int) -> None:
        _, books, claim = self._holder(who)
        if not claim.messages or claim.committed:
            return
        texts = [
            {"number": w.number, "digest": f"{w.number % 2:016x}", "at": w.message.at} for w in claim.messages
        ]
        self.client.twice = twice
        verdict, *more = books.desk.ledger.count_turn(claim, texts, len(texts), rate, DAY_MAX)
        self.happened[verdict] += 1
        if verdict == "GO":
            assert bool(more[0]) == (claim.fence not in self.counted)
            books.day_turns += more[0]
            self.counted.add(claim.fence)
        assert books.day_turns <= DAY_MAX

    @precondition(lambda self: self.claims)
    @rule(
        who=PEOPLE, replies=st.integers(0, 2), parts=st.integers(1, 3), remember=st.booleans(), redo=st.booleans(),
        kind=KINDS, twice=TWICE,
    )  # fmt: skip
    def commit(
        self, who: int, replies: int, parts: int, remember: bool, redo: bool, kind: str, twice: bool
    ) -> None:
        who, books, claim = self._holder(who)
        if not claim.messages or claim.committed:
            return
        desk, lane, taken = books.desk, claim.lane, numbers(claim)
        assert lane
        session = self.opened.get(who) or desk.session_for(claim)
        failure: dict[str, Any] | None = None
        if kind == "given_up":
            session, replies = course.move(session, Event.HANDED_OFF, self.clock.now), 0
            failure = {"reason": "model_away", "messages": taken}
        told = (events.event("entities_extracted", names=["order"]),)
        items = [MemoryItem("1", "fact", "pet", f"a dog, says {claim.fence}", 0.9, "m1", self.clock.now)]
        newer = any(
            word == "-" and on == str(lane) and int(number) > max(taken)
            for number, word, on, _ in (entry.split(" ", 3) for entry in self._inbox(desk))
        )
        verdict = (
            LedgerConflict if not self._fresh(books, session)
            else OptedOut if replies and optout.field(lane) in books.optouts
            else StaleTurn if redo and newer
            else None
        )  # fmt: skip
        self.client.twice = twice
        try:
            made = desk.ledger.commit(
                claim, Change(session, self.clock.now + DEADLINE_MS, told), answered=taken,
                replies=[desk.reply("An answer", lane, parts, session.epoch) for _ in range(replies)],
                turn={"kind": kind, "messages": taken}, memory=items if remember else None, failure=failure,
                optout=optout.field(lane), redo_after=max(taken) if redo else 0,
            )  # fmt: skip
        except (LedgerConflict, OptedOut, StaleTurn) as ended:
            assert type(ended) is verdict
            self.happened[type(ended).__name__] += 1
            return
        assert verdict is None, f"committed, and {verdict} was due"
        self._committed(books, claim, session, kind, told)
        no = self._of_turn(desk, claim)
        for number in made:
            books.owe(no, int(number), parts)
        if remember:
            books.memory[AGENT] = records.encode_memory(items)
        claim.parts = [Part(f"{n}.{i}", desk.part(f"{n}.{i}")) for n in made for i in range(1, parts + 1)]
        claim.messages.clear()

    def _committed(
        self, books: Books, claim: Claim, session: Session, kind: str, told: tuple[dict[str, Any], ...]
    ) -> None:
        no, taken = self._of_turn(books.desk, claim), numbers(claim)
        books.fences.add(claim.fence)
        books.sessions[no] = session.state is not State.CLOSED
        books.tell(no, told)
        books.answer(no, taken, resolves=kind == "answer")
        if kind == "given_up":
            books.fail(claim.fence, set(taken))

    @staticmethod
    def _of_turn(desk: Desk, claim: Claim) -> int:
        return int(json.loads(str(desk.ledger.redis.hget(desk.key("turns"), claim.fence)))["session"])

    # The parts

    @precondition(lambda self: self.claims)
    @rule(
        who=PEOPLE,
        twice=TWICE,
        way=WAYS,
    )
    def send(self, who: int, twice: bool, way: str) -> None:
        """One part as far as ``way``; unless it must not go."""
        who, books, claim = self._holder(who)
        if not claim.parts:
            return
        desk, owed = books.desk, claim.parts.pop(0)
        stored = desk.part(owed.number)
        self.client.twice = twice
        verdict, detail = desk.begin(claim, owed, owed.lane)
        assert verdict != "LOST"
        if verdict == "GO":
            assert owed.number in books.owed and optout.field(owed.lane) not in books.optouts
            assert desk.ledger.read(desk.cid, stored["session"], 0)[1].epoch == stored["epoch"]  # type: ignore[union-attr]
        elif verdict == "REFUSED":
            self.happened[detail] += 1
            way = "given up"
        else:
            assert detail == stored["state"] != "pending"
            way = "unknown" if detail in UNSETTLED else "nothing"
        self._settle(books, claim, owed.number, way)

    def _settle(self, books: Books, claim: Claim, number: str, way: str) -> None:
        desk, failure = books.desk, {"reason": "refused_by_twilio", "part": number}
        if way == "sent":
            assert desk.ledger.sent(desk.cid, number, _sid(number)) == "OK"
            books.owed.discard(number)
        elif way == "given up":
            behind = self._behind(desk, number, lambda part: part["state"] == "pending")
            assert desk.ledger.give_up(claim, number, UNSETTLED, "failed", failure=failure) == "OK"
            books.owed -= {number, *behind}
            books.fail(number, set())
        elif way == "failed":
            said = desk.ledger.settle(claim, number, UNSETTLED, "failed", failure=failure)
            assert said == "OK"
            books.owed.discard(number)
            books.fail(number, set())
        elif way not in ("sending", "nothing"):
            assert desk.ledger.settle(claim, number, UNSETTLED, way, wait_ms=20_000) == "OK"

    @staticmethod
    def _behind(desk: Desk, number: str, fits: Callable[[dict[str, Any]], bool]) -> set[str]:
        """Parts of the same reply behind one that ``fits``."""
        message, index = number.split(".")
        names = [f"{message}.{i}" for i in range(int(index) + 1, 10)]
        held = desk.ledger.redis.hmget(desk.key("parts"), names)
        return {
            n for n, value in zip(names, held, strict=True) if value and fits(records.decode_part(str(value)))
        }  # type: ignore[arg-type]

    @precondition(lambda self: any(b.parts for b in self.books))
    @rule(
        data=st.data(),
        word=st.sampled_from(["sent", "delivered", "failed"]),
        numbered=st.booleans(),
        twice=TWICE,
    )
    def call_back(self, data: st.DataObject, word: str, numbered: bool, twice: bool) -> None:
        """Twilio tells of a part, whether anybody noted that it took it or not."""
        books = data.draw(st.sampled_from([b for b in self.books if b.parts]))
        number, desk = data.draw(st.sampled_from(sorted(books.parts))), books.desk
        taken = bool(desk.part(number).get("sid"))
        self.client.twice = twice
        said, _ = desk.ledger.status(
            desk.cid, number if numbered else "", _sid(number), word, "", desk.address
        )
        assert said in (("OK", "IGNORED") if taken else ("OK",) if numbered else ("UNKNOWN",))
        if said == "OK":
            books.unlooked |= number in books.owed
            books.owed.discard(number)
        if taken or numbered:  # else it would be the first that anybody tells of this part
            other = desk.ledger.status(desk.cid, number, "SMother", word, "", desk.address)
            assert "DOUBLE" == other[0]

    @precondition(lambda self: any(b.parts for b in self.books))
    @rule(data=st.data(), lane=LANES, twice=TWICE)
    def learn_optout(self, data: st.DataObject, lane: Lane, twice: bool) -> None:
        books = data.draw(st.sampled_from([b for b in self.books if b.parts]))
        number, field, desk = data.draw(st.sampled_from(sorted(books.parts))), optout.field(lane), books.desk
        self.client.twice = twice
        said = desk.ledger.learn_optout(desk.cid, number, "", desk.address, field)
        assert said == ("KNOWN" if field in books.optouts else "LEARNT")
        books.optouts.add(field)
        assert desk.ledger.learn_optout(desk.cid, number, "SMother", "+19995550000", field) == "IGNORED"

    # The end of a claim

    @precondition(lambda self: self.claims)
    @rule(
        who=PEOPLE,
        how=st.sampled_from(["release", "release", "give back", "hold", "die", "renew"]),
        twice=TWICE,
    )
    def leave(self, who: int, how: str, twice: bool) -> None:
        who, books, claim = self._holder(who)
        desk = books.desk
        self.client.twice = twice
        if how == "renew":
            if desk.ledger.renew(claim):
                return
        elif how == "die":
            desk.die()
        else:
            uncount = how == "give back" and claim.fence in self.counted
            more = desk.ledger.release(
                claim, hold_ms=30_000 if how == "hold" else 0, uncount=uncount,
                give_back=numbers(claim) if how == "give back" else (),
            )  # fmt: skip
            assert more == desk.owes()
            books.day_turns -= uncount
            books.unlooked = False
        self._gone(who)

    def _gone(self, who: int) -> None:
        self.late.append((who, self.claims.pop(who)))
        self.opened.pop(who, None)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def come_late(self, data: st.DataObject) -> None:
        """Whatever a late holder tries, by the newest facts even, changes nothing."""
        who, claim = data.draw(st.sampled_from(self.late))
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
        data=st.data(), who=PEOPLE, twice=TWICE, what=DEEDS, stale=st.sampled_from([False, False, False, True]),
    )  # fmt: skip
    def step_in(self, data: st.DataObject, who: int, twice: bool, what: str, stale: bool) -> None:
        """Somebody writes a session outside any turn."""
        books = self.books[who] if self.books[who].sessions else self.books[1 - who]
        desk, now = books.desk, self.clock.now
        no = data.draw(st.sampled_from(sorted(books.sessions)))
        session = desk.ledger.read(desk.cid, no, 0)[1]
        assert session
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
        self.happened[what] += 1
        if what == "resolve" and str(no) in books.failures:
            books.resolve(str(no))
            self.happened["resolved by a person"] += 1

    def _write(self, books: Books, no: int, session: Session, what: str) -> None:
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
            again = desk.ledger.recorded(desk.cid, sorted(books.answered & of_session)[-2:])
            more["entries"] = [f"{n} - {lane} {record}" for n, record in sorted(again.items())]
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
    @rule(data=st.data(), who=PEOPLE, twice=TWICE)
    def retry(self, data: st.DataObject, who: int, twice: bool) -> None:
        """Somebody retries a failure, of a message or a part, once or once more."""
        books = next(b for b in (self.books[who], *self.books) if b.failures or b.resolved)
        name, desk = data.draw(st.sampled_from(sorted([*books.failures, *books.resolved]))), books.desk
        failing = books.failures.get(name)
        part = desk.part(name) if "." in name else {}
        behind = (
            self._behind(desk, name, lambda p: p.get("refused") == "earlier_part_failed") if part else set()
        )
        self.client.twice = twice
        try:
            failure = self.manager.retry_failure(failure_id(desk.cid, name))
        except NotRetried as refusal:
            self.happened[refusal.code] += 1
            assert failing or refusal.code.startswith("already_")
            assert refusal.code != "opted_out" or books.optouts
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

    def _holder(self, who: int) -> tuple[int, Books, Claim]:
        """This customer's claim, or the other's where nobody holds this one's."""
        who = who if who in self.claims else next(iter(self.claims))
        return who, self.books[who], self.claims[who]

    @staticmethod
    def _inbox(desk: Desk) -> list[str]:
        return desk.ledger.redis.lrange(desk.key("inbox"), 0, -1)  # type: ignore[return-value]

    @staticmethod
    def _fresh(books: Books, session: Session) -> bool:
        """Whether nobody wrote this session, or opened another in its place, since it was read."""
        if not session.id:
            return f"{session.agent_id}|{session.scope}" not in books.desk.opened()
        now = books.desk.ledger.read(books.desk.cid, number_of(session), 0)[1]
        return now is not None and now.version == session.version


def _sid(number: str) -> str:
    """The SID that Twilio gave a part."""
    message, index = number.split(".")
    return f"SM{int(message):030x}{int(index):02x}"


class TestLives(Lives.TestCase):  # type: ignore[misc,name-defined]
    """The machine, and that it went everywhere."""

    settings = settings(
        derandomize=True,
        max_examples=40,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def runTest(self) -> None:  # noqa: N802
        Lives.happened.clear()
        super().runTest()
        wanted = (
            "buried",
            "took more",
            "GO",
            "OptedOut",
            "LedgerConflict",
            "StaleTurn",
            "replayed",
            "resent",
            "again",
            "overtaken",
        )
        assert {name: Lives.happened[name] >= 3 for name in wanted} == dict.fromkeys(wanted, True), (
            Lives.happened
        )
