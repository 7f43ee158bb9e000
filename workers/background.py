"""What is done behind the conversation, never on the way to an answer: summaries, and calling people in.

Each is an RQ job on the queue ``background`` with a customer's opaque id. What one of them loses is found again: a
summary by the next one, a call by the alert for whoever waits too long.
"""

from __future__ import annotations

import hashlib

import structlog

from ai import summary
from ai.assistant import ModelError
from ai.schema import DoesNotFit
from session import course, keys
from session.address import Address
from session.claims import LedgerConflict
from session.manager import NoSuchSession
from session.model import Channel, HandledBy, Session, State
from workers.runtime import Runtime, runtime
from workers.twilio_account import Outcome
from workers.twilio_errors import Kind

TOLD_MS = 86_400_000
SUMMARY_S = 20.0
CALL_PAUSES_S = (1.0, 4.0, 15.0)  # a throttled Twilio is asked again so often; then the alert is the next try
SUMMING_MS = 60_000

_log = structlog.get_logger("background")


def summarise(cid: str) -> str:
    """Sum up each session of a customer that has grown beyond its last summary; gives what came of it."""
    rt = runtime()
    # Each turn asks for it again; a model that is slow with one is not asked for a second beside it.
    mark = keys.customer_key("summing", cid)
    if not rt.ledger.redis.set(mark, 1, nx=True, px=SUMMING_MS):
        return "being made"
    try:
        made = [
            _summed_up(rt, session) for session in rt.manager.sessions_of(cid) if rt.manager.outgrown(session)
        ]
    finally:
        rt.ledger.redis.delete(mark)
    return ", ".join(made) or "nothing new"


def _summed_up(rt: Runtime, session: Session) -> str:
    agent = rt.agents.known_or_default(session.agent_id)
    try:
        _, fresh, messages = rt.manager.read_session(session.id, last=summary.MESSAGES_MAX)
    except NoSuchSession:
        return "forgotten"
    shown = course.shown(fresh, messages)
    if not shown:
        return "nothing to say"
    items, schema = summary.build(agent, fresh, shown)
    try:
        told = summary.check(rt.assistant.summarise(items, schema, SUMMARY_S, agent.model))
    except ModelError as error:
        _log.warning("not_summarised", session_id=session.id, reason=error.code)
        return "model away"
    except DoesNotFit as misfit:
        _log.warning("not_summarised", session_id=session.id, reason=misfit.reason)
        return "no summary"
    if not told:
        return "nothing to say"
    try:
        rt.manager.note_summary(fresh, told.summary, told.open_matter)
    except NoSuchSession:
        return "forgotten"
    except LedgerConflict:
        return "overtaken"  # somebody goes on with it; the next summary says that too
    return "summed up"


def call_operators(cid: str) -> str:
    """Text the operators of each agent whose session waits: a link, and nothing of the customer's. Gives how many."""
    rt = runtime()
    called = 0
    for session in rt.manager.sessions_of(cid):
        # A person who has it knows of the customer's words, until the alert says that nobody answered them.
        wanted = session.handled_by is HandledBy.ASSISTANT or session.alerted_at
        if session.state is State.WAITING_AGENT and wanted:
            called += _call(rt, cid, session)
    return f"{called} called"


def _texted(rt: Runtime, lane: dict[str, str], text: str) -> Outcome:
    """Twilio's answer; one that asks for patience is waited for, a while."""
    outcome = rt.delivery.account.create(lane, text, "")
    for pause_s in CALL_PAUSES_S:
        if outcome.kind != Kind.LATER or rt.stopping.wait(
            max(pause_s, min(outcome.wait_s, CALL_PAUSES_S[-1]))
        ):
            break
        outcome = rt.delivery.account.create(lane, text, "")
    return outcome


def _call(rt: Runtime, cid: str, session: Session) -> int:
    agent = rt.agents.known_or_default(session.agent_id)
    text = f"A customer waits for a person: {rt.settings.public_base_url}/console/sessions/{session.id}"
    sender = str(Address(Channel.SMS, rt.settings.twilio_phone_number))
    called = 0
    for number in agent.handoff.notify:
        who = hashlib.sha256(number.encode()).hexdigest()[:12]
        mark = keys.called(cid, f"{session.id}:{session.waiting_since}:{session.alerted_at}:{who}")
        if not rt.ledger.redis.set(mark, 1, nx=True, px=TOLD_MS):
            continue
        outcome = _texted(rt, {"to": number, "from": sender}, text)
        if outcome.kind == Kind.LATER:
            rt.ledger.redis.delete(mark)  # Twilio has not taken it: the alert calls again
        called += outcome.kind == "sent"
        _log.info("operator_called", session_id=session.id, outcome=str(outcome.kind), code=outcome.code)
    return called
