"""Random lives of two customers in one partition: what must hold after every single step."""

from __future__ import annotations

from dataclasses import replace

import fakeredis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from session import keys
from session.claims import Change, Claim, ClaimLost, LedgerConflict, Part, Timing
from session.model import Keyword
from tests.store.conftest import CLOCKED_PRELUDE, START_MS
from tests.store.desk import SMS, SMS_TOO, WHATSAPP, Clock, ClockedLedger, Desk, cid_of

LANES = st.sampled_from([SMS, SMS, SMS_TOO, WHATSAPP])
WORDS = st.sampled_from([Keyword.NONE] * 4 + [Keyword.STOP, Keyword.START])
PEOPLE = st.integers(0, 1)
WAYS = st.sampled_from(["sent", "failed", "unknown", "pending", "sending", "nothing"])


def two_neighbours() -> list[str]:
    """Two customer ids of one partition."""
    first = cid_of("first")
    second = next(
        c for i in range(10_000) if keys.partition(c := cid_of(f"second {i}")) == keys.partition(first)
    )
    return [first, second]


class Lives(RuleBasedStateMachine):
    """Customers write, holders answer, die, come late and repeat themselves; time passes."""

    @initialize()
    def begin(self) -> None:
        store = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.clock = Clock(store)
        self.clock.set(START_MS)
        ledger = ClockedLedger(store, Timing(take=2), CLOCKED_PRELUDE)
        self.desks = [
            Desk(ledger, self.clock, cid, f"+1500555000{i}") for i, cid in enumerate(two_neighbours())
        ]
        self.claims: dict[int, Claim] = {}
        self.late: list[tuple[int, Claim]] = []
        self.taken_in = [0, 0]

    @rule(who=PEOPLE, lane=LANES, word=WORDS, quiet_ms=st.sampled_from([0, 0, 2_000]))
    def write(self, who: int, lane: object, word: Keyword, quiet_ms: int) -> None:
        got = self.desks[who].text("text", lane, keyword=word, quiet_ms=quiet_ms)  # type: ignore[arg-type]
        assert got.outcome == "NEW"
        self.taken_in[who] += 1

    @rule(who=PEOPLE, again=st.integers(1, 3))
    def repeat(self, who: int, again: int) -> None:
        desk = self.desks[who]
        if desk._sids >= again:
            desk._sids -= again
            assert desk.text("text").outcome == "DUP"
            desk._sids += again - 1

    @rule(who=PEOPLE)
    def claim(self, who: int) -> None:
        got = self.desks[who].ledger.claim(self.desks[who].cid)
        if isinstance(got, Claim):
            assert who not in self.claims, "two hold the claim"
            assert not (got.parts and got.messages)
            assert len({p.record["lane"] for p in got.parts}) == len(got.parts)
            assert all(w.message.lane == got.lane and w.attempt <= 3 for w in got.messages)
            assert all(int(got.fence) > int(old.fence) for _, old in self.late)
            self.claims[who] = got

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), way=WAYS, parts=st.integers(1, 2))
    def work(self, data: st.DataObject, way: str, parts: int) -> None:
        who = data.draw(st.sampled_from(sorted(self.claims)))
        desk, claim = self.desks[who], self.claims[who]
        if claim.messages:
            owed = desk.commit(claim, desk.open(claim), "answer", parts=parts)
            claim.messages.clear()
        else:
            owed, claim.parts = claim.parts, []
        for part in owed:
            self._bring(desk, claim, part, way)

    def _bring(self, desk: Desk, claim: Claim, part: Part, way: str) -> None:
        lane = part.lane
        if way == "nothing" or desk.begin(claim, part, lane)[0] != "GO":
            desk.ledger.settle(
                claim, part.number, ["sending", "unknown", "pending"], "unknown", wait_ms=20_000
            )
        elif way == "sent":
            assert desk.ledger.sent(desk.cid, part.number, f"SM{part.number}") == "OK"
        elif way != "sending":
            wait_ms = 0 if way == "failed" else 20_000
            assert desk.ledger.settle(claim, part.number, ["sending"], way, wait_ms=wait_ms) == "OK"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(["release", "release", "hold", "die", "renew"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        who = data.draw(st.sampled_from(sorted(self.claims)))
        desk, claim = self.desks[who], self.claims[who]
        if how == "renew":
            if desk.ledger.renew(claim):
                return
        elif how == "die":
            desk.die()
        else:
            more = desk.ledger.release(claim, hold_ms=30_000 if how == "hold" else 0)
            assert more == desk.owes()
        self.late.append((who, self.claims.pop(who)))

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def come_late(self, data: st.DataObject) -> None:
        who, claim = data.draw(st.sampled_from(self.late))
        desk = self.desks[who]
        assert not desk.ledger.renew(claim)
        assert not desk.ledger.release(claim, give_back=[1, 2, 3])
        fenced = replace(claim, token=f"{int(claim.fence) + 10_000}:late:1")
        for step in (desk.open, lambda c: desk.commit(c, desk.session_for(c))):
            try:
                step(fenced)
            except ClaimLost:
                continue
            raise AssertionError("a late holder wrote")

    @rule(who=PEOPLE, word=st.sampled_from(["sent", "delivered", "failed"]))
    def call_back(self, who: int, word: str) -> None:
        desk = self.desks[who]
        for number in map(str, desk.ledger.redis.hkeys(desk.key("parts"))[:1]):
            desk.ledger.status(desk.cid, number, f"SM{number}", word, "", desk.address)

    @rule(who=PEOPLE)
    def write_by_program(self, who: int) -> None:
        desk = self.desks[who]
        session = desk.ledger.read(desk.cid, last=0)[1]
        if session:
            try:
                desk.ledger.write(desk.cid, Change(replace(session, summary="x"), None))
            except LedgerConflict as error:
                raise AssertionError("nobody else writes here") from error

    @rule(ms=st.sampled_from([1, 2_000, 5_000, 20_000, 30_000, 900_001]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule()
    def ring(self) -> None:
        now = self.clock.now
        for cid in self.desks[0].ledger.due():
            desk = next(d for d in self.desks if d.cid == cid)
            assert (desk.due_at() or 0) > now

    @rule(who=PEOPLE)
    def forget(self, who: int) -> None:
        desk = self.desks[who]
        desk.ledger.forget(desk.cid)
        self.taken_in[who] = 0
        if who in self.claims:
            self.late.append((who, self.claims.pop(who)))
        assert not desk.owes() and desk.due_at() is None

    @invariant()
    def whoever_is_owed_something_waits(self) -> None:
        """Nothing that is owed is ever missing in the waiting index, nor rung for later than a minute from now
        unless something holds it back so long."""
        for desk in getattr(self, "desks", []):
            if desk.owes():
                assert desk.due_at() is not None

    @invariant()
    def every_message_is_somewhere(self) -> None:
        """Each message waits, was answered in some session, or is a failure; none is in two places."""
        for who, desk in enumerate(getattr(self, "desks", [])):
            redis = desk.ledger.redis
            waiting = {entry.split()[0] for entry in redis.lrange(desk.key("inbox"), 0, -1)}
            stands = [item.split(":", 4) for item in redis.lrange(desk.key("history"), 0, -1)]
            shown = [number for _, number, *_ in stands]
            buried = {n for n in redis.hkeys(desk.key("failures")) if "." not in n}
            inbound = {number for _, number, _, head, _ in stands if head[0] == "i"} | waiting | buried
            assert len(inbound) == self.taken_in[who]
            assert len(shown) == len(set(shown))
            assert not waiting & buried
            tried = redis.hgetall(desk.key("attempts"))
            assert set(tried) <= waiting and all(1 <= int(str(count)) <= 3 for count in tried.values())

    @invariant()
    def an_outbox_holds_what_is_unsettled(self) -> None:
        """A part is in the outbox exactly while it is neither sent nor failed."""
        for desk in getattr(self, "desks", []):
            redis = desk.ledger.redis
            owed = redis.lrange(desk.key("outbox"), 0, -1)
            unsettled = {
                n
                for n in redis.hkeys(desk.key("parts"))
                if desk.part(n)["state"] in ("pending", "sending", "unknown")
            }
            assert len(owed) == len(set(owed))
            assert set(owed) == unsettled

    def teardown(self) -> None:
        """In the end, when time passes and somebody works, nobody waits and the index is empty."""
        for who, desk in enumerate(getattr(self, "desks", [])):
            if who in self.claims:
                desk.die()
            for _ in range(200):
                got = desk.ledger.claim(desk.cid)
                if isinstance(got, Claim):
                    for part in got.parts:
                        desk.ledger.settle(got, part.number, ["pending", "sending", "unknown"], "failed")
                    if got.messages:
                        desk.commit(got, desk.open(got))
                    desk.ledger.release(got)
                elif got.outcome == "EARLY":
                    self.clock.advance(got.wait_ms)
                else:
                    break
            assert not desk.owes()
            assert desk.due_at() is None


TestLives = Lives.TestCase
TestLives.settings = settings(
    derandomize=True,
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
