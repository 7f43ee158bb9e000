"""Every step is safe to repeat: redis-py sends a command again when the connection broke before the answer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import redis

from session import media, scripts
from session.calls import Calls
from session.claims import Change, Timing
from session.model import Channel, Direction, Keyword, Message, Role, Session
from tests.store.conftest import CLOCKED_PRELUDE
from tests.store.desk import WHATSAPP, Clock, ClockedLedger, Desk, cid_of, dump

ALL_STEPS = sorted(
    f.name.removesuffix(".lua")
    for f in scripts.resources.files("session.scripts").iterdir()
    if f.name.endswith(".lua") and not f.name.startswith("_") and f.name != "prelude.lua"
)
# Steps whose second answer says that the first did it already.
SECOND_ANSWER = {
    "receive": {"NEW": "DUP", "BURIED": "DUP"},
    "release": {"EMPTY": "LOST", "MORE": "LOST"},
    "settle": {"OK": "STATE"},
    "give_up": {"OK": "STATE"},
    "learn_optout": {"LEARNT": "KNOWN"},
    "learn_window": {"LEARNT": "IGNORED"},
    "status": {"OK": "IGNORED"},
    "call_begin": {"NEW": "KNOWN"},
}


class Resending:
    """A client whose every step is sent twice, the first answer lost. Both answers are kept, by step."""

    def __init__(self, client: redis.Redis, clock: Clock, late_ms: int):
        self._client, self._clock, self._late_ms = client, clock, late_ms
        self._names = {self._sha(name): name for name in ALL_STEPS}
        self.answers: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
        self.leftovers: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _sha(self, name: str) -> str:
        return str(self._client.script_load(scripts.load(name, CLOCKED_PRELUDE).text))

    def evalsha(self, sha: str, *call: Any) -> Any:
        first = self._client.evalsha(sha, *call)
        before = dump(self._client)
        now = self._clock.now
        self._clock.advance(self._late_ms)
        second = self._client.evalsha(sha, *call)
        self._clock.set(now)
        name = self._names[sha]
        self.answers[name].append((first, second))
        if not self._same(before, dump(self._client)):
            self.leftovers.append(name)
        return second

    def _same(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether nothing moved; the time of the next ring may, when time did."""
        rings = (":waiting", ":rings") if self._late_ms else ()

        def lasting(held: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in held.items() if not name.endswith(rings)}

        return lasting(before) == lasting(after)


@pytest.fixture(params=[0, 1_500], ids=["at once", "late"])
def resending(store: redis.Redis, clock: Clock, request: pytest.FixtureRequest) -> Resending:
    return Resending(store, clock, request.param)


def live_through_everything(desk: Desk) -> None:
    """A customer's life in which every step occurs, most in several ways."""
    desk.text("Hi", quiet_ms=1_000)
    desk.text("there", quiet_ms=1_000)
    desk.text("spam", bury="not_ours")
    desk.text("elsewhere", WHATSAPP)
    desk.clock.advance(3_000)
    desk.ledger.due()
    claim = desk.claim()
    desk.ledger.renew(claim)
    session = desk.open(claim)
    parts = desk.commit(claim, session, "An answer", parts=3)
    desk.begin(claim, parts[0])
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    desk.begin(claim, parts[1])
    desk.ledger.settle(claim, parts[1].number, ["sending"], "unknown", changes={"looks": 1})
    desk.ledger.give_up(
        claim, parts[2].number, ["pending"], "failed", failure={"reason": "earlier_part_failed", "at": 0}
    )
    desk.ledger.learn_optout(desk.cid, parts[2].number, "", desk.address, "optout:another")
    desk.ledger.release(claim)
    desk.ledger.learn_window(desk.cid, parts[0].number, "SM1", desk.address, WHATSAPP)
    desk.ledger.status(desk.cid, parts[1].number, "SM2", "delivered", "", desk.address)
    desk.ledger.status(desk.cid, parts[0].number, "SM1", "undelivered", "30003", desk.address)
    desk.ledger.status(desk.cid, "", "SM404", "sent", "", desk.address)
    other = desk.claim()
    for _ in range(2):
        desk.text("one more", WHATSAPP)
    desk.ledger.take_more(other, other.messages[-1].number, 1)
    texts = [{"number": w.number, "digest": "0a", "at": w.message.at} for w in other.messages]
    made = {1: media.encode(0, []), 2: media.encode(desk.clock.now, [])}
    desk.ledger.keep_media(other, made, 7 * 86_400_000)
    desk.ledger.drop_media(desk.cid, 7 * 86_400_000)
    desk.ledger.count_turn(other, texts, len(texts), 20, 300)
    desk.ledger.release(other, give_back=[w.number for w in other.messages], hold_ms=1_000)
    _write(desk)
    _supersede(desk)
    desk.text("STOP", keyword=Keyword.STOP)
    _retry(desk)
    _call(desk)
    desk.ledger.read(desk.cid)


def _retry(desk: Desk) -> None:
    """What failed is tried again: a message that was buried, and a part with the rest of its reply."""
    failed: Any = desk.ledger.redis.hkeys(desk.key("failures"))
    for number in sorted(failed):
        if "." in number:
            desk.ledger.resend(desk.cid, number, f"w{number}", "optout:none", look=True)
        else:
            plan = {"entries": [desk.entry(number)], "hold": "hold:none"}
            desk.ledger.replay(desk.cid, number, f"w{number}", "optout:none", plan)
    desk.text("spam again", bury="not_ours")
    claim = desk.claim()
    desk.ledger.sent(desk.cid, claim.parts[0].number, "SM3")
    desk.ledger.release(claim)
    claim = desk.claim()
    desk.commit(claim, desk.open(claim))
    desk.ledger.release(claim)


def _call(desk: Desk) -> None:
    """A call: three answers, of which one is pushed, one polled for and one not heard; and what becomes of that."""
    calls, sid = Calls(desk.ledger), "CA" + desk.cid[::-1]
    desk.ring_up(sid)
    for turn in (1, 2, 3):
        claim, _ = desk.speak(sid, turn, "An answer")
        calls.heard(desk.cid, replace(desk.call(sid), turn=turn, language="en"))
        if turn == 1:
            calls.take(desk.cid, sid, turn, "push")
            calls.settle(desk.cid, sid, turn, "spoken")
        if turn == 2:
            calls.take(desk.cid, sid, turn, "poll:1")
        desk.ledger.release(claim)
    calls.end(desk.cid, sid, "completed", lambda _, words: replace(desk.by_text(words), optout="optout:none"))
    claim = desk.claim()
    desk.ledger.sent(desk.cid, claim.parts[0].number, "SM4")
    desk.ledger.release(claim)


def _write(desk: Desk) -> None:
    session = desk.ledger.read(desk.cid, last=0)[1]
    assert session
    note = Message(Direction.OUTBOUND, Role.AGENT, "A person here", Channel.SMS)
    desk.ledger.write(
        desk.cid, Change(replace(session, summary="talked"), None), [note, note], {"name": "Zoë"}
    )
    fresh = replace(session, id="", version=0, agent_id="another", scope="sms")
    desk.ledger.write(desk.cid, Change(fresh, desk.clock.now), [note])


def _supersede(desk: Desk) -> None:
    """The next message opens a session in the place of the open one, in one step."""
    desk.text("again")
    desk.clock.advance(2_000)
    claim = desk.claim()
    number = claim.open_index["default-agent|*"]
    old: Session = claim.sessions[number]
    closing = Change(replace(old, state=type(old.state).CLOSED), None)
    fresh = replace(desk.session_for(claim), id="", version=0)
    entries = [w.number for w in claim.messages]
    stored, _ = desk.ledger.open(claim, Change(fresh, desk.clock.now), [closing], entries, 20)
    desk.commit(claim, stored)
    desk.ledger.release(claim)


def test_a_repeated_step_changes_nothing(resending: Resending, clock: Clock) -> None:
    """Each step sent twice leaves the store as once, and answers as before or that it is done already."""
    ledger = ClockedLedger(resending, Timing(), CLOCKED_PRELUDE)  # type: ignore[arg-type]
    ledger.due()  # each step is known to the server, so that none is sent as EVAL
    desk = Desk(ledger, clock)
    live_through_everything(desk)
    desk.ledger.forget(desk.cid)

    assert sorted({*resending.answers, "due"}) == ALL_STEPS
    assert resending.leftovers == []
    for name, pairs in resending.answers.items():
        for first, second in pairs:
            assert repeats(name, first, second), (name, first, second)


def repeats(name: str, first: Any, second: Any) -> bool:
    """Whether the second answer of a step is right after the first."""
    if name in SECOND_ANSWER:
        return bool(second[0] == SECOND_ANSWER[name].get(first[0], first[0]))
    if name == "forget":
        return bool(second == ["OK", 0])
    if name == "renew":
        return bool(second[0] == first[0])
    if name == "claim":  # the time it tells is the time of the answer
        return bool(second[:2] + second[3:] == first[:2] + first[3:])
    if name == "count_turn":  # the same verdict, counted once
        return bool(second[0] == first[0] and second[2:] == first[2:])
    if name == "begin_send":
        return bool(second[0] == first[0] and second[2:] == first[2:])
    return bool(second == first)


def test_the_life_is_the_same_with_and_without_repeats(store: redis.Redis, clock: Clock) -> None:
    """A life in which every step was sent twice counts, answers and keeps the same as one without."""
    told = []
    for number, late_ms in enumerate((None, 0, 1_500)):
        client: Any = store if late_ms is None else Resending(store, clock, late_ms)
        clock.set(1_790_000_000_000)
        desk = Desk(ClockedLedger(client, Timing(), CLOCKED_PRELUDE), clock)
        desk.address = f"+1500555000{number}"
        live_through_everything(desk)
        customer, session, messages = desk.ledger.read(desk.cid)
        assert session
        told.append(
            (
                customer.channel_counts, session.message_count, session.version, [m.content for m in messages],
                {name: store.type(name) for name in dump(store)},
                store.hvals(desk.key("attempts")), store.llen(desk.key("inbox")), store.llen(desk.key("outbox")),
                store.hlen(desk.key("parts")), store.llen(desk.key("history")), desk.due_at(),
            )
        )  # fmt: skip
        store.flushdb()
        clock.set(1_790_000_000_000)

    assert told[1] == told[0]
    assert told[2] == told[0]


def test_a_flushed_script_cache_is_not_noticed(store: redis.Redis, clock: Clock) -> None:
    """A server that forgets its scripts before every single step changes nothing of a customer's life."""
    ledger = ClockedLedger(Flushing(store), Timing(), CLOCKED_PRELUDE)  # type: ignore[arg-type]
    desk = Desk(ledger, clock)

    live_through_everything(desk)
    desk.text("and more")
    store.script_flush()
    clock.advance(5_000)

    assert ledger.due() == [desk.cid]
    assert ledger.forget(desk.cid) > 0


class Flushing:
    """A client of a server that forgets its scripts before every request."""

    def __init__(self, client: redis.Redis):
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name == "evalsha":
            self._client.script_flush()
        return getattr(self._client, name)


def test_a_flush_between_sweeps_is_not_noticed(desk: Desk, store: redis.Redis) -> None:
    """Writing many sessions at once loads its script again and writes each exactly once."""
    sessions = []
    for i in range(5):
        one = Desk(desk.ledger, desk.clock, cid_of(str(i)))
        one.answer()
        sessions.append((one.cid, one.ledger.read(one.cid, last=0)[1]))
    store.script_flush()

    changes = [(cid, Change(replace(s, summary="x"), None), None) for cid, s in sessions if s]
    assert desk.ledger.write_all(changes) == [True] * 5
    assert desk.ledger.write_all(changes) == [True] * 5
    others = [(cid, Change(replace(s, summary="y"), None), None) for cid, s in sessions if s]
    assert desk.ledger.write_all(others) == [False] * 5
    assert {desk.ledger.read(cid, last=0)[1].summary for cid, _ in sessions} == {"x"}  # type: ignore[union-attr]
