"""The ledger: the atomic steps of the protocol, as methods.

Each method is one Lua step of ``session/scripts`` (whose header is its contract) and one
round trip. Nothing here decides anything: ``workers.turn`` and ``session.manager`` do.
Every method may raise ``redis.RedisError``; every step may be sent again after that.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import redis

from session import connection, keys, media, records, scripts, whatsapp
from session.calls import Word
from session.claims import (
    DAY_MS,
    Change,
    Claim,
    ClaimLost,
    HungUp,
    LedgerConflict,
    NotClaimed,
    OptedOut,
    Part,
    Received,
    StaleTurn,
    Timing,
    Waiting,
    Written,
)
from session.model import Customer, Keyword, Lane, MemoryItem, Message, Session
from session.reading import Reader

SEEN_MS = 30 * DAY_MS  # Twilio's own retries end after minutes; a replayed request may be weeks old
ERASED_MS = 2 * DAY_MS
INBOX_MAX = 1000  # waiting messages of one customer; more is a flood, kept as failures
DELIVERY_RANK = {
    "accepted": 1, "scheduled": 1, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5,
}  # fmt: skip


def connect(url: str, timeout_seconds: float, max_connections: int = 20) -> redis.Redis:
    """A client for the ledger; see ``session.connection``."""
    return connection.connect(url, timeout_seconds, max_connections, decode_responses=True)


def _pairs(flat: Sequence[Any]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


class Ledger(Reader):
    """The steps over one Redis. Safe for threads: the client is, and nothing else is kept."""

    def __init__(self, client: redis.Redis, timing: Timing | None = None, prelude: str | None = None) -> None:
        self.redis = client
        self.timing = timing or Timing()
        self._prelude = prelude
        self._steps: dict[str, tuple[scripts.Step, str]] = {}

    def _step(self, name: str) -> tuple[scripts.Step, str]:
        if name not in self._steps:
            step = scripts.load(name, self._prelude)
            self._steps[name] = step, _sha1(step.text)
        return self._steps[name]

    def _pipeline(self, name: str, calls: Iterable[Sequence[Any]]) -> list[Any]:
        """One step many times in one round trip; a script the server has forgotten is loaded again."""
        step, sha = self._step(name)
        calls = list(calls)
        for attempt in (1, 2):
            pipe = self.redis.pipeline(transaction=False)
            for call in calls:
                pipe.evalsha(sha, *call)
            try:
                return pipe.execute() if calls else []
            except redis.exceptions.NoScriptError:
                if attempt == 2:
                    raise
                self.redis.script_load(step.text)
        return []

    def _call(self, name: str, cid: str, args: dict[str, Any], seen: str = "") -> list[Any]:
        """What follows the script in EVALSHA: the number of keys, keys, arguments."""
        step, _ = self._step(name)
        named = [keys.key(k, cid, seen) for k in step.keys]
        return [len(named), *named, *(cid if a == "cid" else args[a] for a in step.args)]

    def run(self, name: str, cid: str, *, seen: str = "", **args: Any) -> Any:
        """One step, for a module of its own kind; the answer is as in the header of its script."""
        step, sha = self._step(name)
        call = self._call(name, cid, args, seen)
        return connection.run(self.redis, connection.Script(step.text, sha), call)

    def receive(
        self, cid: str, message: Message, *, profile: dict[str, str], optout: str, quiet_ms: int = 0, bury: str = "",
        opens_window: bool = True,
    ) -> Received:  # fmt: skip
        """Take in one message. ``optout``: the field of this sender's opt-out; ``opens_window``: False where WhatsApp's was not opened."""
        outcome, number, ring = self.run(
            "receive", cid, seen=message.twilio_sid, keyword=message.keyword.value, lane=str(message.lane),
            optout=optout, heard=whatsapp.field(message.lane) if opens_window else "",
            record=records.encode_message(message), quiet_ms=quiet_ms, ring_ms=self.timing.ring_ms,
            seen_ms=SEEN_MS, retention_ms=self.timing.retention_ms, bury=bury, inbox_max=INBOX_MAX,
            profile=records.dump([x for pair in profile.items() for x in pair]),  # type: ignore[arg-type]
        )  # fmt: skip
        return Received(outcome, keys.make_id("m", cid, number) if number else "", bool(ring))

    def due(self, limit: int = 100) -> list[str]:
        """Customers to ring for now, of all partitions, in one round trip; each is put off until its next ring."""
        names = self._step("due")[0].keys
        t = self.timing
        calls = [
            [len(names), *(keys.partition_key(k, part) for k in names), limit, t.ring_ms, t.ring_max_ms]
            for part in keys.partitions()
        ]
        return [cid for found in self._pipeline("due", calls) for cid in found]

    def claim(self, cid: str) -> Claim | NotClaimed:
        t = self.timing
        got = self.run(
            "claim",
            cid,
            nonce=secrets.token_hex(6),
            claim_ms=t.claim_ms,
            attempts_max=t.attempts_max,
            take=t.take,
            retention_ms=t.retention_ms,
        )
        if got[0] != "CLAIMED":
            return NotClaimed(got[0], int(got[1]) if len(got) > 1 else 0)
        _, token, now, flat, parts, lane, messages, sessions, buried, memories = got
        facts = _pairs(flat)
        return Claim(
            cid=cid, token=token, taken_at=int(now), facts=facts,
            parts=[Part(number, records.decode_part(part)) for number, part in parts],
            lane=Lane.parse(lane) if lane else None,
            messages=_waiting(cid, messages, facts),
            sessions={int(no): records.decode_session(cid, no, value) for no, value in sessions},
            buried=[int(n) for n in buried],
            memories=_pairs(memories),
        )  # fmt: skip

    def take_more(self, claim: Claim, after: int, take: int) -> list[Waiting]:
        """What came in on the claim's lane after message ``after``; it and the facts are the claim's then."""
        got = self.run(
            "take_more", claim.cid, token=claim.token, lane=str(claim.lane), after=after, take=take,
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        self._raise(claim, got[0])
        claim.facts = _pairs(got[1])
        more = _waiting(claim.cid, got[2], claim.facts)
        claim.messages.extend(more)
        return more

    def keep_media(self, claim: Claim, made: Mapping[int, str], keep_ms: int) -> None:
        """Keep what was made of messages' media: message number -> ``media.encode``."""
        flat = [x for number, record in made.items() for x in (str(number), record)]
        got = self.run(
            "keep_media", claim.cid, token=claim.token, records=json.dumps(flat), keep_ms=int(keep_ms)
        )
        self._raise(claim, got[0])

    def drop_media(self, cid: str, keep_ms: int) -> None:
        """Drop what was made of media that came longer ago."""
        self.run("drop_media", cid, keep_ms=int(keep_ms))

    def count_turn(
        self, claim: Claim, texts: Sequence[dict[str, Any]], asked: int, rate_max: int, day_max: int
    ) -> list[Any]:
        """Whether the customer's limits let this turn ask the model; the answer is as in count_turn.lua."""
        got = self.run(
            "count_turn", claim.cid, token=claim.token, texts=records.dump(list(texts)),  # type: ignore[arg-type]
            asked=asked, rate_max=rate_max, day_max=day_max, retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        self._raise(claim, got[0])
        return list(got)

    def renew(self, claim: Claim) -> bool:
        got = self.run(
            "renew", claim.cid, token=claim.token,
            claim_ms=self.timing.claim_ms, limit_ms=self.timing.claim_limit_ms,
        )  # fmt: skip
        if got[0] == "LOST":
            claim.lost.set()
        return got[0] == "OK"

    def open(
        self, claim: Claim, session: Change, closing: Sequence[Change], entries: Iterable[int], last: int
    ) -> tuple[Session, list[Message]]:
        """Store the session and show the messages; gives the session as stored and ``last`` earlier messages."""
        plan = {
            "closing": [c.plan() for c in closing], "session": session.plan(),
            "entries": list(entries), "last": last,
        }  # fmt: skip
        got = self.run(
            "open",
            claim.cid,
            token=claim.token,
            plan=records.dump(plan),
            retention_ms=self.timing.retention_ms,
        )
        self._raise(claim, got[0])
        _, no, version, elements, parts = got
        stored = replace(session.session, id=keys.make_id("s", claim.cid, no), version=int(version))
        return stored, records.decode_messages(claim.cid, no, elements, parts, claim.facts)

    def commit(
        self,
        claim: Claim,
        session: Change,
        *,
        answered: Sequence[int],
        replies: Sequence[dict[str, Any]],
        turn: dict[str, Any],
        facts: dict[str, str] | None = None,
        unset: Sequence[str] = (),
        memory: Sequence[MemoryItem] | None = None,
        failure: dict[str, Any] | None = None,
        optout: str = "",
        redo_after: int = 0,
        word: Word | None = None,
    ) -> list[str]:
        """All or nothing. ``answered``: numbers of messages; ``replies``: {"record", "parts"} as in commit.lua. Gives the replies' message numbers.

        Raises ``OptedOut`` for replies when ``optout`` is in the customer's hash, and with ``redo_after`` (a message
        number) ``StaleTurn`` when a newer message waits on the lane. With ``word`` the replies, of one part each, are
        spoken by it and not sent: ``HungUp`` when it is ready and the call is over.
        """
        plan: dict[str, Any] = {
            "session": session.plan(), "answered": list(answered), "replies": list(replies),
            "turn": {"v": records.VERSION, **turn},
            "facts": [x for pair in (facts or {}).items() for x in pair], "unset": list(unset), "optout": optout,
        }  # fmt: skip
        if memory is not None:
            plan["memory"] = {"agent": session.session.agent_id, "record": records.encode_memory(memory)}
        if redo_after:
            plan["redo"] = {"lane": str(claim.lane), "after": redo_after}
        if failure:
            plan["failure"] = {"v": records.VERSION, **failure}
        if word:
            plan["word"] = word.plan()
        got = self.run(
            "commit",
            claim.cid,
            token=claim.token,
            plan=records.dump(plan),
            retention_ms=self.timing.retention_ms,
        )
        self._raise(claim, got[0])
        claim.committed = True
        return list(got[2])

    def begin_send(self, claim: Claim, part: Part, optout: str) -> tuple[str, str]:
        """("GO", attempt), ("LOST", ""), ("REFUSED", reason) or ("STATE", state): see begin_send.lua."""
        # A template goes at any time; of a part that Twilio has taken no lane is kept.
        free = "lane" in part.record and not part.record.get("content_sid")
        window = whatsapp.field(part.lane) if free else ""
        got = self.run(
            "begin_send", claim.cid, token=claim.token, number=part.number,
            optout=optout, window=window, window_ms=whatsapp.WINDOW_MS, part_limit_ms=self.timing.part_limit_ms,
        )  # fmt: skip
        return got[0], str(got[-1]) if len(got) > 1 else ""

    def sent(self, cid: str, number: str, sid: str, *, listed: bool = False) -> str:
        """OK, GONE (the customer was deleted), DOUBLE or TAKEN: see sent.lua. ``listed``: found in Twilio's list."""
        got = self.run(
            "sent", cid, number=number, sid=records.pack_sid(sid), listed=int(listed),
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def settle(
        self, claim: Claim, number: str, expected: Sequence[str], state: str, *, wait_ms: int = 0,
        changes: dict[str, Any] | None = None, failure: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        got = self.run(
            "settle", claim.cid, token=claim.token, number=number, expected=json.dumps(list(expected)),
            state=state, wait_ms=int(wait_ms), changes=records.dump(changes or {}),
            failure=records.dump({"v": records.VERSION, **failure}) if failure else "",
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def give_up(
        self, claim: Claim, number: str, expected: Sequence[str], state: str, *,
        changes: dict[str, Any] | None = None, failure: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """Settle a part for good, and with it the parts of the same reply behind it: see give_up.lua."""
        got = self.run(
            "give_up", claim.cid, token=claim.token, number=number, expected=json.dumps(list(expected)),
            state=state, changes=records.dump(changes or {}),
            failure=records.dump({"v": records.VERSION, **failure}) if failure else "",
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def learn_optout(self, cid: str, number: str, sid: str, to: str, optout: str) -> str:
        """Twilio says that the receiver of this part opted out: LEARNT, KNOWN or IGNORED, see learn_optout.lua."""
        got = self.run(
            "learn_optout", cid, number=number, sid=records.pack_sid(sid), to=to, optout=optout,
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def learn_window(self, cid: str, number: str, sid: str, to: str, lane: Lane) -> str:
        """WhatsApp says that the customer's window on this lane is closed: LEARNT or IGNORED, see learn_window.lua."""
        got = self.run(
            "learn_window", cid, number=number, sid=records.pack_sid(sid), to=to, window=whatsapp.field(lane),
            retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def status(self, cid: str, number: str, sid: str, status: str, error: str, to: str) -> tuple[str, bool]:
        """Apply a delivery callback; the second value says whether to ring."""
        got = self.run(
            "status", cid, number=number, sid=records.pack_sid(sid), letter=records.STATUS_LETTERS.get(status, ""),
            rank=DELIVERY_RANK.get(status, 0), error_code=error, to=to, retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return got[0], len(got) > 1 and bool(got[1])

    def release(
        self,
        claim: Claim,
        *,
        give_back: Sequence[int] = (),
        hold_ms: int = 0,
        fault: str = "",
        uncount: bool = False,
    ) -> bool:
        """Let go; True when something waits still. With ``hold_ms`` the claim's lane is left alone so long.

        ``fault``: the class of the error of ours that it is left alone for; a failure that comes of it names it.
        ``uncount``: the turn was counted and came to nothing.
        """
        hold = f"hold:{claim.lane}" if hold_ms and claim.lane else ""
        got = self.run(
            "release", claim.cid, token=claim.token, give_back=json.dumps(list(give_back)),
            hold_field=hold, hold_ms=int(hold_ms), fault=fault, uncount=int(uncount),
        )  # fmt: skip
        return got[0] == "MORE"

    def write(
        self, cid: str, session: Change, messages: Sequence[Message] = (), facts: dict[str, str] | None = None, *,
        owed: dict[str, Any] | None = None, optout: str = "", entries: Sequence[str] = (), resolves: bool = False,
    ) -> Written:  # fmt: skip
        """Write a session outside a turn, with messages to append, a reply ``owed`` and messages to answer again.

        Raises ``LedgerConflict``; with ``owed`` ``OptedOut`` when ``optout`` is in the customer's hash.
        """
        plan = _written(session, facts, records=[records.encode_message(m) for m in messages])
        plan |= {"entries": list(entries), "optout": optout} | ({"owed": owed} if owed else {})
        plan |= {"resolves": True} if resolves else {}
        got = self.run("write", cid, plan=records.dump(plan), **self._ring_and_keep())
        if got[0] != "OK":
            raise OptedOut if got[0] == "OPTED_OUT" else LedgerConflict
        _, no, version, numbers, waits = got
        stored = replace(session.session, id=keys.make_id("s", cid, no), version=int(version))
        return Written(stored, tuple(keys.make_id("m", cid, n) for n in numbers), bool(waits))

    def _ring_and_keep(self) -> dict[str, Any]:
        return {"ring_ms": self.timing.ring_ms, "retention_ms": self.timing.retention_ms}

    def write_all(self, changes: Sequence[tuple[str, Change, dict[str, Any] | None]]) -> list[bool]:
        """What time does to sessions of many customers, in one round trip, each with a failure for a person or None.

        False where it must wait: somebody else wrote the session meanwhile, or its customer is being answered.
        """
        calls = []
        for cid, change, failure in changes:
            plan = _written(change, by_time=True)
            if failure:
                plan["failure"] = {"v": records.VERSION, **failure}
            calls.append(self._call("write", cid, {"plan": records.dump(plan), **self._ring_and_keep()}))
        return [got[0] == "OK" for got in self._pipeline("write", calls)]

    def read(
        self, cid: str, which: int | None = None, last: int = -1
    ) -> tuple[Customer, Session | None, list[Message]]:
        """A customer, one session (the open one last active, else the latest) and its last messages."""
        # One more than asked: what the first message answers is mostly the one before.
        flat, no, value, elements, parts = self.run(
            "read", cid, which="" if which is None else which, last=last + 1 if last > 0 else last
        )
        facts = _pairs(flat)
        session = records.decode_session(cid, no, value) if value else None
        messages = records.decode_messages(cid, no, elements, parts, facts)
        if 0 < last < len(elements):
            messages = messages[-last:] if len(messages) > last else messages
        messages = media.read_of(self.redis, cid, messages)
        return records.decode_customer(cid, facts), session, messages

    def replay(self, cid: str, number: str, write: str, optout: str, plan: dict[str, Any]) -> tuple[str, str]:
        """A failure's messages wait again: ("OK", ""), ("DONE", how), ("REFUSED", why) ...: see replay.lua."""
        got = self.run(
            "replay", cid, number=number, write=write, optout=optout, plan=records.dump(plan),
            ring_ms=self.timing.ring_ms, retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0]), str(got[1]) if len(got) > 1 else ""

    def resend(self, cid: str, number: str, write: str, optout: str, *, look: bool) -> tuple[str, str]:
        """A failed part and the rest of its reply wait again, first for a look at Twilio's list: see resend.lua."""
        got = self.run(
            "resend", cid, number=number, write=write, optout=optout, look=int(look),
            ring_ms=self.timing.ring_ms, retention_ms=self.timing.retention_ms,
        )  # fmt: skip
        return str(got[0]), str(got[1]) if len(got) > 1 else ""

    def forget(self, cid: str) -> int:
        """Delete every key that carries the customer; gives the number of records removed."""
        return int(self.run("forget", cid, erased_ms=ERASED_MS)[1])

    def now(self) -> int:
        """Redis' time, ms."""
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    @staticmethod
    def _raise(claim: Claim, outcome: str) -> None:
        if outcome == "LOST":
            claim.lost.set()
            raise ClaimLost
        if outcome in ("CONFLICT", "MISMATCH"):
            raise LedgerConflict(outcome)
        if outcome == "OPTED_OUT":
            raise OptedOut
        if outcome == "STALE":
            raise StaleTurn
        if outcome == "HUNG_UP":
            raise HungUp


def _written(session: Change, facts: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """The plan of write.lua."""
    flat = [x for pair in (facts or {}).items() for x in pair]
    return {"session": session.plan(), "records": [], "entries": [], "facts": flat, **more}


def _waiting(cid: str, rows: Iterable[Sequence[Any]], facts: dict[str, str]) -> list[Waiting]:
    """What a later release wrote is left to it."""
    found = []
    for entry, count, placed in rows:
        message = records.decode_entry(cid, entry, facts)
        if message:
            number, keyword, _ = entry.split(" ", 2)
            shown = int(placed.rstrip(":") or 0)
            found.append(Waiting(int(number), Keyword(keyword), int(count), shown, message))
    return found


def _sha1(text: str) -> str:
    import hashlib

    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
