"""What a turn makes of the model's answer: what is learnt, what is said, and whether a person is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ai import memory
from config.agents import Agent
from config.notices import notice
from session import wishes
from session.calls import Then
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
    then: Then = Then.LISTEN  # what follows when it is spoken into a call


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
    agent: Agent, session: Session, answer: Answer, channel: Channel, language: str, now: int, message_id: str,
    *, reachable: bool = True,
) -> Conclusion:  # fmt: skip
    """What is said to an answer that may be sent, and done about it. ``reachable``: a caller can be called back."""
    after = learn(agent, session, answer, message_id, now)
    reason = _handoff(agent, session, after, answer)
    parts = [answer.reply, *(link for link in answer.links if link not in answer.reply)]
    told, then = _told(agent, channel, language, now, reachable) if reason else ("", Then.LISTEN)
    # Told once that a person comes, and by the model where it has said so.
    comes_now = then is Then.DIAL if channel is Channel.VOICE else handing_over.is_there(agent, now)
    if reason and not (comes_now and wishes.promises_transfer(answer.reply)):
        parts.append(told)
    asks = bool(answer.ends and agent.closing_question and not session.rating_asked and not reason)
    if asks:
        parts.append(notice(agent, "closing_question", language))
    ends = answer.ends and not asks and not reason
    return Conclusion(
        reply=render("\n".join(part for part in parts if part), channel),
        handoff=reason,
        ends=ends,
        asks_rating=asks,
        rating=answer.satisfaction or 0 if session.rating_asked and not session.rating else 0,
        then=Then.HANGUP if ends else then,
    )


def blocked(
    agent: Agent, session: Session, channel: Channel, language: str, now: int, *, reachable: bool = True
) -> Conclusion:
    """What is said when no answer of the model's may be sent; after too many in a row a person is called."""
    limit = agent.handoff.after_failures
    if limit and session.misses + 1 >= limit:
        text, then = _told(agent, channel, language, now, reachable)
        return Conclusion(render(text, channel), handoff=handing_over.BY_FAILURE, blocked=True, then=then)
    return Conclusion(render(notice(agent, "blocked_answer", language), channel), blocked=True)


def _told(agent: Agent, channel: Channel, language: str, now: int, reachable: bool) -> tuple[str, Then]:
    """What a customer is told who is handed over, and what follows that on a call."""
    if channel is Channel.VOICE:
        return handing_over.on_call(agent, language, now, reachable=reachable)
    return handing_over.acknowledgement(agent, language, now), Then.LISTEN


def _handoff(agent: Agent, before: Session, after: Session, answer: Answer) -> str:
    if answer.handoff and agent.handoff.by_model:
        return handing_over.BY_MODEL
    if handing_over.by_rule(agent, before, after):
        return handing_over.BY_RULE
    # What was promised is done: nobody is told that a person comes when none does.
    return handing_over.BY_PROMISE if wishes.promises_transfer(answer.reply) else ""
