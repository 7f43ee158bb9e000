"""The protocol as a machine of random steps: several workers interleave, freeze, die and repeat themselves.

The test holds its own picture of the world - what was written, what Twilio took - and never looks at how the
scripts work. Workers do what ``workers.turn`` and ``workers.delivery`` do, one script a step, so that any other
worker's step, a callback or minutes of time may come between two of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import fakeredis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from session import course, keys, records
from session.claims import Change, Claim, ClaimLost, LedgerConflict, Part, StaleTurn, Timing
from session.machine import Event
from session.model import Lane, MemoryItem, Session, State
from tests.store.conftest import CLOCKED_PRELUDE, START_MS
from tests.store.desk import AGENT, SMS, SMS_TOO, WHATSAPP, Clock, ClockedLedger, Desk, dump, part

DEADLINE_MS = 3_000  # between the mark and the request; workers.delivery checks it
LOOKS_MS = (20_000, 65_000)
REDOS_MAX = 2
WORKERS = st.integers(0, 2)
LANES = (SMS, SMS_TOO, WHATSAPP)


@dataclass
class Post:
    """A message that Twilio took."""

    number: str
    sid: str


@dataclass
class Worker:
    """One worker's turn: what it does next is ``todo``; what it holds may be long out of date."""

    claim: Claim | None = None
    todo: list[Callable[[], None]] = field(default_factory=list)
    redos: int = 0


class Resent:
    """A client that sends every step twice while ``twice`` is set, as redis-py does after a broken connection."""

    def __init__(self, client: Any) -> None:
        self._client, self.twice = client, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def evalsha(self, *call: Any) -> Any:
        return self._send(self._client.evalsha, call)

    def eval(self, *call: Any) -> Any:
        """What the ledger falls back to where the server does not know a script yet."""
        return self._send(self._client.eval, call)

    def _send(self, command: Callable[..., Any], call: tuple[Any, ...]) -> Any:
        first = command(*call)
        return command(*call) if self.twice else first


class Protocol(RuleBasedStateMachine):
    """One customer with three lanes, three workers, a Twilio, a sweep and a clock."""

    happened: ClassVar[Counter[str]] = Counter()  # over all examples: what came to pass at all

    @initialize()
    def begin(self) -> None:
        store = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.clock = Clock(store)
        self.clock.set(START_MS)
        self.client = Resent(store)
        self.desk = Desk(
            ClockedLedger(self.client, Timing(take=3, attempts_max=50), CLOCKED_PRELUDE), self.clock
        )  # type: ignore[arg-type]
        self.workers = [Worker(), Worker(), Worker()]
        self.claim_ends = 0
        self.remembered = ""  # by the last commit
        self.unlooked = False  # work was settled, or may be, by one who has not looked what is left
        self.fences: list[int] = []
        self.accepted: list[str] = []  # numbers of the messages that were taken in
        self.commits: Counter[str] = Counter()  # message -> how often a commit that answered it was OK
        self.answered: list[tuple[str, str]] = []  # (lane, message), in the order of commits
        self.posts: list[Post] = []
        self.lane_of: dict[str, str] = {}  # part -> lane

    # Customers

    @rule(lane=st.sampled_from(LANES), again=st.booleans(), quiet_ms=st.sampled_from([0, 0, 0, 2_000]))
    def write(self, lane: Lane, again: bool, quiet_ms: int) -> None:
        self.client.twice = again
        sid = f"SM{len(self.accepted):032x}"
        got = self.desk.text("hello", lane, sid=sid, quiet_ms=quiet_ms)
        self.client.twice = False
        assert got.outcome == ("DUP" if again else "NEW")
        self.accepted.append(str(self.desk.ledger.redis.get(keys.key("sequence", self.desk.cid))))
        before = dump(self.desk.ledger.redis)
        assert self.desk.text("hello", lane, sid=sid).outcome == "DUP"
        moved = {k for k, v in dump(self.desk.ledger.redis).items() if v != before.get(k)}
        assert not [k for k in moved if not k.endswith((":waiting", ":rings"))]

    # Workers

    @rule(who=WORKERS, again=st.booleans(), steps=st.sampled_from([1, 1, 2, 3, 5, 8]))
    def work(self, who: int, again: bool, steps: int) -> None:
        """The next steps of this worker's turn, or a new claim; any step may be sent twice."""
        for _ in range(steps):
            self._step(self.workers[who], again)

    # Hypothesis leaves some rules out of each example, so what only shows when a worker is overtaken in the
    # middle of its turn is one rule too.
    @rule(
        who=WORKERS, before=st.sampled_from([0, 1, 2, 2, 2, 3, 4, 5, 6, 8, 10]), ms=st.sampled_from([0, 3_001, 31_000, 66_000]),
        other=WORKERS, beside=st.sampled_from([0, 0, 0, 1, 2, 3, 5, 8, 12]), again=st.booleans(), swept=st.booleans(), lane=st.sampled_from(LANES),
    )  # fmt: skip
    def overtake(
        self, who: int, before: int, ms: int, other: int, beside: int, again: bool, swept: bool, lane: Lane
    ) -> None:
        """A worker gets so far, time passes, others write and work, and it goes on."""
        self.write(lane, again=False, quiet_ms=0)
        for count, act in ((before, who), (beside, other), (3, who)):
            for _ in range(count):
                self._step(self.workers[act], again)
                self.no_message_is_lost_and_none_is_answered_twice()
                self.twilio_takes_each_part_once_and_in_order()
            if act == who and count == before:
                self.wait(ms)
                if swept:
                    self.sweep(Event.WENT_QUIET)

    @rule(who=WORKERS)
    def work_to_the_middle(self, who: int) -> None:
        """Up to just before the request, the place where it is worst to be frozen."""
        for _ in range(12):
            todo = self.workers[who].todo
            if todo and getattr(todo[0], "is_post", False):
                break
            self._step(self.workers[who], again=False)

    def _step(self, worker: Worker, again: bool) -> None:
        self.client.twice = again
        try:
            if worker.todo:
                worker.todo.pop(0)()
            else:
                self._claim(worker)
        except (ClaimLost, LedgerConflict) as ended:
            self.happened[type(ended).__name__] += 1
            worker.todo.clear()
            if isinstance(ended, LedgerConflict):
                worker.todo.append(lambda: self._release(worker))
        finally:
            self.client.twice = False

    @rule(who=WORKERS)
    def die(self, who: int) -> None:
        self.workers[who] = Worker()

    @rule(who=WORKERS)
    def renew(self, who: int) -> None:
        claim = self.workers[who].claim
        if claim and self.workers[who].todo and self.desk.ledger.renew(claim):
            assert self._holds(claim)
            limit = int(claim.token.rsplit(":", 1)[1]) + self.desk.ledger.timing.claim_limit_ms
            self.claim_ends = min(self.clock.now + self.desk.ledger.timing.claim_ms, limit)

    def _claim(self, worker: Worker) -> None:
        held = self.desk.ledger.redis.get(self.desk.key("claim"))
        got = self.desk.ledger.claim(self.desk.cid)
        if not isinstance(got, Claim):
            worker.claim = None
            self.unlooked &= got.outcome == "BUSY"
            return
        self.unlooked = True
        assert held is None, "claimed over a living claim"
        assert all(int(got.fence) > fence for fence in self.fences), "a fence went back"
        self.fences.append(int(got.fence))
        self.claim_ends = self.clock.now + self.desk.ledger.timing.claim_ms
        worker.claim, worker.redos = got, 0
        worker.todo = [lambda: self._release(worker)]
        if got.parts:
            worker.todo[:0] = [step for p in got.parts for step in self._bring(worker, p)]
        elif got.messages:
            worker.todo.insert(0, lambda: self._open(worker))

    def _open(self, worker: Worker) -> None:
        claim = worker.claim
        assert claim
        session = self.desk.open(claim)
        worker.todo.insert(0, lambda: self._commit(worker, session))

    def _commit(self, worker: Worker, session: Session) -> None:
        claim = worker.claim
        assert claim and claim.lane
        taken, held = [w.number for w in claim.messages], self._holds(claim)
        names = list(map(str, taken))
        self.happened["late commit"] += not held
        note = MemoryItem("1", "fact", "turn", claim.fence, 0.9, "m1", self.clock.now)
        try:
            numbers = self.desk.ledger.commit(
                claim, Change(session, self.clock.now + 1_800_000), answered=taken,
                replies=[self.desk.reply("answer", claim.lane, 2, session.epoch)],
                turn={"kind": "answer", "messages": taken}, memory=[note],
                redo_after=max(taken) if worker.redos < REDOS_MAX else 0,
            )  # fmt: skip
        except StaleTurn:
            self.happened["StaleTurn"] += 1
            worker.redos += 1
            worker.todo.insert(0, lambda: self._take_more(worker, session))
            return
        assert held, "a late holder committed"
        self.remembered = records.encode_memory([note])
        self.commits.update(names)
        self.answered += [(str(claim.lane), name) for name in names]
        record = part(claim.lane, session.epoch, self.desk.address, "An answer") | {"created": self.clock.now}
        owed = [Part(f"{numbers[0]}.{i}", record) for i in (1, 2)]
        worker.todo[:0] = [step for p in owed for step in self._bring(worker, p)]

    def _take_more(self, worker: Worker, session: Session) -> None:
        """The turn takes in what came meanwhile, and shows it before it thinks again."""
        claim = worker.claim
        assert claim
        held = self._holds(claim)
        more = self.desk.ledger.take_more(claim, max(w.number for w in claim.messages), 3)
        assert held, "a late holder took messages"
        heard = course.hear(session, [w.message for w in more])
        worker.todo.insert(0, lambda: self._show_more(worker, heard))

    def _show_more(self, worker: Worker, session: Session) -> None:
        claim = worker.claim
        assert claim
        change = Change(session, self.clock.now + 1_800_000)
        stored, _ = self.desk.ledger.open(claim, change, [], [w.number for w in claim.messages], 20)
        worker.todo.insert(0, lambda: self._commit(worker, stored))

    def _bring(self, worker: Worker, owed: Part) -> list[Callable[[], None]]:
        """The steps that bring a part as far as it gets now."""
        self.lane_of[owed.number] = str(owed.lane)
        if owed.record["state"] == "pending":
            return [lambda: self._mark(worker, owed)]
        return [lambda: self._look(worker, owed)]

    def _mark(self, worker: Worker, owed: Part) -> None:
        assert worker.claim
        marked = self.clock.now
        verdict, _ = self.desk.begin(worker.claim, owed, owed.lane)
        if verdict == "LOST":
            raise ClaimLost
        if verdict == "GO":
            post = lambda: self._post(worker, owed, marked)  # noqa: E731  it carries a mark
            post.is_post = True  # type: ignore[attr-defined]
            worker.todo.insert(0, post)
        else:
            self._hold(worker)

    def _post(self, worker: Worker, owed: Part, marked: int) -> None:
        """The deadline, the request and the note: Twilio takes it and says so, says nothing, or refuses."""
        claim = worker.claim
        assert claim
        if self.clock.now - marked > DEADLINE_MS:
            self.happened["woken too late"] += 1
            if self._settle(claim, owed.number, ["sending"], "pending") == "LOST":
                raise ClaimLost
            self._hold(worker)
            return
        mood = (len(self.posts) * 7 + marked // 1_000) % 4
        if mood == 3:  # 429: not taken, later
            if self._settle(claim, owed.number, ["sending"], "pending", wait_ms=1_000) == "LOST":
                raise ClaimLost
            self._hold(worker)
            return
        post = Post(owed.number, f"SM{len(self.posts):031x}f")
        self.posts.append(post)
        self.happened["post"] += 1
        if mood == 2:  # taken, and the answer lost
            if self._settle(claim, owed.number, ["sending"], "unknown", wait_ms=LOOKS_MS[0]) == "LOST":
                raise ClaimLost
            self._hold(worker)
        else:
            worker.todo.insert(0, lambda: self._note(owed.number, post.sid))

    def _note(self, number: str, sid: str) -> None:
        self.unlooked = True
        assert self.desk.ledger.sent(self.desk.cid, number, sid) == "OK"

    def _look(self, worker: Worker, owed: Part) -> None:
        """A part in doubt: Twilio's list, twice, before it goes again."""
        claim, ledger, states = worker.claim, self.desk.ledger, ["sending", "unknown"]
        assert claim
        record = owed.record
        looks, age = record.get("looks", 0), self.clock.now - record["sending_at"]
        due = LOOKS_MS[min(looks, 1)]
        bound = ledger.bound(self.desk.cid)
        found = [p.sid for p in self.posts if p.number == owed.number and p.sid not in bound]
        if age < due:
            said = self._settle(
                claim, owed.number, states, "unknown", wait_ms=due - age, changes={"looks": looks}
            )
        elif found:
            self.happened["found in the list"] += 1
            said = ledger.sent(self.desk.cid, owed.number, found[0], listed=True)
        elif looks == 0:
            wait = max(0, LOOKS_MS[1] - age)
            said = self._settle(claim, owed.number, states, "unknown", wait_ms=wait, changes={"looks": 1})
        else:
            self.happened["sent again"] += 1
            said = self._settle(claim, owed.number, states, "pending", changes={"looks": 0})
        if said == "LOST":
            raise ClaimLost
        self._hold(worker)

    def _settle(self, claim: Claim, *args: Any, **more: Any) -> str:
        held = self._holds(claim)
        said = self.desk.ledger.settle(claim, *args, **more)
        assert held or said == "LOST", "a late holder settled"
        return said

    @staticmethod
    def _hold(worker: Worker) -> None:
        """A part that did not get through holds back those behind it: on to letting go."""
        worker.todo[:] = worker.todo[-1:]

    def _release(self, worker: Worker) -> None:
        assert worker.claim
        held = self._holds(worker.claim)
        more = self.desk.ledger.release(worker.claim)
        # Sent twice, the second answer is LOST; the waiting index keeps what a caller then does not know.
        assert more == (held and self.desk.owes()) or self.client.twice
        self.unlooked &= not held
        worker.claim = None

    def _holds(self, claim: Claim) -> bool:
        return self.desk.ledger.redis.get(self.desk.key("claim")) == claim.token

    # The others

    @rule(which=st.integers(0, 20), word=st.sampled_from(["queued", "sent", "delivered", "failed"]))
    def call_back(self, which: int, word: str) -> None:
        """Twilio tells of a message it took, in any order, any number of times."""
        if self.posts:
            post = self.posts[which % len(self.posts)]
            self.unlooked = True
            self.desk.ledger.status(self.desk.cid, post.number, post.sid, word, "", self.desk.address)

    @rule(event=st.sampled_from([Event.EXPIRED, Event.WENT_QUIET]))
    def sweep(self, event: Event) -> None:
        """The sweep writes the session under whatever turn runs."""
        session = self.desk.ledger.read(self.desk.cid, last=0)[1]
        if session and session.state is not State.CLOSED:
            ends = event is Event.EXPIRED
            after = course.move(session, event, self.clock.now) if ends else replace(session, summary="quiet")
            self.desk.ledger.write(self.desk.cid, Change(after, None))

    @rule(ms=st.sampled_from([1, 500, 3_001, 5_000, 20_000, 31_000, 66_000]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)
        if self.clock.now >= self.claim_ends:
            self.desk.ledger.redis.delete(self.desk.key("claim"))  # Redis' own timer, on the test's clock

    @rule()
    def ring(self) -> None:
        self.desk.ledger.due()

    # What must hold after every step

    @invariant()
    def no_message_is_lost_and_none_is_answered_twice(self) -> None:
        if not hasattr(self, "desk"):
            return
        waiting = [str(e).split()[0] for e in self.desk.ledger.redis.lrange(self.desk.key("inbox"), 0, -1)]
        assert len(waiting) == len(set(waiting))
        assert Counter(self.accepted) == Counter(waiting) + self.commits
        turns = [json.loads(str(t)) for t in self.desk.ledger.redis.hvals(self.desk.key("turns"))]
        assert Counter(str(n) for t in turns for n in t["messages"]) == self.commits

    @invariant()
    def a_lane_is_answered_in_its_order(self) -> None:
        for lane in map(str, LANES):
            answered = [int(name) for on, name in getattr(self, "answered", []) if on == lane]
            assert answered == sorted(answered)

    @invariant()
    def twilio_takes_each_part_once_and_in_order(self) -> None:
        posts = getattr(self, "posts", [])
        assert max(Counter(p.number for p in posts).values(), default=1) == 1
        for lane in map(str, LANES):
            went = [tuple(map(int, p.number.split("."))) for p in posts if self.lane_of[p.number] == lane]
            assert went == sorted(went)

    @invariant()
    def one_session_is_open_in_a_scope(self) -> None:
        if not hasattr(self, "desk"):
            return
        desk, redis = self.desk, self.desk.ledger.redis
        stored = redis.hgetall(desk.key("sessions")).items()
        alive = [
            str(no)
            for no, value in stored
            if records.decode_session(desk.cid, no, value).state is not State.CLOSED
        ]
        opened = desk.opened()
        assert len(alive) <= 1
        assert list(map(str, opened.values())) == alive and set(opened) <= {f"{AGENT}|*"}

    @invariant()
    def whoever_is_owed_something_waits_and_nobody_else(self) -> None:
        """Where nothing is owed a ring may still come, until somebody who looked has let go."""
        if hasattr(self, "desk"):
            waits = self.desk.due_at() is not None
            assert waits or not self.desk.owes()
            assert self.desk.owes() or not waits or self.unlooked

    @invariant()
    def a_commit_alone_changes_what_is_remembered(self) -> None:
        if hasattr(self, "desk"):
            kept = self.desk.ledger.redis.hget(self.desk.key("memory"), AGENT)
            assert (kept or "") == self.remembered

    def teardown(self) -> None:
        """With one healthy worker and time, everything is answered and handed over, once."""
        if not hasattr(self, "desk"):
            return
        self.workers = [Worker()]
        for _ in range(2_000):
            if not self.desk.owes():
                break
            self._step(self.workers[0], again=False)
            if not self.workers[0].todo:
                self.wait(2_000)
        assert not self.desk.owes(), "it does not come to an end"
        assert self.commits == Counter(self.accepted)
        self.no_message_is_lost_and_none_is_answered_twice()
        self.twilio_takes_each_part_once_and_in_order()
        parts = map(str, self.desk.ledger.redis.hkeys(self.desk.key("parts")))
        assert {p.number for p in self.posts} == set(parts)


class TestProtocol(Protocol.TestCase):  # type: ignore[misc,name-defined]
    """The machine, and that it went everywhere: a machine that never sends proves nothing about sending."""

    settings = settings(
        derandomize=True,
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        phases=(
            Phase.explicit,
            Phase.generate,
        ),  # making a failure small takes minutes: add Phase.shrink for that
        suppress_health_check=list(HealthCheck),
    )

    def runTest(self) -> None:  # noqa: N802
        Protocol.happened.clear()
        super().runTest()
        wanted = (
            "post",
            "ClaimLost",
            "LedgerConflict",
            "woken too late",
            "found in the list",
            "sent again",
            "StaleTurn",
            "late commit",
        )
        assert {name: Protocol.happened[name] >= 5 for name in wanted} == dict.fromkeys(wanted, True), (
            Protocol.happened
        )
