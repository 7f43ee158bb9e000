"""Telephone calls: what is kept of one while it lasts, and the words that are spoken in it.

A call is a thread of questions and answers, numbered from 1. What the caller says to question n is an utterance, a
message whose SID is ``CallSid.n``; the answer to it is a word, kept in the ledger until the push into the live call or
the call's own poll takes it: one of them, once. Every step is one Lua script and safe to repeat.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from session import keys, records
from session.address import ANONYMOUS
from session.claims import Change, LedgerConflict, until_written
from session.model import Customer, Lane

if TYPE_CHECKING:
    from session.ledger import Ledger

READY, PUSHING, SPOKEN, UNHEARD = "ready", "pushing", "spoken", "unheard"  # the states of a word
CALL_SID = re.compile(r"CA[0-9a-f]{32}")

_UTTERANCE = re.compile(r"(CA[0-9a-f]{32})\.([1-9][0-9]{0,5})")


class Then(StrEnum):
    """What follows a word."""

    LISTEN = "listen"  # the next question is heard
    HANGUP = "hangup"
    DIAL = "dial"  # a person is called


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is kept. Times are ms."""

    sid: str
    lane: Lane
    theirs: str  # E.164, WhatsApp's id, or "anonymous:CA..." of a withheld number
    agent_id: str
    language: str = ""
    began: int = 0
    live: bool = True
    turn: int = 0  # number of the last question that the caller answered
    silences: int = 0  # in a row: nothing was heard
    unsure: int = 0  # in a row: heard too badly
    outbound: bool = False  # we called them
    sms_from: str = ""  # our number for texts, where the lane's sends none: a verified caller ID
    ended_at: int = 0
    status: str = ""  # Twilio's last CallStatus

    @property
    def anonymous(self) -> bool:
        return self.theirs.startswith(ANONYMOUS)

    @property
    def texts_to(self) -> str:
        """The number that a text about this call may go to, or ''."""
        return self.theirs if self.theirs.startswith("+") else ""

    @property
    def texts_from(self) -> str:
        """Our number that a text about this call goes from."""
        return self.sms_from or self.lane.ours


@dataclass(frozen=True, slots=True)
class Word:
    """What is to be spoken to answer question ``turn`` of a call. The ledger fills in what stands behind ``then``."""

    call_sid: str
    turn: int
    text: str
    then: Then
    numbers: tuple[int, ...] = ()  # of the messages that it speaks
    state: str = READY
    session: int = 0  # number of the session in which it was decided, and its epoch
    epoch: int = 0

    def plan(self) -> dict[str, Any]:
        """As commit.lua takes it. With the state ``UNHEARD`` it is recorded as not heard, live call or not."""
        return {
            "v": records.VERSION, "call": self.call_sid, "turn": self.turn, "text": self.text, "then": self.then,
            "packed": records.pack_sid(self.call_sid), "state": self.state,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ByText:
    """What goes by text in place of words that nobody heard: the session with it, and what is owed (``replies.owed``).

    ``optout``: the field of the customer's hash that forbids it.
    """

    session: Change
    owed: dict[str, Any]
    optout: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an end was taken: OK, KNOWN (it had ended) or UNKNOWN. ``unheard``: what nobody heard, in order."""

    outcome: str
    unheard: tuple[Word, ...] = ()
    message_ids: tuple[str, ...] = ()  # of what is owed by text
    waits: bool = False  # a worker has something to do now


def utterance_sid(call_sid: str, turn: int) -> str:
    """What stands for a MessageSid with what the caller said to a question."""
    return f"{call_sid}.{turn}"


def utterance_of(twilio_sid: str) -> tuple[str, int] | None:
    """CallSid and question of an utterance's SID; None for any other message's."""
    found = _UTTERANCE.fullmatch(twilio_sid)
    return (found[1], int(found[2])) if found else None


class Calls:
    """The steps of calls over a ledger. Safe for threads. Every method may raise ``redis.RedisError``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, cid: str, call: Call, profile: Mapping[str, str]) -> tuple[Call, Customer, bool]:
        """The call as stored, its customer, and whether it was new: then it is counted and ``profile`` learnt."""
        got = self._ledger.run(
            "call_begin", cid, sid=call.sid, record=_encode(call),
            profile=json.dumps([x for pair in profile.items() for x in pair]),
            retention_ms=self._ledger.timing.retention_ms,
        )  # fmt: skip
        facts = dict(zip(got[2][::2], got[2][1::2], strict=True))
        return _decode(call.sid, got[1]), records.decode_customer(cid, facts), got[0] == "NEW"

    def find(self, cid: str, sid: str) -> Call | None:
        """A call of this customer; None for one that is not known, or no more."""
        value: Any = self._ledger.redis.hget(keys.customer_key("calls", cid), sid)
        return _decode(sid, value) if value else None

    def is_forgotten(self, cid: str) -> bool:
        """Whether the customer was deleted lately: nothing of what they were in the midst of comes back."""
        return bool(self._ledger.redis.exists(keys.customer_key("erased", cid)))

    def heard(self, cid: str, call: Call) -> Call:
        """Keep what a question came to (turn, silences, unsure, language); a later question's stands. Gives the call as stored."""
        value = self._ledger.run("call_heard", cid, sid=call.sid, record=_encode(call))[0]
        return _decode(call.sid, value) if value else call

    def all(self, cid: str) -> list[Call]:
        """The calls of a customer that are still kept, oldest first."""
        calls = [_decode(sid, value) for sid, value in self._stored(cid).items() if ":" not in sid]
        return sorted(calls, key=lambda call: call.began)

    def words(self, cid: str, sid: str) -> list[Word]:
        """The words of a call, in the order of its questions."""
        return self._words(self._stored(cid), sid)

    def take(self, cid: str, sid: str, turn: int, by: str) -> tuple[str, Word | None]:
        """("TAKEN", word) for the one that speaks it; else WAIT, SPOKEN, GIVEN_UP, OVER or PASSED, see word_take.lua.

        ``by``: "push", whose outcome ``settle`` must tell within the time of a push; or "poll:<t>", whose number tells
        a poll that is asked again, because its answer was lost, from the next.
        """
        # So that a command that redis-py sends again is known for the same push.
        by = f"push:{secrets.token_hex(6)}" if by == "push" else by
        got = self._ledger.run(
            "word_take", cid, sid=sid, turn=turn, by=by, push_ms=self._ledger.timing.push_ms,
            retention_ms=self._ledger.timing.retention_ms,
        )  # fmt: skip
        return str(got[0]), _decode_word(got[1]) if len(got) > 1 else None

    def settle(self, cid: str, sid: str, turn: int, state: str) -> str:
        """What came of a push: SPOKEN, READY (the poll may have it) or UNHEARD. Gives OK, GONE or STATE."""
        got = self._ledger.run(
            "word_settle", cid, sid=sid, turn=turn, state=state,
            retention_ms=self._ledger.timing.retention_ms,
        )  # fmt: skip
        return str(got[0])

    def end(
        self, cid: str, sid: str, status: str, owe: Callable[[Call, Sequence[Word]], ByText | None]
    ) -> Ended:
        """The call is over, once. ``owe`` says what is owed by text for the words that nobody heard (one at least).

        Raises ``LedgerConflict`` when others kept writing the session meanwhile.
        """

        def ended() -> Ended:
            stored = self._stored(cid)
            if sid not in stored:
                return Ended("UNKNOWN")
            call = _decode(sid, stored[sid])
            unheard = [word for word in self._words(stored, sid) if _is_unheard(call, word)]
            by_text = owe(call, unheard) if unheard else None
            return self._end(cid, sid, status, unheard, by_text)

        return until_written(ended)

    # Inside

    def _end(self, cid: str, sid: str, status: str, unheard: Sequence[Word], by_text: ByText | None) -> Ended:
        plan: dict[str, Any] = {
            "status": status, "write": secrets.token_hex(6), "unheard": [word.turn for word in unheard],
        }  # fmt: skip
        if by_text:
            plan |= {
                "session": by_text.session.plan(), "owed": by_text.owed, "optout": by_text.optout,
            }  # fmt: skip
        timing = self._ledger.timing
        got = self._ledger.run(
            "call_end", cid, sid=sid, plan=records.dump(plan), ring_ms=timing.ring_ms, retention_ms=timing.retention_ms
        )  # fmt: skip
        if got[0] in ("STALE", "CONFLICT"):
            raise LedgerConflict(got[0])
        if got[0] != "OK":
            return Ended(got[0])
        ids = tuple(keys.make_id("m", cid, number) for number in got[1])
        return Ended("OK", tuple(replace(word, state=UNHEARD) for word in unheard), ids, bool(got[2]))

    def _stored(self, cid: str) -> dict[str, str]:
        stored: Any = self._ledger.redis.hgetall(keys.customer_key("calls", cid))
        return dict(stored)

    @staticmethod
    def _words(stored: Mapping[str, str], sid: str) -> list[Word]:
        words = [_decode_word(value) for field, value in stored.items() if field.startswith(sid + ":")]
        return sorted(words, key=lambda word: word.turn)


def _is_unheard(call: Call, word: Word) -> bool:
    """Whether the end of a call leaves a word unheard, as call_end.lua has it."""
    ends = call.live and word.then is Then.HANGUP
    return word.state == READY or (word.state == PUSHING and not ends)


def _encode(call: Call) -> str:
    return records.dump({"v": records.VERSION, **asdict(call), "lane": str(call.lane)})


def _decode(sid: str, value: str) -> Call:
    r = json.loads(value)
    return Call(
        sid=sid, lane=Lane.parse(r["lane"]), theirs=r["theirs"], agent_id=r["agent_id"], language=r["language"],
        began=int(r["began"]), live=bool(r["live"]), turn=int(r["turn"]), silences=int(r["silences"]),
        unsure=int(r["unsure"]), outbound=bool(r["outbound"]), ended_at=int(r["ended_at"]), status=r["status"],
        sms_from=r.get("sms_from", ""),
    )  # fmt: skip


def _decode_word(value: str) -> Word:
    r = json.loads(value)
    return Word(
        call_sid=r["call"], turn=int(r["turn"]), text=r["text"], then=Then(r["then"]),
        numbers=tuple(map(int, r.get("numbers") or ())), state=r["state"],
        session=int(r.get("session", 0)), epoch=int(r.get("epoch", 0)),
    )  # fmt: skip


__all__ = ["ANONYMOUS", "ByText", "Call", "Calls", "Ended", "Then", "Word", "utterance_of", "utterance_sid"]
