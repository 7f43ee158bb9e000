"""Trying a failure again, once: its messages are answered or its part is sent, whoever asks and however often.

The decision is one step in the ledger (``replay.lua``, ``resend.lua``) on the failure's own state.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import structlog

from session import course, keys, optout, records
from session.claims import DAY_MS, Change, LedgerConflict, opened_as
from session.failures import Act, Failure, NoSuchFailure
from session.machine import Event
from session.model import HandledBy, Keyword, Lane, Message, Session, State
from session.policy import scope_of

if TYPE_CHECKING:
    from session.manager import SessionManager

TRIES = 4  # when somebody else wrote the session meanwhile

SENTENCES = {
    "already_retried": "Somebody retried this failure already.",
    "already_sent": "Twilio has taken it meanwhile; there is nothing to send.",
    "already_answered": "A turn has answered it meanwhile; there is nothing to retry.",
    "cannot_be_retried": "{cause} It cannot be retried.",
    "opted_out": "The customer wants no messages from this sender, so nothing can be sent.",
    "overtaken": "A person stepped into the conversation after this was written, so it is not sent any more.",
    "with_a_person": "The conversation is with a person; hand it back first, or answer it yourself.",
    "not_today": "{cause} Until the day is over (UTC) it would be so again.",
}

_log = structlog.get_logger("session")


class NotRetried(Exception):
    """A failure that is not retried; ``code`` for programs, ``sentence`` for people."""

    def __init__(self, code: str, failure: Failure) -> None:
        super().__init__(code)
        self.code = code
        self.failure = failure
        self.sentence = SENTENCES[code].format(cause=failure.cause)


def retry(manager: SessionManager, failure_id: str, messaging_service_sid: str | None) -> Failure:
    """The failure as it is once it was retried. The customer waits: ring for ``cid``.

    Raises ``NoSuchFailure``, ``NotRetried``, ``LedgerConflict``.
    """
    write = secrets.token_hex(6)
    for _ in range(TRIES):
        failure = manager.failures.read(failure_id)
        if failure.resolved_at:
            raise NotRetried(f"already_{failure.resolution}", failure)
        if failure.act is Act.NONE:
            raise NotRetried("cannot_be_retried", failure)
        if failure.daily and failure.at // DAY_MS == manager.ledger.now() // DAY_MS:
            raise NotRetried("not_today", failure)
        step = _resend if failure.of_part else _replay
        outcome, detail = step(manager, failure, write, messaging_service_sid)
        if outcome == "OK":
            _log.info("failure_retried", customer=failure.cid[:6], failure=failure.id, reason=failure.reason)
            return manager.failures.read(failure_id)
        if outcome == "GONE":
            raise NoSuchFailure(failure_id)
        if outcome != "CONFLICT":
            raise NotRetried(_code(outcome, detail), failure)
    raise LedgerConflict


def _code(outcome: str, detail: str) -> str:
    if outcome == "DONE":
        return f"already_{detail}"
    return "already_retried" if outcome == "ALREADY" else detail


def _resend(manager: SessionManager, failure: Failure, write: str, service: str | None) -> tuple[str, str]:
    stored: Any = manager.ledger.redis.hget(keys.customer_key("parts", failure.cid), failure.number)
    # Of a part that Twilio has taken meanwhile no lane is kept; nothing is sent then.
    part = records.decode_part(stored) if stored else {}
    field = optout.field(Lane.parse(part.get("lane", "sms|")), service)
    return manager.ledger.resend(failure.cid, failure.number, write, field, look=failure.act is Act.LOOK)


def _replay(manager: SessionManager, failure: Failure, write: str, service: str | None) -> tuple[str, str]:
    stored = _messages(manager, failure)
    if not stored:
        return manager.ledger.replay(failure.cid, failure.number, write, "", {"entries": [], "hold": ""})
    lane = next(iter(stored.values()))[0].lane
    plan: dict[str, Any] = {
        "entries": [f"{number} {_keyword(m)} {m.lane} {record}" for number, (m, record) in stored.items()],
        "hold": f"hold:{lane}",
    }
    session = _session(manager, failure, lane)
    if session and (session.state is State.WAITING_AGENT or session.handled_by is HandledBy.OPERATOR):
        if failure.act is not Act.HAND_BACK or session.handled_by is HandledBy.OPERATOR:
            raise NotRetried("with_a_person", failure)
        plan["session"] = _handed_back(manager, session).plan()
    field = optout.field(lane, service)
    outcome = manager.ledger.replay(failure.cid, failure.number, write, field, plan)
    if outcome[0] == "OK" and session and "session" in plan:
        states = {"from": str(session.state), "to": str(State.ACTIVE)}
        _log.info("state_transitioned", customer=failure.cid[:6], session_id=session.id, **states)
    return outcome


def _messages(manager: SessionManager, failure: Failure) -> dict[int, tuple[Message, str]]:
    """What the customer wrote, by number, with its record, as far as it is still kept."""
    ledger, cid = manager.ledger, failure.cid
    facts: Any = ledger.redis.hgetall(keys.customer_key("customer", cid))
    if failure.entry:
        stored = {failure.messages[0]: failure.entry.split(" ", 3)[3]}
    else:
        stored = ledger.recorded(cid, failure.messages)
    read = {
        n: (records.decode_tail(cid, str(n), record, facts), record) for n, record in sorted(stored.items())
    }
    return {number: (message, record) for number, (message, record) in read.items() if message}


def _keyword(message: Message) -> Keyword:
    """START once more ends no opt-out, so it is a word like any other."""
    return Keyword.NONE if message.keyword is Keyword.START else message.keyword


def _session(manager: SessionManager, failure: Failure, lane: Lane) -> Session | None:
    """The open session that the messages will be answered in; None: a new one."""
    cid, read = failure.cid, manager.ledger.read
    shown = keys.parse_id(failure.session_id)
    session = read(cid, shown.number, 0)[1] if shown else None
    if session and session.state is not State.CLOSED:
        return session
    agent = manager.agents.for_number(lane.ours)
    scope = scope_of(manager.policy(agent.id), lane.channel)
    field = records.OPEN + opened_as(agent.id, scope)
    number = manager.ledger.redis.hget(keys.customer_key("customer", cid), field)
    return read(cid, int(str(number)), 0)[1] if number else None


def _handed_back(manager: SessionManager, session: Session) -> Change:
    return manager.change(course.move(session, Event.HANDED_BACK, manager.ledger.now()))
