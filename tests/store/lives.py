"""Two customers of one partition and whoever answers them: the steps of a turn, each with its entry in the books.

Every step of the ledger is taken as a rule, perhaps twice. What happens around turns, and what must hold, stands in
``test_invariants``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

import fakeredis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from config.agents import Agent, Agents
from config.settings import load_settings
from session import course, events, keys, optout, records
from session.claims import Change, Claim, LedgerConflict, OptedOut, Part, StaleTurn, Timing
from session.machine import Event
from session.manager import SessionManager
from session.model import Keyword, Lane, MemoryItem, Session, State
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
    number_of,
    numbers,
)

LANES = st.sampled_from([SMS, SMS, SMS_TOO, WHATSAPP])
WORDS = [Keyword.NONE] * 6 + [Keyword.STOP, Keyword.START, Keyword.START]
KINDS = ["answer", "answer", "answer", "silent", "given_up"]
WAYS = ["sent", "sent", "sent", "unknown", "pending", "sending", "failed", "given up", "given up"]
DEEDS = ["note", "records", "answer", "answer", "again", "again", "close", "sweep", "resolve"]
T = TypeVar("T", int, str)
PEOPLE = st.integers(0, 1)
PICK = st.integers(0, 30)
TWICE = st.sampled_from([False, False, True])
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


class Turns(RuleBasedStateMachine):
    """Customers write; holders of claims answer, die and let go."""

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

    # The customers

    @rule(
        who=PEOPLE, lane=LANES, word=st.sampled_from(WORDS), quiet_ms=st.sampled_from([0, 0, 2_000]),
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
        kind=st.sampled_from(KINDS), twice=TWICE,
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
            self._expect(type(ended) is verdict)
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
        way=st.sampled_from(WAYS),
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
        if way == "failed" and self._behind(desk, owed.number, lambda _: True):
            way = "given up"
        if way != "sent":  # as workers do: it holds back those behind it
            claim.parts = [p for p in claim.parts if p.lane != owed.lane]
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
        who=PEOPLE,
        pick=PICK,
        word=st.sampled_from(["sent", "delivered", "failed"]),
        numbered=st.booleans(),
        twice=TWICE,
    )
    def call_back(self, who: int, pick: int, word: str, numbered: bool, twice: bool) -> None:
        """Twilio tells of a part, whether anybody noted that it took it or not."""
        books = self.books[who] if self.books[who].parts else self.books[1 - who]
        number, desk = picked(books.parts, pick), books.desk
        taken = bool(desk.part(number).get("sid"))
        self.client.twice = twice
        said, _ = desk.ledger.status(
            desk.cid, number if numbered else "", _sid(number), word, "", desk.address
        )
        assert said in (("OK", "IGNORED") if taken else ("OK",) if numbered else ("UNKNOWN",))
        if said == "OK":
            books.unlooked |= number in books.owed
            books.owed.discard(number)
        if said != "UNKNOWN":
            assert desk.ledger.status(desk.cid, number, "SMother", word, "", desk.address)[0] == "DOUBLE"

    @precondition(lambda self: any(b.parts for b in self.books))
    @rule(who=PEOPLE, pick=PICK, lane=LANES, twice=TWICE)
    def learn_optout(self, who: int, pick: int, lane: Lane, twice: bool) -> None:
        books = self.books[who] if self.books[who].parts else self.books[1 - who]
        number, field, desk = picked(books.parts, pick), optout.field(lane), books.desk
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

    # Inside

    @staticmethod
    def _expect(holds: bool) -> None:
        """Of a refusal: whether it was due."""
        assert holds, "refused without cause"

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


def picked(names: Iterable[T], pick: int) -> T:
    """One of them; more often one of the newest."""
    every = sorted(names)  # type: ignore[type-var]
    return every[-1 - pick // 3 % len(every)]


def _sid(number: str) -> str:
    """The SID that Twilio gave a part."""
    message, index = number.split(".")
    return f"SM{int(message):030x}{int(index):02x}"
