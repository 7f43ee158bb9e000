"""When a person is called into a conversation, and what the customer is told then. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ai import memory
from config.agents import ORDER_TOTAL, Agent, HandoffRule
from config.notices import notice
from session import hours, wishes
from session.calls import Then
from session.model import Message, Session

BY_CUSTOMER, BY_RULE, BY_MODEL, BY_PROMISE, BY_FAILURE = (
    "customer", "rule", "assistant", "promise", "repeated_failure",
)  # fmt: skip


def by_wish(agent: Agent, asked: Sequence[Message]) -> bool:
    """Whether the customer asks for a person, in one of the agent's languages."""
    words = agent.handoff.every_word
    return any(
        wishes.keys_person(message) or wishes.wants_person(message.content, agent.languages, words)
        for message in asked
    )


def by_rule(agent: Agent, before: Session, after: Session) -> str:
    """Why one of the agent's rules calls a person now, or ''. A rule that held before this turn calls nobody again."""
    for rule in agent.handoff.when:
        if _holds(rule, agent, after) and not _holds(rule, agent, before):
            return rule.entity or rule.intent
    return ""


def _holds(rule: HandoffRule, agent: Agent, session: Session) -> bool:
    if rule.intent and rule.intent.casefold() not in session.intent.casefold():
        return False
    if not rule.entity:
        return bool(rule.intent)
    value = _value(rule.entity, agent, session)
    if value is None:
        return False
    if rule.above is not None:
        amount = value.get("amount") if isinstance(value, dict) else value
        return isinstance(amount, int | float) and not isinstance(amount, bool) and amount > rule.above
    return not rule.equals or str(value).casefold() == rule.equals.casefold()


def _value(name: str, agent: Agent, session: Session) -> object:
    if name == ORDER_TOTAL and agent.order:
        details = memory.order_details(agent, session.entities)
        return details.get("total") if details else None
    entity = session.entities.get(name)
    return entity.value if entity else None


def is_there(agent: Agent, now_ms: int) -> bool:
    """Whether somebody of the team is there now."""
    return agent.hours is None or hours.is_open(agent.hours, now_ms)


def acknowledgement(agent: Agent, language: str, now_ms: int) -> str:
    """What the customer is told once: that a person comes, and when, where the agent's hours say so."""
    if agent.hours is None or is_there(agent, now_ms):
        return notice(agent, "handoff", language)
    opens = hours.opens_words(agent.hours, now_ms, language)
    return (
        notice(agent, "handoff_closed", language, opens=opens)
        if opens
        else notice(agent, "handoff", language)
    )


def on_call(agent: Agent, language: str, now_ms: int, *, reachable: bool) -> tuple[str, Then]:
    """What a caller is told who is handed over, and what follows: put through while somebody is there, else a call back.

    ``reachable``: we may say that somebody calls back.
    """
    there = is_there(agent, now_ms)
    if there and (agent.voice.transfer or agent.voice.queue):
        return notice(agent, "voice_transfer", language), Then.DIAL
    if not reachable:
        return notice(agent, "voice_noted", language), Then.HANGUP
    opens = "" if there or agent.hours is None else hours.opens_words(agent.hours, now_ms, language)
    if opens:
        return notice(agent, "voice_call_back_closed", language, opens=opens), Then.HANGUP
    return notice(agent, "voice_call_back", language), Then.HANGUP
