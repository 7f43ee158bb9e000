"""What a turn makes of the model's answer: what is learnt, what is said, and whether a person is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ai import memory
from config.agents import Agent
from config.notices import notice
from session import hours, wishes
from session.model import Answer, Channel, Session
from workers import handing_over
from workers.rendering import render


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is stored and said at the end of a turn."""

    reply: str
    handoff: str = ""  # why a person is called, one of ``handing_over``'s words; '' when none is
    ends: bool = False  # the conversation is over
    asks_rating: bool = False
    rating: int = 0
    blocked: bool = False  # the model's answer was not fit to be sent


def learn(agent: Agent, session: Session, answer: Answer, message_id: str, now: int) -> Session:
    """The session with what an answer reports, each value from ``message_id``."""
    entities = memory.merge_entities(session.entities, answer.entities, message_id, now)
    order = memory.order_details(agent, entities)
    return replace(
        session,
        entities=entities,
        order_details={**(session.order_details or {}), **order} if order else session.order_details,
        intent=answer.intent or session.intent,
        language=answer.language or session.language,
        rejected=tuple(name for name in answer.rejected if name not in answer.entities),
        note="",  # the assistant has seen it
    )


def conclude(
    agent: Agent, session: Session, answer: Answer, channel: Channel, language: str, now: int, message_id: str
) -> Conclusion:
    """What is said to an answer that may be sent, and done about it."""
    after = learn(agent, session, answer, message_id, now)
    reason = _handoff(agent, session, after, answer)
    parts = [answer.reply]
    nobody_there = agent.hours is not None and not hours.is_open(agent.hours, now)
    # Told once that a person comes, and by the model where it has said so.
    if reason and (nobody_there or not wishes.promises_transfer(answer.reply)):
        parts.append(handing_over.acknowledgement(agent, language, now))
    asks = bool(answer.ends and agent.closing_question and not session.rating_asked and not reason)
    if asks:
        parts.append(notice(agent, "closing_question", language))
    return Conclusion(
        reply=render("\n".join(part for part in parts if part), channel),
        handoff=reason,
        ends=answer.ends and not asks and not reason,
        asks_rating=asks,
        rating=answer.satisfaction or 0 if session.rating_asked and not session.rating else 0,
    )


def blocked(agent: Agent, session: Session, channel: Channel, language: str, now: int) -> Conclusion:
    """What is said when no answer of the model's may be sent; after too many in a row a person is called."""
    limit = agent.handoff.after_failures
    if limit and session.misses + 1 >= limit:
        text = handing_over.acknowledgement(agent, language, now)
        return Conclusion(render(text, channel), handoff=handing_over.BY_FAILURE, blocked=True)
    return Conclusion(render(notice(agent, "blocked_answer", language), channel), blocked=True)


def _handoff(agent: Agent, before: Session, after: Session, answer: Answer) -> str:
    if answer.handoff and agent.handoff.by_model:
        return handing_over.BY_MODEL
    if handing_over.by_rule(agent, before, after):
        return handing_over.BY_RULE
    # What was promised is done: nobody is told that a person comes when none does.
    return handing_over.BY_PROMISE if wishes.promises_transfer(answer.reply) else ""
