"""What the ledger must hold of one customer: kept by a test beside the steps it makes, compared after every one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from session import keys, records
from session.model import State
from tests.store.desk import Desk

UNSETTLED = ("pending", "sending", "unknown")


@dataclass
class Failing:
    """An open failure: the messages it is about, and those of them that a turn answered since."""

    about: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)


@dataclass(repr=False)
class Books:
    """One customer as the test believes them to be. Numbers are the ledger's."""

    desk: Desk
    waiting: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    buried: set[int] = field(default_factory=set)  # taken off the inbox, in an open failure
    shown: list[tuple[int, int]] = field(default_factory=list)  # (session, message) as recorded
    failures: dict[str, Failing] = field(default_factory=dict)
    resolved: set[str] = field(default_factory=set)
    sessions: dict[int, bool] = field(default_factory=dict)  # number -> open
    owed: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    events: list[tuple[int, str]] = field(default_factory=list)
    memory: dict[str, str] = field(default_factory=dict)
    optouts: set[str] = field(default_factory=set)
    fences: set[str] = field(default_factory=set)  # of the turns that were committed
    day_turns: int = 0
    unlooked: bool = False  # work was settled by one who did not look what is left: a ring will

    # What the steps do

    def place(self, session: int, number: int) -> None:
        """A waiting message is shown in a session, and nowhere else."""
        if (session, number) not in self.shown:
            self.shown = [item for item in self.shown if item[1] != number]
            self.shown.append((session, number))

    def answer(self, session: int, numbers: Iterable[int], *, resolves: bool) -> None:
        """A commit took these off the inbox. ``resolves``: it answered them, so what failed of them needs nobody."""
        for number in numbers:
            self.waiting.remove(number)
            self.answered.add(number)
            if all(number != known for _, known in self.shown):
                self.shown.append((session, number))
            for failing in self.failures.values() if resolves else ():
                failing.answered |= failing.about & {number}
        over = {n for n, f in self.failures.items() if f.about and f.about <= f.answered}
        for name in over if resolves else ():
            self.resolve(name)

    def bury(self, number: int) -> None:
        self.waiting.discard(number)
        self.buried.add(number)
        self.fail(str(number), {number})

    def requeue(self, numbers: set[int]) -> None:
        self.waiting |= numbers
        self.answered -= numbers
        self.buried -= numbers

    def fail(self, name: str, about: set[int]) -> None:
        self.failures[name] = Failing(set(about))
        self.resolved.discard(name)

    def resolve(self, name: str) -> None:
        del self.failures[name]
        self.resolved.add(name)

    def owe(self, session: int, number: int, parts: int) -> None:
        self.shown.append((session, number))
        names = {f"{number}.{i}" for i in range(1, parts + 1)}
        self.owed |= names
        self.parts |= names

    def tell(self, session: int, events: Iterable[dict[str, Any]]) -> None:
        self.events += [(session, event["type"]) for event in events]

    # What must hold

    def check(self) -> None:
        facts = self._hash("customer")
        self._messages()
        self._failures()
        self._parts()
        self._sessions(facts)
        assert self._hash("memory") == self.memory
        assert {name for name in facts if name.startswith("optout:")} == self.optouts
        assert int(facts.get("day_turns", 0)) == self.day_turns
        assert set(self._hash("turns")) == self.fences
        told = [(found.number, e["type"]) for e in self.desk.ledger.events_of(self.desk.cid)
                if (found := keys.parse_id(e["session_id"]))]  # fmt: skip
        assert told == self.events
        waits = self.desk.due_at() is not None
        assert waits or not self.desk.owes(), "owed and not rung for"
        assert self.desk.owes() or not waits or self.unlooked, "rung for without cause"
        rings = self.desk.ledger.redis.hget(self.desk.key("rings"), self.desk.cid)
        assert rings is None or waits

    def _messages(self) -> None:
        """Each message waits, was answered, or is a failure; and stands once where it was shown."""
        redis, key = self.desk.ledger.redis, self.desk.key
        entries: list[str] = redis.lrange(key("inbox"), 0, -1)  # type: ignore[assignment]
        inbox = [int(entry.split()[0]) for entry in entries]
        assert inbox == sorted(self.waiting)
        elements: list[str] = redis.lrange(key("history"), 0, -1)  # type: ignore[assignment]
        stands = [tuple(map(int, element.split(":", 2)[:2])) for element in elements]
        assert stands == self.shown
        where = {number: session for session, number in self.shown}
        placed = {int(n): int(session.rstrip(":")) for n, session in self._hash("placed").items()}
        assert placed == {n: where[n] for n in self.waiting if n in where}
        tried = self._hash("attempts")
        most = self.desk.ledger.timing.attempts_max
        assert all(int(n) in self.waiting and 1 <= int(count) <= most for n, count in tried.items())

    def _failures(self) -> None:
        stored = {n: json.loads(f) for n, f in self._hash("failures").items()}
        is_open = {n for n, f in stored.items() if not f.get("resolved_at")}
        assert is_open == set(self.failures)
        assert set(stored) - is_open == self.resolved
        kept = {int(stored[n]["entry"].split()[0]) for n in is_open if "entry" in stored[n]}
        assert kept == self.buried
        assert self._members("dead") == is_open
        assert self._members("resolved") == self.resolved

    def _parts(self) -> None:
        """A part is in the outbox exactly while it is unsettled, and the outbox keeps the order of the replies."""
        outbox: list[str] = self.desk.ledger.redis.lrange(self.desk.key("outbox"), 0, -1)  # type: ignore[assignment]
        assert outbox == sorted(self.owed, key=lambda name: tuple(map(int, name.split("."))))
        stored = {name: records.decode_part(value) for name, value in self._hash("parts").items()}
        assert set(stored) == self.parts
        assert {name for name, part in stored.items() if part["state"] in UNSETTLED} == self.owed

    def _sessions(self, facts: dict[str, str]) -> None:
        cid = self.desk.cid
        stored = {
            int(n): records.decode_session(cid, n, value) for n, value in self._hash("sessions").items()
        }
        alive = {n for n, session in stored.items() if session.state is not State.CLOSED}
        assert {n: n in alive for n in stored} == self.sessions
        opened = records.open_sessions(facts)
        assert sorted(opened.values()) == sorted(alive)
        assert all(name.endswith(f"|{stored[n].scope}") for name, n in opened.items())
        assert self._members("active") == set(map(str, alive))
        assert self._members("closed") == set(map(str, set(stored) - alive))
        assert self._members("deadlines") <= set(map(str, alive))
        for number in sorted(stored)[-1:]:
            read = self.desk.ledger.read(cid, number)[2]
            assert [m.id for m in read] == [
                keys.make_id("m", cid, n) for session, n in self.shown if session == number
            ]

    def _hash(self, name: str) -> dict[str, str]:
        found: Any = self.desk.ledger.redis.hgetall(self.desk.key(name))
        return dict(found)

    def _members(self, index: str) -> set[str]:
        """What an index of the partition holds of this customer."""
        every: list[str] = self.desk.ledger.redis.zrange(self.desk.key(index), 0, -1)  # type: ignore[assignment]
        return {member.split(":")[1] for member in every if member.startswith(self.desk.cid)}
